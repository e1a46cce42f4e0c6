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
# A table of this many cells an annotation is still cheaper than a sort.
_CELLS_PER_ROW = 8
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
    labels: tuple[Any, ...]


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
    value_codes, labels = coded(values)
    item_codes, _ = coded(items)
    annotator_codes, names = coded(annotators)
    present = value_codes >= 0
    if not present.all():
        item_codes, annotator_codes, value_codes = item_codes[present], annotator_codes[present], value_codes[present]
    last = _last_of_each(item_codes, annotator_codes)
    if last is not None:
        item_codes, annotator_codes, value_codes = item_codes[last], annotator_codes[last], value_codes[last]
    item_codes, kept_items = compact(item_codes)
    annotator_codes, kept_names = compact(annotator_codes)
    annotator_codes, sorted_names = _by_name(annotator_codes, [str(names[code]) for code in kept_names])
    return Votes(item_codes, annotator_codes, value_codes, len(kept_items), sorted_names, tuple(labels))


def coded(values: Sequence[Any] | npt.NDArray[Any]) -> tuple[Codes, Sequence[Any]]:
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
    if high - low >= _CELLS_PER_ROW * len(codes) + _SPARE_CELLS:
        distinct, positions = np.unique(codes, return_inverse=True)
        return positions, distinct
    shifted = codes - low if low else codes
    seen = np.bincount(shifted) > 0
    if seen.all():
        return shifted, np.arange(low, high + 1)
    return (np.cumsum(seen) - 1)[shifted], np.flatnonzero(seen) + low


def tally(keys: Codes) -> tuple[Codes, Codes]:
    """The distinct keys (0 or more) in ascending order and how often each occurs.

    >>> [part.tolist() for part in tally(np.array([4, 2, 4]))]
    [[2, 4], [1, 2]]
    """
    if len(keys) and int(keys.max()) < _CELLS_PER_ROW * len(keys) + _SPARE_CELLS:
        table = np.bincount(keys)
        cells = np.flatnonzero(table)
        return cells, table[cells]
    distinct, times = np.unique(keys, return_counts=True)
    return distinct, times


def _coded_floats(values: npt.NDArray[Any]) -> tuple[Codes, Sequence[Any]]:
    present = ~np.isnan(values)
    codes = np.full(len(values), -1, dtype=np.int64)
    distinct, codes[present] = np.unique(values[present], return_inverse=True)
    return codes, distinct.tolist()


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def _last_of_each(items: Codes, annotators: Codes) -> Codes | None:
    """Rows to keep, in their order, where an (item, annotator) stands twice; None where none does."""
    if not len(items):
        return None
    keys = items * (int(annotators.max()) + 1) + annotators
    distinct, times = tally(keys)
    if len(distinct) == len(keys):
        return None
    order = np.argsort(keys, kind="stable")
    return np.sort(order[np.cumsum(times) - 1])


def _by_name(codes: Codes, names: list[str]) -> tuple[Codes, tuple[str, ...]]:
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    return rank[codes] if len(codes) else codes, tuple(names[position] for position in order)
