"""Both ways of drawing items give the multinomial distribution."""

from __future__ import annotations

import numpy as np
import pytest

from quality.agreement.resampling import limiting_sums, percentile_interval, resampled_weights

FEW_PATTERNS = np.array([60, 30, 10])
MANY_PATTERNS = np.array([3, 2, 1, 1, 1])


class TestResampledWeights:
    @pytest.mark.parametrize("items", [FEW_PATTERNS, MANY_PATTERNS])
    def test_mean_and_spread_are_the_multinomials(self, items):
        weights = np.hstack(list(resampled_weights(items, 20_000, np.random.default_rng(0))))

        n, shares = items.sum(), items / items.sum()
        assert (weights.sum(axis=0) == n).all()
        assert weights.mean(axis=1) == pytest.approx(items, rel=0.05)
        assert np.cov(weights) == pytest.approx(n * (np.diag(shares) - np.outer(shares, shares)), abs=0.5)

    def test_blocks_add_up_to_the_resamples_asked_for(self):
        blocks = list(resampled_weights(FEW_PATTERNS, 150, np.random.default_rng(0), width=20_000))

        assert sum(block.shape[1] for block in blocks) == 150
        assert max(block.shape[1] for block in blocks) == 50


class TestPercentileInterval:
    def test_it_leaves_as_much_below_as_above(self):
        assert percentile_interval(np.arange(1001.0)) == pytest.approx((25, 975))


class TestLimitingSums:
    def test_mean_and_covariance_are_those_of_resampled_sums(self):
        figures = np.random.default_rng(3).normal(size=(3, 2)) @ np.array([[1.0, 2.0, 0.0], [0.5, 0.0, 3.0]])
        weights = np.hstack(list(resampled_weights(FEW_PATTERNS, 20_000, np.random.default_rng(0))))

        sums = limiting_sums(figures, FEW_PATTERNS, 20_000, np.random.default_rng(1))

        drawn = figures.T @ weights
        assert sums.mean(axis=1) == pytest.approx(drawn.mean(axis=1), abs=0.3)
        assert np.cov(sums) == pytest.approx(np.cov(drawn), rel=0.05, abs=1)

    def test_figures_that_do_not_vary_do_not_move(self):
        sums = limiting_sums(np.array([[2.0], [2.0]]), np.array([3, 4]), 5, np.random.default_rng(0))

        assert sums == pytest.approx(np.full((1, 5), 14.0))
