"""Is it alive, does every part answer, and what do the counters say."""

from __future__ import annotations

from hmac import compare_digest
from typing import Literal

from flask import Blueprint, Response, current_app, request
from flask.blueprints import BlueprintSetupState
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from foundation.database import glance
from foundation.errors import DomainError, Unauthorized, Unavailable
from foundation.http.guards import ANY_ROLE, admit
from foundation.http.web import EXTENSION, Services, json_answer, services_of
from foundation.observability import all_metrics
from foundation.readiness import Readiness, checks_of

READINESS = "winnow.readiness"
RETRY_AFTER_S = 2
blueprint = Blueprint("health", __name__)


class Alive(BaseModel):
    status: Literal["alive"]


class Ready(BaseModel):
    """`parts`: which of them answers, for callers with a key."""

    status: Literal["ready"]
    parts: dict[str, bool] = {}


@blueprint.record_once
def _prepare(state: BlueprintSetupState) -> None:
    services: Services = state.app.extensions[EXTENSION]
    state.app.extensions[READINESS] = Readiness(checks_of(services.settings, services.database))


@blueprint.get("/healthz")
def healthz() -> Response:
    """This process answers."""
    return json_answer(Alive(status="alive"))


@blueprint.get("/readyz")
def readyz() -> Response:
    """Every part answers; else 503. Which one does not is told to callers with a key."""
    readiness: Readiness = current_app.extensions[READINESS]
    parts = readiness.look()
    is_told = parts["database"] and _has_key()
    silent = sorted(name for name, is_well in parts.items() if not is_well)
    if silent and is_told:
        raise Unavailable(f"no answer from: {', '.join(silent)}", retry_after_s=RETRY_AFTER_S, parts=parts)
    if silent:
        raise Unavailable("not every part answers: ask with a key to learn which", retry_after_s=RETRY_AFTER_S)
    return json_answer(Ready(status="ready", parts=dict(parts)) if is_told else Ready(status="ready"))


@blueprint.get("/metrics")
def metrics() -> Response:
    """Prometheus text; with a bearer token where WINNOW_METRICS_TOKEN is set."""
    token = services_of(current_app).settings.metrics_token.get_secret_value()
    if token and not compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()):
        raise Unauthorized("send the metrics token as `Authorization: Bearer <token>`")
    return Response(generate_latest(all_metrics()), content_type=CONTENT_TYPE_LATEST)


def _has_key() -> bool:
    authorization = request.headers.get("Authorization")
    if not authorization:
        return False
    services = services_of(current_app)
    try:
        with glance(services.database) as session:
            admit(session, authorization, allowed=ANY_ROLE, project=None, projects=services.projects)
    except DomainError:
        return False
    return True
