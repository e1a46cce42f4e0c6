"""What a stranger's body can cost: answers, memory and letters stay in proportion to what was sent, and no text breaks a row."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import orjson
import pytest
from sqlmodel import select

from collector.intake.payload import PayloadReader, reader_of
from collector.models import DeadLetter, Signal
from collector.project import load_file
from collector.written_times import read_time
from foundation.database import Database, unit_of_work
from foundation.errors import MOST_LISTED_CHARS
from foundation.observability import REGISTRY
from tests.signals import CONSENT, Held, Phone, make_signal, project_body, revise

MANY_VALUES = [f"one of the many values of a store, number {n}" for n in range(3_000)]
FIELDS = {"text": {"kind": "text"}, "store": {"kind": "category", "values": MANY_VALUES}} | {
    f"field_{n}": {"kind": "integer"} for n in range(198)
}
BAD = {f"x{n}": 1 for n in range(60)} | {"store": "none of them"}


def small(**changes: Any) -> dict[str, Any]:
    return make_signal(subject="a", **changes)


class TestAnswers:
    @pytest.fixture
    def wide(self, phone: Phone, database: Database, project: Held) -> Phone:
        """A project with many fields and values, of which a mistake could tell."""
        revise(database, project, fields=FIELDS)
        return phone

    @pytest.mark.slow
    def test_a_request_of_mistakes_is_answered_in_proportion(self, wide: Phone) -> None:
        signals = [small(payload=BAD) for _ in range(100)]
        size = len(orjson.dumps(signals))

        tracemalloc.start()
        answer = wide.call("POST", "/signals", json={"consent": CONSENT, "signals": signals})
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert answer.status_code == 200
        assert len(answer.data) < 2 * size + 200 * (MOST_LISTED_CHARS + 300)
        assert peak < 100 * size
        results = answer.json["results"]
        assert sum(len(result["errors"]) for result in results) == 200
        assert all(len(result["errors"]) + result["errors_more"] >= 61 for result in results)
        assert answer.json["errors_more"] == sum(result["errors_more"] for result in results)

    def test_of_one_signal_twenty_are_told(self, wide: Phone) -> None:
        answer = wide.send(small(payload=BAD))

        assert len(answer["results"][0]["errors"]) == 20
        assert answer["errors_more"] == answer["results"][0]["errors_more"] == 61 - 20

    def test_a_refused_envelope_tells_twenty_too(self, phone: Phone) -> None:
        consent = CONSENT | {f"k{n}": 1 for n in range(50)}

        answer = phone.call("POST", "/signals", json={"consent": consent, "signals": [small()]})

        assert (answer.status_code, len(answer.json["errors"]), answer.json["errors_more"]) == (422, 20, 30)

    def test_unknown_members_of_a_signal_are_counted(self, phone: Phone) -> None:
        result = phone.send_one(small(**{f"k{n}": 1 for n in range(50)}))

        assert (len(result["errors"]), result["errors_more"]) == (20, 30)

    def test_what_is_told_nothing_of_a_signal_still_says_what_to_do_with_it(self, phone: Phone) -> None:
        results = phone.send(*[small(payload={}) for _ in range(250)])["results"]

        assert [len(result["errors"]) for result in results] == [1] * 200 + [0] * 50
        assert {(result["status"], result["retry"]) for result in results} == {("rejected", "no")}


class TestDropped:
    def test_twenty_are_told_and_all_are_counted(self, phone: Phone, database: Database, project: Held) -> None:
        revise(database, project, fields_unknown="drop")
        before = counted()

        result = phone.send_one(small(payload={"text": "a"} | {f"x{n}": 1 for n in range(2_000)}))

        assert (result["status"], len(result["dropped"]), result["dropped_more"]) == ("accepted", 20, 1_980)
        assert counted() - before == 2_000

    def test_what_is_not_told_is_not_scrubbed(self) -> None:
        """A name that costs much to scrub costs nothing where it is only counted."""
        reader = reader_of(*2 * (load_file(project_body(fields_unknown="drop")),))
        names = [f"joe{n}@example.com 4111 1111 1111 1111 +49 30 {n}" for n in range(8_000)]

        few, many = cpu_of(reader, names[:200]), cpu_of(reader, names)

        assert many < 20 * few  # 40 times the names: scrubbed, it would be 40 times the work


def cpu_of(reader: PayloadReader, names: list[str]) -> float:
    payload = dict.fromkeys(names, 1)
    spent = []
    for _ in range(5):
        start = time.thread_time()
        reader.read(payload)
        spent.append(time.thread_time() - start)
    return min(spent)


def counted() -> float:
    labels = {"place": "payload", "reason": "undeclared"}
    return REGISTRY.get_sample_value("winnow_dropped_values_total", labels) or 0.0


class TestLongTexts:
    """What no rule could ever take is not kept, so neither is it scrubbed."""

    def test_a_text_that_is_longer_than_any_rule_allows_leaves_none_of_itself(
        self, phone: Phone, database: Database
    ) -> None:
        phone.send_one(small(payload={"text": "4111111111111111 " * 1_500}))

        with unit_of_work(database, read_only=True) as session:
            letter = session.exec(select(DeadLetter)).one()
        assert letter.reason == "too_long"
        assert letter.body["payload"] == {"text": []}

    def test_one_that_another_revision_may_take_is_kept_whole(
        self, phone: Phone, database: Database, project: Held
    ) -> None:
        phone.send_one(small(payload={"text": "a " * 3_000}))
        revise(database, project, fields={"text": {"kind": "text", "max_chars": 20_000}})

        replayed = phone.as_role("manage").call("POST", "/dead-letters/replay", json={})

        assert replayed.json == {"replayed": 1, "still_rejected": 0}


TIMES = ("2026-11-22T08:26:18.123+01:00", "2026-11-22T08:26:18Z", "20261122T082618+0100", "2026-11-22 08:26Z",
         "2026-11-22T08:26:18+01:00[Europe/Berlin]")  # fmt: skip
TEXTS = ("id", "subject", "device", "captured_at", "age_ms", "payload", "context", "prediction", "revision", "consent")


class TestNul:
    @pytest.mark.parametrize("text", TIMES)
    def test_no_time_holds_one(self, text: str) -> None:
        assert read_time(text) is not None
        for place in range(len(text) + 1):
            assert read_time(f"{text[:place]}\0{text[place:]}") is None
            assert read_time(f"{text[:place]}\0{text[place + 1 :]}") is None

    @pytest.mark.parametrize("member", TEXTS)
    @pytest.mark.parametrize("form", ["text", "start", "inside", "key"])
    def test_no_member_of_a_signal_ends_in_a_5xx(
        self, phone: Phone, database: Database, member: str, form: str
    ) -> None:
        good = small(device="d", prediction={"model": "m", "values": {"a": "b"}}, context={"locale": "de-DE"})
        value = str(good.get(member, "x"))
        sent = {
            "text": "\0",
            "start": f"\0{value}",
            "inside": f"{value[:5]}\0{value[5:]}",
            "key": {
                "a\0b": "c\0d",
                "model": "m\0",
                "values": {"x\0": "y\0", "x": "y\0"},
                "locale": "de\0",
                "text": "a\0",
            },
        }[form]

        result = phone.send_one({**good, member: sent})

        assert result["status"] == "rejected" or member in {"context", "prediction"}
        if form != "key" and result["status"] == "rejected":
            assert {fault["reason"] for fault in result["errors"]} <= {"wrong_type", "nul_character", "wrong_value", "missing_field", "consent_missing"}  # fmt: skip
        with unit_of_work(database, read_only=True) as session:
            assert len(session.exec(select(DeadLetter)).all()) + len(session.exec(select(Signal)).all()) == 1

    @pytest.mark.parametrize("place", range(0, 30, 3))
    def test_a_captured_at_with_one_is_of_the_wrong_type(self, phone: Phone, place: int) -> None:
        text = TIMES[0]

        result = phone.send_one(small(captured_at=f"{text[:place]}\0{text[place:]}"))

        assert [(fault["pointer"], fault["reason"]) for fault in result["errors"]] == [("/captured_at", "wrong_type")]

    @pytest.mark.parametrize("name", ["notice", "given_at"])
    def test_nor_does_a_consents(self, phone: Phone, name: str) -> None:
        answer = phone.call("POST", "/signals", json={"consent": {**CONSENT, name: "1\0"}, "signals": [small()]})

        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, f"/consent/{name}")


class TestPredictions:
    """What an app's model said is kept, or it is said that it is not."""

    def dropped(self, phone: Phone, database: Database, **said: Any) -> tuple[list[Any], Any]:
        result = phone.send_one(small(prediction={"model": "m", "values": {}, **said}))
        assert result["status"] == "accepted"
        with unit_of_work(database, read_only=True) as session:
            kept = session.exec(select(Signal)).one().prediction
        return [(one["pointer"], one["reason"]) for one in result.get("dropped", [])], kept

    def test_more_than_fifty_values(self, phone: Phone, database: Database) -> None:
        dropped, kept = self.dropped(phone, database, values={f"v{n:02}": n for n in range(53)})

        assert dropped == [(f"/prediction/values/v{n}", "too_many") for n in (50, 51, 52)]
        assert len(kept["values"]) == 50

    @pytest.mark.parametrize(
        ("values", "dropped"),
        [
            ({"k" * 201: "x", "a": "b"}, [("/prediction/values/" + "k" * 64, "too_long")]),
            ({"long": "x" * 201, "a": "b"}, [("/prediction/values/long", "too_long")]),
            ({"nul": "x\0", "a": "b"}, [("/prediction/values/nul", "nul_character")]),
            ({"joe@example.com": 1, "ann@example.com": 2}, [("/prediction/values/<EMAIL_ADDRESS>", "duplicate")]),
        ],
    )
    def test_values_that_cannot_be_kept(
        self, phone: Phone, database: Database, values: dict[str, Any], dropped: list[Any]
    ) -> None:
        told, kept = self.dropped(phone, database, values=values)

        assert told == dropped
        assert len(kept["values"]) == 1

    @pytest.mark.parametrize(("model", "reason"), [("m" * 201, "too_long"), ("m\0", "nul_character")])
    def test_a_model_whose_name_cannot_be_kept(self, phone: Phone, database: Database, model: str, reason: str) -> None:
        assert self.dropped(phone, database, model=model) == ([("/prediction/model", reason)], None)

    def test_members_that_nobody_knows(self, phone: Phone, database: Database) -> None:
        assert self.dropped(phone, database, version="3")[0] == [("/prediction/version", "undeclared")]

    def test_names_are_kept_as_they_are(self, phone: Phone, database: Database) -> None:
        said = {"model": "org/mood~3@" + "m" * 150, "values": {"a/b": "n/a", "c~d": "e~f"}}

        assert self.dropped(phone, database, **said) == ([], said)
