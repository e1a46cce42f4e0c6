"""One of a few listed texts."""

from __future__ import annotations

from typing import Any

import pytest

from collector.fields.category import CategoryField
from foundation.document.definitions import Reader
from foundation.errors import Fault

STORE = CategoryField(name="store", values=("caf\u00e9", "fuel"))


@pytest.mark.parametrize("value", ["caf\u00e9", "cafe\u0301"])
def test_either_unicode_form_of_a_listed_text_is_the_listed_one(value: str) -> None:
    assert STORE.read(value) == "caf\u00e9"


@pytest.mark.parametrize(("value", "reason"), [("food", "not_in_list"), ("Fuel", "not_in_list"), (1, "wrong_type"), (["fuel"], "wrong_type")])  # fmt: skip
def test_anything_else_is_refused(value: Any, reason: str) -> None:
    read = STORE.read(value)

    assert isinstance(read, Fault)
    assert (read.pointer, read.reason) == ("/payload/store", reason)


def test_a_value_that_is_gone_breaks_apps_and_a_new_one_does_not() -> None:
    assert list(CategoryField(name="store", values=("fuel",)).breaks(STORE)) == ["no longer takes caf\u00e9"]
    assert list(CategoryField(name="store", values=("fuel", "food", "caf\u00e9")).breaks(STORE)) == []


def test_its_values_are_kept_in_nfc_and_one_in_two_forms_is_a_mistake() -> None:
    reader = Reader()

    field = CategoryField(name="store", values=("cafe\u0301", "caf\u00e9")).checked(reader, "/fields/store")

    assert field.values == ("caf\u00e9",)
    assert [fault.pointer for fault in reader.faults] == ["/fields/store/values"]
