"""What the demo found, row by row, and what of it did not hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    name: str
    value: str


@dataclass
class Findings:
    """Rows for the reader, in sections, and the expectations that failed; the demo is well when there are none."""

    sections: list[list[Row]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def section(self) -> None:
        self.sections.append([])

    def tell(self, name: str, value: str) -> None:
        self.sections[-1].append(Row(name, value))

    def expect(self, what: str, found: object, wanted: object) -> None:
        """Notes a failure where the two differ."""
        if found != wanted:
            self.failures.append(f"{what}: found {found}, expected {wanted}")


def counted(counts: Mapping[str, int]) -> str:
    """Counts in words, the largest first.

    >>> counted({"b": 1, "a": 1200})
    '1,200 a, 1 b'
    """
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{n:,} {name}" for name, n in ordered if n) or "none"
