"""Consensus of numbers: mean and median, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from labeling.questions.values import Value


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean of one item's votes, correctly rounded whatever their order.

    Args:
        values: finite numbers; not empty.

    Returns:
        A number between the smallest and the largest vote, in their unit.

    Raises:
        ValueError: `values` is empty.

    Source: definition.

    >>> mean([1, 2, 4.5])
    2.5
    """
    if not values:
        raise ValueError("an item without a vote has no mean")
    try:
        return math.fsum(values) / len(values)
    except OverflowError:  # the sum is no float although the mean is one
        return math.fsum(value / len(values) for value in values)


def median(values: Sequence[float]) -> float:
    """The middle of one item's votes; halfway between the two middle ones where their number is even.

    Args:
        values: finite numbers; not empty.

    Returns:
        A number between the smallest and the largest vote, in their unit.

    Raises:
        ValueError: `values` is empty.

    Source: definition.

    >>> median([9, 1, 2]), median([4, 1])
    (2.0, 2.5)
    """
    if not values:
        raise ValueError("an item without a vote has no median")
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2] / 2 + ordered[len(ordered) // 2] / 2


def middles(values: Sequence[Value], rank: Mapping[Value, int]) -> list[Value]:
    """The middle of one item's votes on a scale that has an order and no distances; both where two differ.

    Two different middles have nothing between them that the scale could name, so they are a tie.

    Args:
        values: votes, each with a place in `rank`; not empty.
        rank: value -> place on the scale, smallest first.

    Returns:
        One value that somebody gave, or two of them, the lower first.

    Raises:
        ValueError: `values` is empty.

    Source: definition.

    >>> scale = {"low": 0, "mid": 1, "high": 2}
    >>> middles(["high", "low", "mid"], scale), middles(["high", "low", "mid", "low"], scale)
    (['mid'], ['low', 'mid'])
    """
    if not values:
        raise ValueError("an item without a vote has no median")
    ordered = sorted(values, key=rank.__getitem__)
    return list(dict.fromkeys((ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2])))


def closeness(item_spread: float | None, background_spread: float | None) -> float:
    """Confidence of a mean or a median: how close one item's votes lie, beside votes of items taken at random.

    1 - D_item / D_all, cut to [0, 1], where D is the mean distance of two different votes (`squared_spread` for a mean,
    `absolute_spread` for a median): 1 when all votes on the item are equal, 0 when they lie as far apart as any two votes
    of the file.

    Args:
        item_spread: spread of the item's votes, >= 0; None with a single vote, which nothing contradicts: 1.
        background_spread: spread of all votes in the same measure; None or 0 when all are equal: 1.

    Returns:
        A share in [0, 1].

    Source: Winnow's own, after the form of Krippendorff's alpha, 1 - D_o / D_e, taken for a single item.

    >>> closeness(1.0, 4.0), closeness(None, 4.0), closeness(9.0, 4.0)
    (0.75, 1.0, 0.0)
    """
    if not item_spread or not background_spread:
        return 1.0
    return max(0.0, 1.0 - item_spread / background_spread)


def squared_spread(counts: Mapping[float, int], *, scale: float = 1.0) -> float | None:
    """Mean squared difference between two different votes, which is twice the sample variance.

    Args:
        counts: number -> how often it was given.
        scale: what each number is divided by first, > 0, so that squares of huge numbers stay finite.

    Returns:
        A number >= 0 in squared units of `scale`; None with fewer than two votes.

    Source: definition; sum over pairs (a - b)^2 = 2 n sum (a - mean)^2.

    >>> squared_spread({1: 1, 2: 1, 3: 1})
    2.0
    """
    n = sum(counts.values())
    if n < 2:
        return None
    centre = math.fsum(number / scale * count for number, count in counts.items()) / n
    return 2 * math.fsum((number / scale - centre) ** 2 * count for number, count in counts.items()) / (n - 1)


def absolute_spread(counts: Mapping[float, int], *, scale: float = 1.0) -> float | None:
    """Mean absolute difference between two different votes (Gini's mean difference).

    Args:
        counts: number -> how often it was given.
        scale: what each number is divided by first, > 0.

    Returns:
        A number >= 0 in units of `scale`; None with fewer than two votes.

    Source: definition; each gap between neighbours counts once for every pair of votes on its two sides.

    >>> absolute_spread({1: 2, 4: 1})
    2.0
    """
    n = sum(counts.values())
    if n < 2:
        return None
    ordered = sorted(counts)
    below = 0
    gaps = []
    for low, high in pairwise(ordered):
        below += counts[low]
        gaps.append((high / scale - low / scale) * below * (n - below))
    return 2 * math.fsum(gaps) / n / (n - 1)
