"""A suite in its child process: the same results, and a rule that meets a limit takes only itself away."""

from __future__ import annotations

import pandas as pd
import pytest

from foundation.errors import UsageError
from foundation.running.limited import Limits
from quality.expectation import Expectation
from quality.expectations import run_suite
from quality.limited_suite import LEFT_ALONE, MOST_STARTS, run_suite_limited

pytestmark = pytest.mark.slow

NOT_NULL = Expectation("expect_column_values_to_not_be_null", {"column": "text"})
ENDLESS = Expectation("expect_column_values_to_match_regex", {"column": "text", "regex": "^(?=a)(a+)+$"})
LINEAR = Expectation("expect_column_values_to_match_regex", {"column": "text", "regex": "^(?:a+)+$"})
TABLE = pd.DataFrame({"text": ["a" * 80 + "!", None, "aa"], "big": [2**70, None, 1], "at": pd.Timestamp(0, tz="UTC")})


class TestRunSuiteLimited:
    def test_the_child_says_what_this_process_would(self) -> None:
        suite = [
            NOT_NULL,
            LINEAR,
            Expectation("expect_column_max_to_be_between", {"column": "at"}),
            Expectation("x", {}),
        ]

        assert run_suite_limited(TABLE, suite, row_id="big") == run_suite(TABLE, suite, row_id="big")

    @pytest.mark.slow
    def test_a_rule_without_a_bound_is_named_and_the_others_stand(self) -> None:
        suite = [NOT_NULL, ENDLESS, LINEAR]

        done = run_suite_limited(TABLE, suite, row_id=None, limits=Limits(step_cpu_s=1))

        assert [one.failing_rows for one in done.results] == [(1,), (), (0,)]
        assert [one.is_unfinished for one in done.results] == [False, True, False]
        assert done.unfinished == (done.results[1].error,)
        assert "expect_column_values_to_match_regex on column text took more than 1 s of CPU" in done.unfinished[0]
        assert not done.success

    @pytest.mark.slow
    def test_after_some_of_them_the_rest_is_left_alone(self) -> None:
        done = run_suite_limited(TABLE, [ENDLESS] * MOST_STARTS + [NOT_NULL], row_id=None, limits=Limits(step_cpu_s=1))

        assert done.results[-1].error == LEFT_ALONE

    def test_what_could_not_even_be_loaded_is_said_of_every_rule(self) -> None:
        done = run_suite_limited(TABLE, [NOT_NULL, LINEAR], row_id=None, limits=Limits(wall_s=0.1))

        assert [one.is_unfinished for one in done.results] == [True, True]

    def test_a_suite_that_must_fit_is_refused(self) -> None:
        with pytest.raises(UsageError) as refused:
            run_suite_limited(TABLE, [NOT_NULL, Expectation("expect_nothing", {})], row_id=None, must_fit=True)

        assert [fault.pointer for fault in refused.value.faults] == ["/expectations/1"]
