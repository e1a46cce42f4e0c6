"""A number within bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from collector.fields.kind import INT64, PLAIN_PII, REQUIRED, Field
from foundation.document.definitions import Definition, Number, Reader, Text
from foundation.errors import Fault


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberField(Field):
    kind = "number"
    keys: ClassVar[Mapping[str, Definition]] = {
        "required": REQUIRED,
        "pii": PLAIN_PII,
        "minimum": Number("The smallest number that is taken."),
        "maximum": Number("The largest number that is taken."),
        "unit": Text("What the number counts, such as EUR or m/s2; it goes into schema and card."),
    }

    minimum: float | None = None
    maximum: float | None = None
    unit: str | None = None

    def checked(self, reader: Reader, at: str) -> Self:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            reader.fault(f"{at}/minimum", "out_of_range", "must not be above maximum")
        return self

    def as_read(self) -> Self:
        return replace(Field.as_read(self), unit=None)

    def read(self, value: Any) -> float | Fault:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self.fault("wrong_type", "must be a number")
        try:
            return self.within_bounds(value if abs(value) < INT64 else float(value))
        except OverflowError:
            return self.fault("out_of_range", "must be a number that fits into 64 bits")

    def read_column(self, values: Sequence[Any]) -> Sequence[float | Fault]:
        """The smallest and the largest speak for all of them."""
        if set(map(type, values)) <= {int, float}:
            least, most = min(values), max(values)
            if (
                least > -INT64
                and most < INT64
                and least == self.within_bounds(least)
                and most == self.within_bounds(most)
            ):
                return values
        return Field.read_column(self, values)

    def within_bounds(self, value: float) -> float | Fault:
        if self.minimum is not None and value < self.minimum:
            return self.fault("out_of_range", f"must be at least {self.minimum:g}")
        if self.maximum is not None and value > self.maximum:
            return self.fault("out_of_range", f"must be at most {self.maximum:g}")
        return value

    def narrows(self, was: Self) -> Iterator[str]:
        is_higher = self.minimum is not None and (was.minimum is None or self.minimum > was.minimum)
        is_lower = self.maximum is not None and (was.maximum is None or self.maximum < was.maximum)
        if is_higher or is_lower:
            yield "takes a narrower range"
