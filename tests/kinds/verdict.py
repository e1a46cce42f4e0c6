"""A question kind: yes, no or unsure, where being unsure is an answer of its own and no vote for either."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from foundation.errors import Fault
from labeling.questions.question import Question, Tag


class Verdict(StrEnum):
    YES = "yes"
    NO = "no"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class VerdictQuestion(Question):
    kind: ClassVar[str] = "verdict"
    tag: ClassVar[str] = "Choices"
    region: ClassVar[str] = "choices"

    @classmethod
    def of_tag(cls, tag: Tag) -> VerdictQuestion | None:
        if sorted(tag.values()) != sorted(Verdict):
            return None
        return cls(tag.attribute("name"), tag.attribute("toName").strip())

    def read(self, raw: object, pointer: str = "") -> Verdict | Fault:
        if raw not in list(Verdict):
            return Fault(pointer, "not_in_list", "must be yes, no or unsure")
        return Verdict(str(raw))

    def read_region(self, raw: Any, pointer: str) -> Verdict | Fault:
        one = raw[0] if isinstance(raw, list) and len(raw) == 1 else None
        return self.read(one, f"{pointer}/0")

    def of_stored(self, stored: Any) -> Verdict:
        return Verdict(stored)

    @property
    def choices(self) -> tuple[str, ...]:
        return tuple(one.value for one in Verdict)
