"""Numbers and whole numbers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.fields.integer import IntegerField
from collector.fields.number import NumberField
from foundation.document.definitions import Reader
from foundation.errors import Fault

PRICE = NumberField(name="price", minimum=0, maximum=10.5, unit="EUR")
STARS = IntegerField(name="stars", minimum=1, maximum=5)
Bounded = NumberField | IntegerField


@given(st.floats(min_value=0, max_value=10.5))
def test_a_number_within_its_bounds_stays_as_it_is(value: float) -> None:
    assert PRICE.read(value) == value


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        (PRICE, -0.1, "out_of_range"), (PRICE, 10.6, "out_of_range"), (PRICE, 10**400, "out_of_range"),
        (PRICE, "3", "wrong_type"), (PRICE, True, "wrong_type"), (PRICE, [1], "wrong_type"),
        (STARS, 0, "out_of_range"), (STARS, 6.0, "out_of_range"), (STARS, 2.5, "wrong_type"), (STARS, False, "wrong_type"),
        (IntegerField(name="n"), 2**63, "out_of_range"), (IntegerField(name="n"), 2.0**60, "out_of_range"),
    ],
)  # fmt: skip
def test_anything_else_is_refused(field: Bounded, value: Any, reason: str) -> None:
    read = field.read(value)

    assert isinstance(read, Fault)
    assert (read.pointer, read.reason) == (f"/payload/{field.name}", reason)


@pytest.mark.parametrize("value", [3, 3.0])
def test_a_whole_number_is_one_however_it_is_written(value: float) -> None:
    assert type(STARS.read(value)) is int


@pytest.mark.parametrize(
    ("now", "broken"),
    [
        (NumberField(name="price", minimum=0, maximum=11, unit="EUR"), []),
        (NumberField(name="price", unit="EUR"), []),
        (NumberField(name="price", minimum=1, maximum=10.5, unit="EUR"), ["takes a narrower range"]),
        (NumberField(name="price", minimum=0, maximum=10, unit="EUR"), ["takes a narrower range"]),
        (NumberField(name="price", minimum=0, maximum=10.5), ["changed its unit"]),
        (IntegerField(name="price", minimum=5, unit="EUR"), ["changed its kind from number to integer"]),
    ],
)
def test_a_narrower_range_and_another_unit_break_apps(now: Bounded, broken: list[str]) -> None:
    assert list(now.breaks(PRICE)) == broken


def test_its_unit_does_not_decide_what_is_taken() -> None:
    assert NumberField(name="price", minimum=0, maximum=10.5).as_read() == PRICE.as_read()


def test_bounds_that_leave_nothing_are_a_mistake() -> None:
    reader = Reader()

    NumberField(name="price", minimum=2, maximum=1).checked(reader, "/fields/price")

    assert [(fault.pointer, fault.reason) for fault in reader.faults] == [("/fields/price/minimum", "out_of_range")]
