"""Turns (item, annotator, value) triples into small integer codes: one row an annotation, the last of a repetition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from foundation.errors import UsageError

Codes: TypeAlias = npt.NDArray[np.int64]
Coded: TypeAlias = tuple[Codes, Sequence[Any]]  # a code for each entry of a column, and the value of each code
# A table of this many cells an annotation is still cheaper than a sort.
CELLS_PER_ROW = 8
_SPARE_CELLS = 1024


class ColumnsDiffer(UsageError):
    title = "The columns of annotations differ in length"


@dataclass(frozen=True, slots=True)
class Votes:
    """Annotations as codes; the arrays have one entry for each annotation that counts.

    Attributes:
        items: code of the item, 0 <= code < n_items.
        annotators: code of the annotator: a position in `annotator_names`.
        values: code of the value: a position in `labels`.
        annotator_names: names in ascending order.
        labels: every distinct value seen, superseded ones too, in no fixed order.
    """

    items: Codes
    annotators: Codes
    values: Codes
    n_items: int
    annotator_names: tuple[str, ...]
    labels: Sequence[Any]


def votes_of(items: Sequence[Any], annotators: Sequence[Any], values: Sequence[Any]) -> Votes:
    """The annotations that count: those with a value, and of a repeated (item, annotator) the last.

    A value of None or NaN is a missing annotation and is left out before anything is counted.

    Args:
        items, annotators, values: equally long sequences or numpy arrays, one entry for each annotation.

    Raises:
        ColumnsDiffer: the three are not equally long.

    >>> votes = votes_of(["i", "i", "i"], ["b", "a", "b"], ["no", "yes", "yes"])
    >>> votes.annotator_names, [votes.labels[code] for code in votes.values]
    (('a', 'b'), ['yes', 'yes'])
    """
    if not len(items) == len(annotators) == len(values):
        raise ColumnsDiffer("give one item, one annotator and one value for each annotation")
    return votes_of_codes(coded(items), coded(annotators), coded(values))


def votes_of_codes(items: Coded, annotators: Coded, values: Coded) -> Votes:
    """As `votes_of`, from columns that are codes already; a value of -1 is a missing annotation."""
    item_codes, distinct_items = items
    annotator_codes, names = annotators
    value_codes, labels = values
    kept = _rows_that_count(item_codes, annotator_codes, value_codes >= 0, cells=len(distinct_items) * len(names))
    n_items = len(distinct_items)
    if kept is not None:
        value_codes = value_codes[kept]
        item_codes, kept_items = compact(item_codes[kept])
        annotator_codes, kept_names = compact(annotator_codes[kept])
        n_items, names = len(kept_items), [names[code] for code in kept_names]
    annotator_codes, sorted_names = _by_name(annotator_codes, [str(name) for name in names])
    return Votes(item_codes, annotator_codes, value_codes, n_items, sorted_names, labels)


def coded(values: Sequence[Any] | npt.NDArray[Any]) -> Coded:
    """Codes 0, 1, … for the distinct values, and those values in the codes' order; -1 where None or NaN."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "iub":
        codes, distinct = compact(values.astype(np.int64, copy=False))
        return codes, distinct.tolist()
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        return _coded_floats(values)
    code_of: defaultdict[Hashable, int] = defaultdict(count().__next__)
    codes = np.fromiter(map(code_of.__getitem__, values), dtype=np.int64, count=len(values))
    present = [not _is_missing(value) for value in code_of]
    if all(present):
        return codes, list(code_of)
    renumbered = np.where(present, np.cumsum(present) - 1, -1)
    return renumbered[codes], [value for value in code_of if not _is_missing(value)]


def compact(codes: Codes) -> tuple[Codes, Codes]:
    """Numbers made dense: (position of each among the distinct ones, the distinct ones ascending).

    >>> [part.tolist() for part in compact(np.array([7, 3, 7]))]
    [[1, 0, 1], [3, 7]]
    """
    if not len(codes):
        return codes, codes
    low, high = int(codes.min()), int(codes.max())
    if high - low >= CELLS_PER_ROW * len(codes) + _SPARE_CELLS:
        distinct, positions = np.unique(codes, return_inverse=True)
        return positions, distinct
    shifted = codes - low if low else codes
    seen = np.bincount(shifted) > 0
    if seen.all():
        return shifted, np.arange(low, high + 1)
    return (np.cumsum(seen) - 1)[shifted], np.flatnonzero(seen) + low


def _coded_floats(values: npt.NDArray[Any]) -> Coded:
    present = ~np.isnan(values)
    codes = np.full(len(values), -1, dtype=np.int64)
    distinct, codes[present] = np.unique(values[present], return_inverse=True)
    return codes, distinct


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def _rows_that_count(items: Codes, annotators: Codes, present: npt.NDArray[np.bool_], *, cells: int) -> Codes | None:
    """Rows with a value, of a repeated (item, annotator) the last, in their order; None where that is all of them."""
    keys = items * (int(annotators.max(initial=0)) + 1) + annotators
    if present.all() and _all_differ(keys, cells):
        return None
    rows = np.flatnonzero(present)
    keys = keys[rows]
    order = np.argsort(keys, kind="stable")
    is_last = np.diff(keys[order], append=-1) != 0
    return np.sort(rows[order[is_last]])


def _all_differ(keys: Codes, cells: int) -> bool:
    if cells > CELLS_PER_ROW * len(keys) + _SPARE_CELLS:
        return len(np.unique(keys)) == len(keys)
    seen = np.zeros(cells, dtype=np.bool_)
    seen[keys] = True
    return int(np.count_nonzero(seen)) == len(keys)


def _by_name(codes: Codes, names: list[str]) -> tuple[Codes, tuple[str, ...]]:
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    in_order = order == list(range(len(names)))
    return codes if in_order else rank[codes], tuple(names[position] for position in order)
