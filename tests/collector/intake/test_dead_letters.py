"""What was refused is kept scrubbed, listed, and replayed under its own id."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st
from sqlmodel import Session, select

from collector.intake.checking import Checked
from collector.intake.dead_letters import body_of, expire_letters, scrub_value
from collector.intake.door import open_door
from collector.intake.heading import Arrival, Heading
from collector.intake.identity import names_of
from collector.intake.payload import reader_of
from collector.intake.replay import BATCH, Replayed, replay_letters
from collector.models import DeadLetter, Signal
from collector.project import parse_project
from collector.subjects.proof import Speaker
from foundation.database import Database, glance, unit_of_work, utc_now
from foundation.settings import Settings
from tests.collector.intake.test_context import JSON
from tests.signals import CONSENT, Held, Phone, make_signal, project_body, revise, rows_of


def batched(events: list[str]) -> Iterator[tuple[str, str]]:
    """Two and two: what is opened is closed before anything else is."""
    return zip(events[::2], events[1::2], strict=True)


def nested(value: Any, depth: int, by: str) -> Any:
    """A value within so many objects or lists."""
    for _ in range(depth):
        value = {"a": value, "b": 1} if by == "object" else [value]
    return value


NUMBERS = st.integers(-(10**400), 10**400) | st.sampled_from(
    [2**63, 2**64, -(2**63) - 1, 1e308, -0.0, 5e-324, 10**4299]
)
KEYS = st.text(max_size=8) | st.sampled_from(
    ["", "\0", "te\0xt", "text", "$ref", "a/b~c", "bob@example.com", "k" * 300]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.builds(nested, inner, st.integers(1, 60), st.sampled_from(["object", "list"]))
    ),
    max_leaves=10,
)
MEMBERS = [
    *("id", "subject", "device", "captured_at", "age_ms", "payload", "context", "prediction", "revision"),
    "other",
]
"""All but consent, which belongs to another door."""
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

    @pytest.mark.parametrize("by", ["object", "list"])
    @pytest.mark.parametrize("depth", [7, 8, 9, 10, 20, 200])
    def test_however_deep_a_value_is_its_upper_part_is_kept(self, depth: int, by: str) -> None:
        kept = scrub_value({"deep": nested("x", depth, by), "beside": 1})

        assert orjson.loads(orjson.dumps(kept)) == kept
        assert kept["beside"] == 1
        assert kept["deep"]

    @pytest.mark.parametrize("by", ["object", "list"])
    def test_eight_steps_down_are_kept_and_nothing_below(self, by: str) -> None:
        depths = [orjson.dumps(scrub_value(nested("x", depth, by))).count(b"x") for depth in (8, 9, 500)]

        assert depths == [1, 0, 0]

    def test_what_a_nul_hid_is_scrubbed_and_what_held_one_still_does(self) -> None:
        kept = scrub_value({"te\0xt": 1, "text": "bob@exam\0ple.com", "mem\0ber": ["a\0"]})

        assert kept == {"text\0": 1, "text": "<EMAIL_ADDRESS>\0", "member\0": ["a\0"]}

    def test_a_number_is_kept_as_the_door_reads_it(self) -> None:
        kept = scrub_value([2**63 - 1, 2**64 + 1, -(2**63), 10**400])

        assert kept == [2**63 - 1, float(2**64), -(2**63), str(10**400)]

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


class TestAnyContent:
    """No content of a refused signal fails its batch."""

    @pytest.mark.parametrize("place", ["payload", "context", "prediction", "other"])
    @pytest.mark.parametrize("depth", [8, 9, 30, 250])
    def test_objects_in_objects_are_refused_and_their_neighbours_stored(
        self, phone: Phone, database: Database, place: str, depth: int
    ) -> None:
        deep = nested("x", depth, "object")
        bad = make_signal(payload={"text": "x", "extra": deep if place == "payload" else 1})
        if place != "payload":
            bad[place] = deep

        results = phone.send(make_signal(), bad, make_signal())["results"]

        assert [result["status"] for result in results] == ["accepted", "rejected", "accepted"]
        assert results[1]["retry"] == "no"
        letter = letters_of(database)[0]
        assert letter.signal_id == uuid.UUID(bad["id"])
        assert letter.body["payload"]["text"] == "x"

    @tried(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
    @given(members=st.dictionaries(st.sampled_from(MEMBERS), ANYTHING, max_size=3), extra=ANYTHING)
    def test_anything_in_any_place_leaves_its_neighbours_stored(
        self, phone: Phone, members: dict[str, Any], extra: Any
    ) -> None:
        bad = make_signal(payload={"text": "x", "extra": extra}) | members

        results = phone.send(make_signal(), bad, make_signal())["results"]

        assert [result["status"] for result in (results[0], results[2])] == ["accepted", "accepted"]
        answer = phone.as_role("manage").call("POST", "/dead-letters/replay", json={})
        assert answer.status_code == 200, answer.text
        assert answer.json["replayed"] == 0 or "payload" in members

    def test_a_letter_that_cannot_be_made_is_a_letter_without_body(self) -> None:
        def fails(_: object) -> str:
            raise ValueError("not of this kind")

        file = parse_project(project_body(), ()).file
        now = utc_now()
        heading = Heading(0, Arrival(uuid.uuid4(), now, None), make_signal(payload={"member": "x"}), uuid.uuid4())

        assert body_of(Checked(heading), file, reader_of(file, file), fails) is None

    def test_a_letter_without_body_says_why_it_cannot_be_replayed(self, phone: Phone) -> None:
        phone.send(make_signal(subject="never asked"), make_signal(payload={"text": "x" * 40_000}), consent=None)
        refused(phone)

        listed = phone.as_role("manage").call("GET", "/dead-letters").json["dead_letters"]

        told = {letter["reason"]: (letter["can_replay"], letter["why_no_replay"]) for letter in listed}
        assert told["unknown_field"] == (True, None)
        assert not told["consent_missing"][0]
        assert "consent" in told["consent_missing"][1]
        assert not told["too_large"][0]
        assert told["too_large"][1] != told["consent_missing"][1]


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

    def test_each_page_has_a_transaction_of_its_own_and_none_is_open_while_one_is_checked(
        self, phone: Phone, database: Database, project: Held, settings: Settings
    ) -> None:
        phone.send(*(make_signal(payload={"text": f"text {n}", "extra": n}) for n in range(BATCH)))
        refused(phone)
        revise(database, project, fields=WITH_EXTRA)
        names = names_of(settings.pseudonym_key.get_secret_value(), project.name)
        with unit_of_work(database, read_only=True) as session:
            door = open_door(session, project.id, names, speaker=Speaker(is_app=False), read=partial(glance, database))
        opened: list[str] = []

        @contextmanager
        def noted(kind: str) -> Iterator[Session]:
            opened.append(f"{kind} begins")
            with unit_of_work(database, read_only=kind == "read") as session:
                yield session
            opened.append(f"{kind} ends")

        told = replay_letters(partial(noted, "read"), partial(noted, "write"), door)

        assert told == Replayed(BATCH + 1, 0)
        assert opened.count("write begins") == 2
        assert all(second == first.replace("begins", "ends") for first, second in batched(opened))

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
        "wrong",
        [
            {"payload": {"text": "x", "member": 5}},
            *(
                {"payload": {"text": "a\0b"}},
                {"payload": {"text": "x", "secret\0": "y"}},
                {"payload": {"text": "x", "y": None}},
            ),
            *({"context": [1]}, {"payload": ["x"]}, {"other": 1}, {"te\0xt": 1}, {"device": 5}),
            *({"age_ms": -1}, {"age_ms": 1e300}, {"age_ms": "5"}, {"captured_at": "yesterday"}),
        ],
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

    def test_times_come_back_as_they_were_read(self, phone: Phone, database: Database, project: Held) -> None:
        sent = make_signal(payload={"text": "x", "extra": 1}, age_ms=5_551_234_567)
        phone.send_one(sent)
        revise(database, project, fields=WITH_EXTRA)

        assert letters_of(database)[0].body["age_ms"] == 5_551_234_567
        assert self.replay(phone) == {"replayed": 0, "still_rejected": 1}  # 64 days old

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
