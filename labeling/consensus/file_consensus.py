"""The consensus of a plain file of annotations, and how it compares with known answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foundation.errors import UsageError
from labeling.consensus.choice import Consensus, Vote, check_method, consensus_of
from labeling.consensus.spelling import compared
from labeling.consensus.vote_file import numbers_of
from labeling.questions.levels import NEEDS_ORDER, NOT_IN_ORDER, NUMERIC_LEVELS, Level, Method, ValueDoesNotFit
from labeling.questions.values import Value, as_float, number_in

_Z_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class GoldComparison:
    """A consensus beside known answers: over the `n` items that have both.

    `accuracy` is the share of equal values with its 95 % interval; None where values are numbers that a mean or median
    need not hit, or n is 0. `mean_absolute_error` is for those; None otherwise. `missing` counts gold items without one.
    """

    n: int
    missing: int
    accuracy: float | None = None
    interval: tuple[float, float] | None = None
    mean_absolute_error: float | None = None


def level_in_effect(votes: Sequence[Vote], method: Method, level: Level | None) -> Level:
    """The level asked for; without one: nominal for a majority, interval for a mean, and for a median interval where all
    values are numbers, else ordinal."""
    if level is not None:
        return level
    if method is Method.MAJORITY:
        return Level.NOMINAL
    if method is Method.MEAN or _first_word(votes) is None:
        return Level.INTERVAL
    return Level.ORDINAL


def consensus_of_file(
    votes: Sequence[Vote], method: Method, *, level: Level | None = None, order: Sequence[str] = ()
) -> list[Consensus]:
    """The consensus of each item of a file, in order of first appearance.

    A majority is printed as it was read. At a numeric level texts that write the same number are one value, printed as
    the first of them was read. A median of ordered values is one of them; `order` ranks them from first to last, and is
    needed where not all are numbers.

    Raises:
        UsageError: method, level and order do not go together.
        ValueDoesNotFit: a value does not go with them.
    """
    used_level = level_in_effect(votes, method, level)
    check_method(method, used_level)
    order = _spelled_as_read(order, votes)
    _check_order(votes, used_level, method, order)
    if used_level not in NUMERIC_LEVELS:
        return list(consensus_of(votes, method, used_level, order=order))
    number_of = numbers_of(str(vote.value) for vote in votes)
    if method is Method.MAJORITY:
        first_written: dict[float, str] = {}
        canonical: dict[str, Value] = {text: first_written.setdefault(n, text) for text, n in number_of.items()}
    else:
        canonical = dict(number_of)
    as_numbers = (Vote(item, annotator, canonical[str(value)]) for item, annotator, value in votes)
    return list(consensus_of(as_numbers, method, used_level))


def compare_with_gold(
    agreed: Sequence[Consensus], gold: Mapping[str, str], *, method: Method, level: Level
) -> GoldComparison:
    """How a consensus compares with known answers.

    Raises:
        ValueDoesNotFit: a known answer is not a number where the consensus is one.
    """
    by_item = {compared(consensus.item): consensus for consensus in agreed}
    gold = {compared(item): value for item, value in gold.items()}
    both = [item for item in gold if item in by_item]
    missing = len(gold) - len(both)
    if not both:
        return GoldComparison(0, missing)
    if level not in NUMERIC_LEVELS:
        right = sum(compared(str(by_item[item].value)) == compared(gold[item]) for item in both)
        return GoldComparison(len(both), missing, right / len(both), wilson_interval(right, len(both)))
    known = numbers_of(gold[item] for item in both)
    errors = [abs(as_float(by_item[item].value) - known[gold[item]]) for item in both]
    if method is Method.MAJORITY:
        right = errors.count(0)
        return GoldComparison(len(both), missing, right / len(both), wilson_interval(right, len(both)))
    return GoldComparison(len(both), missing, mean_absolute_error=math.fsum(errors) / len(errors))


def wilson_interval(right: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a share.

    Args:
        right: successes, 0 to n.
        n: trials, >= 1.

    Returns:
        Lower and upper bound in [0, 1].

    Raises:
        ValueError: n is 0, or right is not within 0 to n.

    Source: Wilson 1927, Journal of the American Statistical Association 22(158), DOI 10.1080/01621459.1927.10502953.

    >>> tuple(round(bound, 4) for bound in wilson_interval(81, 263))
    (0.2553, 0.3662)
    """
    if n < 1 or not 0 <= right <= n:
        raise ValueError("a share needs at least one trial and at most as many successes")
    share, z2 = right / n, _Z_95 * _Z_95
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z_95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def _spelled_as_read(order: Sequence[str], votes: Sequence[Vote]) -> Sequence[str]:
    """The values of an order, each as the votes have it."""
    if not order:
        return order
    read = {compared(value): value for value in dict.fromkeys(str(vote.value) for vote in votes)}
    return [read.get(compared(value), value) for value in order]


def _check_order(votes: Sequence[Vote], level: Level, method: Method, order: Sequence[str]) -> None:
    if order and len(set(order)) < len(order):
        raise UsageError("The order names a value twice.")
    if order and level in NUMERIC_LEVELS:
        raise UsageError("Numbers have their own order: leave --order out, or use --level ordinal.")
    listed = set(order)
    stranger = next((vote.value for vote in votes if vote.value not in listed), None) if order else None
    if stranger is not None:
        raise ValueDoesNotFit(NOT_IN_ORDER, value=str(stranger))
    needs_order = method is Method.MEDIAN and level is Level.ORDINAL and not order
    word = _first_word(votes) if needs_order else None
    if word is not None:
        raise ValueDoesNotFit(NEEDS_ORDER, value=word)


def _first_word(votes: Sequence[Vote]) -> str | None:
    """The first value that is no number; None where all are."""
    values = dict.fromkeys(str(vote.value) for vote in votes)
    return next((value for value in values if number_in(value) is None), None)
