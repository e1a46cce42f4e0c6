"""Both ways to the interval, tables too wide to be full, and what alpha rests on."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.questions.kinds import Level
from quality.agreement import alpha
from quality.agreement.patterns import patterns_of
from quality.agreement.resampling import percentile_interval, resampled_weights


def answers(n_items, n_values, annotators=4, agreeing=0.6, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_values, size=n_items)
    values = np.where(
        rng.random((n_items, annotators)) < agreeing, truth[:, None], rng.integers(0, n_values, (n_items, annotators))
    )
    return patterns_of(np.repeat(np.arange(n_items), annotators), values.ravel(), n_values)


class TestAlphaInterval:
    @pytest.mark.parametrize("level", list(Level))
    def test_the_limit_gives_the_interval_that_drawing_items_gives(self, level):
        patterns, scale = answers(4000, 4), np.arange(1.0, 5.0)
        sums = alpha._sums_of(patterns, level, scale)
        drawn = resampled_weights(patterns.items, 20_000, np.random.default_rng(1))
        low, high = percentile_interval(np.concatenate([sums.alphas(weights) for weights in drawn]))

        limit = alpha.alpha_interval(patterns, level, scale, resamples=20_000, rng=np.random.default_rng(2))

        width = high - low
        assert alpha._effective_items(sums, sums.figures(), patterns.items) > 1000
        assert limit.low == pytest.approx(low, abs=0.03 * width)
        assert limit.high == pytest.approx(high, abs=0.03 * width)

    def test_a_handful_of_disagreements_is_drawn_item_by_item(self):
        items = np.repeat(np.arange(5000), 2)
        values = items % 2
        values[[0, 2, 4]] = 1
        patterns = patterns_of(items, values, 2)
        sums = alpha._sums_of(patterns, Level.NOMINAL, np.arange(2.0))

        interval = alpha.alpha_interval(
            patterns, Level.NOMINAL, np.arange(2.0), resamples=1000, rng=np.random.default_rng(0)
        )

        assert alpha._effective_items(sums, sums.figures(), patterns.items) < 10
        assert interval.high == 1.0

    def test_perfect_agreement_of_many_items_is_one_throughout(self):
        patterns = answers(5000, 3, agreeing=1.0)

        interval = alpha.alpha_interval(
            patterns, Level.ORDINAL, np.arange(3.0), resamples=100, rng=np.random.default_rng(0)
        )

        assert (interval.low, interval.high) == pytest.approx((1.0, 1.0), abs=1e-9)


class TestWideTables:
    @pytest.mark.parametrize("level", list(Level))
    def test_a_sparse_table_gives_the_alpha_and_interval_of_a_full_one(self, level):
        narrow = answers(300, 20)
        scale = np.arange(1.0, 21.0)
        wide = alpha._sums_of(narrow, level, scale)

        sparse = alpha._sums_of(answers(300, 20), level, scale)
        object.__setattr__(sparse, "table" if level is Level.ORDINAL else "points", as_sparse(wide, level))

        weights = np.hstack(list(resampled_weights(narrow.items, 50, np.random.default_rng(0))))
        assert sparse.alphas(weights) == pytest.approx(wide.alphas(weights))
        assert sparse.figures() is None

    def test_thousands_of_distinct_values_are_kept_sparse(self):
        patterns = answers(3000, 2000, annotators=2)

        found = alpha.krippendorff_alpha(patterns, Level.NOMINAL, np.arange(2000.0))

        assert not isinstance(patterns.table(), np.ndarray)
        assert found == pytest.approx(0.36, abs=0.03)


def as_sparse(sums, level):
    from scipy.sparse import csr_array

    return csr_array(sums.table if level is Level.ORDINAL else sums.points)
