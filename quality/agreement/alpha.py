"""Krippendorff's alpha and its interval, from sums over items.

Within an item of m annotations with points x_i the sum of all squared distances is 2 m sum |x_i|^2 - 2 |sum x_i|^2; over
all annotations together it is the same with m = n. So every item contributes a row of figures, and alpha needs nothing but
the sums of these rows over the items: for all items once, for each resample of the items its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from labeling.questions.levels import Level
from quality.agreement.distances import Floats, interval_points, ordinal_points, ratio_points
from quality.agreement.few_items import Interval, Precision
from quality.agreement.patterns import Matrix, Patterns
from quality.agreement.resampling import ENOUGH_ITEMS, limiting_sums, percentile_interval, resampled_weights

# Expected disagreement below this share of its own terms is rounding: all values are one.
_ROUNDING = 1e-12
# Figures of an item up to which a covariance matrix of them is cheap.
_FEW_FIGURES = 128
# A variance of alpha below this is rounding: the annotators agree throughout.
_NO_VARIANCE = 1e-12


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
    alphas = sums_of(pairable, level, scale).alphas(pairable.items[:, None].astype(np.float64))
    return None if np.isnan(alphas[0]) else float(alphas[0])


def alpha_interval(
    patterns: Patterns, level: Level, scale: Floats, *, resamples: int, rng: np.random.Generator
) -> tuple[Interval | None, Precision | None]:
    """The 95 % interval of alpha, and what it rests on.

    Where alpha rests on few items, however many there are (`Precision.effective_items` below `ENOUGH_ITEMS`), the
    interval is `Precision.interval`, which has a width even where all agree. Else it is the percentile interval of the
    bootstrap over items: drawn from the limiting normal distribution of the sums, or item by item where figures are too
    many; resamples in which alpha is undefined are left out.

    Returns:
        None where fewer than two items have two annotations or alpha is undefined.

    >>> from quality.agreement.patterns import patterns_of
    >>> answers = patterns_of(np.arange(80) // 2, np.arange(80) // 2 % 2, 2)
    >>> interval, _ = alpha_interval(
    ...     answers, Level.NOMINAL, np.array([0.0, 1.0]), resamples=100, rng=np.random.default_rng(0))
    >>> round(interval.low, 2), interval.high
    (0.64, 1.0)
    """
    pairable = patterns.of_size(2)
    if pairable.items.sum() < 2:
        return None, None
    sums = sums_of(pairable, level, scale)
    precision = precision_of(sums, pairable)
    if precision is None:
        return None, None
    if precision.effective_items < ENOUGH_ITEMS:
        return precision.interval(), precision
    figures = sums.figures()
    if figures is not None:
        alphas = sums.alphas_of_sums(limiting_sums(figures, pairable.items, resamples, rng))
    else:
        drawn = resampled_weights(pairable.items, resamples, rng, width=len(scale))
        alphas = np.concatenate([sums.alphas(weights) for weights in drawn])
    return Interval(*percentile_interval(alphas[~np.isnan(alphas)])), precision


@dataclass(frozen=True, slots=True)
class Slopes:
    """Sums of squared distances, and what one more item of each pattern adds to each to first order.

    Attributes:
        observed: over the pairs within items, each item's divided by m - 1; expected: over all pairs.
        of_observed, of_expected: the slopes, shape (patterns,).
    """

    observed: float
    expected: float
    of_observed: Floats
    of_expected: Floats


def precision_of(sums: _FixedPoints | _MidRanks, pairable: Patterns) -> Precision | None:
    """What the items say of alpha and how much they differ in it; None where all annotations carry one value.

    An item's part in a disagreement is its pseudo-value of the infinitesimal jackknife: the disagreement, and n times
    what giving the item a little more weight adds to it.

    Source: B. Efron, "The Jackknife, the Bootstrap and Other Resampling Plans", 1982, chapter 6,
    doi:10.1137/1.9781611970319.
    """
    items, sizes = pairable.items.astype(np.float64), pairable.sizes.astype(np.float64)
    n_items, total = float(items.sum()), float(items @ sizes)
    slopes = sums.slopes(items)
    pairs = total * (total - 1)
    observed, expected = slopes.observed / total, slopes.expected / pairs
    if np.isnan(sums.alphas(items[:, None])[0]):
        return None
    of_observed = n_items * (slopes.of_observed - observed * sizes) / total
    of_expected = n_items * (slopes.of_expected / pairs - 2 * expected * sizes / total)
    influence = of_observed - observed / expected * of_expected
    variance = float(items @ influence**2)
    return Precision(
        n_items=int(n_items),
        observed=observed,
        expected=expected,
        observed_variance=float(items @ of_observed**2) / n_items,
        expected_variance=float(items @ of_expected**2) / n_items,
        covariance=float(items @ (of_observed * of_expected)) / n_items,
        at_random=expected / _share_that_shows(pairable),
        effective_items=variance**2 / float(items @ influence**4) if variance > _NO_VARIANCE * expected**2 else 0.0,
    )


def _share_that_shows(pairable: Patterns) -> float:
    """Share of items, answered at random from the shares of the values, whose annotations are not all the same."""
    marginals = pairable.marginals()
    shares = marginals[marginals > 0] / marginals.sum()
    sizes, pattern_of_size = np.unique(pairable.sizes, return_inverse=True)
    items = np.bincount(pattern_of_size, weights=pairable.items)
    unseen = np.array([np.sum(shares**size) for size in sizes])
    return 1.0 - float(items @ unseen) / float(items.sum())


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

    def slopes(self, items: Floats) -> Slopes:
        """Both disagreements of the items, and their slopes; items per pattern, shape (patterns,)."""
        total, squares, centre = items @ self.sizes, items @ self.squares, self.points.T @ items
        return Slopes(
            observed=float(items @ self.within),
            expected=float(_spread(total, squares, centre @ centre)),
            of_observed=self.within,
            of_expected=2 * (self.sizes * squares + total * self.squares) - 4 * (self.points @ centre),
        )

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

    def slopes(self, items: Floats) -> Slopes:
        """As for fixed points; another item moves the mid-ranks of all."""
        marginals = self.table.T @ items
        points = ordinal_points(marginals[:, None])[:, 0]
        sums, squares = self.table @ points, self.table @ points**2
        within = _spread(self.sizes, squares, sums**2) / (self.sizes - 1)
        total, all_squares, centre = marginals.sum(), marginals @ points**2, marginals @ points
        share = items / (self.sizes - 1)
        of_points = 4 * (self.table.T @ (share * self.sizes) * points - self.table.T @ (share * sums))
        moved = 4 * marginals * (total * points - centre)
        own = 2 * (self.sizes * all_squares + total * squares) - 4 * sums * centre
        return Slopes(
            observed=float(items @ within),
            expected=float(_spread(total, all_squares, centre**2)),
            of_observed=within + self._moved(of_points, points, total),
            of_expected=own + self._moved(moved, points, total),
        )

    def _moved(self, of_points: Floats, points: Floats, total: float) -> Floats:
        """What one more item of each pattern adds by moving the mid-ranks; `of_points` is the slope for each of them."""
        above = of_points / 2 + of_points.sum() - np.cumsum(of_points)
        moved: Floats = (self.table @ above - self.sizes * (of_points @ (points + 0.5))) / total
        return moved

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


def sums_of(pairable: Patterns, level: Level, scale: Floats) -> _FixedPoints | _MidRanks:
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


def _alphas(total: Floats, observed: Floats, squares: Floats, lengths: Floats) -> Floats:
    expected = _spread(total, squares, lengths)
    defined = expected > _ROUNDING * total * squares
    ratio: Floats = np.divide(observed, expected, where=defined, out=np.full(len(total), np.nan))
    return np.clip(1 - (total - 1) * ratio, None, 1.0)


def _spread(size: Floats, squares: Floats, lengths: Floats) -> Floats:
    """Sum of squared distances over all ordered pairs; never below 0, where rounding would put it."""
    spread: Floats = np.maximum(2 * size * squares - 2 * lengths, 0.0)
    return spread
