"""The one place where a broken rule becomes an HTTP status and a problem document (RFC 9457)."""

from __future__ import annotations

import orjson
import structlog
from flask import Flask, Response, render_template, request
from werkzeug.exceptions import HTTPException

from foundation import errors
from foundation.disk import DiskFull, is_full
from foundation.errors import DomainError, TooMany, Unavailable, errors_as_json

log = structlog.get_logger(__name__)
MEDIA_TYPE = "application/problem+json"
STATUS_OF: dict[type[DomainError], int] = {
    errors.Unparseable: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.TimedOut: 408,
    errors.Conflict: 409,
    errors.Gone: 410,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    errors.UnsupportedMedia: 415,
    errors.InvalidBody: 422,
    errors.UsageError: 422,
    errors.TooMany: 429,
    errors.Unavailable: 503,
}
HTTP_DETAILS = {
    404: "nothing is served here: GET /openapi.json lists what is",
    405: "this path does not take that method: the Allow header lists those it takes",
    416: "the file has no such part: Content-Range tells how many bytes it has",
    431: "the request's header fields are too large",
}


def status_of(error: type[DomainError]) -> int:
    """The status of an error class, or of the nearest class above it that has one."""
    return next(STATUS_OF[kind] for kind in error.__mro__ if kind in STATUS_OF)


def slug_of(error: type[DomainError]) -> str:
    """The stable name of an error class: `KeyRetired` is `key-retired`, and docs/problems.md has a section of that name."""
    name = error.__name__
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")


def problem(error: DomainError) -> Response:
    """The document for an expected failure."""
    status = status_of(type(error))
    body: dict[str, object] = {
        "type": f"/docs/problems#{slug_of(type(error))}",
        "title": error.title,
        "status": status,
        "detail": error.detail,
        **error.facts,
        **errors_as_json(error.faults),
    }
    response = _response(body, status)
    if isinstance(error, TooMany | Unavailable):
        response.headers["Retry-After"] = str(error.retry_after_s)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def register_problems(app: Flask) -> None:
    """Every answer of status 400 and above is a problem document, also those of the router and those of a bug."""
    app.register_error_handler(DomainError, problem)
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(Exception, _bug)
    app.after_request(_shown_to_a_person)


def _http_problem(error: HTTPException) -> Response:
    code = error.code or 500
    if code < 400:
        return Response(status=code, headers=error.get_headers(request.environ))
    body = {"type": "about:blank", "title": error.name, "status": code, "detail": HTTP_DETAILS.get(code, error.name)}
    response = _response(body, code)
    for name, value in error.get_headers(request.environ):
        if name in ("Allow", "Content-Range"):
            response.headers[name] = value
    return response


def _bug(error: Exception) -> Response:
    if is_full(error):
        return problem(DiskFull())
    log.error("unforeseen", route=str(request.url_rule), exc_info=error)
    body = {
        "type": "about:blank",
        "title": "Internal error",
        "status": 500,
        "detail": "something unforeseen went wrong; the log has it under this request id",
    }
    return _response(body, 500)


def _response(body: dict[str, object], status: int) -> Response:
    document = orjson.dumps(body, default=str, option=orjson.OPT_APPEND_NEWLINE)
    return Response(document, status=status, content_type=MEDIA_TYPE)


def _shown_to_a_person(response: Response) -> Response:
    """A browser gets a page that says the same: it asks for HTML by name and first. Under /v1 there are no pages."""
    accepts = request.accept_mimetypes.best_match([MEDIA_TYPE, "text/html"], default=MEDIA_TYPE)
    if response.mimetype == MEDIA_TYPE and accepts == "text/html" and not request.path.startswith("/v1/"):
        response.set_data(render_template("problem.html", problem=orjson.loads(response.get_data())))
        response.mimetype = "text/html"
    return response
