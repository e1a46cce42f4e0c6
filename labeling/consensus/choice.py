"""Which method makes one answer of many, and the consensus of items by that method."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from foundation.errors import UsageError
from labeling.consensus.numbers import absolute_spread, closeness, mean, median, middles, squared_spread
from labeling.consensus.votes import Background, first_of, leaders, ranked, share_of
from labeling.questions.levels import ACCURACY_MODELS, NUMERIC_LEVELS, Level, Method
from labeling.questions.question import Question
from labeling.questions.values import Value, as_float

BUILT = (Method.MAJORITY, Method.MEAN, Method.MEDIAN)


class Vote(NamedTuple):
    """One annotator's value for one item. A tuple, because a file has millions of them."""

    item: str
    annotator: str
    value: Value


@dataclass(frozen=True, slots=True)
class Consensus:
    """The agreed value of one item.

    `confidence` is in [0, 1]: the share of votes for a value that was voted for (majority, median of ordered values),
    `closeness` of the votes for a mean and a median of numbers. `n` counts votes; `votes` is (value, count), the most
    frequent first. A `tie` is no consensus: as many votes, or as much of the order, speak for another value, and `value`
    only shows one of them (`votes.first_of`). A mean and a median of numbers know no ties.
    """

    item: str
    value: Value
    confidence: float
    n: int
    votes: tuple[tuple[Value, int], ...]
    tie: bool = False


def method_in_effect(question: Question | type[Question], method: Method) -> Method:
    """The method that is used where a project asks for `method`.

    `auto` without known answers is what the kind says of itself. Methods that model annotators are not built yet: majority.
    """
    if method is Method.AUTO:
        return question.auto
    return Method.MAJORITY if method in ACCURACY_MODELS else method


def consensus_of(
    votes: Iterable[Vote], method: Method, level: Level, *, order: Sequence[Value] = ()
) -> Iterator[Consensus]:
    """The consensus of every item, in order of first appearance; of a repeated (item, annotator) the last vote counts.

    Args:
        votes: values in canonical form (`values.Value`); numbers for a mean, and for a median at a numeric level.
        method: majority, mean or median.
        level: mean needs interval or ratio, median at least ordinal.
        order: the values from first to last, for ties and for a median at the ordinal level; by default as numbers
            where all are, else as texts.

    Returns:
        One consensus an item; none for no votes. All votes are held in memory once.

    Raises:
        UsageError: method and level do not go together, or the method is not built.
    """
    by_item: dict[str, dict[str, Value]] = {}
    for item, annotator, value in votes:
        by_item.setdefault(item, {})[annotator] = value
    counts: Counter[Value] = Counter()
    for given in by_item.values():
        counts.update(given.values())
    judge = Judge(method, level, Background(counts, order))
    return (judge.consensus(item, list(given.values())) for item, given in by_item.items())


def count_ties(items: Iterable[Hashable], values: Iterable[Value], judge: Judge) -> int:
    """How many items have a tie and therefore no consensus; one entry an annotator's answer, in any order.

    Items with the same answers are looked at once.
    """
    answers: defaultdict[Hashable, list[Value]] = defaultdict(list)
    for item, value in zip(items, values, strict=True):
        answers[item].append(value)
    alike = Counter(frozenset(Counter(given).items()) for given in answers.values())
    return sum(n for votes, n in alike.items() if judge.consensus("", list(Counter(dict(votes)).elements())).tie)


@dataclass(frozen=True)
class Judge:
    """Makes the consensus of one item at a time, so that items can stream past.

    Raises:
        UsageError: method and level do not go together, or the method is not built.
    """

    method: Method
    level: Level
    background: Background

    def __post_init__(self) -> None:
        check_method(self.method, self.level)

    def consensus(self, item: str, values: Sequence[Value]) -> Consensus:
        """The consensus of one item from its votes, one an annotator; `values` is not empty.

        Raises:
            ValueError: `values` is empty.
        """
        if not values:
            raise ValueError("an item without a vote has no consensus")
        counts = Counter(values)
        votes = ranked(counts, self.background)
        if self._measures:
            return Consensus(item, *self._measured(values), len(values), votes)
        candidates = middles(values, self.background.rank) if self.method is Method.MEDIAN else leaders(counts)
        value = first_of(candidates, self.background)
        return Consensus(item, value, share_of(value, counts), len(values), votes, tie=len(candidates) > 1)

    @property
    def _measures(self) -> bool:
        return self.method is Method.MEAN or (self.method is Method.MEDIAN and self.level in NUMERIC_LEVELS)

    def _measured(self, values: Sequence[Value]) -> tuple[float, float]:
        numbers = [as_float(value) for value in values]
        centre = mean if self.method is Method.MEAN else median
        spread = self._spread(Counter(numbers), scale=self._scale)
        return centre(numbers), closeness(spread, self._background_spread)

    @property
    def _spread(self) -> Callable[..., float | None]:
        return squared_spread if self.method is Method.MEAN else absolute_spread

    @cached_property
    def _scale(self) -> float:
        return max((abs(number) for number in self.background.numbers()), default=0.0) or 1.0

    @cached_property
    def _background_spread(self) -> float | None:
        return self._spread(self.background.numbers(), scale=self._scale)


def check_method(method: Method, level: Level) -> None:
    """Refuses a method that is not built or that the level does not allow, as `UsageError`."""
    if method not in BUILT:
        raise UsageError(f"This consensus method is not built yet; use one of {', '.join(BUILT)}.")
    if method is Method.MEAN and level not in NUMERIC_LEVELS:
        raise UsageError("A mean needs the level interval or ratio.")
    if method is Method.MEDIAN and level is Level.NOMINAL:
        raise UsageError("A median needs an order: the level ordinal, interval or ratio.")
