"""Is it alive, can every part be reached, and what do the counters say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hmac import compare_digest

from flask import Blueprint, Response, current_app, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text

from foundation.database import unit_of_work
from foundation.errors import Unauthorized, Unavailable
from foundation.observability import REGISTRY
from foundation.settings import Settings
from foundation.web import Services, json_answer, services_of

CHECK_TIMEOUT_S = 2.0
blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """This process answers."""
    return json_answer({"status": "alive"})


@blueprint.get("/readyz")
def readyz() -> Response:
    """Every part answers; else 503, naming the part."""
    services = services_of(current_app)
    parts = {name: check(services) for name, check in CHECKS.items()}
    silent = sorted(name for name, is_well in parts.items() if not is_well)
    if silent:
        raise Unavailable(f"no answer from: {', '.join(silent)}", retry_after_s=2, parts=parts)
    return json_answer({"status": "ready", "parts": parts})


@blueprint.get("/metrics")
def metrics() -> Response:
    """Prometheus text; with a bearer token where WINNOW_METRICS_TOKEN is set."""
    token = services_of(current_app).settings.metrics_token.get_secret_value()
    if token and not compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()):
        raise Unauthorized("send the metrics token as `Authorization: Bearer <token>`")
    return Response(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def _database(services: Services) -> bool:
    try:
        with unit_of_work(services.database, read_only=True) as session:
            session.connection().execute(text("SELECT 1 FROM projects LIMIT 1"))
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it does not answer
        return False
    return True


def broker_answers(settings: Settings) -> bool:
    """Whether the broker takes a connection; true where none is configured, since the sweep does without."""
    if not settings.broker_url:
        return True
    from kombu import Connection

    try:
        with Connection(settings.broker_url, connect_timeout=CHECK_TIMEOUT_S) as connection:
            connection.ensure_connection(max_retries=1, timeout=CHECK_TIMEOUT_S)
    except Exception:  # noqa: BLE001 - each transport raises its own
        return False
    return True


def label_studio_answers(settings: Settings) -> bool:
    """Whether Label Studio is up; true where none is configured."""
    if not settings.label_studio_url:
        return True
    import httpx

    try:
        answer = httpx.get(f"{settings.label_studio_url.rstrip('/')}/health", timeout=CHECK_TIMEOUT_S)
    except httpx.HTTPError:
        return False
    return answer.status_code == 200


CHECKS: Mapping[str, Callable[[Services], bool]] = {
    "database": _database,
    "broker": lambda services: broker_answers(services.settings),
    "label_studio": lambda services: label_studio_answers(services.settings),
}
