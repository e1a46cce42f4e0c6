"""How far two values are apart, level by level, as squared distances between points.

Krippendorff's alpha compares differences within items with differences over all values. When every value is a point and
the difference of two values the squared distance of their points, both sums follow from sums of points, so the work grows
with the number of values and never with its square.

Source of the four differences: K. Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011, section C and its
table of metric differences. The points are ours; the tests compare them with the differences as published.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from labeling.questions.levels import NEEDS_ORDER, NOT_IN_ORDER, Level, ValueDoesNotFit
from labeling.questions.values import number_in

Floats: TypeAlias = npt.NDArray[np.float64]
# The trapezoid rule errs by the integrand's Fourier transform at 2 pi / step: 8 |gamma(2 + 2 pi i / step)|, here 3e-8.
_STEP = 0.4
_LOWER_TAIL = 11.0
_UPPER_TAIL = 3.0
# Coordinates made at a time, 8 MB of them, so that memory stays flat where values are many.
_CELLS = 1_000_000


def ranked(labels: Sequence[Any], level: Level, order: Sequence[str] | None = None) -> Floats:
    """A number for each label: its place on the level's scale; equal numbers are the same value.

    Nominal labels are numbered by name, ordinal ones by `order` or, where all are numbers, by size; interval and ratio
    labels are the numbers they say.

    Raises:
        ValueDoesNotFit: a label is no finite number where one is needed, or does not stand in `order`.

    >>> ranked(["10", "9.0", "9"], Level.ORDINAL).tolist()
    [10.0, 9.0, 9.0]
    >>> ranked(["good", "bad"], Level.ORDINAL, order=["bad", "good"]).tolist()
    [1.0, 0.0]
    """
    if level is Level.NOMINAL:
        names = [(str(label), type(label).__name__) for label in labels]
        place = {name: float(position) for position, name in enumerate(sorted(names))}
        return np.array([place[name] for name in names], dtype=np.float64)
    if level is Level.ORDINAL and order is not None:
        return np.array([_place_in(order, str(label)) for label in labels], dtype=np.float64)
    if isinstance(labels, np.ndarray) and np.isfinite(labels).all():
        return labels.astype(np.float64)
    return np.array([_number(label, level) for label in labels], dtype=np.float64)


def interval_points(values: Floats) -> Iterator[Floats]:
    """Points of the interval metric (c - k)^2 in one block of shape (values, 1): the values, centred and scaled.

    Alpha does not change under x -> a x + b; the median as centre keeps the sums exact where values are far from zero.

    >>> [block.ravel().tolist() for block in interval_points(np.array([1.0, 2.0, 5.0]))]
    [[-0.3333333333333333, 0.0, 1.0]]
    """
    centred = values - np.median(values) if len(values) else values
    widest = float(np.abs(centred).max(initial=0.0))
    yield (centred / widest if widest else centred)[:, None]


def ratio_points(values: Floats) -> Iterator[Floats]:
    """Points of the ratio metric ((c - k) / (c + k))^2, in blocks of a few dimensions: shape (values, some).

    Since 1 / (c + k)^2 is the integral of t exp(-(c + k) t) over t > 0, the metric is 1 - 4 c k / (c + k)^2 =
    1 - 4 * integral of f(c e^s) f(k e^s) ds with f(u) = u exp(-u). The trapezoid rule turns the integral into an inner
    product, hence the metric into a squared distance, with an error below 1e-7. Zero has a dimension of its own: it
    differs from every other value by 1. The middle value is the centre, so that sums stay exact where values are close.

    Args:
        values: numbers of 0 or more, ascending, shape (values,).

    >>> points = np.hstack(list(ratio_points(np.array([0.0, 1.0, 3.0]))))
    >>> round(float(((points[1] - points[2]) ** 2).sum()), 6), round(float(((points[1] - points[0]) ** 2).sum()), 6)
    (0.25, 1.0)
    """
    positive = values > 0
    yield np.where(positive, 0.0, math.sqrt(0.5))[:, None]
    if not positive.any():
        return
    logs = np.log(values, where=positive, out=np.full(len(values), -np.inf))
    nodes = np.arange(-logs[positive].max() - _LOWER_TAIL, -logs[positive].min() + _UPPER_TAIL, _STEP)
    at_a_time = max(1, _CELLS // len(values))
    for start in range(0, len(nodes), at_a_time):
        scaled = np.exp(logs[:, None] + nodes[start : start + at_a_time])
        points = math.sqrt(2 * _STEP) * scaled * np.exp(-scaled)
        yield points - points[len(values) // 2]


def ordinal_points(marginals: Floats) -> Floats:
    """Points of the ordinal metric, one column for each column of `marginals`, same shape (values, samples).

    The metric (sum of n_g for g from c to k, less (n_c + n_k) / 2)^2 is the squared distance of mid-ranks: the mid-rank
    of a value is the number of annotations below it and half of its own. Here divided by their number and centred.

    Args:
        marginals: annotations of each value, values ascending, shape (values, samples).

    >>> ordinal_points(np.array([[2.0], [6.0]])).ravel().tolist()
    [-0.375, 0.125]
    """
    total: Floats = marginals.sum(axis=0).clip(min=1.0)
    below: Floats = np.cumsum(marginals, axis=0)
    return (below - marginals / 2) / total - 0.5


def _number(label: Any, level: Level) -> float:
    number = number_in(str(label))
    if number is None:
        needs = NEEDS_ORDER if level is Level.ORDINAL else f"the level {level.value} needs finite numbers"
        raise ValueDoesNotFit(needs, value=str(label))
    return number


def _place_in(order: Sequence[str], label: str) -> float:
    try:
        return float(order.index(label))
    except ValueError as error:
        raise ValueDoesNotFit(NOT_IN_ORDER, value=label) from error
