"""Version numbers: what changed since the parent decides which of the three parts counts up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FIRST: Final = "1.0.0"
_WRITTEN: Final = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")


class Part(StrEnum):
    """MAJOR: a script may break or a comparison is void. MINOR: more rows or other labels. PATCH: fewer rows, new text."""

    MAJOR = "major"
    MINOR = "minor"
    PATCH = "patch"


@dataclass(frozen=True, slots=True)
class Change:
    """What is different from the parent.

    Args:
        columns_differ: a column, its type, its unit or its list of classes.
        added: rows the parent has not.
        revised: rows of both whose answers are others now.
        gone: rows of the parent whose item no longer may be used: erased, consent withdrawn, past its time.
        dropped: rows of the parent whose item might still be used and is left out; not those that the split can place
            on no side any more: what brought their groups together decides, be it rows added or a person who left.
        rules_differ: the rules that choose rows are others than the parent's; then `dropped` is by choice.
        held: rows of the parent that somebody took out.
        more_signals: the rows were observed more often than the parent's.
    """

    columns_differ: bool = False
    added: int = 0
    revised: int = 0
    gone: int = 0
    dropped: int = 0
    held: int = 0
    rules_differ: bool = False
    more_signals: bool = False

    @property
    def part(self) -> Part:
        """Which part of the number counts up.

        >>> Change(gone=3).part, Change(gone=3, added=1).part, Change(dropped=1, rules_differ=True).part
        (<Part.PATCH: 'patch'>, <Part.MINOR: 'minor'>, <Part.MAJOR: 'major'>)
        """
        if self.columns_differ or self.held or (self.dropped and self.rules_differ):
            return Part.MAJOR
        if self.added or self.revised or self.dropped or self.more_signals:
            return Part.MINOR
        return Part.PATCH


def next_number(parent: str | None, change: Change) -> str:
    """The number that follows the parent's; the first of a line without parent.

    >>> next_number(None, Change()), next_number("1.4.2", Change(added=1)), next_number("1.4.2", Change())
    ('1.0.0', '1.5.0', '1.4.3')

    Raises:
        ValueError: the parent is no published number.
    """
    if parent is None:
        return FIRST
    written = _WRITTEN.fullmatch(parent)
    if not written:
        raise ValueError("a parent has a published number, such as 1.4.2")
    major, minor, patch = (int(part) for part in written.groups())
    match change.part:
        case Part.MAJOR:
            return f"{major + 1}.0.0"
        case Part.MINOR:
            return f"{major}.{minor + 1}.0"
        case Part.PATCH:
            return f"{major}.{minor}.{patch + 1}"
