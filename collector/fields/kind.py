"""What every kind of field is: its keys in the project file, how a value is read, what of a change breaks apps.

A kind is one module of this folder with one class, and one row in `registry.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar, Final, Self

from foundation.document.definitions import Choice, Definition, Flag, Reader
from foundation.errors import Fault

INT64: Final = 2**63


class Pii(StrEnum):
    """What happens to personal data in a field before anything is stored."""

    KEEP = "keep"
    SCRUB = "scrub"
    PSEUDONYMIZE = "pseudonymize"
    DROP = "drop"


def pii_key(*allowed: Pii, default: Pii) -> Choice:
    """The key `pii` of a kind: what may happen to personal data in its values."""
    return Choice(
        values=allowed,
        default=default,
        to_come=("scrub_names",),
        says="What happens to personal data before anything is stored: as it is, found and replaced by its type, "
        "replaced by a keyed hash, or not stored at all.",
    )


REQUIRED: Final = Flag("Whether a signal without it is refused.")
PLAIN_PII: Final = pii_key(Pii.KEEP, Pii.PSEUDONYMIZE, Pii.DROP, default=Pii.KEEP)


@dataclass(frozen=True, kw_only=True, slots=True)
class Field(ABC):
    """One declared field of a payload; each kind is a class of its own, whose further attributes are its own keys.

    Attributes:
        kind: the word for it in project files.
        keys: what a project file may say of such a field, besides `kind`.
        is_prose: whether people write it: prose is scrubbed, and makes the item where no `identity` is declared.
        unit, values: what schema and card say of it, where the kind has such.
    """

    kind: ClassVar[str]
    keys: ClassVar[Mapping[str, Definition]]
    is_prose: ClassVar[bool] = False

    name: str
    required: bool = False
    pii: Pii = Pii.KEEP

    @property
    def unit(self) -> str | None:
        return None

    @property
    def values(self) -> tuple[str, ...]:
        return ()

    @abstractmethod
    def read(self, value: Any) -> Any | Fault:
        """The value as it is stored, of any JSON value but null; or what is wrong with it."""

    def read_column(self, values: Sequence[Any]) -> Sequence[Any | Fault]:
        """`read` of each, in their order; a kind may know a way for many values that is faster than one by one."""
        return [self.read(value) for value in values]

    @property
    def is_scrubbed(self) -> bool:
        """Whether personal data is looked for in its values."""
        return self.is_prose and self.pii is Pii.SCRUB

    def as_read(self) -> Self:
        """The field without what does not decide whether a value is taken: equal ones take the same values."""
        return replace(self, required=False, pii=Pii.KEEP)

    def checked(self, reader: Reader, at: str) -> Self:  # noqa: ARG002
        """The field as it is used, after what the definitions of its keys cannot say was checked."""
        return self

    def breaks(self, was: Field) -> Iterator[str]:
        """What it takes away from apps that were built for the field as it was, in words that follow its name."""
        if was.kind != self.kind:
            yield f"changed its kind from {was.kind} to {self.kind}"
        if was.unit != self.unit:
            yield "changed its unit"
        if self.required and not was.required:
            yield "became required"
        if was.kind == self.kind:
            yield from self.narrows(was)

    def narrows(self, was: Self) -> Iterator[str]:  # noqa: ARG002
        """Which values it took as it was, and does not take now; the same kind on both sides."""
        yield from ()

    def fault(self, reason: str, detail: str) -> Fault:
        return Fault(f"/payload/{self.name}", reason, detail)
