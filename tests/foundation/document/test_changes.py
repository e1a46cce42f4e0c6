"""What the log says of a change: places, with the old and the new."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.document.changes import MAX_CHANGES, changes_between

PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
DOCUMENT = st.recursive(
    PLAIN, lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=5), part), max_leaves=20
)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [{"pointer": "/a", "old": 1, "new": 2}]),
        ({"a": 1}, {}, [{"pointer": "/a", "old": 1}]),
        ({}, {"a": None}, [{"pointer": "/a", "new": None}]),
        ({"a": {"b/c": [1]}}, {"a": {"b/c": [1, 2]}}, [{"pointer": "/a/b~1c", "old": [1], "new": [1, 2]}]),
        ({"t": "x" * 300}, {"t": ""}, [{"pointer": "/t", "old": "x" * 200 + "…", "new": ""}]),
    ],
)
def test_each_place_is_told_with_what_stood_there(old: Any, new: Any, told: list[Any]) -> None:
    assert changes_between(old, new) == {"changes": told}


def test_beyond_a_number_of_places_the_rest_is_counted() -> None:
    told = changes_between({}, {str(n): n for n in range(MAX_CHANGES + 7)})

    assert (len(told["changes"]), told["more"]) == (MAX_CHANGES, 7)


@given(DOCUMENT, DOCUMENT)
def test_nothing_is_told_of_what_is_equal_and_something_of_what_is_not(old: Any, new: Any) -> None:
    assert changes_between(old, old) == {"changes": []}
    assert bool(changes_between(old, new)["changes"]) == (old != new)
