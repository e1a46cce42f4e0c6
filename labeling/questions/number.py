"""A finite number, within bounds where the tag has some."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from foundation.errors import Fault
from labeling.questions.levels import Level, Method
from labeling.questions.question import Break, BreakReason, Question, Tag
from labeling.questions.values import Value, key_of, number_in


@dataclass(frozen=True, slots=True)
class NumericQuestion(Question):
    """A question whose values are numbers; both bounds are inclusive, None is no bound."""

    has_means: ClassVar[bool] = True

    minimum: float | None = None
    maximum: float | None = None

    def read(self, raw: object, pointer: str = "") -> Value | Fault:
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            return Fault(pointer, "wrong_type", f"a {self.kind} is a number")
        # Compared as it came: a whole number of any size compares exactly, and may be too large to become a float.
        is_within = (self.minimum is None or raw >= self.minimum) and (self.maximum is None or raw <= self.maximum)
        if not is_within or not _is_finite(raw):
            return Fault(pointer, "out_of_range", f"a {self.kind} here is {self._range()}")
        return float(raw) + 0.0  # turns -0.0 into 0.0

    @property
    def is_numeric(self) -> bool:
        return True

    def levels(self) -> tuple[Level, ...]:
        """A ratio needs a true zero: it is refused where values below zero are allowed on purpose."""
        if self.minimum is not None and self.minimum < 0:
            return (Level.NOMINAL, Level.ORDINAL, Level.INTERVAL)
        return tuple(Level)

    def narrows(self, was: Self) -> Iterator[Break]:
        raised = self.minimum is not None and (was.minimum is None or self.minimum > was.minimum)
        lowered = self.maximum is not None and (was.maximum is None or self.maximum < was.maximum)
        if raised or lowered:
            detail = f"the question '{self.name}' would allow fewer values than before"
            yield Break(BreakReason.RANGE_NARROWED, detail, question=self.name)

    def _range(self) -> str:
        bounds = [
            f"at least {key_of(self.minimum)}" if self.minimum is not None else "",
            f"at most {key_of(self.maximum)}" if self.maximum is not None else "",
        ]
        return " and ".join(bound for bound in bounds if bound) or "a finite number"


@dataclass(frozen=True, slots=True)
class NumberQuestion(NumericQuestion):
    kind: ClassVar[str] = "number"
    tag: ClassVar[str] = "Number"
    region: ClassVar[str] = "number"
    default_level: ClassVar[Level] = Level.INTERVAL
    auto: ClassVar[Method] = Method.MEAN
    """On numbers a majority is mostly a tie of single votes."""
    has_list: ClassVar[bool] = False

    @classmethod
    def of_tag(cls, tag: Tag) -> NumberQuestion | list[Fault]:
        bounds: dict[str, float | None] = {}
        for bound in ("min", "max"):
            written = tag.attribute(bound)
            bounds[bound] = number_in(written) if written else None
            if written and bounds[bound] is None:
                return [tag.fault("wrong_type", f"{bound} is a number")]
        smallest, largest = bounds["min"], bounds["max"]
        if smallest is not None and largest is not None and smallest > largest:
            return [tag.fault("out_of_range", "min is not larger than max")]
        return cls(tag.attribute("name"), tag.attribute("toName").strip(), smallest, largest)


def _is_finite(raw: float) -> bool:
    try:
        return math.isfinite(raw)
    except OverflowError:
        return False
