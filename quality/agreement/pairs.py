"""Cohen's kappa of every two annotators who share an item."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quality.agreement.distances import Floats
from quality.agreement.votes_table import Codes, Votes, compact

# Pairs of annotations looked at together: some 100 MB at most.
_BLOCK = 1_000_000
# Measured, in nanoseconds: two annotations in a list; for each value of the table a row, a cell, two cells compared.
_LISTED_NS = 60
_ROW_NS = 20_000
_CELL_NS = 1.0
_COMMON_NS = 0.05


@dataclass(frozen=True, slots=True)
class PairKappa:
    """Cohen's kappa of annotators `a` and `b` over the `n` items both annotated; None where it is undefined."""

    a: str
    b: str
    n: int
    kappa: float | None


def cohen_kappas(votes: Votes, values: Codes, n_values: int) -> tuple[PairKappa, ...]:
    """Cohen's kappa for each pair of annotators who share at least one item, in the order of their names.

    Args:
        votes: who annotated what.
        values: code of each annotation's value, 0 <= code < n_values, shape (annotations,).

    Returns:
        One entry for each pair; `kappa` is at most 1, and None where both gave one and the same value throughout.

    Source: J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20(1),
    1960, 37-46, doi:10.1177/001316446002000104: kappa = (p_o - p_c) / (1 - p_c).

    >>> from quality.agreement.votes_table import votes_of
    >>> votes = votes_of(list("112233"), list("ababab"), list("xxyyxy"))
    >>> [(pair.a, pair.b, pair.n, round(pair.kappa, 4)) for pair in cohen_kappas(votes, votes.values, 2)]
    [('a', 'b', 3, 0.4)]
    """
    names = votes.annotator_names
    if len(names) < 2:
        return ()
    blocks = _by_table if _is_full(votes, n_values) else _by_list
    return tuple(
        PairKappa(names[first], names[second], n, _kappa(n, agreeing, by_chance))
        for columns in blocks(votes, values, n_values)
        for first, second, n, agreeing, by_chance in zip(*(column.tolist() for column in columns), strict=True)
    )


def _is_full(votes: Votes, n_values: int) -> bool:
    """Whether annotators share so many items that a table of all of them is cheaper than a list of what they share."""
    n_annotators, n_items = len(votes.annotator_names), votes.n_items
    of_item = np.bincount(votes.items, minlength=1)
    listed_ns = _LISTED_NS * int(np.sum(of_item * (of_item - 1))) / 2
    row_ns = _ROW_NS + _CELL_NS * n_items + n_annotators * _COMMON_NS * n_items
    return n_values * n_annotators * row_ns <= listed_ns


def _kappa(n: int, agreeing: float, by_chance: float) -> float | None:
    """Kappa from counts: `agreeing` of n items, and the sum over values of the product of both annotators' counts."""
    if by_chance == n * n:
        return None
    return (agreeing / n - by_chance / n**2) / (1 - by_chance / n**2)


_Columns: TypeAlias = tuple[npt.NDArray[Any], ...]  # first, second, n, agreeing, by chance


def _by_table(votes: Votes, values: Codes, n_values: int) -> Iterator[_Columns]:
    """For annotators who share most items: a bit for each item, value by value, and a count of common bits."""
    shape = (len(votes.annotator_names), votes.n_items)
    table = np.full(shape, -1, dtype=np.min_scalar_type(-n_values - 1))
    table[votes.annotators, votes.items] = values
    present = _bits(table >= 0)
    shared = _common(present, present)
    agreeing, by_chance = np.zeros((2, *shared.shape), dtype=np.int64)
    for value in range(n_values):
        chosen = _bits(table == value)
        times = _common(chosen, present)
        agreeing += _common(chosen, chosen)
        by_chance += times * times.T
    pairs = np.nonzero(np.triu(shared, 1))
    yield *pairs, shared[pairs], agreeing[pairs], by_chance[pairs]


def _bits(table: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint64]:
    """The rows as bits, 64 to a number."""
    packed = np.packbits(table, axis=1)
    return np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8))).view(np.uint64)


def _common(ours: npt.NDArray[np.uint64], theirs: npt.NDArray[np.uint64]) -> Codes:
    """Number of common bits of every row of ours with every row of theirs."""
    return np.array([np.bitwise_count(row & theirs).sum(axis=1, dtype=np.int64) for row in ours])


def _by_list(votes: Votes, values: Codes, n_values: int, *, block: int = _BLOCK) -> Iterator[_Columns]:
    """For annotators who share few items: every two annotations of an item, in blocks of first annotators."""
    order = np.lexsort((votes.annotators, votes.items))
    items, annotators, values = votes.items[order], votes.annotators[order], values[order]
    ends = np.cumsum(np.bincount(items, minlength=votes.n_items))
    partners = ends[items] - np.arange(len(items)) - 1
    by_annotator = np.argsort(annotators, kind="stable")
    work = np.cumsum(np.bincount(annotators, weights=partners).astype(np.float64, copy=False))
    start = 0
    for stop in _block_ends(work, block):
        first, last = np.searchsorted(annotators[by_annotator], [start, stop])
        left = by_annotator[first:last]
        start = stop
        if partners[left].any():
            yield _kappa_counts(annotators, values, n_values, *_pairs_of_rows(left, partners[left]))


def _block_ends(work: Floats, block: int) -> Iterator[int]:
    """Annotator codes at which a block ends, so that each holds about `block` pairs or a single annotator."""
    start, done = 0, 0.0
    while start < len(work):
        stop = max(start + 1, int(np.searchsorted(work, done + block, side="right")))
        yield stop
        start, done = stop, float(work[stop - 1])


def _pairs_of_rows(rows: Codes, partners: Codes) -> tuple[Codes, Codes]:
    """Each row with each of the `partners` rows that follow it."""
    left = np.repeat(rows, partners)
    first = np.repeat(np.cumsum(partners) - partners, partners)
    return left, left + 1 + np.arange(len(left)) - first


def _kappa_counts(annotators: Codes, values: Codes, n_values: int, left: Codes, right: Codes) -> _Columns:
    width = int(annotators.max()) + 1
    pair_of, pairs = compact(annotators[left] * width + annotators[right])
    cells, distinct = compact(np.concatenate([pair_of * n_values + values[left], pair_of * n_values + values[right]]))
    ours = np.bincount(cells[: len(left)], minlength=len(distinct))
    theirs = np.bincount(cells[len(left) :], minlength=len(distinct))
    by_chance = np.bincount(distinct // n_values, weights=ours * theirs, minlength=len(pairs))
    agreeing = np.bincount(pair_of[values[left] == values[right]], minlength=len(pairs))
    return pairs // width, pairs % width, np.bincount(pair_of), agreeing, by_chance
