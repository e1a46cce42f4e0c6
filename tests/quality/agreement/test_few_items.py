"""What few items say of alpha: the interval holds what it promises, and more items make it narrower."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.gates import POPULATIONS, wrong_share
from quality.agreement.few_items import Interval, Precision

AGREEING = Precision(40, 0.0, 0.5, 0.0, 0.0, 0.0, at_random=1.0, effective_items=0.0)
DOUBTFUL = Precision(40, 0.1, 0.5, 0.09, 0.01, 0.005, at_random=1.0, effective_items=20.0)
WORST = (
    "nominal, two values, hopeless",
    "ordinal, five skewed steps, hopeless",
    "interval, five skewed steps, hopeless",
)


class TestInterval:
    @pytest.mark.parametrize("precision", [AGREEING, DOUBTFUL])
    def test_it_holds_alpha_and_narrows_as_items_are_added(self, precision):
        found = [replace(precision, n_items=n).interval() for n in (2, 5, 20, 80, 320, 10_000)]

        assert all(one.low <= precision.alpha <= one.high for one in found)
        assert all(later.low >= earlier.low for earlier, later in pairwise(found))
        assert found[-1].low == pytest.approx(precision.alpha, abs=0.02)

    def test_where_other_values_are_as_rare_as_chance_may_have_it_nothing_is_known(self):
        assert replace(DOUBTFUL, expected_variance=4.0).interval() == Interval(-1.0, 1.0)

    @given(
        st.integers(2, 2000), st.floats(0, 2), st.floats(0.01, 2), st.floats(0, 1), st.floats(0, 1), st.floats(-1, 1)
    )
    def test_it_lies_within_what_alpha_can_be(self, n, observed, expected, within, among, correlation):
        both = correlation * (within * among) ** 0.5
        found = Precision(n, observed, expected, within, among, both, at_random=2.0, effective_items=1.0).interval()

        assert -1 <= found.low <= found.high <= 1


class TestItemsNeeded:
    @pytest.mark.parametrize("threshold", [0.0, 0.3, 0.6, 0.7])
    @pytest.mark.parametrize("precision", [AGREEING, DOUBTFUL, replace(AGREEING, n_items=3)])
    def test_so_many_more_are_enough_and_one_fewer_is_not(self, precision, threshold):
        needed = precision.items_needed(threshold)

        assert replace(precision, n_items=precision.n_items + needed).interval().low >= threshold
        if needed:
            assert replace(precision, n_items=precision.n_items + needed - 1).interval().low < threshold

    def test_what_alpha_itself_does_not_reach_no_number_of_items_will(self):
        assert DOUBTFUL.items_needed(0.9) is None


class TestGate:
    @pytest.mark.slow
    @pytest.mark.parametrize("name", WORST)
    @pytest.mark.parametrize("items", [5, 10, 30, 100])
    def test_a_gate_is_wrong_in_at_most_one_study_of_forty(self, name, items):
        population = next(one for one in POPULATIONS if one.name == name)

        # 400 studies with a true share of 0.025 give 0.0425 or more with a chance of 2 %.
        assert wrong_share(population, items=items, annotators=2, studies=400) < 0.0425

    @pytest.mark.slow
    @pytest.mark.parametrize("population", POPULATIONS, ids=lambda one: one.name)
    @pytest.mark.parametrize("annotators", [2, 3, 10, 0])
    def test_a_gate_is_wrong_in_at_most_one_study_of_forty_whatever_the_annotators_are_like(
        self, population, annotators
    ):
        shares = [wrong_share(population, items=n, annotators=annotators, studies=400) for n in (5, 10, 30, 100)]

        assert max(shares) < 0.0425
