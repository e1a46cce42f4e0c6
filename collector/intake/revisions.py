"""Which revision a signal is read by where its app names none: the newest that accepts it.

An app in the field may be years old, and so may its revision. All revisions are asked at once: a set of them is a whole
number whose bits stand for revisions, and each field of a payload leaves those that take it. So a bad signal costs the
same whether a project was revised three times or three hundred.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from collector.fields.kind import Field
from collector.intake.payload import accepts
from collector.project_file import ProjectFile

LOOK_BACK = 256
"""So many revisions are asked; an older one has to be named by the app."""
MOST_RULES = 16
"""So many different rules of one field are tried, those of the newest revisions first."""


@dataclass(frozen=True)
class History:
    """What the newest revisions take.

    Attributes:
        first: the number of the oldest of them, for which the lowest bit stands.
        all: every revision; dropping: those that drop fields they do not know.
        declared, required: by field, the revisions that do so.
        rules: by field, its different rules, the newest first, each with the revisions that have it.
    """

    first: int
    all: int
    dropping: int = 0
    declared: Mapping[str, int] = field(default_factory=dict)
    required: Mapping[str, int] = field(default_factory=dict)
    rules: Mapping[str, Sequence[tuple[Field, int]]] = field(default_factory=dict)

    def newest_accepting(self, payload: Mapping[str, Any]) -> int | None:
        """The number of the newest revision that takes a payload; None where none does."""
        left = self.all
        for name, by in self.required.items():
            if payload.get(name) is None:
                left &= ~by
        for name, value in payload.items():
            if not left:
                return None
            left &= self._taking(name, value)
        return self.first + left.bit_length() - 1 if left else None

    def _taking(self, name: str, value: Any) -> int:
        declaring = self.declared.get(name, 0)
        taking = self.dropping & ~declaring
        if value is None:
            return taking | declaring
        for rule, by in self.rules.get(name, ()):
            if accepts(rule, value):
                taking |= by
        return taking


def history_of(files: Sequence[ProjectFile], *, newest: int) -> History:
    """The history of revisions given oldest first; `newest` is the number of the last."""
    dropping = 0
    declared: dict[str, int] = {}
    required: dict[str, int] = {}
    rules: dict[str, dict[Field, int]] = {}
    for place in reversed(range(len(files))):
        file, bit = files[place], 1 << place
        dropping |= bit if file.drop_unknown else 0
        for one in file.fields:
            declared[one.name] = declared.get(one.name, 0) | bit
            if one.required:
                required[one.name] = required.get(one.name, 0) | bit
            known, reads = rules.setdefault(one.name, {}), one.as_read()
            if reads in known or len(known) < MOST_RULES:
                known[reads] = known.get(reads, 0) | bit
    first = newest - len(files) + 1
    listed = {name: tuple(of_field.items()) for name, of_field in rules.items()}
    return History(first, (1 << len(files)) - 1, dropping, declared, required, listed)
