"""The sides of a version in figures: rows and groups, and what has to be said of a side that holds nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SideFigure:
    """What one side holds. `share` is what the split asks for, in [0, 1]; `groups`: what stays together counts once."""

    side: str
    share: float
    rows: int
    groups: int

    @property
    def is_asked_for(self) -> bool:
        return self.share > 0


def warnings_of(figures: Sequence[SideFigure]) -> tuple[str, ...]:
    """A sentence for each side that the split asks for and that holds no row; none where there are no rows at all.

    >>> warnings_of([SideFigure("train", 0.5, 800, 1), SideFigure("test", 0.5, 0, 0)])
    ('test is empty: the split asks for 0.5 of the rows, and all 800 rows are 1 group, which stays on one side',)
    """
    rows, groups = sum(figure.rows for figure in figures), sum(figure.groups for figure in figures)
    if not rows:
        return ()
    kept = "1 group, which stays on one side" if groups == 1 else f"{groups} groups, each of which stays on one side"
    return tuple(
        f"{figure.side} is empty: the split asks for {figure.share:g} of the rows, and all {rows} rows are {kept}"
        for figure in figures
        if figure.is_asked_for and not figure.rows
    )
