"""What every blueprint shares: guarded routes that describe themselves, a call with what it needs, one way to read a body."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from io import BytesIO
from typing import Any, TypeVar

import orjson
from flask import Flask, Response, current_app, request
from flask.typing import ResponseReturnValue
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, ValidationError, create_model
from sqlmodel import Session

from foundation.database import Database, glance, unit_of_work, utc_now
from foundation.disk import require_space
from foundation.document.definitions import pointer_to
from foundation.errors import (
    MOST_FAULTS_TOLD,
    Fault,
    Faults,
    InvalidBody,
    NotFound,
    Unauthorized,
    Unparseable,
    UnsupportedMedia,
)
from foundation.http.bodies import declared_length, is_known_to_be_whole, read_body
from foundation.http.guards import MANAGERS, Allowed, admit
from foundation.http.keys import Caller, Role
from foundation.http.limits import Limiter
from foundation.http.openapi import JSON, PARAMETERS, Parameter, body_of, operation_id, parameters_of, responses_of
from foundation.http.wsgi_environment import IS_WHOLE, LEASE
from foundation.json_places import place_of_mistake
from foundation.json_weight import refuse_heavy, utf8_fault
from foundation.projects import Projects
from foundation.settings import Settings

EXTENSION = "winnow"
DOCUMENT_BYTES = 4_000_000
"""What a document of one object may become in memory: a list of some ten thousand ids."""
Body = TypeVar("Body", bound=BaseModel)
MOST_BYTES_OF_A_MODEL = 1 << 20
"""A body that a model checks is small; what pydantic makes of a large one that is all mistakes is not."""
NONE: Mapping[str, str | Parameter] = {}
NOBODY = Caller(key_id=uuid.UUID(int=0), role=Role.INGEST, project_id=None)
"""Who calls a route that takes no key: allowed nothing."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the web process was composed of; the edges pass it down, nothing below reaches for it."""

    settings: Settings
    database: Database
    limiter: Limiter
    projects: Projects
    sections: tuple[Any, ...] = ()
    counters: tuple[Callable[[Session, int], dict[str, int]], ...] = ()
    records: tuple[Any, ...] = ()
    """What each domain above the collector adds to a person's record (`collector/subjects/record.py`)."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was let in."""

    services: Services
    caller: Caller
    project: str
    project_id: int | None
    path: Any
    now: datetime
    project_facts: tuple[Any, ...] = ()
    """What the project's own floor wants to know of it with every call."""

    @property
    def settings(self) -> Settings:
        return self.services.settings

    @property
    def project_no(self) -> int:
        """The project's id, on a route whose project exists.

        Raises:
            NotFound: the route allows that the project is missing, and it is.
        """
        if self.project_id is None:
            raise NotFound("there is no such project here")
        return self.project_id

    @property
    def actor(self) -> str:
        """How the activity log names the caller."""
        return f"key:{self.caller.key_id}"

    @property
    def is_ingest(self) -> bool:
        return self.caller.role is Role.INGEST

    @property
    def is_manager(self) -> bool:
        """Whether the caller may see who answers: a lead may have given people's own names."""
        return self.caller.role in MANAGERS

    def glance(self) -> AbstractContextManager[Session]:
        return glance(self.services.database)

    def unit_of_work(self, *, read_only: bool = False) -> AbstractContextManager[Session]:
        return unit_of_work(self.services.database, read_only=read_only)

    def read_body(self, *, most_bytes: int | None = None) -> bytes:
        """The whole body, unpacked: at most `most_bytes`, and never more than the setting allows.

        Raises:
            Unparseable, TooLarge, UnsupportedMedia, TimedOut: it did not come whole, or is not read here.
        """
        limit = min(self.settings.max_unpacked_bytes, most_bytes or self.settings.max_unpacked_bytes)
        stream = request.environ["wsgi.input"]
        # The stream has the whole body: let go, it is there once, with whoever reads it.
        request.environ["wsgi.input"] = BytesIO()
        return read_body(
            stream,
            content_length=declared_length(request.environ),
            encoding=request.headers.get("Content-Encoding"),
            max_packed=limit,
            max_unpacked=limit,
            deadline_s=self.settings.body_deadline_s,
            lease=request.environ.get(LEASE),
        )

    @property
    def is_body_whole(self) -> bool:
        """Whether it is known that nothing was cut off the body on its way."""
        is_told = bool(request.environ.get(IS_WHOLE))
        length, encoding = declared_length(request.environ), request.headers.get("Content-Encoding")
        return is_told or is_known_to_be_whole(length, encoding)

    def body_as(self, schema: type[Body]) -> Body:
        """A small JSON body, checked against its schema.

        Raises:
            InvalidBody: each fault points at its place and says what is allowed; no value is repeated.
        """
        media_type_among(JSON)
        return parse_as(schema, self.read_body(most_bytes=MOST_BYTES_OF_A_MODEL))


class Routes:
    """A domain's blueprint on which no route can stand without saying who may call it."""

    def __init__(self, domain: str, *, title: str) -> None:
        self.blueprint = APIBlueprint(domain, domain, abp_tags=[Tag(name=title)])

    def route(
        self,
        method: str,
        rule: str,
        *,
        allows: Allowed,
        summary: str,
        answers: dict[int, type[BaseModel] | None],
        problems: Sequence[int] = (),
        takes: Any = None,
        takes_also: Sequence[str] = (),
        takes_nothing: bool = False,
        query: Mapping[str, str | Parameter] = NONE,
        headers: Mapping[str, str | Parameter] = NONE,
        may_be_missing: bool = False,
        needs_space: bool = False,
    ) -> Callable[[Callable[[Call], ResponseReturnValue]], Callable[[Call], ResponseReturnValue]]:
        """Adds a guarded route; what it takes and answers stands in /openapi.json.

        Args:
            takes: a model, or a type made of models, such as a list of them; None where there is no body.
            takes_also: further media types that say the same.
            takes_nothing: whether no body at all is taken as well.
            query, headers: those that mean something to this call, each with what it is for.
            needs_space: it takes in what fills the disk, so it is refused below the low-water mark.
        """

        def add(view: Callable[[Call], ResponseReturnValue]) -> Callable[[Call], ResponseReturnValue]:
            path_model = _path_model(view.__name__, rule)

            def guarded(path: Any) -> ResponseReturnValue:
                return view(_enter(allows, path, may_be_missing=may_be_missing, needs_space=needs_space))

            guarded.__name__, guarded.__doc__ = view.__name__, view.__doc__
            guarded.__annotations__ = {"path": path_model} if path_model else {}
            getattr(self.blueprint, method.lower())(
                rule,
                summary=summary,
                operation_id=operation_id(view.__name__),
                responses=responses_of(answers, [*_expected(allows, path_model, takes), *problems]),
                security=[{"key": []}],
                openapi_extensions={
                    "x-winnow-roles": sorted(allows),
                    PARAMETERS: parameters_of(query, headers),
                    **(body_of(takes, takes_also, required=not takes_nothing) if takes else {}),
                },
            )(guarded if path_model else _without_path(guarded))
            return view

        return add

    def public_route(
        self,
        method: str,
        rule: str,
        *,
        proof: Callable[[Services, Any, Mapping[str, str]], bool],
        summary: str,
        answers: dict[int, type[BaseModel] | None],
        problems: Sequence[int] = (),
    ) -> Callable[[Callable[[Call], ResponseReturnValue]], Callable[[Call], ResponseReturnValue]]:
        """Adds a route that takes no key, since its caller can have none; `proof` says from its headers who it is.

        Whoever cannot prove it gets 401, whether the project exists or not.
        """

        def add(view: Callable[[Call], ResponseReturnValue]) -> Callable[[Call], ResponseReturnValue]:
            path_model = _path_model(view.__name__, rule)

            def proven(path: Any) -> ResponseReturnValue:
                return view(_enter_without_key(proof, path))

            proven.__name__, proven.__doc__ = view.__name__, view.__doc__
            proven.__annotations__ = {"path": path_model}
            getattr(self.blueprint, method.lower())(
                rule,
                summary=summary,
                operation_id=operation_id(view.__name__),
                responses=responses_of(answers, [401, 404, *problems]),
                security=[],
                openapi_extensions={"x-winnow-roles": []},
            )(proven)
            return view

        return add


def parse_as(schema: type[Body], body: bytes) -> Body:
    """A JSON document as a model of ours.

    Raises:
        Unparseable: it is not JSON. InvalidBody: it breaks the schema.
    """
    value = load_json(body)
    if not isinstance(value, dict):
        raise InvalidBody("the body must be a JSON object", reason="not_an_object")
    # Pydantic tells of every key it does not know, at a hundred times its bytes: those beyond what is told are counted here.
    unknown = set([key for key in value if key not in schema.model_fields][MOST_FAULTS_TOLD:])
    try:
        return schema.model_validate({key: one for key, one in value.items() if key not in unknown})
    except ValidationError as error:
        faults = faults_of(error)
        faults.more += len(unknown)
        raise InvalidBody("the body breaks its schema", faults=faults) from None


def load_json(body: bytes) -> Any:
    """JSON (RFC 8259) as Python values.

    Raises:
        Unparseable: empty, not UTF-8, not JSON, nested too deep, or a lone surrogate.
        TooLarge: more values than any call takes that reads its body so.
    """
    if not body or body.isspace():
        raise Unparseable("the body is empty: send a JSON document", reason="empty_body")
    if utf8_fault(body):
        raise Unparseable("the body is not UTF-8", reason="not_utf8")
    refuse_heavy(body, most=DOCUMENT_BYTES)
    try:
        return orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError):
        detail = f"the body is not one JSON document{place_of_mistake(body)}"
        raise Unparseable(detail, reason="not_json") from None


def faults_of(error: ValidationError) -> Faults:
    """Pydantic's complaints without the values that caused them."""
    faults = Faults(most=MOST_FAULTS_TOLD)
    for row in error.errors(include_input=False, include_url=False, include_context=False):
        faults.note(partial(_fault_of, row))
    return faults


def _fault_of(row: Mapping[str, Any]) -> Fault:
    return Fault(pointer_to("", *row["loc"]), _reason_of(str(row["type"])), str(row["msg"]))


def media_type_among(*allowed: str) -> str:
    """The request's media type.

    Raises:
        UnsupportedMedia: it is none of those read here, or its charset is not UTF-8.
    """
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype not in allowed or charset not in {"utf-8", "utf8"}:
        raise UnsupportedMedia(f"send {' or '.join(allowed)} in UTF-8", allowed=list(allowed))
    return request.mimetype


def json_answer(answer: BaseModel, status: int = 200, **headers: str) -> Response:
    """A model as JSON: the fields it was given, in the order of its class. What was left out is not there, and None is null."""
    return plain_answer(answer.model_dump(exclude_unset=True), status, **headers)


def plain_answer(document: object, status: int = 200, **headers: str) -> Response:
    """A document made of plain values as JSON, where no model describes it or one would cost too much; else `json_answer`."""
    response = Response(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE), status=status, content_type=JSON)
    for name, text in headers.items():
        response.headers[name.replace("_", "-")] = text
    return response


def services_of(app: Flask) -> Services:
    services: Services = app.extensions[EXTENSION]
    return services


def _enter(allows: Allowed, path: Any, *, may_be_missing: bool, needs_space: bool) -> Call:
    services = services_of(current_app)
    project = getattr(path, "project", None)
    with glance(services.database) as session:
        admitted = admit(
            session,
            request.headers.get("Authorization"),
            allowed=allows,
            project=project,
            projects=services.projects,
            may_be_missing=may_be_missing,
        )
    if any("\0" in value for value in (request.view_args or {}).values()):
        raise NotFound("nothing has a name with U+0000")  # PostgreSQL would not take it as a text
    caller = admitted.caller
    if caller.role is Role.INGEST:
        services.limiter.count_request(str(caller.key_id), request.remote_addr or "", project or "")
    if needs_space:
        require_space(services.settings)
    return Call(services, caller, project or "", admitted.project_id, path, utc_now(), admitted.facts)


def _enter_without_key(proof: Callable[[Services, Any, Mapping[str, str]], bool], path: Any) -> Call:
    services = services_of(current_app)
    if not proof(services, path, dict(request.headers)):
        raise Unauthorized("the secret in the header is not this project's")
    with unit_of_work(services.database, read_only=True) as session:
        project_id = services.projects.find(session, path.project)
    if project_id is None:
        raise NotFound("there is no such project here")
    return Call(services, NOBODY, path.project, project_id, path, utc_now())


def _path_model(name: str, rule: str) -> type[BaseModel] | None:
    places = re.findall(r"<(?:\w+:)?(\w+)>", rule)
    if not places:
        return None
    fields: dict[str, Any] = dict.fromkeys(places, (str, ...))
    return create_model(f"{name.title().replace('_', '')}Path", **fields)


def _expected(allows: Allowed, path_model: type[BaseModel] | None, takes: Any) -> list[int]:
    """Statuses that every such call may have: of a key, a name in the path, the count of an app's calls, a body, the database."""
    in_path, counted = [404] if path_model else [], [429] if Role.INGEST in allows else []
    return [401, 403, 503, *in_path, *counted, *([400, 408, 413, 415, 422] if takes else [])]


def _without_path(guarded: Callable[[Any], ResponseReturnValue]) -> Callable[[], ResponseReturnValue]:
    def target() -> ResponseReturnValue:
        return guarded(None)

    target.__name__, target.__doc__, target.__annotations__ = guarded.__name__, guarded.__doc__, {}
    return target


def _reason_of(pydantic_type: str) -> str:
    known = {"missing": "missing_field", "extra_forbidden": "unknown_field"}
    if pydantic_type in known:
        return known[pydantic_type]
    if pydantic_type.endswith(("_type", "_parsing")) or pydantic_type.startswith(("datetime", "date", "uuid")):
        return "wrong_type"
    return "out_of_range" if "than" in pydantic_type or "too_" in pydantic_type else "wrong_value"
