"""What a batch reads many at a time it reads as it would each signal alone."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.intake.checking import check_signals
from collector.intake.context import read_context, read_contexts
from collector.intake.door import Door
from collector.intake.event_time import ClockOffset
from collector.intake.heading import Arrival, Opening, read_heading, read_headings
from collector.intake.identity import names_of
from collector.intake.reading import Sent, SentBatch, Settled
from collector.project import parse_project
from collector.subjects.proof import Speaker
from tests.collector.intake.test_context import JSON
from tests.signals import CONSENT, project_body

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
NAMES = names_of("x" * 40, "slang")
FILES = [
    parse_project(project_body(**changes), ()).file
    for changes in ({}, {"context": {"keep": ["timezone", "part_of_day", "battery", "location", "weekday"]}}, {"context": {}})
]  # fmt: skip
MEMBERS: dict[str, st.SearchStrategy[Any]] = {
    "id": st.uuids().map(str) | st.uuids().map(lambda one: str(one).upper()) | st.just(str(uuid.UUID(int=0))),
    "subject": st.sampled_from(["anna", "bea", "", "x" * 300, "a\0b"]),
    "device": st.sampled_from(["phone", "tablet"]),
    "captured_at": st.sampled_from(["2026-11-22T07:00:00+01:00", "2026-11-20T07:00Z", "2026-09-01T00:00:00Z", "1970-01-01T00:00:00Z", "noon"]),
    "age_ms": st.integers(-5, 10**6),
    "payload": st.just({"text": "hi"}) | st.just({"text": "hi", "price": 1}) | st.just({"text": 5}),
    "context": st.dictionaries(st.sampled_from(FILES[0].context_names), JSON, max_size=4),
    "prediction": st.just({"model": "m", "version": "1", "values": {"text": "a"}}),
    "revision": st.integers(0, 2),
    "consent": st.just(CONSENT),
    "more": JSON,
}  # fmt: skip
USUAL = ("id", "subject", "device", "captured_at", "payload", "context")


@st.composite
def signals(draw: st.DrawFn) -> Any:
    """Most as apps send them, each with at most a few members that are out of the ordinary."""
    signal = {"id": str(draw(st.uuids())), "captured_at": "2026-11-22T07:59:00Z", "payload": {"text": "hi"}}
    signal |= draw(st.fixed_dictionaries({}, optional={name: MEMBERS[name] for name in USUAL}))
    odd = draw(st.dictionaries(st.sampled_from([*MEMBERS]), JSON, max_size=1))
    usual = draw(st.dictionaries(st.sampled_from([*MEMBERS]), st.none(), max_size=2))
    return draw(st.just(signal | odd | {name: draw(MEMBERS[name]) for name in usual}) | JSON)


def opening() -> Opening:
    return Opening(NAMES, Arrival(uuid.UUID(int=7), NOW, NOW - timedelta(seconds=2)), 200)


@given(st.lists(st.tuples(signals(), st.sampled_from([100, 100, 100, 300])), max_size=8))
def test_heads_are_read_as_each_alone(sent: list[tuple[Any, int]]) -> None:
    batch = [Sent(value, size) for value, size in sent]

    together = read_headings(SentBatch(batch), opening())

    alone = [read_heading(place, one, opening()) for place, one in enumerate(batch)]
    assert together == alone
    assert [one.faults.more for one in together] == [one.faults.more for one in alone]


@pytest.mark.parametrize("file", FILES, ids=["all", "few", "none"])
@given(st.lists(signals(), max_size=8))
def test_signals_are_checked_as_each_alone(file: Any, sent: list[Any]) -> None:
    door = Door(1, 1, file, NAMES, Speaker(is_app=True), has_erasures=False, has_letters=False, read=lambda: None)  # type: ignore[arg-type, return-value]
    headings = read_headings(SentBatch([Sent(value, 100) for value in sent]), opening())
    clocks = {NAMES.device_hmac("phone"): ClockOffset(timedelta(hours=-1), NOW)}

    together = check_signals(door, headings, clocks)

    alone = [check_signals(door, [heading], clocks)[0] for heading in headings]
    assert together == alone
    for one in together:
        if not one.heading.sent:
            continue
        time = one.time.at if one.time and one.is_time_believed else None
        context, dropped, faults = read_context(one.heading.sent.get("context"), file, time)
        assert one.context == context
        assert list(one.context) == list(file.context_names) or faults
        assert all(fault in one.faults for fault in faults[:1])
        assert {(drop.pointer, drop.reason) for drop in dropped} <= {
            (drop.pointer, drop.reason) for drop in one.dropped
        }


@pytest.mark.parametrize("file", FILES, ids=["all", "few", "none"])
@given(st.lists(st.tuples(MEMBERS["context"] | JSON, st.sampled_from([NOW, None])), max_size=8))
def test_contexts_are_read_as_each_alone(file: Any, sent: list[tuple[Any, datetime | None]]) -> None:
    together = read_contexts([one for one, _ in sent], file, [at for _, at in sent])

    for (one, at), read in zip(sent, together, strict=True):
        context, dropped, faults = read_context(one, file, at)
        if read is None:
            assert dropped or faults or "location" in file.keep
        else:
            assert list(read.items()) == list(context.items())
            assert [type(value) for value in read.values()] == [type(value) for value in context.values()]
            assert not dropped
            assert not faults


def test_what_the_door_made_of_a_value_before_is_taken_as_it_is() -> None:
    sent = [{"part_of_day": Settled("night"), "timezone": "Europe/Berlin"}, {"timezone": "Europe/Berlin"}]

    read = read_contexts(sent, FILES[1], [NOW, NOW])

    assert [one and one["part_of_day"] for one in read] == ["night", "morning"]
