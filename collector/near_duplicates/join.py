"""Finds every pair of sets whose Jaccard similarity reaches a threshold, without comparing all pairs."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# Bounds are computed in floats: a bound that comes out a hair too high would lose pairs, one too low costs a look.
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class SimilarPair:
    """Two records (positions in the input, first < second) and their similarity in (0, 1]."""

    first: int
    second: int
    similarity: float


def similar_pairs(records: Sequence[Collection[str]], threshold: float) -> list[SimilarPair]:
    """All pairs of sets with Jaccard similarity >= threshold, exactly, sorted by position.

    Two sets that are similar enough must share one of their rarest members, so only the rarest members of each set (its
    prefix) are indexed and looked up; the overlap of every candidate is then counted in full.

    Args:
        records: collections of distinct members; an empty one has no pairs.
        threshold: in (0, 1].

    Returns:
        Pairs of positions in `records` with their similarity.

    Raises:
        ValueError: the threshold is outside (0, 1].

    Source: prefix and size filters of AllPairs (Bayardo, Ma, Srikant, WWW 2007, DOI 10.1145/1242572.1242591) with the
    shorter index prefix of PPJoin (Xiao, Wang, Lin, Yu, WWW 2008, DOI 10.1145/1367497.1367516).

    >>> similar_pairs([{"a", "b"}, {"c"}, {"a", "b", "d"}], 0.6)
    [SimilarPair(first=0, second=2, similarity=0.6666666666666666)]
    """
    if not 0 < threshold <= 1:
        raise ValueError("a threshold is above 0 and at most 1")
    coded = _coded(records)
    if coded is None:
        return []
    pairs = [
        _pair(coded.positions[earlier], coded.positions[later], similarity)
        for later in range(len(coded.positions))
        for earlier, similarity in _matches_of(later, coded, threshold)
    ]
    return sorted(pairs, key=lambda pair: (pair.first, pair.second))


@dataclass(frozen=True)
class _Coded:
    """Sets as sorted integers, the rarest member first; sets stand in order of their size.

    `members[starts[i]:starts[i + 1]]` are the members of set i; `positions[i]` is its place in the input. Members below
    `first_shared` occur in one set only. `holders` maps a member to the sets that have it in their index prefix.
    """

    positions: list[int]
    sizes: list[int]
    starts: npt.NDArray[np.int64]
    members: npt.NDArray[np.int32]
    first_shared: int
    is_marked: npt.NDArray[np.bool_]
    holders: dict[int, list[int]] = field(default_factory=dict)


def _pair(one: int, other: int, similarity: float) -> SimilarPair:
    return SimilarPair(min(one, other), max(one, other), similarity)


def _coded(records: Sequence[Collection[str]]) -> _Coded | None:
    import numpy as np

    positions = sorted((i for i, record in enumerate(records) if record), key=lambda i: (len(records[i]), i))
    if not positions:
        return None
    codes: dict[str, int] = {}
    flat = np.array([codes.setdefault(member, len(codes)) for i in positions for member in records[i]], dtype=np.int32)
    sizes = np.array([len(records[i]) for i in positions], dtype=np.int64)
    frequency = np.bincount(flat)
    by_rarity = np.argsort(frequency, kind="stable")
    rank = np.empty(len(codes), dtype=np.int32)
    rank[by_rarity] = np.arange(len(codes), dtype=np.int32)
    ranked = rank[flat]
    owners = np.repeat(np.arange(len(positions)), sizes)
    return _Coded(
        positions=positions,
        sizes=sizes.tolist(),
        starts=np.concatenate(([0], np.cumsum(sizes))),
        members=ranked[np.lexsort((ranked, owners))],
        first_shared=int(np.count_nonzero(frequency == 1)),
        is_marked=np.zeros(len(codes), dtype=np.bool_),
    )


def _matches_of(later: int, coded: _Coded, threshold: float) -> Iterator[tuple[int, float]]:
    """The sets before `later` that are similar to it; then enters it into the index."""
    size = coded.sizes[later]
    smallest = math.ceil(threshold * size - _SLACK)  # a smaller set cannot be similar
    first = bisect_left(coded.sizes, smallest, hi=later)
    least_shared = math.ceil(2 * threshold / (1 + threshold) * size - _SLACK)  # with a set at least as large
    start = int(coded.starts[later])
    prefix = [m for m in coded.members[start : start + size - smallest + 1].tolist() if m >= coded.first_shared]
    candidates: set[int] = set()
    for member in prefix:
        held = coded.holders.get(member)
        if held:
            if held[0] < first:  # sizes only grow: what is too small now stays too small
                del held[: bisect_left(held, first)]
            candidates.update(held)
    if candidates:
        yield from _verified(later, sorted(candidates), coded, threshold)
    for member in coded.members[start : start + size - least_shared + 1].tolist():
        if member >= coded.first_shared:
            coded.holders.setdefault(member, []).append(later)


def _verified(later: int, candidates: list[int], coded: _Coded, threshold: float) -> Iterator[tuple[int, float]]:
    """Candidates whose similarity, counted in full, reaches the threshold."""
    import numpy as np

    starts, sizes = coded.starts, coded.sizes
    own = coded.members[starts[later] : starts[later + 1]]
    theirs = np.concatenate([coded.members[starts[one] : starts[one + 1]] for one in candidates])
    offsets = np.cumsum([0, *(sizes[one] for one in candidates[:-1])])
    coded.is_marked[own] = True
    shared_counts = np.add.reduceat(coded.is_marked[theirs], offsets, dtype=np.int64).tolist()
    coded.is_marked[own] = False
    for one, shared in zip(candidates, shared_counts, strict=True):
        similarity = shared / (sizes[one] + sizes[later] - shared)
        if similarity >= threshold:
            yield one, similarity
