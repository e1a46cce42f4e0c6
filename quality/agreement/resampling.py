"""The bootstrap over items: how often each pattern of answers is drawn when items are drawn with replacement."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from quality.agreement.distances import Floats
from quality.agreement.votes_table import Codes

# A draw of a pattern's count costs as much as this many draws of single items.
_ITEMS_PER_PATTERN = 6
# A sum over so many equally weighty items is skewed by some 1 / sqrt(1000); that moves an end of the interval by 0.015
# standard errors, a fifth of what 1000 resamples move it by chance.
ENOUGH_ITEMS = 1000
_RIDGE = 1e-10
# Weights held at a time: 8 MB of them.
_CELLS = 1_000_000


def resampled_weights(
    items_per_pattern: Codes, resamples: int, rng: np.random.Generator, *, width: int = 1
) -> Iterator[Floats]:
    """Weights of the patterns in each resample, in blocks of shape (patterns, some resamples).

    Drawing as many items as there are, with replacement, is one multinomial draw over their distinct patterns. Where
    there are nearly as many patterns as items, drawing the items one by one is the faster way to the same distribution.

    Args:
        items_per_pattern: how many items carry each pattern, shape (patterns,).
        width: figures the caller holds for each resample beside the weights; wider means smaller blocks.

    Source: B. Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 7(1), 1979, 1-26,
    doi:10.1214/aos/1176344552.

    >>> blocks = resampled_weights(np.array([3, 1]), 5, np.random.default_rng(0))
    >>> np.concatenate(list(blocks), axis=1).sum(axis=0).tolist()
    [4.0, 4.0, 4.0, 4.0, 4.0]
    """
    patterns = len(items_per_pattern)
    block = _block(patterns, width)
    draw = _by_pattern if patterns * _ITEMS_PER_PATTERN <= items_per_pattern.sum() else _by_item
    for start in range(0, resamples, block):
        yield draw(items_per_pattern, min(block, resamples - start), rng)


def limiting_sums(figures: Floats, items_per_pattern: Codes, resamples: int, rng: np.random.Generator) -> Floats:
    """Sums of figures over resampled items, drawn from the normal distribution they tend to as items become many.

    Drawing items with replacement makes each sum one of independent draws, with known mean and covariance; so for many
    items no item need be drawn. Good where what is made of the sums rests on
    `ENOUGH_ITEMS` items or more.

    Args:
        figures: what each item of a pattern contributes, shape (patterns, figures).
        items_per_pattern: how many items carry each pattern, shape (patterns,).

    Returns:
        Sums, shape (figures, resamples).

    Source: the central limit theorem; K. Singh, "On the Asymptotic Accuracy of Efron's Bootstrap", Annals of Statistics
    9(6), 1981, 1187-1195, compares both.

    >>> sums = limiting_sums(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([5000, 5000]), 3, np.random.default_rng(0))
    >>> sums.shape, sums[0].round(1).tolist()
    ((2, 3), [10000.0, 10000.0, 10000.0])
    """
    n_items = items_per_pattern.sum()
    mean = items_per_pattern @ figures / n_items
    centred = figures - mean
    covariance = (centred * items_per_pattern[:, None]).T @ centred
    deviations = np.sqrt(np.diagonal(covariance))
    scale = np.where(deviations > 0, deviations, 1.0)
    correlation = covariance / np.outer(scale, scale)
    # Figures depend on each other (counts add up to the size); the small ridge keeps the factor defined and smooth.
    factor = np.linalg.cholesky(correlation + _RIDGE * np.eye(len(scale)))
    noise = factor @ rng.standard_normal((len(scale), resamples))
    sums: Floats = n_items * mean[:, None] + deviations[:, None] * noise
    return sums


def percentile_interval(estimates: Floats, coverage: float = 0.95) -> tuple[float, float]:
    """The middle `coverage` of the estimates, linearly interpolated.

    Source: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13 (percentile interval).

    >>> percentile_interval(np.arange(101.0), coverage=0.5)
    (25.0, 75.0)
    """
    low, high = np.quantile(estimates, [(1 - coverage) / 2, (1 + coverage) / 2])
    return float(low), float(high)


def _block(patterns: int, width: int) -> int:
    return max(1, min(64, _CELLS // max(patterns, width)))


def _by_pattern(items_per_pattern: Codes, size: int, rng: np.random.Generator) -> Floats:
    total = int(items_per_pattern.sum())
    return rng.multinomial(total, items_per_pattern / total, size=size).T.astype(np.float64)


def _by_item(items_per_pattern: Codes, size: int, rng: np.random.Generator) -> Floats:
    patterns, total = len(items_per_pattern), int(items_per_pattern.sum())
    pattern_of = np.repeat(np.arange(patterns), items_per_pattern)
    weights = np.empty((size, patterns))
    for sample in range(size):
        weights[sample] = np.bincount(pattern_of[rng.integers(0, total, size=total)], minlength=patterns)
    return weights.T
