"""What a JSON text weighs as objects: never less than it is, and nothing for what stands in texts."""

from __future__ import annotations

import json
import sys
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import TooLarge
from foundation.json_weight import LIGHT_BYTES, count_elements, refuse_heavy, utf8_fault, weigh

PLENTY = 10**9
SCALARS = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=40)
SEPARATORS = ((",", ":"), (", ", ": "))


def bytes_of(value: Any) -> int:
    """What a value takes in memory, each object counted as often as it stands there."""
    inner: list[Any] = []
    if isinstance(value, list):
        inner = value
    elif isinstance(value, dict):
        inner = [*value, *value.values()]
    return sys.getsizeof(value) + sum(map(bytes_of, inner))


class TestWeigh:
    @given(value=st.lists(VALUES) | st.dictionaries(st.text(), VALUES), separators=st.sampled_from(SEPARATORS))
    def test_it_is_never_less_than_what_the_objects_take(self, value: Any, separators: tuple[str, str]) -> None:
        for is_ascii in (True, False):
            text = json.dumps(value, separators=separators, ensure_ascii=is_ascii).encode()

            assert weigh(text, up_to=PLENTY) + len(text) >= bytes_of(json.loads(text))

    @pytest.mark.parametrize(
        "piece", [b"[],", b"[1.5],", b'{"":1},', b'{"a":{}},', b'"ab",', b"1.5,", b'{"":{"":{"":{}}}},']
    )
    def test_so_it_is_for_the_shortest_there_are(self, piece: bytes) -> None:
        text = b"[" + piece * 1_000 + b"0]"

        assert bytes_of(orjson.loads(text)) <= weigh(text, up_to=PLENTY) + len(text) <= 6 * bytes_of(orjson.loads(text))

    @pytest.mark.parametrize("text", [b",[{:", b'\\"[,', b"\\\\", b'\\\\\\",'])
    def test_what_stands_in_a_text_counts_for_nothing(self, text: bytes) -> None:
        short, long = b'{"t":"x"}', b'{"t":"' + text * 100_000 + b'"}'

        assert weigh(long, up_to=1_000) == weigh(short, up_to=1_000)

    def test_more_than_asked_for_is_not_counted_to_its_end(self) -> None:
        assert 1_000 < weigh(b"[" * 10_000_000, up_to=1_000) < 2_000

    @pytest.mark.parametrize(("letter", "widened"), [("e", 0), ("é", 0), ("ж", 1), ("😀", 3)])
    def test_a_wide_letter_widens_all(self, letter: str, widened: int) -> None:
        text = f'"{letter}{"x" * 1_000}"'.encode()

        assert weigh(text, up_to=PLENTY) == 64 + widened * len(text)


class TestRefuse:
    def test_a_heavy_text_is_refused_and_a_long_one_is_not(self) -> None:
        with pytest.raises(TooLarge) as refused:
            refuse_heavy(b"[" + b"1," * 500_000 + b"1]")
        refuse_heavy(b'["' + b"1," * 5_000_000 + b'"]')

        assert refused.value.facts == {"reason": "too_many_values", "limit_bytes": 16_000_000}

    def test_the_shortest_of_which_nothing_is_counted_is_light(self) -> None:
        assert weigh(b'{"":' * (LIGHT_BYTES // 4), up_to=PLENTY) < 16_000_000


class TestElements:
    @given(value=st.lists(VALUES, min_size=1, max_size=30), separators=st.sampled_from(SEPARATORS))
    def test_they_are_counted_as_they_are(self, value: list[Any], separators: tuple[str, str]) -> None:
        text = json.dumps(value, separators=separators).encode()

        assert count_elements(text, up_to=30) == len(value)
        assert count_elements(text, up_to=len(value) - 1) == len(value)


class TestUtf8:
    @given(st.binary(max_size=50) | st.text(max_size=50).map(str.encode))
    def test_it_is_what_decoding_says(self, text: bytes) -> None:
        for filling in (b"", b"x" * 65_530):
            assert utf8_fault(filling + text) == why_not(filling + text)


def why_not(text: bytes) -> str | None:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error.reason
    return None
