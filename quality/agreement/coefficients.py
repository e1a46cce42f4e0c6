"""Agreement coefficients from patterns of answers: Krippendorff's alpha, Fleiss' kappa, Gwet's AC1, percent agreement.

Each returns None where it is undefined for the data; `measure.py` says why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from labeling.questions.kinds import Level
from quality.agreement.distances import Floats, interval_points, ordinal_points, ratio_points
from quality.agreement.patterns import Matrix, Patterns
from quality.agreement.resampling import percentile_interval, resampled_weights

# Expected disagreement below this share of its own terms is rounding: all values are one.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval."""

    low: float
    high: float


def percent_agreement(patterns: Patterns) -> float | None:
    """Share of agreeing pairs of annotations, averaged over the items that have a pair.

    Args:
        patterns: any; items with one annotation are left out.

    Returns:
        A share in [0, 1]; None where no item has two annotations.

    Source: P_i and its mean in J. L. Fleiss, "Measuring nominal scale agreement among many raters", Psychological
    Bulletin 76(5), 1971, 378-382, doi:10.1037/h0031619; for unequal counts p_a in K. L. Gwet, Handbook of Inter-Rater
    Reliability, 4th edition, 2014, chapter 2.

    >>> from quality.agreement.patterns import patterns_of
    >>> round(percent_agreement(patterns_of(np.array([0, 0, 1, 1, 1]), np.array([0, 0, 0, 0, 1]), 2)), 4)
    0.6667
    """
    pairable = patterns.of_size(2)
    n_items = int(pairable.items.sum())
    if not n_items:
        return None
    agreeing = pairable.sums(pairable.counts * (pairable.counts - 1)) / (pairable.sizes * (pairable.sizes - 1))
    return float(agreeing @ pairable.items) / n_items


def fleiss_kappa(patterns: Patterns) -> float | None:
    """Fleiss' kappa over the items that have the most common number of annotations of two or more.

    Of two equally common numbers the larger is taken.

    Returns:
        A figure of at most 1; None where no item has two annotations or all of them carry one value.

    Source: J. L. Fleiss 1971, doi:10.1037/h0031619: kappa = (P - P_e) / (1 - P_e), P_e the sum of p_j^2.

    >>> from quality.agreement.patterns import patterns_of
    >>> fleiss_kappa(patterns_of(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), 2))
    1.0
    """
    pairable = patterns.of_size(2)
    if not len(pairable.items):
        return None
    items_of_size = np.bincount(pairable.sizes, weights=pairable.items)
    size = len(items_of_size) - 1 - int(np.argmax(items_of_size[::-1]))
    alike = pairable.of_size(size, size)
    marginals = alike.marginals()
    if np.count_nonzero(marginals) < 2:
        return None
    expected = float(np.sum((marginals / marginals.sum()) ** 2))
    observed = percent_agreement(alike)
    return None if observed is None else (observed - expected) / (1 - expected)


def gwet_ac1(patterns: Patterns) -> float | None:
    """Gwet's AC1 for any number of annotators, with missing annotations.

    Observed agreement is taken over items with two annotations or more; the shares of the values over all items, each
    item counting once. The values are those that occur.

    Returns:
        A figure of at most 1; None where no item has two annotations or only one value occurs.

    Source: K. L. Gwet, "Computing inter-rater reliability and its variance in the presence of high agreement", British
    Journal of Mathematical and Statistical Psychology 61(1), 2008, 29-48, doi:10.1348/000711006X126600; with missing
    annotations: Gwet, Handbook of Inter-Rater Reliability, 4th edition, 2014, chapter 2.

    >>> from quality.agreement.patterns import patterns_of
    >>> gwet_ac1(patterns_of(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]), 2))
    0.2
    """
    observed = percent_agreement(patterns)
    shares = _shares_of_values(patterns)
    occurring = int(np.count_nonzero(shares))
    if observed is None or occurring < 2:
        return None
    expected = float(np.sum(shares * (1 - shares))) / (occurring - 1)
    return (observed - expected) / (1 - expected)


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
    alphas = AlphaSums.of(patterns, level, scale).alphas(patterns.of_size(2).items[:, None].astype(np.float64))
    return None if np.isnan(alphas[0]) else float(alphas[0])


def alpha_interval(
    patterns: Patterns, level: Level, scale: Floats, *, resamples: int, rng: np.random.Generator
) -> Interval | None:
    """Percentile interval of alpha, items drawn with replacement.

    Resamples in which alpha is undefined (one value only) are left out.

    Returns:
        The 95 % interval; None where fewer than two items have two annotations, or alpha is undefined in most resamples.

    >>> from quality.agreement.patterns import patterns_of
    >>> answers = patterns_of(np.arange(40) // 2, np.arange(40) // 2 % 2, 2)
    >>> alpha_interval(answers, Level.NOMINAL, np.array([0.0, 1.0]), resamples=100, rng=np.random.default_rng(0))
    Interval(low=1.0, high=1.0)
    """
    items = patterns.of_size(2).items
    if items.sum() < 2:
        return None
    sums = AlphaSums.of(patterns, level, scale)
    alphas = np.concatenate(
        [sums.alphas(weights) for weights in resampled_weights(items, resamples, rng, width=len(scale))]
    )
    defined = alphas[~np.isnan(alphas)]
    return Interval(*percentile_interval(defined)) if 2 * len(defined) > resamples else None


@dataclass(frozen=True, slots=True)
class AlphaSums:
    """What alpha needs of each pattern, so that any weighting of the patterns gives its alpha by sums alone.

    Within an item of m annotations with points x_i the sum of all squared distances is 2 m sum |x_i|^2 - 2 |sum x_i|^2;
    over all annotations it is the same with m = n.

    Attributes:
        table: counts of values, shape (patterns, values).
        sizes: annotations of an item, m, shape (patterns,).
        within: sum of squared distances within an item over m - 1, shape (patterns,); None where it depends on the weights.
        points: sum of the points of an item, shape (patterns, dimensions); None where they depend on the weights.
        squares: sum of the squared lengths of an item's points, shape (patterns,).
    """

    table: Matrix
    sizes: Floats
    within: Floats | None
    points: Matrix | None
    squares: Floats

    @classmethod
    def of(cls, patterns: Patterns, level: Level, scale: Floats) -> AlphaSums:
        pairable = patterns.of_size(2)
        table, sizes = pairable.table(), pairable.sizes.astype(np.float64)
        if level is Level.ORDINAL:
            return cls(table, sizes, None, None, np.zeros(len(sizes)))
        if level is Level.NOMINAL:
            lengths = pairable.sums(pairable.counts.astype(np.float64) ** 2)
            points, squares = table, sizes
        else:
            blocks = interval_points(scale) if level is Level.INTERVAL else ratio_points(scale)
            points, squares = _sums_of_points(table, blocks)
            lengths = np.einsum("pd,pd->p", points, points)
        return cls(table, sizes, _spread(sizes, squares, lengths) / np.maximum(sizes - 1, 1), points, squares)

    def alphas(self, weights: Floats) -> Floats:
        """Alpha of each weighting, shape (samples,), NaN where undefined; weights of shape (patterns, samples)."""
        total = self.sizes @ weights
        if self.within is None or self.points is None:
            return self._ordinal_alphas(weights, total)
        squares = self.squares @ weights
        centre = self.points.T @ weights
        return _alphas(total, self.within @ weights, squares, np.einsum("ds,ds->s", centre, centre))

    def _ordinal_alphas(self, weights: Floats, total: Floats) -> Floats:
        marginals = self.table.T @ weights
        points = ordinal_points(marginals)
        lengths = self.table @ points
        spread = _spread(self.sizes[:, None], self.table @ points**2, lengths**2)
        observed = np.einsum("ps,ps->s", spread / np.maximum(self.sizes - 1, 1)[:, None], weights)
        squares = np.einsum("vs,vs->s", marginals, points**2)
        return _alphas(total, observed, squares, np.einsum("vs,vs->s", marginals, points) ** 2)


def _sums_of_points(table: Matrix, blocks: Iterable[Floats]) -> tuple[Floats, Floats]:
    """Sum of the points of each pattern, shape (patterns, dimensions), and of their squared lengths, shape (patterns,)."""
    points, squares = [], np.zeros(table.shape[0])
    for block in blocks:
        points.append(table @ block)
        squares += table @ np.einsum("vd,vd->v", block, block)
    return np.hstack(points), squares


def _shares_of_values(patterns: Patterns) -> Floats:
    """Share of each value, averaged over the items, shape (n_values,)."""
    weights = patterns.counts / patterns.sizes[patterns.rows] * patterns.items[patterns.rows]
    return np.bincount(patterns.columns, weights=weights, minlength=patterns.n_values) / max(
        int(patterns.items.sum()), 1
    )


def _alphas(total: Floats, observed: Floats, squares: Floats, lengths: Floats) -> Floats:
    expected = _spread(total, squares, lengths)
    defined = expected > _ROUNDING * total * squares
    ratio: Floats = np.divide(observed, expected, where=defined, out=np.full(len(total), np.nan))
    return np.clip(1 - (total - 1) * ratio, None, 1.0)


def _spread(size: Floats, squares: Floats, lengths: Floats) -> Floats:
    """Sum of squared distances over all ordered pairs; never below 0, where rounding would put it."""
    spread: Floats = np.maximum(2 * size * squares - 2 * lengths, 0.0)
    return spread
