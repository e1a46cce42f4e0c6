"""Who may call what: every route of /openapi.json with every kind of key, on a project of its own, another one and none.

The table is generated, so a new route is in it from the moment it is there.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from collector import queries
from foundation.database import Database, unit_of_work, utc_now
from foundation.http.openapi import describe_api
from foundation.jobs import Job
from foundation.settings import Settings
from labeling.webhook import SECRET_HEADER
from tests.signals import Held, Phone, empty, make_project, make_signal, project_body, rows_of
from wsgi import create_app

HOLDERS = ("none", "garbage", "ingest", "backend", "read", "manage", "admin", "retired")
PLACES = ("own", "foreign", "missing")
NOTHING = str(uuid.uuid4())


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    roles: frozenset[str]

    @property
    def has_project(self) -> bool:
        return "{project}" in self.path

    @property
    def names_something(self) -> bool:
        return "{" in self.path.replace("{project}", "")

    @property
    def is_about_a_job(self) -> bool:
        return "{job}" in self.path

    @property
    def concerns_a_project(self) -> bool:
        return self.has_project or self.is_about_a_job

    @property
    def makes_a_project(self) -> bool:
        return str(self) == "PUT /v1/projects/{project}"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _described() -> dict[str, Any]:
    """The routes, before any fixture runs: parameters of a test are needed when it is collected."""
    import tempfile

    with tempfile.TemporaryDirectory() as home:
        app = create_app(Settings.model_validate({"home": home, "log_level": "WARNING"}))
        return describe_api(app)


def routes() -> Iterator[Route]:
    for path, methods in _described()["paths"].items():
        for method, operation in methods.items():
            if operation.get("x-winnow-roles"):
                yield Route(method.upper(), path, frozenset(operation["x-winnow-roles"]))


ROUTES = list(routes())


@dataclass(frozen=True)
class Two:
    """Two projects, each with a signal and a job."""

    database: Database
    client: FlaskClient
    own: Held
    foreign: Held
    job_of: dict[str, str]

    def call(self, route: Route, holder: str, place: str) -> TestResponse:
        project = {"own": self.own.name, "foreign": self.foreign.name, "missing": "missing"}[place]
        thing = self.job_of.get(place, NOTHING)
        path = route.path.replace("{project}", project).replace("{job}", thing)
        path = "/".join("0" if part.startswith("{") else part for part in path.split("/"))
        headers = {"Winnow-Subject": "somebody", "Winnow-Subject-Token": "x" * 43}
        if holder != "none":
            headers["Authorization"] = f"Bearer {self.own.keys.get(holder, 'winnow_ingest_garbage')}"
        return self.client.open(path, method=route.method, headers=headers, json={})


@pytest.fixture(scope="module")
def two(opened_database: Database, app: Flask) -> Two:
    empty(opened_database)
    queries._FILES.clear()
    own, foreign = make_project(opened_database, "own"), make_project(opened_database, "foreign")
    client = app.test_client()
    job_of = {}
    for place, held in (("own", own), ("foreign", foreign)):
        Phone(client, held).send(make_signal())
        job = Job(kind="labeling.sync", project_id=held.id, created_at=utc_now(), state="done")
        with unit_of_work(opened_database) as session:
            session.add(job)
            session.flush()
            job_of[place] = str(job.id)
    return Two(opened_database, client, own, foreign, job_of)


def expected(route: Route, holder: str, place: str) -> int | None:
    """The one status the contract allows; None where the key opens the door and the call decides."""
    if holder in {"none", "garbage"}:
        return 401
    if holder == "retired":
        return 403
    if route.has_project and holder != "admin" and place != "own":
        return 404
    if route.has_project and place == "missing" and not route.makes_a_project:
        return 404
    if holder not in route.roles:
        return 403
    if route.is_about_a_job and place != "own":
        return 404 if holder != "admin" or place == "missing" else 200
    return None


class TestEveryRoute:
    @pytest.mark.parametrize("holder", HOLDERS)
    @pytest.mark.parametrize("route", ROUTES, ids=str)
    def test_lets_in_whom_the_contract_lets_in(self, two: Two, route: Route, holder: str) -> None:
        before = rows_of(two.database)

        for place in PLACES if route.concerns_a_project else PLACES[:1]:
            answer = two.call(route, holder, place)

            wanted = expected(route, holder, place)
            assert answer.status_code < 500, (place, answer.text)
            if wanted is None:
                assert answer.status_code not in {401, 403} or _is_about_the_token(answer), (place, answer.text)
                before = rows_of(two.database) if answer.status_code < 400 else before
            else:
                assert answer.status_code == wanted, (place, answer.text)
            if answer.status_code >= 400:
                assert answer.content_type == "application/problem+json"
            if holder == "retired":
                assert answer.json["reason"] == "key_retired"
                assert answer.json["type"].endswith("#key-retired")
        assert rows_of(two.database) == before

    @pytest.mark.parametrize("route", [route for route in ROUTES if route.has_project], ids=str)
    @pytest.mark.parametrize("holder", ["ingest", "read", "manage"])
    def test_a_foreign_project_answers_as_a_missing_one(self, two: Two, route: Route, holder: str) -> None:
        foreign, missing = two.call(route, holder, "foreign"), two.call(route, holder, "missing")

        assert (foreign.status_code, foreign.data) == (missing.status_code, missing.data)


class TestNames:
    @pytest.mark.parametrize("route", [route for route in ROUTES if route.names_something], ids=str)
    def test_nothing_has_a_name_with_nul(self, two: Two, route: Route) -> None:
        path = route.path.replace("{project}", two.own.name)
        path = "/".join("a%00b" if part.startswith("{") else part for part in path.split("/"))
        headers = {"Authorization": f"Bearer {two.own.keys['manage']}"}

        answer = two.client.open(path, method=route.method, headers=headers, json={})

        assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


class TestWebhook:
    @pytest.mark.parametrize("secret", [None, "", "guessed", "é"])
    def test_without_the_secret_it_is_401_and_nothing_is_written(self, two: Two, secret: str | None) -> None:
        before = rows_of(two.database)
        headers = {} if secret is None else {SECRET_HEADER: secret, "Authorization": f"Bearer {secret}"}

        for project in ("own", "foreign", "missing"):
            answer = two.client.post(f"/v1/webhooks/label-studio/{project}", headers=headers, json={"action": "x"})

            assert answer.status_code == 401
        assert rows_of(two.database) == before


class TestTheTable:
    def test_it_has_every_route_of_the_contract_that_is_built(self) -> None:
        calls = {str(route) for route in ROUTES}
        project = "/v1/projects/{project}"

        assert calls >= {
            *(f"PUT {project}", f"GET {project}", f"POST {project}/signals", f"PUT {project}/subject/consent"),
            *(f"DELETE {project}/subject", f"GET {project}/erasures/{{erasure}}", f"GET {project}/dead-letters"),
            *(f"POST {project}/dead-letters/replay", f"POST {project}/sync", f"POST {project}/annotations"),
            *(f"GET {project}/quality", "GET /v1/jobs/{job}", "GET /v1/activity"),
        }

    def test_an_ingest_key_only_writes_and_reads_what_a_proven_person_owns(self) -> None:
        may = {str(route) for route in ROUTES if "ingest" in route.roles}
        project = "/v1/projects/{project}"

        assert may == {
            *(f"POST {project}/signals", f"PUT {project}/subject/consent", f"DELETE {project}/subject"),
            *(f"GET {project}/{of_a_person}" for of_a_person in ("subject", "subject/consent", "erasures/{erasure}")),
        }

    def test_a_read_key_only_reads(self) -> None:
        assert {route.method for route in ROUTES if "read" in route.roles} == {"GET"}

    def test_only_an_admin_makes_a_project(self, two: Two) -> None:
        body = project_body("new")
        for role in ("ingest", "backend", "read", "manage"):
            headers = {"Authorization": f"Bearer {two.own.keys[role]}"}
            assert two.client.put("/v1/projects/new", headers=headers, json=body).status_code == 404

        made = two.client.put(
            "/v1/projects/new", headers={"Authorization": f"Bearer {two.own.keys['admin']}"}, json=body
        )

        assert made.status_code == 201

    def test_activity_of_another_project_is_not_seen(self, two: Two) -> None:
        headers = {"Authorization": f"Bearer {two.own.keys['manage']}"}

        rows = two.client.get("/v1/activity", headers=headers).json["activity"]

        keys = {row["facts"].get("key") for row in rows}
        with unit_of_work(two.database, read_only=True) as session:
            from sqlmodel import col, select

            from foundation.http.keys import Key

            foreign = {str(key) for key in session.exec(select(Key.id).where(col(Key.project_id) == two.foreign.id))}
        assert rows
        assert not keys & foreign


def _is_about_the_token(answer: TestResponse) -> bool:
    """A call about a person also asks for the person's own token."""
    return answer.status_code == 403 and (
        "token" in answer.json["type"] or answer.json.get("reason") == "token_missing"
    )
