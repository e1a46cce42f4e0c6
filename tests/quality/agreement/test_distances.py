"""Points whose squared distances are the differences of Krippendorff 2011."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quality.agreement.distances import interval_points, ordinal_points, ratio_points


def squared_distances(points):
    return ((points[:, None, :] - points[None, :, :]) ** 2).sum(axis=2)


class TestRatioPoints:
    @given(st.lists(st.floats(1e-9, 1e9) | st.just(0.0), min_size=1, max_size=8))
    def test_they_lie_as_far_apart_as_the_ratio_metric_says(self, values):
        values = np.array(values)
        total = values[:, None] + values[None, :]
        difference = values[:, None] - values[None, :]
        metric = np.divide(difference, total, where=total > 0, out=np.zeros_like(total)) ** 2

        assert squared_distances(np.hstack(list(ratio_points(values)))) == pytest.approx(metric, abs=1e-6)

    def test_values_that_lie_close_together_keep_their_differences(self):
        values = np.array([1e9, 1e9 + 1, 1e9 + 4])

        lengths = (np.hstack(list(ratio_points(values))) ** 2).sum(axis=1)

        assert lengths * 4e18 == pytest.approx([1, 0, 9], rel=1e-4)


class TestIntervalPoints:
    def test_values_far_from_zero_keep_their_differences(self):
        (points,) = interval_points(np.array([1e15, 1e15 + 1, 1e15 + 4]))

        assert squared_distances(points) == pytest.approx(np.array([[0, 1, 16], [1, 0, 9], [16, 9, 0]]) / 9)

    def test_one_value_alone_is_one_point(self):
        (points,) = interval_points(np.array([3.0]))

        assert points.tolist() == [[0.0]]


class TestOrdinalPoints:
    @given(st.lists(st.integers(1, 50), min_size=1, max_size=8))
    def test_they_lie_as_far_apart_as_the_ordinal_metric_says(self, marginals):
        n = np.array(marginals, dtype=float)
        metric = [
            [(n[min(c, k) : max(c, k) + 1].sum() - (n[c] + n[k]) / 2) ** 2 for k in range(len(n))]
            for c in range(len(n))
        ]

        points = ordinal_points(n[:, None]) * n.sum()

        assert squared_distances(points) == pytest.approx(np.array(metric), abs=1e-6)
