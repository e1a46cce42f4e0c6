"""Krippendorff's alpha and its interval, from sums over items.

Within an item of m annotations with points x_i the sum of all squared distances is 2 m sum |x_i|^2 - 2 |sum x_i|^2; over
all annotations together it is the same with m = n. So every item contributes a row of figures, and alpha needs nothing but
the sums of these rows over the items: for all items once, for each resample of the items its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from labeling.questions.kinds import Level
from quality.agreement.distances import Floats, interval_points, ordinal_points, ratio_points
from quality.agreement.patterns import Matrix, Patterns
from quality.agreement.resampling import ENOUGH_ITEMS, limiting_sums, percentile_interval, resampled_weights
from quality.agreement.votes_table import Codes

# Expected disagreement below this share of its own terms is rounding: all values are one.
_ROUNDING = 1e-12
# Figures of an item up to which a covariance matrix of them is cheap.
_FEW_FIGURES = 128
# Step of a slope, in standard errors of the figure.
_SHIFT = 1e-3
# A variance of alpha below this is rounding: the annotators agree throughout.
_NO_VARIANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval."""

    low: float
    high: float


def krippendorff_alpha(patterns: Patterns, level: Level, scale: Floats) -> float | None:
    """Krippendorff's alpha with missing annotations.

    Args:
        patterns: any; items with one annotation are left out, as the definition has it.
        scale: number of each value, ascending, shape (n_values,); for the ratio level 0 or more.

    Returns:
        A figure of at most 1; None where no item has two annotations or these all carry one value.

    Source: K. Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011, section C: alpha = 1 - D_o / D_e =
    1 - (n - 1) (sum of o_ck d_ck) / (sum of n_c n_k d_ck).

    >>> from quality.agreement.patterns import patterns_of
    >>> answers = patterns_of(np.array([0, 0, 1, 1, 2, 2]), np.array([0, 0, 1, 1, 0, 1]), 2)
    >>> round(krippendorff_alpha(answers, Level.NOMINAL, np.array([0.0, 1.0])), 4)
    0.4444
    """
    pairable = patterns.of_size(2)
    alphas = _sums_of(pairable, level, scale).alphas(pairable.items[:, None].astype(np.float64))
    return None if np.isnan(alphas[0]) else float(alphas[0])


def alpha_interval(
    patterns: Patterns, level: Level, scale: Floats, *, resamples: int, rng: np.random.Generator
) -> Interval | None:
    """Percentile interval of alpha, items drawn with replacement.

    Where alpha rests on many items, the sums of a resample are drawn from their limiting normal distribution, else the
    items themselves are drawn. Resamples in which alpha is undefined (one value only) are left out.

    Returns:
        The 95 % interval; None where fewer than two items have two annotations, or alpha is undefined in most resamples.

    >>> from quality.agreement.patterns import patterns_of
    >>> answers = patterns_of(np.arange(40) // 2, np.arange(40) // 2 % 2, 2)
    >>> alpha_interval(answers, Level.NOMINAL, np.array([0.0, 1.0]), resamples=100, rng=np.random.default_rng(0))
    Interval(low=1.0, high=1.0)
    """
    pairable = patterns.of_size(2)
    if pairable.items.sum() < 2:
        return None
    sums = _sums_of(pairable, level, scale)
    figures = sums.figures() if pairable.items.sum() >= ENOUGH_ITEMS else None
    if figures is not None and _effective_items(sums, figures, pairable.items) >= ENOUGH_ITEMS:
        alphas = sums.alphas_of_sums(limiting_sums(figures, pairable.items, resamples, rng))
    else:
        drawn = resampled_weights(pairable.items, resamples, rng, width=len(scale))
        alphas = np.concatenate([sums.alphas(weights) for weights in drawn])
    defined = alphas[~np.isnan(alphas)]
    return Interval(*percentile_interval(defined)) if 2 * len(defined) > resamples else None


@dataclass(frozen=True, slots=True)
class _FixedPoints:
    """Items whose values are points that no weighting moves: nominal, interval and ratio.

    Attributes:
        sizes: annotations of an item, shape (patterns,).
        within: sum of squared distances within an item over m - 1, shape (patterns,).
        squares: sum of the squared lengths of an item's points, shape (patterns,).
        points: sum of an item's points, shape (patterns, dimensions).
    """

    sizes: Floats
    within: Floats
    squares: Floats
    points: Matrix

    def alphas(self, weights: Floats) -> Floats:
        """Alpha of each weighting of the patterns, shape (samples,), NaN where undefined; weights (patterns, samples)."""
        centre = self.points.T @ weights
        sums = (self.sizes @ weights, self.within @ weights, self.squares @ weights)
        return _alphas(*sums, np.einsum("ds,ds->s", centre, centre))

    def figures(self) -> Floats | None:
        """The figures to be summed, shape (patterns, figures); None where they are too many for a covariance matrix."""
        if not isinstance(self.points, np.ndarray) or self.points.shape[1] > _FEW_FIGURES:
            return None
        return np.column_stack([self.sizes, self.within, self.squares, self.points])

    def alphas_of_sums(self, sums: Floats) -> Floats:
        """Alpha of each column of sums of the figures, shape (figures, samples)."""
        return _alphas(sums[0], sums[1], sums[2], np.einsum("ds,ds->s", sums[3:], sums[3:]))


@dataclass(frozen=True, slots=True)
class _MidRanks:
    """Items of ordinal values, whose points are the mid-ranks among all values and move with every weighting."""

    sizes: Floats
    table: Matrix

    def alphas(self, weights: Floats) -> Floats:
        """As for fixed points."""
        marginals = self.table.T @ weights
        points = ordinal_points(marginals)
        spread = _spread(self.sizes[:, None], self.table @ points**2, (self.table @ points) ** 2)
        observed = np.einsum("ps,ps->s", spread / (self.sizes - 1)[:, None], weights)
        return self._alphas_of(marginals, points, observed)

    def figures(self) -> Floats | None:
        """Counts, counts times m / (m - 1), and products of two counts over m - 1: the coincidences of an item."""
        n_values = self.table.shape[1]
        if not isinstance(self.table, np.ndarray) or n_values * (n_values + 2) > _FEW_FIGURES:
            return None
        share = 1 / (self.sizes - 1)
        products = np.einsum("pc,pk,p->pck", self.table, self.table, share).reshape(len(self.sizes), -1)
        return np.column_stack([self.table, self.table * (self.sizes * share)[:, None], products])

    def alphas_of_sums(self, sums: Floats) -> Floats:
        """As for fixed points."""
        n_values = self.table.shape[1]
        marginals, squares = sums[:n_values], sums[n_values : 2 * n_values]
        points = ordinal_points(marginals)
        coincidences = sums[2 * n_values :].reshape(n_values, n_values, -1)
        observed = 2 * np.einsum("cs,cs->s", squares, points**2)
        observed -= 2 * np.einsum("cks,cs,ks->s", coincidences, points, points)
        return self._alphas_of(marginals, points, observed)

    @staticmethod
    def _alphas_of(marginals: Floats, points: Floats, observed: Floats) -> Floats:
        squares = np.einsum("vs,vs->s", marginals, points**2)
        return _alphas(marginals.sum(axis=0), observed, squares, np.einsum("vs,vs->s", marginals, points) ** 2)


def _sums_of(pairable: Patterns, level: Level, scale: Floats) -> _FixedPoints | _MidRanks:
    table, sizes = pairable.table(), pairable.sizes.astype(np.float64)
    if level is Level.ORDINAL:
        return _MidRanks(sizes, table)
    if level is Level.NOMINAL:
        points, squares, lengths = table, sizes, pairable.sums(pairable.counts.astype(np.float64) ** 2)
    else:
        points, squares = _sums_of_points(table, _points(level, scale))
        lengths = np.einsum("pd,pd->p", points, points)
    return _FixedPoints(sizes, _spread(sizes, squares, lengths) / (sizes - 1), squares, points)


def _points(level: Level, scale: Floats) -> Iterator[Floats]:
    return interval_points(scale) if level is Level.INTERVAL else ratio_points(scale)


def _sums_of_points(table: Matrix, blocks: Iterable[Floats]) -> tuple[Floats, Floats]:
    """Sum of the points of each pattern, shape (patterns, dimensions), and of their squared lengths, shape (patterns,)."""
    points, squares = [], np.zeros(table.shape[0])
    for block in blocks:
        points.append(table @ block)
        squares += table @ np.einsum("vd,vd->v", block, block)
    return np.hstack(points), squares


def _effective_items(sums: _FixedPoints | _MidRanks, figures: Floats, items: Codes) -> float:
    """How many equally weighty items alpha rests on: (sum of squared influences)^2 over the sum of their fourth powers.

    An item's influence is what it adds to alpha to first order. A rare value or a handful of disagreements that decide
    alpha make this number small, however many items there are; 0 where no item has any influence.
    """
    total = items @ figures
    centred = figures - total / items.sum()
    deviations = np.sqrt(items @ centred**2)
    shifts = _SHIFT * np.diag(deviations)
    slopes = (sums.alphas_of_sums(total[:, None] + shifts) - sums.alphas_of_sums(total[:, None] - shifts)) / (
        2 * _SHIFT
    )
    influence = centred @ np.divide(slopes, deviations, where=deviations > 0, out=np.zeros(len(slopes)))
    variance = float(items @ influence**2)
    return variance**2 / float(items @ influence**4) if variance > _NO_VARIANCE else 0.0


def _alphas(total: Floats, observed: Floats, squares: Floats, lengths: Floats) -> Floats:
    expected = _spread(total, squares, lengths)
    defined = expected > _ROUNDING * total * squares
    ratio: Floats = np.divide(observed, expected, where=defined, out=np.full(len(total), np.nan))
    return np.clip(1 - (total - 1) * ratio, None, 1.0)


def _spread(size: Floats, squares: Floats, lengths: Floats) -> Floats:
    """Sum of squared distances over all ordered pairs; never below 0, where rounding would put it."""
    spread: Floats = np.maximum(2 * size * squares - 2 * lengths, 0.0)
    return spread
