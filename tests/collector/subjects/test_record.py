"""All that is held on a person, on what ground, and who got it; and what a receipt proves."""

from __future__ import annotations

import tracemalloc
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlmodel import select

from collector.models import Item, Signal
from collector.subjects.record import find_person, record_of
from foundation import queue
from foundation.database import Database, insert_ignoring, unit_of_work, utc_now
from foundation.http.keys import Role
from foundation.settings import Settings
from tests.exports.rigs import Rig, project_file, rig_of
from tests.signals import CONSENT, Phone, days_ago, make_signal
from wsgi import records

ANNA = {"Winnow-Subject": "anna"}
OWN = {**ANNA, "Winnow-Subject-Token": "t" * 43}
NOTICES = {"consent": "required", "purposes": ["training"], "notices": {"1": {"en": "Old"}, "2": {"en": "New"}}}


@pytest.fixture
def rig(
    settings: Settings, app_client: FlaskClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Rig]:
    made = rig_of(settings, app_client, database, monkeypatch)
    made.put(project_file(privacy=NOTICES))
    yield made
    queue.runtime().database.engine.dispose()
    queue.runtime.cache_clear()


def record(rig: Rig, *, key: str | None = None, headers: dict[str, str] = ANNA) -> dict[str, Any]:
    answer = rig.call("GET", f"{rig.at}/subject", key=key, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return dict(answer.json)


class TestTheRecord:
    def test_it_has_what_is_held_on_what_ground_and_who_got_it(self, rig: Rig) -> None:
        rig.send(["mine", "ours"], device_model="SM-1")
        rig.send(["ours", "theirs"], subject="bert")
        rig.call("POST", f"{rig.at}/signals", json={**make_signal(subject="anna"), "payload": {"text": 5}})
        rig.label({"mine": ["good", "good"], "theirs": ["bad"], "ours": ["good"]})
        version = rig.build(draft=True)["version"]
        rig.fetch(version, "README.md")

        found = record(rig)

        assert (found["held"], found["granted"], found["notice"], found["passes"]) == (True, True, "1", True)
        assert len(found["consents"]) == 1
        assert sorted(one["payload"]["text"] for one in found["signals"]) == ["mine", "ours"]
        assert {one["context"]["device_model"] for one in found["signals"]} == {"SM-1"}
        assert all(one["covered"] and one["ground"] == found["consents"][0] for one in found["signals"])
        assert sorted(one["content"]["text"] for one in found["items"]) == ["mine", "ours"]
        assert [one["reason"] for one in found["dead_letters"]] == ["wrong_type"]
        assert len(found["annotations"]) == 3
        assert [(one["version"], one["items"]) for one in found["versions"]] == [(version, 2)]
        assert [(one["version"], one["path"]) for one in found["downloads"]] == [(version, "README.md")]
        assert uuid.UUID(found["downloads"][0]["key"])

    def test_it_names_nobody_else(self, rig: Rig) -> None:
        rig.send(["mine", "ours"])
        rig.send(["ours", "theirs"], subject="bert")
        rig.label({"mine": ["good"], "ours": ["good"]})

        text = rig.call("GET", f"{rig.at}/subject", headers=ANNA).text

        assert "theirs" not in text
        assert "bert" not in text
        assert "rater" not in text
        assert "annotator" not in text

    def test_tasks_stand_in_it(self, rig: Rig, settings: Settings) -> None:
        from labeling.studio.desk import sit_down
        from labeling.studio.gateway import LabelStudio
        from labeling.studio.sync import Way, sync_project
        from tests.fakes import FakeLabelStudio

        items = rig.send(["mine"])
        fake = FakeLabelStudio()
        transport = fake.transport
        with (
            LabelStudio("http://studio.test", fake.admin_token, transport=transport, sleep=lambda _: None) as gateway,
            sit_down(rig.database, gateway, settings, rig.project_id, wait_s=1) as desk,
        ):
            sync_project(desk, only=Way.PUSH)

        assert [(task["item"], task["state"]) for task in record(rig)["tasks"]] == [(items[0], "live")]

    def test_each_signal_names_the_consent_that_held_when_it_was_captured(self, rig: Rig) -> None:
        rig.send(["first"], minute=0, given=-60)
        renewed = {**CONSENT, "notice": "2", "given_at": days_ago(0.05)}
        rig.call("PUT", f"{rig.at}/subject/consent", json=renewed, headers=ANNA)
        rig.call("POST", f"{rig.at}/signals", json={**make_signal(subject="anna"), "payload": {"text": "second"}})

        found = {one["payload"]["text"]: one["ground"]["notice"] for one in record(rig)["signals"]}

        assert found == {"first": "1", "second": "2"}

    def test_after_a_withdrawal_it_says_that_nothing_covers_what_is_held(self, rig: Rig) -> None:
        rig.send(["mine"])
        withdrawal = {"granted": False, "given_at": utc_now().isoformat()}
        rig.call("PUT", f"{rig.at}/subject/consent", json=withdrawal, headers=ANNA)

        found = record(rig)

        assert (found["granted"], found["passes"]) == (False, False)
        assert [(one["covered"], one["ground"]) for one in found["signals"]] == [(False, None)]
        assert [one["granted"] for one in found["consents"]] == [True, False]

    def test_after_an_erasure_only_the_erasure_stands_in_it(self, rig: Rig) -> None:
        rig.send(["mine"])
        rig.label({"mine": ["good"]})
        rig.erase("anna")
        rig.run_floors()

        found = record(rig)

        held = ("consents", "signals", "items", "tasks", "annotations", "versions", "downloads", "dead_letters")
        assert not any(found[name] for name in held)
        assert found["held"]
        assert found["erased_at"]
        assert [(one["status"], one["receipt"]["subject"]) for one in found["erasures"]] == [
            ("completed", found["subject"])
        ]

    def test_of_a_name_that_nobody_sent_it_says_so(self, rig: Rig) -> None:
        rig.send(["mine"])

        found = record(rig, headers={"Winnow-Subject": "ana"})

        assert not found["held"]
        assert not any(value for value in found.values() if isinstance(value, list))

    @pytest.mark.slow
    def test_however_much_there_is_memory_stays_flat(self, rig: Rig) -> None:
        rig.send(["mine"])
        _add_many(rig, 1_000)
        small = _peak_of_reading(rig)
        _add_many(rig, 9_000)

        assert _peak_of_reading(rig) < small + 1_000_000


class TestWhoMayReadIt:
    @pytest.mark.parametrize("path", ["/subject", "/subject/consent"])
    def test_an_apps_key_without_the_persons_token_learns_nothing(self, phone: Phone, path: str) -> None:
        phone.call("PUT", "/subject/consent", json=CONSENT, headers=OWN)
        phone.send(make_signal(subject="bert"))

        wrong = {"Winnow-Subject-Token": "u" * 43}
        refused = [
            phone.call("GET", path, headers={"Winnow-Subject": name, **wrong}) for name in ("anna", "bert", "nobody")
        ]

        assert {answer.status_code for answer in refused} == {403}
        assert len({answer.text for answer in refused}) == 1
        assert phone.call("GET", path, headers=ANNA).status_code == 403
        assert phone.call("GET", path, headers=OWN).status_code == 200
        assert phone.as_role("backend").call("GET", path, headers=ANNA).status_code == 200
        assert phone.as_role("read").call("GET", path, headers=ANNA).status_code == 403

    def test_it_does_not_tell_that_others_had_sent_the_same(self, rig: Rig) -> None:
        """Whoever has the app's key could make up a person and send a guess."""
        rig.send(["a guess"], subject="bert")
        rig.label({"a guess": ["good", "good"]})
        version = rig.build(draft=True)["version"]
        rig.fetch(version, "README.md")
        app = rig.new_key(Role.INGEST)
        consent = {**CONSENT, "given_at": days_ago(1)}
        rig.call("PUT", f"{rig.at}/subject/consent", key=app, json=consent, headers=OWN)
        for text in ("  a guess ", "  new words "):
            signal = make_signal(subject="anna", payload={"text": text})
            rig.call("POST", f"{rig.at}/signals", key=app, json=signal)

        found = record(rig, key=app, headers=OWN)

        assert sorted(one["payload"]["text"] for one in found["signals"]) == ["a guess", "new words"]
        assert not any(found[name] for name in ("tasks", "annotations", "versions", "downloads"))


class TestConsentOnRecord:
    def test_it_says_from_when_on_it_covers(self, phone: Phone) -> None:
        given = {**CONSENT, "given_at": days_ago(2)}
        phone.call("PUT", "/subject/consent", json=given, headers=OWN)

        found = phone.call("GET", "/subject/consent", headers=OWN).json or {}

        assert (found["granted"], found["notice"], found["passes"], found["held"]) == (True, "1", True, True)
        assert found["covers_from"] < found["given_at"]
        assert [one["purposes"] for one in found["consents"]] == [["training"]]

    def test_of_nobody_there_is_none(self, phone: Phone) -> None:
        found = phone.as_role("manage").call("GET", "/subject/consent", headers=ANNA).json or {}

        assert (found["granted"], found["passes"], found["held"], found["consents"]) == (False, False, False, [])


class TestReceipts:
    def test_one_for_a_misspelled_name_cannot_pass_for_one(self, rig: Rig) -> None:
        rig.send(["mine"])

        rig.erase("ana")
        rig.erase("ana")
        rig.run_floors()
        misspelled = rig.erasure()["receipt"]
        wrong = rig.erasure_id
        rig.erase("anna")
        rig.run_floors()
        right = rig.erasure()["receipt"]

        assert (misspelled["held"], right["held"]) == (False, True)
        assert right["subject"] == record(rig)["subject"] != misspelled["subject"]
        assert rig.call("GET", f"{rig.at}/erasures/{wrong}", headers=ANNA).status_code == 404
        assert rig.call("GET", f"{rig.at}/erasures/{rig.erasure_id}", headers=ANNA).status_code == 200

    @pytest.mark.parametrize(
        "left",
        [
            pytest.param({"payload": {"text": 5}}, id="a refused signal"),
            pytest.param({"captured_at": days_ago(60)}, id="a consent alone"),
        ],
    )
    def test_what_was_held_need_not_be_a_signal(self, phone: Phone, left: dict[str, Any]) -> None:
        phone.send(make_signal(subject="anna", **left))

        answer = phone.as_role("backend").call("DELETE", "/subject", headers=ANNA)

        assert (answer.json or {})["held"] is True

    def test_who_left_before_is_known(self, rig: Rig) -> None:
        rig.send(["mine"])
        rig.erase("anna")
        rig.run_floors()
        rig.erase("anna")
        rig.run_floors()

        assert rig.erasure()["receipt"]["held"] is True


class TestErasures:
    @pytest.mark.slow
    def test_they_are_listed_the_newest_first_page_by_page(self, phone: Phone) -> None:
        backend, manage = phone.as_role("backend"), phone.as_role("manage")
        asked = [
            (backend.call("DELETE", "/subject", headers={"Winnow-Subject": f"person {n}"}).json or {})["erasure"]
            for n in range(102)
        ]

        first = manage.call("GET", "/erasures").json or {}
        second = manage.call("GET", "/erasures", query_string={"cursor": first["cursor"]}).json or {}

        assert [one["erasure"] for one in first["erasures"] + second["erasures"]] == asked[::-1]
        assert (len(first["erasures"]), second["cursor"]) == (100, None)

    def test_one_persons_and_one_status(self, rig: Rig) -> None:
        rig.send(["mine"])
        done = rig.erase("anna")
        rig.run_floors()
        waiting = rig.erase("bert")

        def listed(headers: dict[str, str], **query: str) -> list[str]:
            answer = rig.call("GET", f"{rig.at}/erasures", headers=headers, query_string=query)
            return [one["erasure"] for one in answer.json["erasures"]]

        assert listed({}) == [waiting, done]
        assert listed(ANNA) == [done]
        assert listed({}, status="received") == [waiting]
        assert listed({}, status="completed") == [done]

    @pytest.mark.parametrize("query", [{"status": "gone"}, {"cursor": "x"}, {"cursor": "WyIxIl0"}])
    def test_what_cannot_be_read_is_told(self, phone: Phone, query: dict[str, str]) -> None:
        assert phone.as_role("manage").call("GET", "/erasures", query_string=query).status_code == 422

    def test_they_are_for_who_manages(self, phone: Phone) -> None:
        statuses = [phone.as_role(role).call("GET", "/erasures").status_code for role in ("ingest", "backend", "read")]

        assert statuses == [403, 403, 403]


def _add_many(rig: Rig, how_many: int) -> None:
    """More signals of anna, each with an item of its own."""
    now = utc_now()
    with unit_of_work(rig.database) as session:
        known = session.exec(select(Signal)).first()
        assert known is not None
        ids = [uuid.uuid4() for _ in range(how_many)]
        text = "some words that somebody might say to a phone, over and over again"
        items = [
            Item(project_id=rig.project_id, id=one, content={"text": text}, revision=1, scrub_hash="x", created_at=now)
            for one in ids
        ]
        signals = [{**known.model_dump(), "id": one, "item_id": one} for one in ids]
        insert_ignoring(session, Item.__table__, [item.model_dump() for item in items])  # type: ignore[attr-defined]
        insert_ignoring(session, Signal.__table__, signals)  # type: ignore[attr-defined]


def _peak_of_reading(rig: Rig) -> int:
    key = rig.call("GET", f"{rig.at}/subject/consent", headers=ANNA).json["subject"]
    person = find_person(rig.database, rig.project_id, uuid.UUID(key))
    tracemalloc.start()
    try:
        for _ in record_of(person, records(), project="slang", now=utc_now()):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
