"""A whole number within bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from collector.fields.kind import INT64, Field
from collector.fields.number import NumberField
from foundation.errors import Fault

EXACT: Final = 2**53
"""Up to it a float is the whole number that was written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IntegerField(NumberField):
    """However it is written: JSON knows one kind of number, and 3.0 and 3e0 are 3."""

    kind = "integer"

    def read_column(self, values: Sequence[Any]) -> Sequence[float | Fault]:
        read = NumberField.read_column if set(map(type, values)) == {int} else Field.read_column
        return read(self, values)

    def read(self, value: Any) -> int | float | Fault:
        if isinstance(value, float):
            if not value.is_integer():
                return self.fault("wrong_type", "must be a whole number")
            if abs(value) > EXACT:
                told = "must be written without point and exponent where it has more than 53 bits"
                return self.fault("out_of_range", told)
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            return self.fault("wrong_type", "must be a whole number")
        if not -INT64 <= value < INT64:
            return self.fault("out_of_range", "must fit into 64 bits")
        return self.within_bounds(value)
