"""Count vectors of items and their distinct patterns: all that alpha, Fleiss' kappa and AC1 need of the annotations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quality.agreement.distances import Floats
from quality.agreement.votes_table import Codes, tally

Matrix: TypeAlias = Any  # a numpy array or a scipy sparse array: both know `@` and `.T`

# 32 MB of float64; a larger table is kept sparse.
_DENSE_CELLS = 4_000_000


@dataclass(frozen=True, slots=True)
class Patterns:
    """The distinct count vectors of items, as their cells that are not zero.

    Attributes:
        rows, columns, counts: pattern, value and how many annotations of that value, one entry for each cell.
        items: how many items carry each pattern, shape (patterns,).
        sizes: annotations of an item with this pattern, shape (patterns,).
        n_values: columns of the table.
    """

    rows: Codes
    columns: Codes
    counts: Codes
    items: Codes
    sizes: Codes
    n_values: int

    def of_size(self, smallest: int, largest: int | None = None) -> Patterns:
        """Only the patterns of items with so many annotations."""
        kept = (self.sizes >= smallest) & (
            self.sizes <= (largest if largest is not None else self.sizes.max(initial=0))
        )
        if kept.all():
            return self
        cells = kept[self.rows]
        rows = (np.cumsum(kept) - 1)[self.rows[cells]]
        return Patterns(
            rows, self.columns[cells], self.counts[cells], self.items[kept], self.sizes[kept], self.n_values
        )

    def marginals(self) -> Codes:
        """Annotations of each value over all items, shape (n_values,)."""
        weights = self.counts * self.items[self.rows]
        return np.bincount(self.columns, weights=weights, minlength=self.n_values).astype(np.int64)

    def sums(self, cells: npt.NDArray[Any]) -> Floats:
        """One figure for each pattern: the sum of its cells' figures."""
        return np.bincount(self.rows, weights=cells, minlength=len(self.items)).astype(np.float64, copy=False)

    def table(self) -> Matrix:
        """The counts as a matrix, shape (patterns, n_values); sparse where a full one would not fit."""
        shape = (len(self.items), self.n_values)
        if shape[0] * shape[1] > _DENSE_CELLS:
            from scipy.sparse import csr_array  # type: ignore[import-untyped, unused-ignore]

            return csr_array((self.counts.astype(np.float64), (self.rows, self.columns)), shape=shape)
        table = np.zeros(shape)
        table[self.rows, self.columns] = self.counts
        return table


def patterns_of(items: Codes, values: Codes, n_values: int) -> Patterns:
    """The distinct count vectors of the items, in an order that does not depend on the order of annotations.

    Args:
        items: item of each annotation; every code from 0 to the largest occurs.
        values: its value, 0 <= code < n_values.

    >>> found = patterns_of(np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 0, 1]), 2)
    >>> sorted(zip(found.items.tolist(), found.sizes.tolist()))
    [(1, 1), (2, 2)]
    """
    if not len(items):
        return Patterns(items, items, items, items, items, n_values)
    cells, counts = tally(items * n_values + values)
    rows, columns = np.divmod(cells, n_values)
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    first, n_items = _first_of_each(_fingerprints(columns, counts, starts, n_values))
    pattern_of_item = np.full(len(starts), -1, dtype=np.int64)
    pattern_of_item[first] = np.arange(len(first))
    pattern_of_cell = pattern_of_item[rows]
    kept = np.flatnonzero(pattern_of_cell >= 0)
    kept = kept[np.argsort(pattern_of_cell[kept], kind="stable")]
    sizes = np.add.reduceat(counts, starts)[first]
    return Patterns(pattern_of_cell[kept], columns[kept], counts[kept], n_items, sizes, n_values)


def _fingerprints(columns: Codes, counts: Codes, starts: Codes, n_values: int) -> npt.NDArray[np.uint64]:
    """A number for each item: equal vectors, equal numbers.

    The sum of counts times random 64-bit numbers: that two different vectors among a million items share one has a chance
    below one in ten million.
    """
    marks = np.random.default_rng(0).integers(0, 2**64, size=n_values, dtype=np.uint64)
    return np.add.reduceat(counts.astype(np.uint64) * marks[columns], starts)


def _first_of_each(prints: npt.NDArray[np.uint64]) -> tuple[Codes, Codes]:
    _, first, times = np.unique(prints, return_index=True, return_counts=True)
    return first, times
