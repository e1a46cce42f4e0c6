"""Gates say yes only to what was measured and is good enough."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.gates import (
    AgreementFigure,
    AlphaGate,
    Bound,
    ExpectationsFigure,
    ExpectationsGate,
    MinRowsGate,
    UnmeasuredGate,
    all_passed,
    evaluate_gates,
    items_still_needed,
)
from exports.sides import SideFigure, warnings_of
from labeling.questions.levels import Level
from quality.agreement.measure import measure_agreement


def answer(rule, *, agreement=(), expectations=None, sides=()):
    (result,) = evaluate_gates([rule], agreement=agreement, expectations=expectations, sides=sides)
    return result


def figure(alpha=0.7, lower=0.5, upper=0.8, n_items=50, **changes):
    return AgreementFigure("sentiment", "ordinal", alpha, lower, upper, n_items, 3 * n_items, **changes)


def agreeing(n_items):
    """Two annotators who give every item the same of two values."""
    items = [item for item in range(n_items) for _ in "ab"]
    values = [item % 2 for item in items]
    found = measure_agreement(items, list("ab") * n_items, values, Level.NOMINAL, rng=np.random.default_rng(0))
    interval = found.alpha_ci
    return figure(found.alpha, interval.low, interval.high, n_items=n_items, precision=found.precision)


class TestAlpha:
    @pytest.mark.parametrize(
        ("bound", "threshold", "passed", "measured"),
        [
            (Bound.POINT, 0.7, True, 0.7),
            (Bound.POINT, 0.71, False, 0.7),
            (Bound.LOWER, 0.5, True, 0.5),
            (Bound.LOWER, 0.6, False, 0.5),
        ],
    )
    def test_the_bound_decides_which_figure_counts(self, bound, threshold, passed, measured):
        result = answer(AlphaGate("sentiment", threshold, bound), agreement=[figure()])

        assert (result.name, result.passed, result.figure, result.required) == (
            "sentiment.alpha",
            passed,
            measured,
            threshold,
        )

    def test_a_lower_bound_that_is_too_low_says_how_many_items_would_help(self):
        result = answer(AlphaGate("sentiment", 0.6, Bound.LOWER), agreement=[figure()])

        assert "about 150 more items" in result.detail

    def test_too_little_data_refuses_and_says_how_much_more_is_needed(self):
        measured = figure(None, None, None, n_items=0, reason="no item carries two answers")

        result = answer(AlphaGate("sentiment", 0.6), agreement=[measured])

        assert (result.passed, result.figure) == (False, None)
        assert "not enough data (no item carries two answers)" in result.detail
        assert "at least 2 more are needed" in result.detail

    def test_what_the_measurement_knows_to_be_missing_is_told(self):
        measured = figure(0.9, None, None, n_items=3, more_items=17)

        result = answer(AlphaGate("sentiment", 0.6, Bound.LOWER), agreement=[measured])

        assert not result.passed
        assert "at least 17 more are needed" in result.detail

    @pytest.mark.parametrize("bound", list(Bound))
    @pytest.mark.parametrize("n_items", [2, 3, 5, 8])
    def test_a_handful_of_items_that_agree_is_not_enough_data_and_says_how_many_are(self, bound, n_items):
        measured = agreeing(n_items)

        result = answer(AlphaGate("sentiment", 0.6, bound), agreement=[measured])
        (more,) = re.findall(r"about (\d+) more items", result.detail)

        assert not result.passed
        assert "not enough data" in result.detail
        assert answer(AlphaGate("sentiment", 0.6, bound), agreement=[agreeing(n_items + int(more) + 2)]).passed

    def test_the_more_items_agree_the_higher_a_gate_they_meet(self):
        gate = AlphaGate("sentiment", 0.6, Bound.LOWER)

        assert [answer(gate, agreement=[agreeing(n)]).passed for n in (10, 20, 40, 100)] == [False, False, True, True]

    def test_a_point_that_cannot_be_told_from_chance_is_no_figure_yet(self):
        unsure, sure = figure(0.7, -0.1, 1.0, n_items=6), figure(0.7, 0.1, 1.0, n_items=9)

        assert not answer(AlphaGate("sentiment", 0.6), agreement=[unsure]).passed
        assert "to tell alpha from chance" in answer(AlphaGate("sentiment", 0.6), agreement=[unsure]).detail
        assert answer(AlphaGate("sentiment", 0.6), agreement=[sure]).passed

    def test_a_question_that_was_never_measured_refuses(self):
        result = answer(AlphaGate("other", 0.1), agreement=[figure()])

        assert not result.passed
        assert "run the quality report" in result.detail


class TestItemsStillNeeded:
    @given(st.floats(-1, 1), st.floats(0, 1), st.floats(-1, 1), st.integers(1, 10**6))
    def test_it_is_never_negative_and_never_fails(self, point, width, threshold, n_items):
        needed = items_still_needed(point=point, lower=point - width, threshold=threshold, n_items=n_items)

        assert needed is None or needed >= 0

    def test_more_of_the_same_does_not_help_below_the_threshold(self):
        assert items_still_needed(point=0.5, lower=0.4, threshold=0.6, n_items=10) is None


class TestExpectations:
    @pytest.mark.parametrize(
        ("measured", "passed", "words"),
        [
            (ExpectationsFigure(3, 0), True, "3 of 3"),
            (ExpectationsFigure(3, 1), False, "2 of 3"),
            (ExpectationsFigure(3, 1, ("it took more than 30 s of CPU",)), False, "took more than 30 s of CPU"),
            (ExpectationsFigure(0, 0), False, "at least 1 is needed"),
            (None, False, "run the quality report"),
        ],
    )
    def test_only_a_suite_that_ran_and_held_passes(self, measured, passed, words):
        result = answer(ExpectationsGate(), expectations=measured)

        assert result.passed is passed
        assert words in result.detail


class TestMinRows:
    @pytest.mark.parametrize(
        ("rows", "required", "passed", "words"),
        [
            ((80, 10, 10), 10, True, "validation 10 rows in 5 groups"),
            ((80, 10, 9), 10, False, "not enough data: test needs 1 more"),
            ((100, 0, 0), 1, False, "validation needs 1 more; test needs 1 more"),
            ((0, 0, 0), 1, False, "train needs 1 more"),
        ],
    )
    def test_the_smallest_side_decides(self, rows, required, passed, words):
        result = answer(MinRowsGate(required), sides=sides_of(rows, (0.8, 0.1, 0.1)))

        assert (result.name, result.passed, result.figure, result.required) == (
            "min_rows",
            passed,
            min(rows),
            required,
        )
        assert words in result.detail

    def test_a_side_that_the_split_does_not_ask_for_may_be_empty(self):
        assert answer(MinRowsGate(5), sides=sides_of((5, 0, 5), (0.5, 0, 0.5))).passed

    def test_a_refusal_says_what_to_do(self):
        result = answer(MinRowsGate(1), sides=sides_of((800, 0, 0), (0.8, 0.1, 0.1)))

        assert "from more people" in result.detail
        assert "export.split" in result.detail


class TestWarnings:
    def test_an_empty_side_is_told_of_with_the_groups_there_are(self):
        told = warnings_of(sides_of((800, 0, 0), (0.8, 0.1, 0.1), groups=(1, 0, 0)))

        assert [warning.split(" ")[0] for warning in told] == ["validation", "test"]
        assert all("all 800 rows are 1 group" in warning for warning in told)

    def test_what_was_not_asked_for_and_what_holds_nothing_at_all_is_no_warning(self):
        assert warnings_of(sides_of((800, 0, 0), (1, 0, 0))) == ()
        assert warnings_of(sides_of((0, 0, 0), (0.8, 0.1, 0.1))) == ()


def sides_of(rows, shares, groups=None):
    groups = groups or [number // 2 for number in rows]
    return [SideFigure(*side) for side in zip(("train", "validation", "test"), shares, rows, groups, strict=True)]


class TestUnmeasured:
    @pytest.mark.parametrize("name", ["audit_error_upper", "population_tvd", "k"])
    def test_what_this_release_cannot_measure_is_refused_and_says_what_to_do(self, name):
        result = answer(UnmeasuredGate(name, 0.05))

        assert not result.passed
        assert "not measured by this release" in result.detail
        assert "remove this gate" in result.detail


class TestAllPassed:
    def test_no_gates_let_a_version_through(self):
        assert all_passed(evaluate_gates([], agreement=[], expectations=None))

    def test_one_refusal_holds_it(self):
        rules = [AlphaGate("sentiment", 0.1), UnmeasuredGate("k", 5)]

        assert not all_passed(evaluate_gates(rules, agreement=[figure()], expectations=None))
