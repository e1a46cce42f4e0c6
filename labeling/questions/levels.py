"""Levels of measurement and methods of consensus, whatever kind a question is of."""

from __future__ import annotations

from enum import StrEnum

from foundation.errors import UsageError


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


NUMERIC_LEVELS = frozenset({Level.INTERVAL, Level.RATIO})
ACCURACY_MODELS = frozenset({Method.ONE_COIN, Method.DAWID_SKENE})
"""Methods that learn how accurate each annotator is. They need a finite list of values."""
NOT_IN_ORDER = "it does not stand in the given order"
NEEDS_ORDER = "the level ordinal needs finite numbers, or the order of the values, as in --order low,middle,high"


class ValueDoesNotFit(UsageError):
    """A value, as it was given, does not fit the level of measurement or the method."""

    title = "A value does not fit the level of measurement"

    def __init__(self, detail: str, *, value: str) -> None:
        super().__init__(detail)
        self.value = value
