"""What was refused is kept scrubbed, listed, and replayed under its own id."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from collector.intake.dead_letters import expire_letters, scrub_value
from collector.models import DeadLetter, Signal
from foundation.database import Database, unit_of_work, utc_now
from tests.collector.intake.test_context import JSON
from tests.signals import CONSENT, Held, Phone, make_signal, project_body, revise, rows_of

WITH_EXTRA = {**project_body()["fields"], "extra": {"kind": "number"}}


def letters_of(database: Database) -> list[DeadLetter]:
    with unit_of_work(database, read_only=True) as session:
        return list(session.exec(select(DeadLetter)).all())


def refused(phone: Phone, **extra: Any) -> dict[str, Any]:
    signal = make_signal()
    signal["payload"] |= extra or {"extra": 1}
    assert phone.send_one(signal)["status"] == "rejected"
    return signal


class TestScrubbing:
    @given(JSON)
    def test_any_value_can_be_kept(self, value: Any) -> None:
        orjson.dumps(scrub_value(value))

    @given(st.dictionaries(st.text(alphabet="abc", max_size=3), JSON, max_size=3))
    def test_what_holds_nothing_personal_stays(self, value: dict[str, Any]) -> None:
        assert isinstance(scrub_value(value), dict)

    def test_keys_texts_and_numbers_are_scrubbed_and_depth_is_bounded(self) -> None:
        deep: Any = "bob@example.com"
        for _ in range(20):
            deep = [deep]

        scrubbed = scrub_value({"bob@example.com": [4111111111111111, {"a": "bob@example.com"}], "deep": deep})

        assert "bob@" not in str(scrubbed)
        assert "4111111111111111" not in str(scrubbed)

    def test_a_measurement_is_nobodys_number(self) -> None:
        assert scrub_value([0.06494618534576613, 4111111111111111.0]) == [0.06494618534576613, "<CREDIT_CARD>"]


class TestLetters:
    def test_a_letter_says_why_and_where_and_holds_no_name(self, phone: Phone, database: Database) -> None:
        phone.send_one(make_signal(subject="anna", device="phone-7", payload={"text": "x", "extra": "bob@example.com"}))

        letter = letters_of(database)[0]

        assert (letter.reason, letter.pointer, letter.revision) == ("unknown_field", "/payload/extra", 1)
        assert letter.body["payload"] == {"text": "x", "extra": "<EMAIL_ADDRESS>"}
        assert not {"subject", "device", "consent"} & letter.body.keys()

    def test_what_a_fields_rule_removes_is_in_no_letter(self, phone: Phone, database: Database) -> None:
        for member in ("Anna Schmidt", ["Anna Schmidt"]):
            refused(phone, extra=1, secret="of Anna Schmidt", member=member)
        phone.send_one(make_signal(payload="Anna Schmidt"))
        phone.send_one(make_signal(payload={"extra": 1}, secret="of Anna Schmidt"))

        assert len(letters_of(database)) == 4
        assert "Schmidt" not in str([letter.body for letter in letters_of(database)])

    def test_a_context_is_kept_as_the_project_keeps_it(self, phone: Phone, database: Database) -> None:
        place = {"lat": 52.5200066, "lon": 13.404954}
        sent = {"contacts": ["Bob"], "device_model": "Pixel 8", "location": place, "battery": 7}
        for context in (sent, {"location": {**place, "lat": 91}}, "Bob"):
            phone.send_one(make_signal(payload={"text": "x", "extra": 1}, context=context))

        first, second, third = (
            letter.body["context"] for letter in sorted(letters_of(database), key=lambda one: one.received_at)
        )

        assert first == {"device_model": "Pixel 8", "location": {"lat": 52.5512, "lon": 13.444}, "battery": 7}
        assert (second, third) == ({"location": []}, [])

    def test_without_consent_there_is_no_content(self, phone: Phone, database: Database) -> None:
        phone.send_one(make_signal(subject="nobody asked", payload={"text": "x", "extra": 1}), consent=None)

        letter = letters_of(database)[0]

        assert letter.body is None

    def test_a_signal_refused_again_has_one_letter(self, phone: Phone, database: Database) -> None:
        signal = refused(phone)
        phone.send(signal, signal)

        assert len(letters_of(database)) == 1

    def test_a_signal_taken_later_has_none(self, phone: Phone, database: Database, project: Held) -> None:
        signal = refused(phone)
        revise(database, project, fields=WITH_EXTRA)

        assert phone.send_one(signal)["status"] == "accepted"
        assert letters_of(database) == []

    def test_letters_expire(self, phone: Phone, database: Database) -> None:
        refused(phone)

        with unit_of_work(database) as session:
            assert expire_letters(session, now=utc_now() + timedelta(days=29)) == 0
            assert expire_letters(session, now=utc_now() + timedelta(days=31)) == 1


class TestReplay:
    def replay(self, phone: Phone, **asked: Any) -> dict[str, int]:
        answer = phone.as_role("manage").call("POST", "/dead-letters/replay", json=asked)
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    def test_a_dry_run_tells_the_same_and_changes_nothing(
        self, phone: Phone, database: Database, project: Held
    ) -> None:
        refused(phone)
        refused(phone, other=1)
        revise(database, project, fields=WITH_EXTRA)
        before = rows_of(database)

        told = self.replay(phone, dry_run=True)

        assert told == {"replayed": 1, "still_rejected": 1}
        assert rows_of(database) == before
        assert self.replay(phone) == told

    def test_a_replayed_signal_is_what_it_would_have_been(
        self, phone: Phone, database: Database, project: Held
    ) -> None:
        few = {"keep": ["part_of_day", "network_quality", "device_family", "location"]}
        revise(database, project, context=few)
        context = {"timezone": "Europe/Berlin", "rtt_ms": 1500, "device_model": "Pixel 8 Pro", "location": {"lat": 52.52, "lon": 13.4}}  # fmt: skip
        letter = make_signal(payload={"text": "x", "member": "Anna Schmidt", "extra": 1}, context=context)
        assert phone.send_one(letter)["status"] == "rejected"
        revise(database, project, fields=WITH_EXTRA, context=few)

        self.replay(phone)
        phone.send({**letter, "id": str(uuid.uuid4())})

        with unit_of_work(database, read_only=True) as session:
            replayed, sent_again = session.exec(select(Signal)).all()
        assert replayed.extra == sent_again.extra
        assert replayed.context == sent_again.context
        assert None not in replayed.context.values()

    @pytest.mark.parametrize(
        "wrong", [{"payload": {"text": "x", "member": 5}}, {"context": [1]}, {"payload": ["x"]}, {"other": 1}]
    )
    def test_what_was_left_out_of_a_letter_mends_nothing(self, phone: Phone, wrong: dict[str, Any]) -> None:
        assert phone.send_one(make_signal(**wrong))["status"] == "rejected"

        assert self.replay(phone) == {"replayed": 0, "still_rejected": 1}

    def test_a_replayed_signal_keeps_its_id_and_its_person(
        self, phone: Phone, database: Database, project: Held
    ) -> None:
        signal = refused(phone)
        revise(database, project, fields=WITH_EXTRA)

        self.replay(phone)

        with unit_of_work(database, read_only=True) as session:
            stored = session.exec(select(Signal)).one()
        assert str(stored.id) == signal["id"]
        assert stored.subject_id is not None
        assert stored.revision == 2
        assert phone.send_one(signal)["status"] == "replayed"

    @pytest.mark.parametrize(
        "signal_id", ["aa81e7f3-b0ed-46d1-9e3b-038686076011", "427e7617-5fb3-4579-88da-587507915391"]
    )
    def test_an_id_that_looks_like_a_number_of_somebody_is_kept(
        self, phone: Phone, database: Database, project: Held, signal_id: str
    ) -> None:
        phone.send_one(make_signal(id=signal_id, payload={"text": "x", "extra": 1}))
        revise(database, project, fields=WITH_EXTRA)

        assert self.replay(phone) == {"replayed": 1, "still_rejected": 0}
        with unit_of_work(database, read_only=True) as session:
            assert session.exec(select(Signal.id)).one() == uuid.UUID(signal_id)

    def test_a_dry_run_is_asked_for_by_true_alone(self, phone: Phone) -> None:
        for asked in ("yes", 1, None):
            answer = phone.as_role("manage").call("POST", "/dead-letters/replay", json={"dry_run": asked})
            assert (answer.status_code, answer.json["errors"][0]["reason"]) == (422, "wrong_type")

    def test_only_the_named_ones_are_tried(self, phone: Phone, database: Database, project: Held) -> None:
        refused(phone)
        refused(phone)
        revise(database, project, fields=WITH_EXTRA)
        chosen = str(letters_of(database)[0].id)

        assert self.replay(phone, ids=[chosen]) == {"replayed": 1, "still_rejected": 0}
        assert len(letters_of(database)) == 1

    def test_what_was_refused_for_want_of_consent_is_still_rejected(self, phone: Phone, database: Database) -> None:
        refused(phone)
        phone.send(make_signal(subject="never asked"), consent=None)
        bodiless = next(str(letter.id) for letter in letters_of(database) if letter.body is None)

        assert self.replay(phone) == {"replayed": 0, "still_rejected": 2}
        assert self.replay(phone, ids=[bodiless]) == {"replayed": 0, "still_rejected": 1}

    def test_nothing_of_a_person_who_left_comes_back(self, phone: Phone, database: Database, project: Held) -> None:
        signal = refused(phone)
        revise(database, project, fields=WITH_EXTRA)
        phone.as_role("backend").call("DELETE", "/subject", headers={"Winnow-Subject": signal["subject"]})

        assert self.replay(phone) == {"replayed": 0, "still_rejected": 1}
        assert rows_of(database)["signals"] == 0

    def test_nothing_comes_back_after_consent_was_withdrawn(
        self, phone: Phone, database: Database, project: Held
    ) -> None:
        refused(phone)
        revise(database, project, fields=WITH_EXTRA)
        phone.send(make_signal(), consent={**CONSENT, "granted": False, "given_at": utc_now().isoformat()})

        assert self.replay(phone)["replayed"] == 0

    def test_pages_follow_each_other_to_the_end(self, phone: Phone) -> None:
        broken = [make_signal(payload={}) for _ in range(230)]
        phone.send(*broken)
        manager = phone.as_role("manage")

        seen: list[str] = []
        cursor = ""
        while True:
            page = manager.call("GET", f"/dead-letters?cursor={cursor}").json
            seen += [letter["signal"] for letter in page["dead_letters"]]
            cursor = page["cursor"]
            if cursor is None:
                break

        assert sorted(seen) == sorted(signal["id"] for signal in broken)
