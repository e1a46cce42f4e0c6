"""One pass gives the figures that two passes give, for any order and any parts."""

from __future__ import annotations

import math
import statistics
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.inputs.distributions import DyadicHistogram, Moments, TextLengths, ValueCounts, rounded

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50)
WIDE = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30)


def in_parts(measure, values, size):
    for start in range(0, len(values), size):
        measure.add(np.array(values[start : start + size], dtype=np.float64))
    return measure


class TestMoments:
    @given(NUMBERS, st.integers(1, 9))
    def test_parts_give_mean_and_deviation_of_the_whole(self, values, size):
        moments = in_parts(Moments(), values, size)

        assert moments.n == len(values)
        assert moments.mean == pytest.approx(statistics.fmean(values), rel=1e-9, abs=1e-6)
        assert moments.std == pytest.approx(statistics.pstdev(values), rel=1e-6, abs=1e-6)
        assert (moments.minimum, moments.maximum) == (min(values), max(values))

    def test_a_large_offset_costs_no_digits(self):
        moments = in_parts(Moments(), [1e9 + value for value in (4, 7, 13, 16)], 2)

        assert (moments.mean, moments.std) == (1e9 + 10, math.sqrt(22.5))

    def test_no_values_have_no_deviation(self):
        assert (Moments().n, Moments().std) == (0, 0.0)


class TestDyadicHistogram:
    @given(WIDE, st.integers(1, 9), st.randoms(use_true_random=False))
    def test_order_and_parts_change_nothing(self, values, size, draw):
        shuffled = values[:]
        draw.shuffle(shuffled)

        whole = in_parts(DyadicHistogram(), values, len(values)).as_document()

        assert in_parts(DyadicHistogram(), shuffled, size).as_document() == whole

    @given(NUMBERS)
    def test_every_value_is_in_its_bin(self, values):
        document = in_parts(DyadicHistogram(), values, 7).as_document()

        edges, counts = document["edges"], document["counts"]
        assert sum(counts) == len(values)
        assert len(edges) == len(counts) + 1 <= 65
        if edges[0] < edges[-1]:
            expected = Counter(int(np.searchsorted(edges, value, side="right")) - 1 for value in values)
            assert [expected[place] for place in range(len(counts))] == counts

    def test_a_constant_has_one_bin_without_width(self):
        assert in_parts(DyadicHistogram(), [2.5, 2.5, 2.5], 2).as_document() == {"edges": [2.5, 2.5], "counts": [3]}

    def test_no_values_have_no_bins(self):
        assert DyadicHistogram().as_document() == {"edges": [], "counts": []}


class TestTextLengths:
    def test_lengths_are_code_points(self):
        lengths = TextLengths()
        lengths.add(pa.array(["é", "👍👍", None, "abcd"]))

        assert lengths.as_document() == {
            "unit": "code points",
            "min": 1,
            "mean": 2.3333,
            "p50": 2,
            "p95": 4,
            "p99": 4,
            "max": 4,
        }

    def test_no_text_has_no_lengths(self):
        assert TextLengths().as_document() == {}


class TestValueCounts:
    def test_the_most_frequent_come_first_and_the_rest_is_counted(self):
        counts = ValueCounts()
        counts.add(pa.array([f"v{number:03d}" for number in range(250)] + ["v100"]))

        document = counts.as_document()

        assert document["values"][0] == "v100"
        assert document["counts"][0] == 2
        assert (len(document["values"]), document["other"]) == (200, 50)


class TestRounded:
    @given(st.floats(-1e9, 1e9))
    def test_four_decimals_or_four_digits_are_kept(self, figure):
        assert rounded(figure) == pytest.approx(figure, rel=5e-4)
        if abs(figure) >= 1:
            assert rounded(figure) == round(figure, 4)
