"""True and false, and moments."""

from __future__ import annotations

from typing import Any

import pytest

from collector.fields.boolean import BooleanField
from collector.fields.datetime import DatetimeField
from collector.fields.kind import Field
from foundation.errors import Fault

NEW, WHEN = BooleanField(name="new"), DatetimeField(name="when")


def test_true_and_false_are_read_as_such() -> None:
    assert [NEW.read(value) for value in (True, False)] == [True, False]


def test_a_moment_is_kept_in_utc() -> None:
    assert WHEN.read("2026-11-22T09:00:00+01:00") == "2026-11-22T08:00:00+00:00"


@pytest.mark.parametrize(
    ("field", "value"),
    [(NEW, 1), (NEW, "true"), (NEW, []), (WHEN, "2026-11-22"), (WHEN, "2026-11-22T08:00:00"), (WHEN, 1763798400)],
)
def test_anything_else_is_refused(field: Field, value: Any) -> None:
    read = field.read(value)

    assert isinstance(read, Fault)
    assert (read.pointer, read.reason) == (f"/payload/{field.name}", "wrong_type")


def test_to_become_required_breaks_apps() -> None:
    assert list(BooleanField(name="new", required=True).breaks(NEW)) == ["became required"]
    assert list(NEW.breaks(BooleanField(name="new", required=True))) == []
