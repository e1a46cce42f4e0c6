"""Values read many at a time are read as they are one at a time."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.fields.boolean import BooleanField
from collector.fields.category import CategoryField
from collector.fields.datetime import DatetimeField
from collector.fields.integer import IntegerField
from collector.fields.kind import INT64, Field
from collector.fields.number import NumberField
from collector.fields.registry import KINDS
from collector.fields.text import TextField
from collector.intake.payload import PayloadReader, reader_of
from collector.intake.reading import Settled
from collector.project import parse_project
from tests.collector.intake.test_context import JSON
from tests.signals import project_body

# By kind: some fields of it, and values of which most are taken.
USUAL: dict[str, tuple[list[Field], st.SearchStrategy[Any]]] = {
    "text": (
        [TextField(name="text"), TextField(name="text", max_chars=3)],
        st.text() | st.sampled_from(["a\u0301", "\u0301", "\u1100\u1161", "é", "\0"]),
    ),
    "number": (
        [NumberField(name="n"), NumberField(name="n", minimum=-5, maximum=5.5)],
        st.integers(-9, 9) | st.floats(-9, 9) | st.sampled_from([INT64 - 1, INT64, -INT64, 10**400]),
    ),
    "integer": (
        [IntegerField(name="n"), IntegerField(name="n", minimum=-5, maximum=5)],
        st.integers(-9, 9) | st.floats(-9, 9) | st.sampled_from([3.0, INT64 - 1, INT64, -INT64]),
    ),
    "boolean": ([BooleanField(name="b")], st.booleans() | st.sampled_from([0, 1])),
    "category": ([CategoryField(name="c", values=("é", "food"))], st.sampled_from(["food", "é", "e\u0301", "fuel"])),
    "datetime": ([DatetimeField(name="at")], st.datetimes(timezones=st.just(UTC)).map(lambda at: at.isoformat())),
}
PAYLOAD = {
    "text": st.text(max_size=5),
    "price": st.integers(-5, 1005) | st.floats(0, 1000),
    "stars": st.integers() | st.floats(-5, 5),
    "store": st.sampled_from(["food", "café", "cafe\u0301", "elsewhere"]),
    "paid": st.booleans(),
    "bought_at": st.just("2026-11-22T09:00:00+01:00"),
    "member": st.text(max_size=5) | st.just(Settled("made before")),
    "secret": st.text(max_size=5),
    "never declared": JSON,
}
FILES = [
    parse_project(project_body(**changes), ()).file
    for changes in ({}, {"fields_unknown": "drop"}, {"fields": {"text": {"kind": "text"}, "price": {"kind": "number"}}})
]


def test_every_kind_is_tried() -> None:
    assert USUAL.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
@given(st.data())
def test_a_column_is_read_as_each_of_its_values(kind: str, data: st.DataObject) -> None:
    fields, usual = USUAL[kind]
    field = data.draw(st.sampled_from(fields))
    values = data.draw(
        st.lists(usual, min_size=1) | st.lists(usual | JSON.filter(lambda one: one is not None), min_size=1)
    )

    read = field.read_column(values)

    one_by_one = [field.read(value) for value in values]
    assert [(type(one), one) for one in read] == [(type(one), one) for one in one_by_one]


@st.composite
def payloads(draw: st.DrawFn) -> Any:
    """Most as apps send them: a few fields, the same in many."""
    names = draw(
        st.sampled_from([["text"], ["text", "price", "paid"], ["price", "text"], [*PAYLOAD], ["member", "text"]])
    )
    usual = st.fixed_dictionaries({name: PAYLOAD[name] for name in names})
    return draw(usual | st.fixed_dictionaries({}, optional={name: one | JSON for name, one in PAYLOAD.items()}) | JSON)


@pytest.mark.parametrize("reader", [reader_of(file, FILES[0]) for file in FILES], ids=["reject", "drop", "short"])
@given(st.lists(payloads(), max_size=6))
def test_payloads_of_a_batch_are_read_as_each_alone(reader: PayloadReader, sent: list[Any]) -> None:
    together, alone = reader.read_all(sent), [reader.read(one) for one in sent]

    for one, other in zip(together, alone, strict=True):
        assert list(one.values.items()) == list(other.values.items())
        assert [type(value) for value in one.values.values()] == [type(value) for value in other.values.values()]
        assert list(one.to_scrub) == list(other.to_scrub)
        assert list(one.to_pseudonymize) == list(other.to_pseudonymize)
        assert (one.faults, one.faults.more) == (other.faults, other.faults.more)
        assert (one.dropped, one.dropped.counts) == (other.dropped, other.dropped.counts)
