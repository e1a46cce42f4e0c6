"""Texts."""

from __future__ import annotations

from typing import Any

import pytest

from collector.fields.kind import Pii
from collector.fields.text import TextField
from foundation.errors import Fault

NOTE = TextField(name="note", max_chars=3)


@pytest.mark.parametrize(
    ("value", "read"), [("", ""), ("abc", "abc"), ("a\u0301", "\u00e1"), ("\U0001f600" * 3, "\U0001f600" * 3)]
)  # fmt: skip
def test_it_is_kept_in_nfc(value: str, read: str) -> None:
    assert NOTE.read(value) == read


@pytest.mark.parametrize(
    ("value", "reason"), [("abcd", "too_long"), ("a\0", "nul_character"), (3, "wrong_type"), (["a"], "wrong_type"), (True, "wrong_type")]
)  # fmt: skip
def test_anything_else_is_refused(value: Any, reason: str) -> None:
    read = NOTE.read(value)

    assert isinstance(read, Fault)
    assert (read.pointer, read.reason) == ("/payload/note", reason)


def test_fewer_characters_break_apps_and_more_do_not() -> None:
    longer, shorter = TextField(name="note", max_chars=4), TextField(name="note", max_chars=2)

    assert list(shorter.breaks(NOTE)) == ["takes a narrower range"]
    assert list(longer.breaks(NOTE)) == []


def test_how_personal_or_similar_it_is_does_not_decide_what_is_taken() -> None:
    other = TextField(name="note", max_chars=3, pii=Pii.SCRUB, required=True, near_duplicates=0.8)

    assert other.as_read() == NOTE.as_read()
