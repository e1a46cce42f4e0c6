"""When two texts of a file are the same answer: no reader sees their difference."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field


def compared(text: str) -> str:
    """A text as it is compared: without white space at its ends, in the Unicode form NFC.

    >>> compared("cafe\\u0301 ") == compared("caf\\u00e9"), compared("Yes") == compared("yes")
    (True, False)
    """
    return unicodedata.normalize("NFC", text.strip())


@dataclass(slots=True)
class Spellings:
    """The texts of a column: each stands for all that compare equal, written as the first of them was read."""

    _first: dict[str, str] = field(default_factory=dict)
    _known: dict[str, str] = field(default_factory=dict)

    def of(self, text: str) -> str:
        """The text as it was read first; empty for one of blanks alone."""
        known = self._known.get(text)
        if known is None:
            same = compared(text)
            known = self._known[text] = self._first.setdefault(same, text) if same else ""
        return known

    @property
    def merged(self) -> int:
        """How many spellings stand for one that was read before."""
        return sum(first != text for text, first in self._known.items() if first)


def told_of(merged: int) -> str:
    """What to say where spellings were taken for one another."""
    form = "spelling differs" if merged == 1 else "spellings differ"
    return f"{merged} {form} from another in blanks at its ends or its Unicode form alone, and counts as the same"
