"""Consensus by counting: what all votes say together, and the majority of one item's votes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from labeling.questions.values import Value, as_float, number_in


@dataclass(frozen=True)
class Background:
    """What all votes of a file or a question say together; one item's consensus is read against it.

    `counts` holds how often each value was given over all items, after repeats were dropped. `order` lists values from
    first to last; values it does not list come after it, in their natural order (`in_order`).
    """

    counts: Mapping[Value, int]
    order: Sequence[Value] = ()

    @cached_property
    def rank(self) -> Mapping[Value, int]:
        """The place of each value, from 0."""
        listed = dict.fromkeys(self.order)
        rest = in_order(value for value in self.counts if value not in listed)
        return {value: place for place, value in enumerate([*listed, *rest])}

    def numbers(self) -> dict[float, int]:
        """How often each number was given; every value must be a number."""
        counts: Counter[float] = Counter()
        for value, count in self.counts.items():
            counts[as_float(value)] += count
        return counts


def in_order(values: Iterable[Value]) -> list[Value]:
    """Distinct values from smallest to largest: as numbers where all of them are, else as texts by code point.

    >>> in_order(["10", "9", "2"]), in_order(["b", "a", "10"])
    (['2', '9', '10'], ['10', 'a', 'b'])
    """
    distinct = list(dict.fromkeys(values))
    numbers = {value: number_in(str(value)) for value in distinct}
    if all(number is not None for number in numbers.values()):
        return sorted(distinct, key=lambda value: (numbers[value], str(value)))
    return sorted(distinct, key=str)


def leaders(counts: Mapping[Value, int]) -> list[Value]:
    """The values with the most votes on one item; two or more are a tie, and a tie is no consensus.

    Args:
        counts: votes of one item, value -> count of at least 1; not empty.

    Raises:
        ValueError: `counts` is empty.

    >>> leaders({"b": 2, "a": 2, "c": 1}), leaders({"b": 2, "a": 1})
    (['b', 'a'], ['b'])
    """
    most = max(counts.values())
    return [value for value, count in counts.items() if count == most]


def first_of(tied: Sequence[Value], background: Background) -> Value:
    """The value of a tie that is shown where one must be: the most frequent over all items, then the first in order.

    Args:
        tied: one value or more, each known to `background`.
        background: all votes, of which these are a part.

    Source: the rule is Winnow's own, so that the same votes always show the same value.

    >>> first_of(["b", "a"], Background({"a": 4, "b": 5})), first_of(["b", "a"], Background({"a": 5, "b": 5}))
    ('b', 'a')
    """
    if len(tied) == 1:
        return tied[0]
    rank = background.rank
    return min(tied, key=lambda value: (-background.counts.get(value, 0), rank[value]))


def majority(counts: Mapping[Value, int], background: Background) -> Value:
    """The value with the most votes on one item, of a tie the `first_of` it; see `leaders` and `first_of`.

    >>> majority({"b": 2, "a": 2}, Background({"a": 4, "b": 5}))
    'b'
    """
    return first_of(leaders(counts), background)


def share_of(value: Value, counts: Mapping[Value, int]) -> float:
    """The share of one item's votes that a value has, in [0, 1]: the confidence of a majority.

    >>> share_of("a", {"a": 2, "b": 1})
    0.6666666666666666
    """
    return counts.get(value, 0) / sum(counts.values())


def ranked(counts: Counter[Value], background: Background) -> tuple[tuple[Value, int], ...]:
    """One item's votes, value and count, the most frequent first, equals in order."""
    if len(counts) == 1:
        return tuple(counts.items())
    rank = background.rank
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], rank[pair[0]])))
