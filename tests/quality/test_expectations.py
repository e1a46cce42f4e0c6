"""Great Expectations over a table: every failing row, every rule in its place, nothing personal in what is kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foundation.errors import UsageError
from quality.expectation import Expectation
from quality.expectation_types import EXPECTATION_TYPES
from quality.expectations import check_suite, misfits, parse_suite, read_suite, run_suite

ROOT = Path(__file__).resolve().parents[2]
NOT_NULL = Expectation("expect_column_values_to_not_be_null", {"column": "text"})


@pytest.fixture
def table():
    rows = 1000
    return pd.DataFrame(
        {
            "id": [f"s{row}" for row in range(rows)],
            "text": [None if row % 2 else "secret" for row in range(rows)],
            "price": [float(row) for row in range(rows)],
            "at": pd.to_datetime(["2024-01-01"] * rows, utc=True),
        }
    )


def only(table, type_, row_id=None, **kwargs):
    (result,) = run_suite(table, [Expectation(type_, kwargs)], row_id=row_id).results
    return result


class TestCheckSuite:
    def test_a_good_suite_has_no_fault(self):
        assert (
            check_suite([{"type": NOT_NULL.type, "kwargs": {"column": "text"}}, {"type": "expect_column_to_exist"}])
            == []
        )

    @pytest.mark.parametrize(
        ("suite", "pointer", "reason"),
        [
            ({}, "/expectations", "wrong_type"),
            (None, "/expectations", "wrong_type"),
            (["x"], "/expectations/0", "wrong_type"),
            ([{"kwargs": {}}], "/expectations/0/type", "wrong_type"),
            ([{"type": "ExpectColumnToExist"}], "/expectations/0/type", "wrong_type"),
            ([{"type": "unexpected_rows_expectation"}], "/expectations/0/type", "wrong_type"),
            ([{"type": NOT_NULL.type, "kwargs": []}], "/expectations/0/kwargs", "wrong_type"),
            (
                [{"type": NOT_NULL.type, "kwargs": {"m": [{"$PARAMETER": "x"}]}}],
                "/expectations/0/kwargs",
                "not_allowed",
            ),
            (
                [{"type": NOT_NULL.type, "kwargs": {"row_condition": "a > 1", "condition_parser": "pandas"}}],
                "/expectations/0/kwargs/row_condition",
                "not_allowed",
            ),
            (
                [
                    {
                        "type": NOT_NULL.type,
                        "kwargs": {"row_condition": {"type": "and", "conditions": [{"type": "pass_through"}]}},
                    }
                ],
                "/expectations/0/kwargs/row_condition",
                "not_allowed",
            ),
        ],
    )
    def test_a_mistake_is_pointed_at(self, suite, pointer, reason):
        assert [(fault.pointer, fault.reason) for fault in check_suite(suite)] == [(pointer, reason)]

    def test_it_needs_no_great_expectations(self):
        program = (
            "import sys; from quality.expectations import check_suite; check_suite([{'type': 'expect_x'}]);"
            "assert not {'great_expectations', 'pandas', 'numpy'} & set(sys.modules)"
        )

        subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


class TestReadSuite:
    def test_a_list_and_a_suite_of_great_expectations_are_read(self, tmp_path):
        entry = {"type": NOT_NULL.type, "kwargs": {"column": "text"}}
        old = {"expectation_type": NOT_NULL.type, "kwargs": {"column": "text"}, "meta": {}}
        (tmp_path / "list.json").write_text(json.dumps([entry]))
        (tmp_path / "suite.json").write_text(json.dumps({"name": "s", "expectations": [old]}))

        assert read_suite(tmp_path / "list.json") == read_suite(tmp_path / "suite.json") == (NOT_NULL,)

    @pytest.mark.parametrize(
        ("content", "said"), [("{", "not JSON"), ("{}", "mistakes"), ('[{"type": 1}]', "mistakes")]
    )
    def test_a_file_that_is_no_suite_is_refused(self, tmp_path, content, said):
        (tmp_path / "suite.json").write_text(content)

        with pytest.raises(UsageError, match=said):
            read_suite(tmp_path / "suite.json")

    def test_a_file_that_is_not_there_is_said_to_be_unreadable(self, tmp_path):
        with pytest.raises(UsageError, match="cannot be read"):
            read_suite(tmp_path / "none.json")


class TestMisfits:
    def test_unknown_types_and_wrong_arguments_are_pointed_at(self):
        suite = [
            NOT_NULL,
            Expectation("expect_nothing_of_the_kind", {}),
            Expectation("expect_column_values_to_be_between", {"min_value": 1}),
            Expectation("expect_column_values_to_be_between", {"column": "c", "min_value": 1, "nope": "secret"}),
        ]

        faults = misfits(suite)

        assert [fault.pointer for fault in faults] == ["/expectations/1", "/expectations/2", "/expectations/3"]
        assert "column: field required" in faults[1].detail
        assert "nope" in faults[2].detail
        assert "secret" not in faults[2].detail


class TestRunSuite:
    def test_every_failing_row_is_kept(self, table):
        result = only(table, NOT_NULL.type, column="text")

        assert (result.success, result.n, result.n_failed) == (False, 1000, 500)
        assert result.failing_rows == tuple(range(1, 1000, 2))

    def test_failing_rows_are_named_by_the_id_column(self, table):
        table.index = table["id"].str[1:].astype(int)[::-1]

        result = only(table, "expect_column_values_to_be_between", row_id="id", column="price", max_value=997)

        assert result.failing_rows == ("s998", "s999")

    def test_rows_that_fail_within_mostly_are_kept_too(self, table):
        result = only(table, "expect_column_values_to_be_between", column="price", max_value=997, mostly=0.9)

        assert result.success
        assert result.failing_rows == (998, 999)

    def test_a_condition_on_rows_keeps_their_numbers(self, table):
        condition = {"type": "comparison", "column": {"name": "price"}, "operator": ">", "parameter": 995}

        result = only(table, NOT_NULL.type, column="text", row_condition=condition)

        assert (result.n, result.failing_rows) == (4, (997, 999))

    def test_results_stand_in_the_order_of_the_suite_also_of_equal_rules(self, table):
        suite = [
            Expectation("expect_column_max_to_be_between", {"column": "nowhere", "max_value": 1}),
            NOT_NULL,
            Expectation("expect_table_row_count_to_equal", {"value": 1000}),
            NOT_NULL,
        ]

        result = run_suite(table, suite, row_id=None)

        assert [one.type for one in result.results] == [one.type for one in suite]
        assert [one.success for one in result.results] == [False, False, True, False]
        assert not result.success

    def test_a_rule_that_cannot_be_applied_is_an_error_and_the_others_run(self, table):
        suite = [
            Expectation("expect_column_values_to_be_between", {"column": "text", "max_value": 3}),
            Expectation("expect_no_such_thing", {}),
            Expectation("expect_column_values_to_match_regex", {"column": "text", "regex": "("}),
            Expectation("expect_column_values_to_be_unique", {"column": "id"}),
        ]

        results = run_suite(table, suite, row_id=None).results

        assert [one.error is None for one in results] == [False, False, False, True]
        assert results[3].success
        assert not any(one.success for one in results[:3])
        assert "secret" not in " ".join(one.error or "" for one in results)

    def test_a_rule_that_takes_its_suite_down_leaves_the_others_standing(self, table):
        suite = [
            Expectation("expect_column_max_to_be_between", {"column": "price", "max_value": {"$PARAMETER": "x"}}),
            NOT_NULL,
        ]

        first, second = run_suite(table, suite, row_id=None).results

        assert first.error
        assert second.n_failed == 500

    def test_what_is_observed_holds_no_text_of_the_table(self, table):
        most_common = only(table, "expect_column_most_common_value_to_be_in_set", column="text", value_set=["x"])
        distinct = only(table, "expect_column_distinct_values_to_be_in_set", column="text", value_set=["x"])
        mean = only(table, "expect_column_mean_to_be_between", column="price", max_value=1)

        assert most_common.observed == {"n_values": 1}
        assert "secret" not in json.dumps([most_common.as_json(), distinct.as_json()])
        assert mean.observed == 499.5

    def test_everything_is_plain_json(self, table):
        table["price"] = np.where(table["price"] > 10, np.nan, table["price"])
        suite = [
            Expectation("expect_column_stdev_to_be_between", {"column": "price", "max_value": 1}),
            Expectation("expect_column_values_to_be_in_set", {"column": "price", "value_set": [1]}),
            Expectation("expect_column_quantile_values_to_be_between", {
                "column": "price", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[0, 1]]}}),
            Expectation("expect_column_values_to_be_of_type", {"column": "at", "type_": "int64"}),
        ]  # fmt: skip

        printed = json.dumps(run_suite(table, suite, row_id="price").as_json(), allow_nan=False)

        assert json.loads(printed)["n_rows"] == 1000

    def test_a_table_without_rows_holds_and_says_so(self):
        result = run_suite(pd.DataFrame({"text": []}), [NOT_NULL], row_id=None)

        assert (result.success, result.n_rows, result.results[0].n) == (True, 0, 0)

    def test_an_empty_suite_holds(self, table):
        assert run_suite(table, [], row_id=None).success

    @pytest.mark.slow
    def test_nothing_is_written_to_the_home_folder_nor_to_the_terminal(self, tmp_path):
        program = (
            "import pandas as pd; from quality.expectation import Expectation; from quality.expectations import run_suite;"
            "suite = [Expectation('expect_column_values_to_not_be_null', {'column': 'a'})];"
            "run_suite(pd.DataFrame({'a': [1, None]}), suite, row_id=None)"
        )

        done = subprocess.run(
            [sys.executable, "-c", program],
            check=True, capture_output=True, cwd=ROOT, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip

        assert (done.stdout, done.stderr) == (b"", b"")
        assert list(tmp_path.iterdir()) == []


class TestParseSuite:
    def test_it_refuses_with_the_faults(self):
        with pytest.raises(UsageError) as refused:
            parse_suite([{"type": "x"}])

        assert refused.value.faults[0].pointer == "/expectations/0/type"


class TestTypes:
    @pytest.mark.slow
    def test_the_list_is_the_library_s_own(self):
        program = (
            "import great_expectations.expectations.core;"
            "from great_expectations.expectations.registry import list_registered_expectation_implementations as all_of;"
            "print(*sorted(name for name in all_of() if name.startswith('expect_')))"
        )
        environment = {**os.environ, "GX_ANALYTICS_ENABLED": "false"}

        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program], check=True, capture_output=True, text=True, env=environment
        )

        assert done.stdout.split() == list(EXPECTATION_TYPES), "change quality/expectation_types.py to what is printed"
