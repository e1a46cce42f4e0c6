"""What holds for every request: a request id, one log line, the counters, and headers that say how an answer may be used."""

from __future__ import annotations

import re
import time

import structlog
from flask import Flask, Response, g, request

from foundation.errors import DomainError, NotFound
from foundation.http.problems import problem
from foundation.http.wsgi_environment import Headers, Scope
from foundation.identifiers import random_uuid
from foundation.observability import REQUEST_SECONDS, REQUESTS

log = structlog.get_logger(__name__)
REQUEST_ID = re.compile(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
"""A UUID or a trace id: anything freer could be a card or account number, and it would stand in the log."""
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
"""What everything outside of the API has: pages, documents and the pictures in them."""


def observe_requests(app: Flask) -> None:
    """A request id for each call, one log line with the route's template only, and the counters."""

    @app.before_request
    def _begin() -> None:
        g.request_id = _request_id(request.headers.get("X-Request-Id", ""))
        g.began = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)
        if request.environ["PATH_INFO"].startswith("//"):
            raise NotFound("a path begins with one slash")  # or the router would take two for one

    @app.after_request
    def _end(response: Response) -> Response:
        route = str(request.url_rule) if request.url_rule else "none"
        seconds = time.perf_counter() - g.get("began", time.perf_counter())
        REQUESTS.labels(route, request.method if request.url_rule else "none", response.status_code).inc()
        REQUEST_SECONDS.labels(route).observe(seconds)
        _complete(response, request.path, g.get("request_id", ""))
        log.info("request", route=route, method=request.method, status=response.status_code, ms=round(seconds * 1e3, 1))
        return response


def refuse(scope: Scope, error: DomainError) -> tuple[int, Headers, bytes]:
    """Status, headers and body for a request that is refused before the application sees it, counted as any other."""
    given = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
    request_id = _request_id(given)
    response = problem(error)
    _complete(response, scope["raw_path"].decode("latin-1"), request_id)
    REQUESTS.labels("none", "none", response.status_code).inc()
    log.info("refused", request_id=request_id, status=response.status_code, why=type(error).__name__)
    headers = [(name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in response.headers]
    return response.status_code, headers, response.get_data()


def _request_id(given: str) -> str:
    return given if REQUEST_ID.fullmatch(given) else str(random_uuid())


def _complete(response: Response, path: str, request_id: str) -> None:
    response.headers["X-Request-Id"] = request_id
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if path.startswith("/v1/"):
        response.headers.setdefault("Cache-Control", "no-store")
    else:
        for name, text in PAGE_HEADERS.items():
            response.headers.setdefault(name, text)
