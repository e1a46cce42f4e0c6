import math
import statistics
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.consensus.numbers import absolute_spread, closeness, mean, median, middles, squared_spread

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12)


class TestMean:
    def test_a_single_vote_is_the_mean(self):
        assert mean([3.5]) == 3.5

    def test_no_vote_is_an_error(self):
        with pytest.raises(ValueError, match="no mean"):
            mean([])

    def test_numbers_whose_sum_is_no_float_have_a_mean(self):
        assert math.isclose(mean([1.7e308, 1.7e308]), 1.7e308)

    @given(NUMBERS)
    def test_it_equals_the_library(self, values):
        assert mean(values) == pytest.approx(statistics.fmean(values))


class TestMedian:
    def test_no_vote_is_an_error(self):
        with pytest.raises(ValueError, match="no median"):
            median([])
        with pytest.raises(ValueError, match="no median"):
            middles([], {})

    def test_huge_numbers_have_a_middle(self):
        assert median([1.7e308, 1.7e308]) == 1.7e308

    @given(NUMBERS)
    def test_it_equals_the_library(self, values):
        assert median(values) == pytest.approx(statistics.median(values))

    @given(st.lists(st.integers(0, 5), min_size=1))
    def test_the_lower_one_equals_the_library(self, values):
        found = middles(values, {value: value for value in range(6)})

        assert (found[0], found[-1]) == (statistics.median_low(values), statistics.median_high(values))
        assert len(found) == len(set(found)) <= 2


class TestSpread:
    @given(st.dictionaries(st.integers(-50, 50), st.integers(1, 3), min_size=1, max_size=6))
    def test_it_is_the_mean_over_all_pairs_of_votes(self, counts):
        votes = [number for number, count in counts.items() for _ in range(count)]
        pairs = list(combinations(votes, 2))
        if not pairs:
            assert squared_spread(counts) is None
            assert absolute_spread(counts) is None
            return

        assert squared_spread(counts) == pytest.approx(statistics.fmean((a - b) ** 2 for a, b in pairs))
        assert absolute_spread(counts) == pytest.approx(statistics.fmean(abs(a - b) for a, b in pairs))

    def test_a_scale_keeps_huge_numbers_finite(self):
        counts = {-1.7e308: 1, 1.7e308: 1}

        assert squared_spread(counts, scale=1.7e308) == pytest.approx(4)
        assert absolute_spread(counts, scale=1.7e308) == pytest.approx(2)


class TestCloseness:
    def test_it_lies_between_equal_votes_and_votes_at_random(self):
        assert closeness(0.0, 5.0) == 1
        assert closeness(2.5, 5.0) == 0.5
        assert closeness(5.0, 5.0) == 0
        assert closeness(50.0, 5.0) == 0

    def test_a_single_vote_is_contradicted_by_none(self):
        assert closeness(None, 5.0) == 1
        assert closeness(None, None) == 1
        assert closeness(0.0, 0.0) == 1
