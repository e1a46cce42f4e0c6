"""Count vectors of items and their distinct patterns: all that alpha, Fleiss' kappa and AC1 need of the annotations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quality.agreement.distances import Floats
from quality.agreement.votes_table import CELLS_PER_ROW, Codes

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
    n_items = int(items.max()) + 1
    keys = items * n_values + values
    if n_items * n_values > CELLS_PER_ROW * len(keys):
        return _from_cells(keys, n_values)
    table = np.bincount(keys, minlength=n_items * n_values).reshape(n_items, n_values)
    first, times = _groups(table.view(np.uint64) @ _marks(n_values))
    chosen = table[first]
    rows, columns = np.nonzero(chosen)
    return Patterns(rows, columns, chosen[rows, columns], times, chosen.sum(axis=1), n_values)


def _from_cells(keys: Codes, n_values: int) -> Patterns:
    """As `patterns_of`, where a table of all items and values would not fit."""
    cells, counts = np.unique(keys, return_counts=True)
    rows, columns = np.divmod(cells, n_values)
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    first, times = _groups(np.add.reduceat(counts.astype(np.uint64) * _marks(n_values)[columns], starts))
    pattern_of_item = np.full(len(starts), -1, dtype=np.int64)
    pattern_of_item[first] = np.arange(len(first))
    pattern_of_cell = pattern_of_item[rows]
    kept = np.flatnonzero(pattern_of_cell >= 0)
    kept = kept[np.argsort(pattern_of_cell[kept], kind="stable")]
    return Patterns(
        pattern_of_cell[kept], columns[kept], counts[kept], times, np.add.reduceat(counts, starts)[first], n_values
    )


def _marks(n_values: int) -> npt.NDArray[np.uint64]:
    """A random 64-bit number for each value; an item's fingerprint is the sum of its counts times these.

    That two different vectors among a million items share a fingerprint has a chance below one in ten million.
    """
    return np.random.default_rng(0).integers(0, 2**64, size=n_values, dtype=np.uint64)


def _groups(prints: npt.NDArray[np.uint64]) -> tuple[Codes, Codes]:
    """One position for each distinct fingerprint, and how often it occurs."""
    order = np.argsort(prints)
    starts = np.flatnonzero(np.diff(prints[order], prepend=~prints[order[:1]]))
    return order[starts], np.diff(starts, append=len(prints))
