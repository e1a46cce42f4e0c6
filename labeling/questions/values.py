"""Values of answers: what a kind says of them is its own matter; here is what all values can be asked."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable
from typing import Any, TypeAlias

Value: TypeAlias = Hashable
"""One answer in the canonical form of its kind: equal ones are equal, and JSON can write it."""
Held: TypeAlias = Any
"""What an answer is stored as: a value, or the regions of a control that is not measured."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LARGEST_WHOLE_FLOAT = 2**53


def number_in(text: str) -> float | None:
    """The finite number that a text writes out in ASCII digits, or None.

    >>> number_in(" -1.5e1 "), number_in("nan"), number_in("1_0"), number_in("1e999")
    (-15.0, None, None, None)
    """
    stripped = text.strip()
    if not _NUMBER.fullmatch(stripped):
        return None
    number = float(stripped)
    return number if math.isfinite(number) else None


def as_float(value: Value) -> float:
    """The number that a value is, or that it writes out.

    Raises:
        ValueError, TypeError: it is none; methods that calculate are for questions whose values are numbers.
    """
    if not isinstance(value, str | int | float):
        raise TypeError("only texts and numbers are numbers")
    return float(value)


def key_of(value: Value) -> str:
    """The stable text of a value: equal values have equal keys, and a key is a category wherever answers are counted.

    >>> key_of("positive"), key_of(4), key_of(3.0), key_of(-0.0), key_of(0.1)
    ('positive', '4', '3', '0', '0.1')
    """
    if isinstance(value, float):
        is_whole = value.is_integer() and abs(value) <= _LARGEST_WHOLE_FLOAT
        return str(int(value)) if is_whole else repr(value)
    return str(value)
