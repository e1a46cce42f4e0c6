"""What wsgi.py puts together: routes with roles, errors with a status, tasks that a worker knows."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

import wsgi
from foundation import queue
from foundation.errors import DomainError
from foundation.http.keys import Role
from foundation.http.openapi import describe_api
from foundation.http.problems import slug_of, status_of
from foundation.settings import Settings
from tests.architecture.sources import PACKAGES
from wsgi import create_app

PLACE = re.compile(r"<(?:\w+:)?(\w+)>")
PUBLIC = {
    *(
        "GET /",
        "POST /",
        "POST /leave",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
        "GET /openapi.json",
        "GET /project-schema.json",
        "GET /docs",
        "GET /docs/",
        "GET /docs/<path:name>",
    ),
    "GET /static/<path:filename>",
}
"""What answers without a key: the door, the log-in's own form, and what describes or watches the process."""
OWN_PROOF = {"POST /v1/webhooks/label-studio/<project>"}
"""What is proved by something else than a key."""


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    home = tmp_path_factory.mktemp("home")
    return create_app(Settings.model_validate({"home": home, "log_level": "WARNING"}))


def _routes(app: Flask) -> Iterator[tuple[str, str]]:
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, str(rule)


def _documented(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


class TestRoutes:
    def test_each_is_public_on_purpose_a_page_or_has_roles(self, composed: Flask) -> None:
        documented = _documented(describe_api(composed))
        without = set()
        for method, rule in _routes(composed):
            call = f"{method} {rule}"
            described = documented.get(PLACE.sub(r"{\1}", call))
            if call in PUBLIC | OWN_PROOF or rule.startswith("/p/"):
                continue
            if (
                not described
                or not set(described.get("x-winnow-roles", [])) <= set(Role)
                or "x-winnow-roles" not in described
            ):
                without.add(call)

        assert without == set()

    def test_what_is_public_is_there(self, composed: Flask) -> None:
        assert {f"{method} {rule}" for method, rule in _routes(composed)} >= PUBLIC - {"GET /static/<path:filename>"}

    def test_pages_lead_to_the_door(self, composed: Flask) -> None:
        client = composed.test_client()
        pages = [rule for method, rule in _routes(composed) if rule.startswith("/p/") and method == "GET"]

        assert pages
        for page in pages:
            answer = client.get(page.replace("<project>", "slang").replace("<", "").replace(">", ""))
            assert (answer.status_code, answer.headers.get("Location")) == (302, "/")

    def test_each_says_which_problems_it_answers(self, composed: Flask) -> None:
        silent = {
            call
            for call, operation in _documented(describe_api(composed)).items()
            if operation.get("x-winnow-roles") and not {"401", "403"} <= operation["responses"].keys()
        }

        assert silent == set()


class TestErrors:
    def test_each_expected_failure_has_a_status_and_a_name_of_its_own(self) -> None:
        for package in PACKAGES:
            for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
                importlib.import_module(module.name)
        kinds = [kind for kind in _below(DomainError) if kind.__module__.split(".")[0] in PACKAGES]

        assert all(400 <= status_of(kind) <= 599 for kind in kinds)
        names = [slug_of(kind) for kind in kinds]
        assert sorted(set(names)) == sorted(names)
        assert not [kind for kind in kinds if kind.title == DomainError.title]


class TestTasks:
    def test_each_is_registered_and_each_period_is_in_the_schedule(self) -> None:
        application = wsgi.worker()
        application.loader.import_default_modules()

        own = {name for name in application.tasks if not name.startswith("celery.")}
        schedule = application.conf.beat_schedule

        assert own == {queue.SWEEP, *queue._JOBS, *queue._PERIODIC}
        assert set(schedule) == {queue.SWEEP, *queue._PERIODIC}
        assert {entry["task"] for entry in schedule.values()} <= own

    def test_each_is_named_by_domain_and_verb(self) -> None:
        wsgi.worker().loader.import_default_modules()

        assert not [
            name
            for name in {*queue._JOBS, *queue._PERIODIC}
            if name.split(".")[0] not in PACKAGES or name.count(".") != 1
        ]

    def test_who_listens_is_periodic(self) -> None:
        wsgi.worker().loader.import_default_modules()

        assert {name for names in queue._LISTENERS.values() for name in names} <= set(queue._PERIODIC)

    def test_messages_are_plain_and_acknowledged_late(self) -> None:
        settings = wsgi.worker().conf

        assert settings.accept_content == ["json"]
        assert settings.task_acks_late is True


def _below(root: type[DomainError]) -> Iterator[type[DomainError]]:
    for kind in root.__subclasses__():
        yield kind
        yield from _below(kind)
