"""Labeling's calls, as a client sees them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlmodel import col, select
from werkzeug.test import TestResponse

from foundation.database import Database, unit_of_work
from foundation.http.web import EXTENSION, Services, services_of
from foundation.jobs import Job
from labeling.models import StudioProject
from labeling.webhook import SECRET_HEADER, secret_of
from tests.labeling.workshop import CONFIG, add_items
from tests.signals import Held, make_project

TEXT_CONFIG = {"config": CONFIG, "overlap": 2}


@pytest.fixture
def labelled(app_client: FlaskClient, database: Database) -> Held:
    """A project that asks something."""
    return make_labelled(app_client, database, "asked")


@pytest.fixture
def items(database: Database, labelled: Held) -> list[uuid.UUID]:
    with unit_of_work(database) as session:
        return add_items(session, labelled.id, [{"text": str(n)} for n in range(3)])


@pytest.fixture
def with_label_studio(app: Flask) -> Any:
    """Settings that name a Label Studio; nothing is sent to it here."""
    before = services_of(app)
    named = {"label_studio_url": "http://127.0.0.1:9", "label_studio_token": SecretStr("f" * 40)}
    app.extensions[EXTENSION] = Services(
        settings=before.settings.model_copy(update=named),
        database=before.database,
        limiter=before.limiter,
        projects=before.projects,
        sections=before.sections,
        counters=before.counters,
    )
    yield
    app.extensions[EXTENSION] = before


def make_labelled(client: FlaskClient, database: Database, name: str, **changes: Any) -> Held:
    held = make_project(database, name)
    body = _body(client, held)
    del body["fields"]["stars"]  # the configuration asks a question of that name
    put = client.put(held.url, json={**body, "labeling": TEXT_CONFIG, **changes}, headers=key(held))
    assert put.status_code == 200, put.json
    return held


def _body(client: FlaskClient, held: Held) -> dict[str, Any]:
    return dict(client.get(held.url, headers=key(held)).json["file"])  # type: ignore[index]


def key(held: Held, role: str = "manage") -> dict[str, str]:
    return {"Authorization": f"Bearer {held.keys[role]}"}


def annotate(client: FlaskClient, held: Held, *lines: object, **headers: str) -> TestResponse:
    return client.post(f"{held.url}/annotations", json=list(lines), headers={**key(held), **headers})


def label(item: uuid.UUID, annotator: str = "ann", value: str = "good") -> dict[str, Any]:
    return {"item": str(item), "question": "mood", "annotator": annotator, "value": value}


class TestPostAnnotations:
    def test_a_list_is_taken_line_by_line(
        self, app_client: FlaskClient, labelled: Held, items: list[uuid.UUID]
    ) -> None:
        answer = annotate(app_client, labelled, label(items[0]), {**label(items[1]), "value": "meh"}, label(items[2]))

        assert answer.status_code == 200
        assert answer.json == {
            "accepted": 2,
            "replayed": 0,
            "rejected": 1,
            "results": [
                {"index": 0, "status": "accepted"},
                {
                    "index": 1,
                    "status": "rejected",
                    "errors": [
                        {
                            "pointer": "/value",
                            "reason": "not_in_list",
                            "detail": "not one of the 2 choices of the question",
                        }
                    ],
                },
                {"index": 2, "status": "accepted"},
            ],
        }
        counts = app_client.get(labelled.url, headers=key(labelled)).json["counts"]  # type: ignore[index]
        assert counts["annotations"] == 2

    def test_of_many_mistakes_the_first_of_each_line_is_told_and_the_rest_counted(
        self, app_client: FlaskClient, labelled: Held
    ) -> None:
        answer = annotate(app_client, labelled, *[{"colour": "blue"}] * 300).json

        assert answer["rejected"] == 300  # type: ignore[index]
        errors = [one["errors"] for one in answer["results"]]  # type: ignore[index]
        assert [len(one) for one in errors] == [1] * 200 + [0] * 100
        assert answer["errors_more"] == sum(one.get("errors_more", 0) for one in answer["results"])  # type: ignore[index]

    def test_a_bad_last_line_of_a_whole_body_is_refused_alone_and_of_a_torn_one_asked_for_again(
        self, app_client: FlaskClient, labelled: Held, items: list[uuid.UUID]
    ) -> None:
        url, named = f"{labelled.url}/annotations", {**key(labelled), "Content-Type": "application/x-ndjson"}
        body = orjson.dumps(label(items[0])) + b'\n{"item"'

        whole = app_client.post(url, data=body, headers=named)
        torn = app_client.post(
            url,
            input_stream=BytesIO(body),
            headers={**named, "Transfer-Encoding": "chunked"},
            environ_overrides={"wsgi.input_terminated": True},
        )

        assert [one["status"] for one in whole.json["results"]] == ["accepted", "rejected"]  # type: ignore[index]
        assert (torn.status_code, torn.json["reason"]) == (400, "body_incomplete")  # type: ignore[index]

    def test_lines_of_ndjson_are_taken_and_one_that_is_not_json_is_refused_alone(
        self, app_client: FlaskClient, labelled: Held, items: list[uuid.UUID]
    ) -> None:
        body = orjson.dumps(label(items[0])) + b"\n{nonsense}\n\n" + orjson.dumps(label(items[1])) + b"\n"

        answer = app_client.post(
            f"{labelled.url}/annotations", data=body, headers={**key(labelled), "Content-Type": "application/x-ndjson"}
        )

        assert (answer.json["accepted"], answer.json["rejected"]) == (2, 1)  # type: ignore[index]

    def test_minimal_answers_name_only_what_was_refused(
        self, app_client: FlaskClient, labelled: Held, items: list[uuid.UUID]
    ) -> None:
        answer = annotate(app_client, labelled, label(items[0]), 5, Prefer="return=minimal")

        assert [row["index"] for row in answer.json["results"]] == [1]  # type: ignore[index]

    def test_again_it_is_replayed(self, app_client: FlaskClient, labelled: Held, items: list[uuid.UUID]) -> None:
        annotate(app_client, labelled, label(items[0]))

        assert annotate(app_client, labelled, label(items[0])).json["replayed"] == 1  # type: ignore[index]

    @pytest.mark.parametrize(
        ("body", "media_type", "status"),
        [
            (b"", "application/json", 400),
            (b"  ", "application/x-ndjson", 400),
            (b"{", "application/json", 400),
            (b"[1,]", "application/json", 400),
            (b"\xff", "application/json", 400),
            (b"[" * 100_000, "application/json", 400),
            (b"5", "application/json", 422),
            (b'"x"', "application/json", 422),
            (b"[]", "text/csv", 415),
        ],
    )
    def test_a_body_that_cannot_be_read_stores_nothing(
        self, app_client: FlaskClient, labelled: Held, body: bytes, media_type: str, status: int
    ) -> None:
        headers = {**key(labelled), "Content-Type": media_type}

        answer = app_client.post(f"{labelled.url}/annotations", data=body, headers=headers)

        assert answer.status_code == status
        assert answer.content_type == "application/problem+json"

    @pytest.mark.parametrize("role", ["ingest", "backend", "read"])
    def test_it_takes_a_managing_key(self, app_client: FlaskClient, labelled: Held, role: str) -> None:
        answer = app_client.post(f"{labelled.url}/annotations", json=[], headers=key(labelled, role))

        assert answer.status_code == 403


class TestPostSync:
    def test_without_label_studio_it_says_what_to_do(self, app_client: FlaskClient, labelled: Held) -> None:
        answer = app_client.post(f"{labelled.url}/sync", headers=key(labelled))

        assert answer.status_code == 409
        assert "WINNOW_LABEL_STUDIO_URL" in answer.json["detail"]  # type: ignore[index]

    @pytest.mark.usefixtures("with_label_studio")
    def test_without_a_configuration_it_says_what_to_do(self, app_client: FlaskClient, project: Held) -> None:
        answer = app_client.post(f"{project.url}/sync", headers=key(project))

        assert (answer.status_code, answer.json["type"]) == (409, "/docs/problems#nothing-to-label")  # type: ignore[index]

    @pytest.mark.usefixtures("with_label_studio")
    def test_wishes_that_wait_become_one_job(self, app_client: FlaskClient, labelled: Held) -> None:
        jobs = {app_client.post(f"{labelled.url}/sync", headers=key(labelled)).json["job"] for _ in range(5)}  # type: ignore[index]

        assert len(jobs) == 1

    @pytest.mark.usefixtures("with_label_studio")
    def test_the_wish_is_kept_beside_the_job_which_may_be_one_of_the_schedules(
        self, app_client: FlaskClient, database: Database, labelled: Held
    ) -> None:
        app_client.post(f"{labelled.url}/sync", headers=key(labelled))

        with unit_of_work(database, read_only=True) as session:
            assert session.get_one(StudioProject, labelled.id).push_asked_at is not None


class TestAnnotators:
    def test_they_are_listed_by_alias_with_what_they_did(
        self, app_client: FlaskClient, labelled: Held, items: list[uuid.UUID]
    ) -> None:
        annotate(app_client, labelled, label(items[0], "anna@example.org"), label(items[1], "anna@example.org"))

        answer = app_client.get(f"{labelled.url}/annotators", headers=key(labelled))

        (one,) = answer.json["annotators"]  # type: ignore[index]
        assert (one["alias"], one["annotations"], one["state"]) == ("annotator-1", 2, "active")
        assert b"anna" not in answer.data

    def test_alias_role_and_state_can_be_changed(
        self, app_client: FlaskClient, labelled: Held, items: list[uuid.UUID]
    ) -> None:
        annotate(app_client, labelled, label(items[0], "a"), label(items[0], "b"))
        url = f"{labelled.url}/annotators/annotator-1"

        put = app_client.put(url, json={"alias": "Ann", "state": "paused"}, headers=key(labelled))

        assert (put.json["alias"], put.json["state"], put.json["role"]) == ("Ann", "paused", "annotator")  # type: ignore[index]
        assert app_client.get(f"{labelled.url}/annotators/Ann", headers=key(labelled)).json["annotator"] == 1  # type: ignore[index]
        taken = app_client.put(f"{labelled.url}/annotators/2", json={"alias": "Ann"}, headers=key(labelled))
        assert taken.status_code == 409

    @pytest.mark.parametrize(
        "body", [{"role": "boss"}, {"alias": ""}, {"alias": "<b>"}, {"colour": "blue"}, {"state": 1}]
    )
    def test_what_is_not_allowed_points_at_the_place(
        self, app_client: FlaskClient, labelled: Held, items: list[uuid.UUID], body: dict[str, Any]
    ) -> None:
        annotate(app_client, labelled, label(items[0]))

        answer = app_client.put(f"{labelled.url}/annotators/1", json=body, headers=key(labelled))

        assert answer.status_code == 422
        assert answer.json["errors"][0]["pointer"] == f"/{next(iter(body))}"  # type: ignore[index]

    @pytest.mark.parametrize("alias", ["annotator-2", "2"])
    def test_nobody_is_called_as_another_one_is_by_number(
        self, app_client: FlaskClient, labelled: Held, items: list[uuid.UUID], alias: str
    ) -> None:
        annotate(app_client, labelled, label(items[0], "a"))
        url = f"{labelled.url}/annotators/1"

        refused = app_client.put(url, json={"alias": alias}, headers=key(labelled))
        own = app_client.put(url, json={"alias": "annotator-1"}, headers=key(labelled))

        assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/alias")  # type: ignore[index]
        assert own.status_code == 200
        assert annotate(app_client, labelled, label(items[0], "b")).status_code == 200

    def test_one_that_is_not_there_is_missing(self, app_client: FlaskClient, labelled: Held) -> None:
        for name in ("7", "nobody", "9" * 30):
            assert app_client.get(f"{labelled.url}/annotators/{name}", headers=key(labelled)).status_code == 404


class TestWebhook:
    def test_with_the_secret_a_pull_is_asked_once(
        self, app: Flask, app_client: FlaskClient, database: Database, labelled: Held
    ) -> None:
        for _ in range(20):
            answer = hint(
                app_client, labelled.name, {SECRET_HEADER: secret_of(services_of(app).settings, labelled.name)}
            )
            assert answer.status_code == 202

        assert count_jobs(database) == 1

    @pytest.mark.parametrize("headers", [{}, {SECRET_HEADER: ""}, {SECRET_HEADER: "0" * 64}, {SECRET_HEADER: "é"}])
    def test_without_it_nothing_happens(
        self, app_client: FlaskClient, database: Database, labelled: Held, headers: dict[str, str]
    ) -> None:
        for project in (labelled.name, "nobodys"):
            assert hint(app_client, project, headers).status_code == 401

        assert count_jobs(database) == 0

    def test_the_secret_of_another_project_is_none(self, app: Flask, app_client: FlaskClient, labelled: Held) -> None:
        secret = secret_of(services_of(app).settings, "other")

        assert hint(app_client, labelled.name, {SECRET_HEADER: secret}).status_code == 401
        assert hint(app_client, "other", {SECRET_HEADER: secret}).status_code == 404


class TestDrift:
    def test_a_quiet_project_has_none(self, app_client: FlaskClient, labelled: Held) -> None:
        answer = app_client.get(f"{labelled.url}/labeling/drift", headers=key(labelled))

        assert answer.json == {"counts": {}, "findings": [], "unanswerable": []}


class TestPutProject:
    def test_a_choice_with_answers_cannot_be_removed(
        self, app_client: FlaskClient, labelled: Held, items: list[uuid.UUID]
    ) -> None:
        annotate(app_client, labelled, label(items[0], value="bad"))
        changed = {**TEXT_CONFIG, "config": CONFIG.replace('<Choice value="bad"/>', "")}

        answer = app_client.put(
            labelled.url, json={**_body(app_client, labelled), "labeling": changed}, headers=key(labelled)
        )

        assert (answer.status_code, answer.json["count"]) == (409, 1)  # type: ignore[index]
        assert answer.json["type"] == "/docs/problems#config-incompatible"  # type: ignore[index]
        assert [place["reason"] for place in answer.json["errors"]] == ["choice_removed"]  # type: ignore[index]
        assert app_client.get(labelled.url, headers=key(labelled)).json["revision"] == 2  # type: ignore[index]

    @pytest.mark.parametrize(
        "changed",
        [
            CONFIG.replace('<Choice value="bad"/>', '<Choice value="bad"/><Choice value="so-so"/>'),
            CONFIG.replace('<Choice value="bad"/>', ""),
            CONFIG.replace('maxRating="5"', 'maxRating="4"'),
        ],
    )
    def test_what_orphans_no_answer_may_change(
        self, app_client: FlaskClient, labelled: Held, items: list[uuid.UUID], changed: str
    ) -> None:
        annotate(
            app_client, labelled, label(items[0], value="good"), {**label(items[0]), "question": "stars", "value": 4}
        )

        answer = app_client.put(
            labelled.url,
            json={**_body(app_client, labelled), "labeling": {**TEXT_CONFIG, "config": changed}},
            headers=key(labelled),
        )

        assert (answer.status_code, answer.json["revision"]) == (200, 3)  # type: ignore[index]

    @pytest.mark.parametrize(
        "labeling", [None, {**TEXT_CONFIG, "config": CONFIG.replace('name="mood"', 'name="feel"')}]
    )
    def test_a_question_with_answers_cannot_go(
        self, app_client: FlaskClient, labelled: Held, items: list[uuid.UUID], labeling: Mapping[str, Any] | None
    ) -> None:
        annotate(app_client, labelled, label(items[0]))
        body = {**_body(app_client, labelled), "labeling": labeling}
        if labeling is None:
            del body["labeling"]

        assert app_client.put(labelled.url, json=body, headers=key(labelled)).status_code == 409

    def test_a_field_may_not_have_a_name_that_winnow_uses_in_tasks(
        self, app_client: FlaskClient, labelled: Held
    ) -> None:
        body = _body(app_client, labelled)
        body["fields"]["ext_id"] = {"kind": "text"}
        body["labeling"]["config"] = CONFIG.replace("$text", "$ext_id")

        answer = app_client.put(labelled.url, json=body, headers=key(labelled))

        assert answer.status_code == 422
        assert answer.json["errors"][0]["pointer"] == "/labeling/config"  # type: ignore[index]


def hint(client: FlaskClient, project: str, headers: Mapping[str, str]) -> TestResponse:
    return client.post(f"/v1/webhooks/label-studio/{project}", data=b"\xff not even JSON", headers=dict(headers))


def count_jobs(database: Database) -> int:
    with unit_of_work(database, read_only=True) as session:
        return len(session.exec(select(Job).where(col(Job.kind) == "labeling.sync")).all())
