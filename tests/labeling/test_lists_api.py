"""The lists of labeling, as a client sees them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from foundation.database import Database, unit_of_work
from labeling.api import PAGE
from tests.labeling.test_api import annotate, key, label, make_labelled
from tests.labeling.workshop import add_items
from tests.signals import Held


@pytest.fixture
def labelled(app_client: FlaskClient, database: Database) -> Held:
    return make_labelled(app_client, database, "asked", privacy={"consent": "none"})


@pytest.fixture
def items(database: Database, labelled: Held) -> list[uuid.UUID]:
    with unit_of_work(database) as session:
        return sorted(add_items(session, labelled.id, [{"text": str(n)} for n in range(4)]))


def read(client: FlaskClient, held: Held, path: str, role: str = "read") -> dict[str, Any]:
    answer = client.get(f"{held.url}/{path}", headers=key(held, role))
    assert answer.status_code == 200, answer.json
    return dict(answer.json or {})


def pages(client: FlaskClient, held: Held, name: str, query: str = "") -> Iterator[list[dict[str, Any]]]:
    cursor = ""
    while True:
        page = read(client, held, f"{name}?{query}&cursor={cursor}")
        yield page[name]
        if page["cursor"] is None:
            return
        cursor = page["cursor"]


class TestAnnotations:
    @pytest.mark.slow
    def test_every_version_is_listed_and_says_what_counts_now(
        self, app_client: FlaskClient, labelled: Held, items: list[uuid.UUID]
    ) -> None:
        annotate(app_client, labelled, {**label(items[0]), "lead_time_s": 2.5, "selected_by": "uncertain"})
        annotate(app_client, labelled, label(items[0], value="bad"))

        first, second = read(app_client, labelled, "annotations")["annotations"]

        assert first["answers"] == [{"question": "mood", "value": "good", "counts": False}]
        assert second["answers"] == [{"question": "mood", "value": "bad", "counts": True}]
        assert (first["source"], first["selected_by"], first["lead_time_s"]) == ("import", "uncertain", 2.5)
        assert (first["item"], first["annotator"], first["guidelines"]) == (str(items[0]), 1, None)

    def test_those_of_one_item_can_be_asked_for(
        self, app_client: FlaskClient, labelled: Held, items: list[uuid.UUID]
    ) -> None:
        annotate(app_client, labelled, *(label(item) for item in items))

        listed = read(app_client, labelled, f"annotations?item={items[2]}")["annotations"]

        assert [one["item"] for one in listed] == [str(items[2])]

    def test_page_by_page_each_is_seen_once(
        self, app_client: FlaskClient, labelled: Held, items: list[uuid.UUID]
    ) -> None:
        annotate(app_client, labelled, *(label(items[0], f"person {n}") for n in range(PAGE + 1)))

        seen = list(pages(app_client, labelled, "annotations"))

        assert [len(page) for page in seen] == [PAGE, 1]
        assert [one["annotation"] for page in seen for one in page] == list(range(1, PAGE + 2))

    def test_only_who_manages_is_told_aliases(
        self, app_client: FlaskClient, labelled: Held, items: list[uuid.UUID]
    ) -> None:
        annotate(app_client, labelled, label(items[0], "anna@example.org"), label(items[0], "b", "bad"))
        app_client.put(f"{labelled.url}/annotators/anna@example.org", json={"alias": "Anna"}, headers=key(labelled))

        for path, name in (("annotations", "annotations"), ("disagreements", "disagreements")):
            managed = read(app_client, labelled, path, "manage")[name]
            told = read(app_client, labelled, path)[name]

            assert "Anna" in str(managed)
            assert "Anna" not in str(told)
            assert "alias" not in str(told)

    def test_those_of_items_that_may_not_be_used_are_not_told(
        self, app_client: FlaskClient, database: Database, labelled: Held, items: list[uuid.UUID]
    ) -> None:
        from collector.models import Item

        annotate(app_client, labelled, label(items[0]), label(items[0], "b", "bad"))
        with unit_of_work(database) as session:
            session.get_one(Item, (labelled.id, items[0])).hold = True

        assert read(app_client, labelled, "annotations")["annotations"] == []
        assert read(app_client, labelled, "disagreements")["disagreements"] == []


class TestDisagreements:
    def test_items_on_which_people_differ_are_listed_with_who_said_what(
        self, app_client: FlaskClient, labelled: Held, items: list[uuid.UUID]
    ) -> None:
        lines = [label(items[0], name, value) for name, value in (("a", "bad"), ("b", "good"), ("c", "good"))]
        agreed = [label(items[1], name) for name in ("a", "b")]
        annotate(app_client, labelled, *lines, *agreed, label(items[2]))

        (one,) = read(app_client, labelled, "disagreements")["disagreements"]

        assert one == {
            "item": str(items[0]),
            "question": "mood",
            "values": [{"value": "good", "n": 2}, {"value": "bad", "n": 1}],
            "answers": [
                {"annotator": 1, "value": "bad"},
                {"annotator": 2, "value": "good"},
                {"annotator": 3, "value": "good"},
            ],
        }

    def test_who_changed_their_mind_disagrees_no_more(
        self, app_client: FlaskClient, labelled: Held, items: list[uuid.UUID]
    ) -> None:
        annotate(app_client, labelled, label(items[0], "a", "bad"), label(items[0], "b"))
        annotate(app_client, labelled, label(items[0], "a"))

        assert read(app_client, labelled, "disagreements")["disagreements"] == []

    def test_page_by_page_each_is_seen_once(
        self, app_client: FlaskClient, database: Database, labelled: Held, items: list[uuid.UUID]
    ) -> None:
        with unit_of_work(database) as session:
            items = sorted([*items, *add_items(session, labelled.id, [{"text": "x"}] * (PAGE // 2))])
        lines = [
            {**label(item, name), "question": question, "value": value}
            for item in items
            for question, values in (("mood", ("bad", "good")), ("stars", (1, 2)))
            for name, value in zip("ab", values, strict=True)
        ]
        assert annotate(app_client, labelled, *lines, Prefer="return=minimal").json["rejected"] == 0  # type: ignore[index]

        seen = list(pages(app_client, labelled, "disagreements"))
        of_stars = list(pages(app_client, labelled, "disagreements", "question=stars"))

        assert [len(page) for page in seen] == [PAGE, 8]
        places = [(one["item"], one["question"]) for page in seen for one in page]
        assert places == [(str(item), question) for item in items for question in ("mood", "stars")]
        assert [one["item"] for page in of_stars for one in page] == [str(item) for item in items]

    def test_a_question_that_is_not_asked_is_told_apart(self, app_client: FlaskClient, labelled: Held) -> None:
        answer = app_client.get(f"{labelled.url}/disagreements?question=feel", headers=key(labelled, "read"))

        assert answer.status_code == 422
        assert "mood" in answer.json["errors"][0]["detail"]  # type: ignore[index]


class TestBadRequests:
    @pytest.mark.parametrize(
        "path",
        [
            "annotations?item=5",
            "annotations?cursor=x",
            "annotations?cursor=WyJ4Il0",
            "annotations?cursor=WyItMSJd",
            "disagreements?cursor=WyIxIl0",
            "disagreements?cursor=WyJhIiwiYiJd",
        ],
    )
    def test_what_is_not_ours_is_refused(self, app_client: FlaskClient, labelled: Held, path: str) -> None:
        assert app_client.get(f"{labelled.url}/{path}", headers=key(labelled, "read")).status_code == 422

    @pytest.mark.parametrize("role", ["ingest", "backend"])
    @pytest.mark.parametrize("name", ["annotations", "disagreements"])
    def test_an_apps_key_sees_neither(self, app_client: FlaskClient, labelled: Held, name: str, role: str) -> None:
        assert app_client.get(f"{labelled.url}/{name}", headers=key(labelled, role)).status_code == 403
