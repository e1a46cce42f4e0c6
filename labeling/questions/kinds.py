"""What can be asked: kinds of questions, levels of measurement, methods of consensus, and which of them go together."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from foundation.errors import Fault, UsageError

Value: TypeAlias = str | int | float
"""One answer in its canonical form: text for a choice, a whole number for a rating, a float for a number."""
Held: TypeAlias = str | int | float | list[Any]
"""What an answer is stored as: a value in its canonical form, or the regions of a control that is not measured."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LARGEST_WHOLE_FLOAT = 2**53


class QuestionKind(StrEnum):
    """What a measured control tag asks for."""

    CHOICE = "choice"
    RATING = "rating"
    NUMBER = "number"


class Level(StrEnum):
    """Level of measurement: what may be said about two values (same or not, order, difference, ratio)."""

    NOMINAL = "nominal"
    ORDINAL = "ordinal"
    INTERVAL = "interval"
    RATIO = "ratio"


class Method(StrEnum):
    """How many answers become one."""

    AUTO = "auto"
    MAJORITY = "majority"
    ONE_COIN = "one-coin"
    DAWID_SKENE = "dawid-skene"
    MEAN = "mean"
    MEDIAN = "median"


DEFAULT_LEVEL = {
    QuestionKind.CHOICE: Level.NOMINAL,
    QuestionKind.RATING: Level.ORDINAL,
    QuestionKind.NUMBER: Level.INTERVAL,
}
NUMERIC_LEVELS = frozenset({Level.INTERVAL, Level.RATIO})
ACCURACY_MODELS = frozenset({Method.ONE_COIN, Method.DAWID_SKENE})
"""Methods that learn how accurate each annotator is. They need a finite list of values."""


@dataclass(frozen=True, slots=True)
class Question:
    """A measured control tag.

    `choices` holds the values of a choice as Label Studio stores them, but in the Unicode form NFC, in the order of the configuration; empty for
    other kinds. `minimum` and `maximum` bound a rating (1 to maxRating) or a number (None: no bound); both inclusive.
    """

    name: str
    kind: QuestionKind
    to_name: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    @property
    def is_numeric(self) -> bool:
        """Whether every value it allows is a number."""
        return self.kind is not QuestionKind.CHOICE or all(number_in(choice) is not None for choice in self.choices)

    @property
    def order(self) -> tuple[str, ...]:
        """The choices from smallest to largest: as numbers where all are numbers, else as the configuration lists them."""
        return tuple(sorted(self.choices, key=float)) if self.is_numeric else self.choices


NOT_IN_ORDER = "it does not stand in the given order"
NEEDS_ORDER = "the level ordinal needs finite numbers, or the order of the values, as in --order low,middle,high"


class ValueDoesNotFit(UsageError):
    """A value, as it was given, does not fit the level of measurement or the method."""

    title = "A value does not fit the level of measurement"

    def __init__(self, detail: str, *, value: str) -> None:
        super().__init__(detail)
        self.value = value


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


def key_of(value: Value) -> str:
    """The stable text of a value: equal values have equal keys, and a key is a category wherever answers are counted.

    >>> key_of("positive"), key_of(4), key_of(3.0), key_of(-0.0), key_of(0.1)
    ('positive', '4', '3', '0', '0.1')
    """
    if isinstance(value, float):
        is_whole = value.is_integer() and abs(value) <= _LARGEST_WHOLE_FLOAT
        return str(int(value)) if is_whole else repr(value)
    return str(value)


def read_value(question: Question, raw: object, pointer: str = "") -> Value | Fault:
    """The canonical form of a JSON value, or the fault that says what the question allows."""
    if question.kind is QuestionKind.CHOICE:
        if not isinstance(raw, str):
            return Fault(pointer, "wrong_type", "a choice is a text")
        composed = unicodedata.normalize("NFC", raw)
        if composed not in question.choices:
            return Fault(pointer, "not_in_list", f"not one of the {len(question.choices)} choices of the question")
        return composed
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return Fault(pointer, "wrong_type", f"a {question.kind} is a number")
    return _read_number(question, raw, pointer)


def _read_number(question: Question, raw: float, pointer: str) -> Value | Fault:
    # Compared as it came: a whole number of any size compares exactly, and may be too large to become a float.
    is_within = (question.minimum is None or raw >= question.minimum) and (
        question.maximum is None or raw <= question.maximum
    )
    if not is_within or not _is_finite(raw):
        return Fault(pointer, "out_of_range", f"a {question.kind} here is {_range_of(question)}")
    if question.kind is QuestionKind.NUMBER:
        return float(raw) + 0.0  # turns -0.0 into 0.0
    if raw != int(raw):
        return Fault(pointer, "wrong_type", "a rating is a whole number")
    return int(raw)


def _is_finite(raw: float) -> bool:
    try:
        return math.isfinite(raw)
    except OverflowError:
        return False


def _range_of(question: Question) -> str:
    bounds = [
        f"at least {key_of(question.minimum)}" if question.minimum is not None else "",
        f"at most {key_of(question.maximum)}" if question.maximum is not None else "",
    ]
    return " and ".join(bound for bound in bounds if bound) or "a finite number"


def levels_of(question: Question) -> tuple[Level, ...]:
    """The levels a question may be measured at.

    Texts have no distances: a choice is interval or ratio only where each of its values is a number. A ratio needs a
    true zero: it is refused where values below zero are allowed on purpose.
    """
    if not question.is_numeric:
        return (Level.NOMINAL, Level.ORDINAL)
    smallest = float(question.order[0]) if question.order else question.minimum
    if smallest is not None and smallest < 0:
        return (Level.NOMINAL, Level.ORDINAL, Level.INTERVAL)
    return tuple(Level)


def methods_of(kind: QuestionKind, level: Level) -> tuple[Method, ...]:
    """The consensus methods a kind and level allow.

    A mean needs distances, a median needs an order. A choice has no mean: it would be none of the choices. One-coin and
    Dawid-Skene need a finite list of values, which a number has not.
    """
    allowed = {Method.AUTO, Method.MAJORITY}
    if kind is not QuestionKind.NUMBER:
        allowed |= ACCURACY_MODELS
    if level is not Level.NOMINAL:
        allowed.add(Method.MEDIAN)
    if level in NUMERIC_LEVELS and kind is not QuestionKind.CHOICE:
        allowed.add(Method.MEAN)
    return tuple(method for method in Method if method in allowed)
