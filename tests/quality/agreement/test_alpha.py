"""Both ways to the interval, tables too wide to be full, and what alpha rests on."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.questions.levels import Level
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
        sums = alpha.sums_of(patterns, level, scale)
        drawn = resampled_weights(patterns.items, 20_000, np.random.default_rng(1))
        low, high = percentile_interval(np.concatenate([sums.alphas(weights) for weights in drawn]))

        limit, precision = alpha.alpha_interval(patterns, level, scale, resamples=20_000, rng=np.random.default_rng(2))

        width = high - low
        assert precision.effective_items > 1000
        assert limit.low == pytest.approx(low, abs=0.03 * width)
        assert limit.high == pytest.approx(high, abs=0.03 * width)

    def test_an_alpha_that_rests_on_a_handful_of_disagreements_is_as_unsure_as_they_are_few(self):
        items = np.repeat(np.arange(5000), 2)
        values = items % 2
        values[[0, 2, 4]] = 1
        patterns = patterns_of(items, values, 2)

        interval, precision = alpha.alpha_interval(
            patterns, Level.NOMINAL, np.arange(2.0), resamples=1000, rng=np.random.default_rng(0)
        )

        assert precision.effective_items < 10
        assert interval.high == 1.0
        assert interval.low < precision.alpha - 1e-3

    def test_perfect_agreement_of_many_items_is_nearly_one_throughout(self):
        patterns = answers(5000, 3, agreeing=1.0)

        interval, _ = alpha.alpha_interval(
            patterns, Level.ORDINAL, np.arange(3.0), resamples=100, rng=np.random.default_rng(0)
        )

        assert interval.low == pytest.approx(1.0, abs=0.003)
        assert interval.high == pytest.approx(1.0, abs=1e-9)

    def test_three_items_that_agree_show_nothing(self):
        patterns = patterns_of(np.arange(6) // 2, np.array([0, 0, 1, 1, 1, 1]), 2)

        interval, precision = alpha.alpha_interval(
            patterns, Level.NOMINAL, np.arange(2.0), resamples=100, rng=np.random.default_rng(0)
        )

        assert (interval.low, interval.high) == (-1.0, 1.0)
        assert precision.items_needed(0.6) > 10

    def test_two_thousand_items_that_agree_show_little_while_three_alone_carry_another_value(self):
        values = np.repeat(np.arange(2000) < 3, 2).astype(int)
        patterns = patterns_of(np.arange(4000) // 2, values, 2)

        interval, _ = alpha.alpha_interval(
            patterns, Level.NOMINAL, np.arange(2.0), resamples=100, rng=np.random.default_rng(0)
        )

        assert interval.low < 0

    @pytest.mark.parametrize("level", list(Level))
    def test_items_with_more_annotations_move_alpha_as_finite_differences_say(self, level):
        items = np.concatenate([np.repeat(np.arange(30), 3), np.repeat(np.arange(30, 50), 5)])
        values = np.random.default_rng(3).integers(0, 4, size=len(items))
        patterns, scale = patterns_of(items, values, 4), np.arange(1.0, 5.0)
        sums, weights, step = alpha.sums_of(patterns, level, scale), patterns.items.astype(float), 1e-5

        slopes = sums.slopes(weights)

        for place in range(len(weights)):
            shift = np.where(np.arange(len(weights)) == place, step, 0.0)
            more, fewer = sums.slopes(weights + shift), sums.slopes(weights - shift)
            for slope, gap in (
                (slopes.of_observed[place], more.observed - fewer.observed),
                (slopes.of_expected[place], more.expected - fewer.expected),
            ):
                assert slope == pytest.approx(gap / (2 * step), rel=1e-6, abs=1e-6)


class TestWideTables:
    @pytest.mark.parametrize("level", list(Level))
    def test_a_sparse_table_gives_the_alpha_and_interval_of_a_full_one(self, level):
        narrow = answers(300, 20)
        scale = np.arange(1.0, 21.0)
        wide = alpha.sums_of(narrow, level, scale)

        sparse = alpha.sums_of(answers(300, 20), level, scale)
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
