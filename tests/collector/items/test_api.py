"""Lists of what is held: projects, items, the signals of an item; and jobs and activity by project."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from collector.models import Item
from foundation.database import Database, unit_of_work
from tests.signals import CONSENT, Phone, make_project, make_signal, revise

WITHDRAWN = {**CONSENT, "granted": False, "given_at": "2026-02-01T00:00:00Z"}


@pytest.fixture
def reader(phone: Phone) -> Phone:
    return phone.as_role("read")


def said(text: str, **changes: Any) -> dict[str, Any]:
    return make_signal(payload={"text": text}, **changes)


def texts(page: Any) -> set[str]:
    return {item["content"]["text"] for item in page["items"]}


class TestItems:
    def test_an_item_is_listed_once_with_the_signals_that_carry_it(self, phone: Phone, reader: Phone) -> None:
        phone.send(said("the same"), said("the same"), said("another", context={"os_name": "ios"}))

        page = reader.call("GET", "/items").json

        assert {item["content"]["text"]: item["signals"] for item in page["items"]} == {"the same": 2, "another": 1}
        assert {item["state"] for item in page["items"]} == {"ready"}
        assert page["cursor"] is None

    def test_pages_hold_every_item_once_in_one_order(self, phone: Phone, reader: Phone) -> None:
        phone.send(*(said(f"text {n}") for n in range(230)))
        seen, cursor = [], ""

        while cursor is not None:
            page = reader.call("GET", f"/items?cursor={cursor}").json
            seen += [item["item"] for item in page["items"]]
            cursor = page["cursor"]

        assert len(seen) == 230
        assert seen == sorted(set(seen))

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            ("SOCKS", {"Lovely socks, 100% wool"}),
            ("100%", {"Lovely socks, 100% wool"}),
            ("_", {"snake_case"}),
            ('say "hi"', {'they say "hi"\nand go'}),
            ("\nand", {'they say "hi"\nand go'}),
            ("\\", {"back\\slash"}),
            ("Größe", {"Die Größe passt 😀"}),
            ("😀", {"Die Größe passt 😀"}),
            ("nothing of this", set()),
            ("%%", set()),
        ],
    )
    def test_a_text_is_found_as_it_is_written(self, phone: Phone, reader: Phone, wanted: str, found: set[str]) -> None:
        phone.send(
            *(said(text) for text in ("Lovely socks, 100% wool", "snake_case", 'they say "hi"\nand go', "back\\slash"))
        )
        phone.send(said("Die Größe passt 😀"))

        assert texts(reader.call("GET", "/items", query_string={"text": wanted}).json) == found

    def test_a_state_says_why_a_version_may_not_use_an_item(
        self, phone: Phone, reader: Phone, database: Database
    ) -> None:
        phone.send(said("ready"), said("held"), said("waiting"))
        phone.send(said("left", subject="install-2"))
        phone.as_role("backend").call(
            "PUT", "/subject/consent", json=WITHDRAWN, headers={"Winnow-Subject": "install-2"}
        )
        ids = {item["content"]["text"]: uuid.UUID(item["item"]) for item in reader.call("GET", "/items").json["items"]}
        with unit_of_work(database) as session:
            session.connection().execute(update(Item).where(col(Item.id) == ids["held"]).values(hold=True))
            session.connection().execute(update(Item).where(col(Item.id) == ids["waiting"]).values(ready=False))

        by_state = {
            state: texts(reader.call("GET", f"/items?state={state}").json)
            for state in ("ready", "held", "waiting", "without_consent")
        }

        assert by_state == {"ready": {"ready"}, "held": {"held"}, "waiting": {"waiting"}, "without_consent": {"left"}}
        one = reader.call("GET", f"/items/{ids['left']}").json
        assert (one["state"], one["content"]["text"]) == ("without_consent", "left")

    @pytest.mark.parametrize(
        ("path", "pointer", "reason"),
        [
            ("/items?state=nearly", "?state", "not_in_list"),
            (f"/items?text={'x' * 201}", "?text", "too_long"),
            ("/items?cursor=zzz", "?cursor", "wrong_value"),
            ("/signals", "?item", "missing_field"),
            ("/signals?item=1", "?item", "wrong_type"),
            ("/jobs?status=nearly", "?status", "not_in_list"),
            ("/jobs?cursor=WyJhIl0", "?cursor", "wrong_value"),
        ],
    )
    def test_a_question_that_makes_no_sense_is_answered_with_its_place(
        self, reader: Phone, path: str, pointer: str, reason: str
    ) -> None:
        answer = reader.call("GET", path)

        assert answer.status_code == 422
        assert [(fault["pointer"], fault["reason"]) for fault in answer.json["errors"]] == [(pointer, reason)]

    @pytest.mark.parametrize("text", ["\0", "a\0b", "%00"])
    def test_a_nul_is_found_nowhere(self, phone: Phone, reader: Phone, text: str) -> None:
        phone.send(said("plain"))

        assert reader.call("GET", "/items", query_string={"text": text}).json["items"] == []

    def test_items_of_another_project_are_not_there(self, phone: Phone, reader: Phone, database: Database) -> None:
        phone.send(said("mine"))
        item = reader.call("GET", "/items").json["items"][0]["item"]
        other = Phone(phone.client, make_project(database, "other"), "read")

        assert other.call("GET", "/items").json["items"] == []
        assert other.call("GET", f"/items/{item}").status_code == 404
        assert other.call("GET", f"/signals?item={item}").json["signals"] == []


class TestSignalsOfAnItem:
    def test_they_show_conditions_and_no_person(self, phone: Phone, reader: Phone) -> None:
        sent = said("a text", context={"os_name": "android"}, device="kitchen-tablet")
        phone.send(sent)
        item = reader.call("GET", "/items").json["items"][0]["item"]

        answer = reader.call("GET", f"/signals?item={item}")

        (signal,) = answer.json["signals"]
        assert (signal["signal"], signal["item"], signal["counts"]) == (sent["id"], item, True)
        assert signal["context"]["os_name"] == "android"
        assert not {name for name in signal if re.search("subject|device|hmac|key", name)}
        assert not [name for name in (sent["subject"], "kitchen-tablet") if name in answer.text]


class TestProjects:
    def test_an_admin_sees_all_and_a_key_of_one_project_its_own(self, phone: Phone, database: Database) -> None:
        make_project(database, "another")

        seen = {
            role: [one["project"] for one in _ask(phone, role, "/v1/projects")["projects"]]
            for role in ("admin", "manage", "read")
        }

        assert seen == {"admin": ["another", "slang"], "manage": ["slang"], "read": ["slang"]}


class TestJobs:
    def test_the_newest_come_first_and_only_those_of_the_project(self, phone: Phone, database: Database) -> None:
        manager = phone.as_role("manage")
        asked = [manager.call("POST", "/quality").json["job"], manager.call("POST", "/versions", json={}).json["job"]]
        Phone(phone.client, make_project(database, "other"), "manage").call("POST", "/quality")

        listed = phone.as_role("read").call("GET", "/jobs").json

        assert [job["job"] for job in listed["jobs"]] == asked[::-1]
        assert {job["status"] for job in listed["jobs"]} == {"queued"}
        kinds = phone.as_role("read").call("GET", "/jobs?kind=quality.report&status=queued").json["jobs"]
        assert [job["job"] for job in kinds] == asked[:1]

    @pytest.mark.slow
    def test_pages_hold_every_job_once(self, phone: Phone) -> None:
        asked = {
            phone.as_role("manage")
            .call("POST", "/versions", json={"export": {"split": {"train": round(1 - n / 1000, 3), "test": n / 1000}}})
            .json["job"]
            for n in range(1, 106)
        }
        first = phone.as_role("read").call("GET", "/jobs").json
        second = phone.as_role("read").call("GET", f"/jobs?cursor={first['cursor']}").json

        assert len(first["jobs"]) == 100
        assert second["cursor"] is None
        assert {job["job"] for job in (*first["jobs"], *second["jobs"])} == asked


class TestNearNames:
    def test_an_admin_who_misspells_a_project_is_told_the_nearest(self, phone: Phone) -> None:
        assert "did you mean slang?" in _ask(phone, "admin", "/v1/projects/slnag/items")["detail"]

    @pytest.mark.parametrize("role", ["ingest", "read", "manage"])
    def test_whoever_may_not_see_all_is_told_nothing(self, phone: Phone, role: str) -> None:
        assert "slang" not in _ask(phone, role, "/v1/projects/slnag/items")["detail"]


class TestActivity:
    def test_rows_name_their_project_and_can_be_asked_for_by_it(self, phone: Phone, database: Database) -> None:
        make_project(database, "other")

        everything = _ask(phone, "admin", "/v1/activity")["activity"]
        of_other = _ask(phone, "admin", "/v1/activity?project=other")["activity"]

        assert {row["project"] for row in everything} >= {"slang", "other"}
        assert {row["project"] for row in of_other} == {"other"}

    def test_a_revision_says_what_changed_from_what_to_what(self, phone: Phone, database: Database) -> None:
        lowered = {"consent": "required", "purposes": ["training", "research"], "notices": {"1": {"en": "We use it"}}}
        revise(database, phone.held, privacy=lowered, title="Slang")

        newest = _ask(phone, "admin", "/v1/activity?project=slang")["activity"][-1]

        assert newest["action"] == "project_revised"
        assert newest["facts"]["revision"] == 2
        assert {change["pointer"]: (change.get("old"), change["new"]) for change in newest["facts"]["changes"]} == {
            "/privacy/purposes": (["training"], ["training", "research"]),
            "/title": (None, "Slang"),
        }

    def test_another_project_is_as_a_missing_one(self, phone: Phone, database: Database) -> None:
        make_project(database, "other")
        headers = {"Authorization": f"Bearer {phone.held.keys['manage']}"}

        answers = {phone.client.get(f"/v1/activity?project={name}", headers=headers).data for name in ("other", "none")}

        assert len(answers) == 1
        assert b"no such project" in answers.pop()


def _ask(phone: Phone, role: str, path: str) -> Any:
    return phone.client.get(path, headers={"Authorization": f"Bearer {phone.held.keys[role]}"}).json
