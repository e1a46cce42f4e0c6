"""What every kind of question is: the tag that asks it, how an answer is read and written, what may be said of the values.

A kind is one module of this folder with one class, and one row in `registry.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Protocol, Self

from foundation.errors import Fault
from labeling.questions.levels import ACCURACY_MODELS, NUMERIC_LEVELS, Level, Method
from labeling.questions.values import Value


class Tag(Protocol):
    """A control tag of a labeling configuration."""

    @property
    def place(self) -> str:
        """Which of its kind it is, in words."""

    def attribute(self, name: str) -> str:
        """The attribute as it is written; empty where there is none."""

    @property
    def field(self) -> str | None:
        """The project's field that its own `value` shows; None where it shows none."""

    def values(self) -> list[str]:
        """The values of its choices or labels as Label Studio stores them, in NFC."""

    def fault(self, reason: str, detail: str) -> Fault:
        """What is wrong with the tag."""


class BreakReason(StrEnum):
    """Why a change of the configuration does not fit the answers and tasks that exist."""

    CONTROL_REMOVED = "control_removed"
    CHOICE_REMOVED = "choice_removed"
    KIND_CHANGED = "kind_changed"
    OBJECT_CHANGED = "object_changed"
    RANGE_NARROWED = "range_narrowed"
    FIELD_ADDED = "field_added"


@dataclass(frozen=True, slots=True)
class Break:
    """One thing that a change would break. `question` is None for a field; `value` is the lost choice or new field."""

    reason: BreakReason
    detail: str
    question: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Question(ABC):
    """A measured control tag; each kind is a class of its own, whose further attributes are what its tag allows.

    Attributes:
        kind: the word for it, in answers of the API and in versions.
        tag: the control tag that asks it.
        region: the type of the region that Label Studio writes, which is also the member that holds the answer.
        default_level: the level of measurement that holds where the project file names none.
        auto: the method of consensus where a project leaves it to us and nobody knows the right answers.
        has_list: whether its values are a finite list.
        has_means: whether a value that lies between two others may be the agreed one.
    """

    kind: ClassVar[str]
    tag: ClassVar[str]
    region: ClassVar[str]
    default_level: ClassVar[Level] = Level.NOMINAL
    auto: ClassVar[Method] = Method.MAJORITY
    has_list: ClassVar[bool] = True
    has_means: ClassVar[bool] = False

    name: str
    to_name: str

    @classmethod
    @abstractmethod
    def of_tag(cls, tag: Tag) -> Question | list[Fault] | None:
        """The question that a tag of this name asks, or what is wrong with it; None where it asks something else."""

    @abstractmethod
    def read(self, raw: object, pointer: str = "") -> Value | Fault:
        """The value that a JSON value is, or the fault that says what the question allows."""

    def read_region(self, raw: Any, pointer: str) -> Value | Fault:
        """The value in what Label Studio wrote under `region`."""
        return self.read(raw, pointer)

    def as_region(self, value: Value) -> Any:
        """A value as Label Studio writes it under `region`."""
        return value

    def of_stored(self, stored: Any) -> Value:
        """The value that came back from where it was stored as JSON."""
        value: Value = stored
        return value

    @property
    def choices(self) -> tuple[str, ...]:
        """The values in the order of the configuration, where it lists them."""
        return ()

    @property
    def order(self) -> tuple[str, ...]:
        """The listed values from smallest to largest."""
        return self.choices

    @property
    def is_numeric(self) -> bool:
        """Whether every value it allows is a number."""
        return False

    def levels(self) -> tuple[Level, ...]:
        """The levels it may be measured at."""
        return (Level.NOMINAL,)

    def methods(self, level: Level) -> tuple[Method, ...]:
        """The methods of consensus it allows at a level.

        A median needs an order, a mean distances; models of annotators' accuracy need a finite list of values.
        """
        allowed = {Method.AUTO, Method.MAJORITY}
        if self.has_list:
            allowed |= ACCURACY_MODELS
        if level is not Level.NOMINAL:
            allowed.add(Method.MEDIAN)
        if level in NUMERIC_LEVELS and self.has_means:
            allowed.add(Method.MEAN)
        return tuple(method for method in Method if method in allowed)

    def narrows(self, was: Self) -> Iterator[Break]:  # noqa: ARG002
        """Which answers that were given to it as it was it would not take now; the same kind on both sides."""
        yield from ()


def lost_values(name: str, before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[Break]:
    """A break for each listed value that is not there any more."""
    for value in before:
        if value not in after:
            yield Break(
                BreakReason.CHOICE_REMOVED,
                f"the question '{name}' would lose the choice '{value}'",
                question=name,
                value=value,
            )
