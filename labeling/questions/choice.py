"""One of a list of choices."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from foundation.errors import Fault
from labeling.questions.levels import Level
from labeling.questions.question import Break, Question, Tag, lost_values
from labeling.questions.values import Value, number_in

SINGLE: Final = frozenset({"single", "single-radio"})


@dataclass(frozen=True, slots=True)
class ChoiceQuestion(Question):
    """`choices` holds the values as Label Studio stores them, but in the Unicode form NFC, in the order of the configuration."""

    kind: ClassVar[str] = "choice"
    tag: ClassVar[str] = "Choices"
    region: ClassVar[str] = "choices"
    has_means: ClassVar[bool] = False
    """Not even where all choices are numbers: a mean would be none of them."""

    choices: tuple[str, ...] = ()

    @classmethod
    def of_tag(cls, tag: Tag) -> ChoiceQuestion | list[Fault] | None:
        cardinality = tag.attribute("choice") or "single"
        if cardinality not in SINGLE | {"multiple"}:
            return [tag.fault("not_in_list", "choice is single, single-radio or multiple")]
        if cardinality == "multiple" or tag.attribute("allowNested") == "true" or tag.field is not None:
            return None
        values = tag.values()
        if not values:
            return [tag.fault("missing_field", "at least one Choice is needed")]
        if not all(values):
            return [tag.fault("missing_field", "each Choice needs a value")]
        if len(set(values)) < len(values):
            return [tag.fault("duplicate", "the values (or aliases) of its choices differ from each other")]
        return cls(tag.attribute("name"), tag.attribute("toName").strip(), choices=tuple(values))

    def read(self, raw: object, pointer: str = "") -> str | Fault:
        if not isinstance(raw, str):
            return Fault(pointer, "wrong_type", "a choice is a text")
        composed = unicodedata.normalize("NFC", raw)
        if composed not in self.choices:
            return Fault(pointer, "not_in_list", f"not one of the {len(self.choices)} choices of the question")
        return composed

    def read_region(self, raw: Any, pointer: str) -> str | Fault:
        if not isinstance(raw, list):
            return Fault(pointer, "wrong_type", "choices is a list")
        if len(raw) != 1:
            return Fault(pointer, "out_of_range", "exactly one choice is allowed")
        return self.read(raw[0], f"{pointer}/0")

    def as_region(self, value: Value) -> list[Value]:
        return [value]

    @property
    def is_numeric(self) -> bool:
        return all(number_in(choice) is not None for choice in self.choices)

    @property
    def order(self) -> tuple[str, ...]:
        """As numbers where all are numbers, else as the configuration lists them."""
        return tuple(sorted(self.choices, key=float)) if self.is_numeric else self.choices

    def levels(self) -> tuple[Level, ...]:
        """Texts have no distances: interval and ratio are for choices that are all numbers, a ratio for none below zero."""
        if not self.is_numeric:
            return (Level.NOMINAL, Level.ORDINAL)
        return tuple(Level) if float(self.order[0]) >= 0 else (Level.NOMINAL, Level.ORDINAL, Level.INTERVAL)

    def narrows(self, was: Self) -> Iterator[Break]:
        yield from lost_values(self.name, was.choices, self.choices)
