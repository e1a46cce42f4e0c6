"""`winnow quality …` on plain files: JSON alone on stdout, one line on stderr, exit codes 0, 1 and 2."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from quality.cli import commands
from quality.expectation import Expectation
from quality.expectations import run_suite
from quality.frames import read_table

ROOT = Path(__file__).resolve().parents[2]
RATINGS = "item,annotator,value\ni,a,1\ni,b,1\nj,a,2\nj,b,3\nk,a,3\nk,b,3\n"


@pytest.fixture
def run(tmp_path):
    def _run(*arguments, **files):
        for name, content in files.items():
            (tmp_path / name.replace("_", ".")).write_text(content)
        paths = {name.replace("_", "."): str(tmp_path / name.replace("_", ".")) for name in files}
        return CliRunner().invoke(commands, [paths.get(argument, argument) for argument in arguments])

    return _run


def judged(folder, table, kind, kwargs):
    """A rule on a file as the command reads it, without the command's child process."""
    (folder / "t.csv").write_text(table)
    read = read_table(folder / "t.csv")
    suite = [Expectation(kind, {"column": "a", **kwargs})]
    return run_suite(read.frame, suite, row_id=None, texts=read.texts).results[0]


class TestAgreement:
    def test_one_json_object_has_every_figure(self, run):
        done = run("agreement", "r.csv", "--level", "ordinal", "--json", r_csv=RATINGS)

        figures = json.loads(done.stdout)
        assert done.exit_code == 0
        assert (figures["n_items"], figures["n_annotators"], figures["n_annotations"]) == (3, 2, 6)
        assert figures["percent_agreement"] == pytest.approx(2 / 3, rel=1e-12)
        assert len(figures["alpha_ci"]) == 2
        assert [set(pair) for pair in figures["cohen_kappa"]] == [{"a", "b", "n", "kappa"}]
        assert "reasons" not in figures

    def test_json_has_figures_as_they_were_measured_and_a_table_four_decimals(self, run):
        arguments = ("agreement", "r.csv", "--level", "nominal")

        figures = json.loads(run(*arguments, "--json", r_csv=RATINGS).stdout)
        table = run(*arguments, r_csv=RATINGS).stdout

        measured = [figures[name] for name in ("percent_agreement", "alpha", "fleiss_kappa", "gwet_ac1")]
        measured += [*figures["alpha_ci"], figures["cohen_kappa"][0]["kappa"]]
        assert figures["percent_agreement"] == pytest.approx(2 / 3, rel=1e-12)
        for figure in measured:
            assert f"{figure:.4f}" in table
            assert repr(figure) not in table or figure == round(figure, 4)

    def test_two_runs_print_the_same(self, run):
        arguments = ("agreement", "r.csv", "--level", "nominal", "--json")

        assert run(*arguments, r_csv=RATINGS).stdout == run(*arguments, r_csv=RATINGS).stdout

    def test_what_no_reader_can_tell_apart_is_the_same(self, run):
        spelled = "item,annotator,value\ni,a,cafe\u0301\ni ,b,caf\u00e9\nj,a,no\nj, b,no \nj,c, \n"
        plain = "item,annotator,value\ni,a,caf\u00e9\ni,b,caf\u00e9\nj,a,no\nj,b,no\n"
        arguments = ("agreement", "r.csv", "--level", "nominal", "--json")

        done = run(*arguments, r_csv=spelled)

        assert done.stdout == run(*arguments, r_csv=plain).stdout
        assert "4 spellings differ" in done.stderr

    def test_an_annotator_of_blanks_alone_is_a_mistake_with_its_line(self, run):
        done = run("agreement", "r.csv", "--level", "nominal", r_csv=RATINGS + "k, ,3\n")

        assert (done.exit_code, "line 8: 'annotator' is empty" in done.stderr) == (2, True)

    def test_an_order_is_compared_as_values_are(self, run):
        words = RATINGS.replace("1", "low ").replace("2", "cafe\u0301").replace("3", "high")

        done = run("agreement", "r.csv", "--level", "ordinal", "--order", "low, caf\u00e9,high", "--json", r_csv=words)

        assert done.stdout == run("agreement", "r.csv", "--level", "ordinal", "--json", r_csv=RATINGS).stdout

    def test_a_person_reads_a_table(self, run):
        done = run("agreement", "r.csv", "--level", "interval", r_csv=RATINGS)

        assert done.exit_code == 0
        assert "alpha" in done.stdout
        assert "Cohen's kappa" in done.stdout

    def test_an_annotators_name_is_not_read_as_markup(self, run):
        done = run("agreement", "r.csv", "--level", "ordinal", r_csv=RATINGS.replace(",b,", ",[/b],"))

        assert done.exit_code == 0
        assert "[/b]" in done.stdout

    def test_figures_that_are_undefined_have_a_reason(self, run):
        done = run("agreement", "r.csv", "--level", "nominal", "--json", r_csv="item,annotator,value\ni,a,x\n")

        figures = json.loads(done.stdout)
        assert done.exit_code == 0
        assert figures["alpha"] is None
        assert "1 more needed" in figures["reasons"]["alpha"]

    def test_words_in_order_are_ordinal(self, run):
        words = RATINGS.replace("1", "low").replace("2", "middle").replace("3", "high")

        done = run("agreement", "r.csv", "--level", "ordinal", "--order", "low,middle,high", "--json", r_csv=words)

        assert done.stdout == run("agreement", "r.csv", "--level", "ordinal", "--json", r_csv=RATINGS).stdout

    @pytest.mark.parametrize(
        ("arguments", "content", "said"),
        [
            (("--level", "metric"), RATINGS, "--level must be one of nominal, ordinal, interval, ratio"),
            (
                ("--level", "interval"),
                RATINGS + "l,a,many\n",
                "line 8, 'value': the level interval needs finite numbers",
            ),
            (("--level", "ordinal"), RATINGS + "l,a,many\n", "line 8, 'value': .* --order low,middle,high"),
            (
                ("--level", "ordinal", "--order", "1,2"),
                RATINGS,
                "line 5, 'value': it does not stand in the given",
            ),
            (("--level", "ordinal", "--order", "1,1"), RATINGS, "--order needs different values"),
            (("--level", "nominal", "--order", "1,2"), RATINGS, "--order is for --level ordinal alone"),
            (("--level", "nominal"), "item,value\n", "line 1: the column 'annotator' is missing"),
            (("--level", "nominal"), "", "empty"),
        ],
    )
    def test_a_mistake_is_one_line_and_exit_code_2(self, run, arguments, content, said):
        done = run("agreement", "r.csv", *arguments, r_csv=content)

        assert done.exit_code == 2
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1
        assert "many" not in done.stderr
        assert re.search(said, done.stderr)

    def test_help_has_an_example_and_loads_nothing_heavy(self):
        program = (
            "import sys; from click.testing import CliRunner; from quality.cli import commands;"
            "said = CliRunner().invoke(commands, ['agreement', '--help']).stdout;"
            "assert 'Example' in said, said;"
            "assert not {'numpy', 'pandas', 'great_expectations', 'scipy'} & set(sys.modules)"
        )

        subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


SUITE = json.dumps([{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a"}}])


class TestExpectations:
    @pytest.mark.slow
    def test_a_table_that_holds_ends_with_0(self, run):
        done = run("expectations", "t.csv", "s.json", "--json", t_csv="a\n1\n", s_json=SUITE)

        assert done.exit_code == 0
        assert json.loads(done.stdout) == {
            "success": True,
            "n_rows": 1,
            "expectations": [
                {
                    "type": "expect_column_values_to_not_be_null",
                    "kwargs": {"column": "a"},
                    "success": True,
                    "n": 1,
                    "n_failed": 0,
                    "failing_rows": [],
                }
            ],
        }

    @pytest.mark.slow
    def test_a_table_that_does_not_hold_ends_with_1_and_names_every_row(self, run):
        done = run("expectations", "t.csv", "s.json", "--json", t_csv="a,b\n" + ",1\n" * 300, s_json=SUITE)

        assert done.exit_code == 1
        assert json.loads(done.stdout)["expectations"][0]["failing_rows"] == list(range(300))

    @pytest.mark.slow
    def test_nothing_is_said_beside_the_result(self, run, caplog):
        done = run("expectations", "t.csv", "s.json", "--json", t_csv="a\n1\n", s_json="\ufeff" + SUITE)

        assert done.exit_code == 0
        assert done.stderr == ""
        assert caplog.messages == []

    @pytest.mark.slow
    def test_a_column_that_is_not_there_is_an_error_of_its_expectation(self, run):
        done = run("expectations", "t.csv", "s.json", "--json", t_csv="b\n1\n", s_json=SUITE)

        assert done.exit_code == 1
        assert "no column 'a'" in json.loads(done.stdout)["expectations"][0]["error"]

    @pytest.mark.slow
    def test_a_person_reads_a_table(self, run):
        done = run("expectations", "t.csv", "s.json", t_csv="b\n1\n", s_json=SUITE)

        assert "Expectations" in done.stdout
        assert "/expectations/0: the table has no column" in done.stderr

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("suite", "said"),
        [
            ('[{"type": "expect_nothing_like_it"}]', "/expectations/0: Great Expectations has no"),
            ('[{"type": "expect_column_to_exist", "kwargs": {}}]', "/expectations/0: the arguments do not fit: column"),
            ('[{"type": "drop"}]', "/expectations/0/type: give a Great Expectations type"),
            ("nope", "line 1: the file is not JSON"),
        ],
    )
    def test_a_wrong_suite_is_exit_code_2_and_points_at_the_place(self, run, suite, said):
        done = run("expectations", "t.csv", "s.json", "--json", t_csv="a\n1\n", s_json=suite)

        assert done.exit_code == 2
        assert done.stdout == ""
        assert said in done.stderr

    @pytest.mark.parametrize(
        ("cells", "kind", "kwargs", "failing"),
        [
            (["12.50", "3.00", "7.5"], "expect_column_values_to_match_regex", {"regex": r"^\d+\.\d\d$"}, [2]),
            (["12.50", "3.00", "7.5"], "expect_column_values_to_be_between", {"min_value": 5}, [1]),
            (["12", "", "7"], "expect_column_values_to_be_between", {"max_value": 10}, [0]),
            (["12", "", "7"], "expect_column_values_to_not_be_null", {}, [1]),
            (["12", "7", "12"], "expect_column_values_to_be_unique", {}, [0, 2]),
            (["10", "20", "3"], "expect_column_values_to_be_in_set", {"value_set": ["10", "20"]}, [2]),
            (["10", "", "3"], "expect_column_values_to_be_in_set", {"value_set": [10, 20]}, [2]),
            (["01010", "12345", "123"], "expect_column_value_lengths_to_equal", {"value": 5}, [2]),
            (["12345", "12345", "123"], "expect_column_value_lengths_to_equal", {"value": 5}, [2]),
            (["TRUE", "true", "no"], "expect_column_values_to_be_in_set", {"value_set": ["TRUE", "true"]}, [2]),
            (["3", "", "2"], "expect_column_values_to_be_increasing", {}, [2]),
            (
                ["20261124", "20261199"],
                "expect_column_values_to_match_strftime_format",
                {"strftime_format": "%Y%m%d"},
                [1],
            ),
        ],
    )
    def test_a_rule_sees_what_is_written_or_the_number_as_it_needs(self, tmp_path, cells, kind, kwargs, failing):
        found = judged(tmp_path, "b,a\n" + "".join(f"x,{cell}\n" for cell in cells), kind, kwargs)

        assert found.error is None
        assert found.failing_rows == tuple(failing)

    @pytest.mark.parametrize(
        ("kind", "kwargs"),
        [
            ("expect_column_mean_to_be_between", {"min_value": 2, "max_value": 2}),
            ("expect_column_sum_to_be_between", {"min_value": 6, "max_value": 6}),
            ("expect_column_median_to_be_between", {"min_value": 2, "max_value": 2}),
            ("expect_column_stdev_to_be_between", {"min_value": 1, "max_value": 1}),
            ("expect_column_max_to_be_between", {"max_value": 3}),
            ("expect_column_unique_value_count_to_be_between", {"min_value": 3, "max_value": 3}),
            ("expect_column_distinct_values_to_equal_set", {"value_set": [1, 2, 3]}),
            (
                "expect_column_quantile_values_to_be_between",
                {"quantile_ranges": {"quantiles": [0.5], "value_ranges": [[2, 2]]}},
            ),
            ("expect_column_values_to_be_of_type", {"type_": "Int64"}),
            ("expect_column_values_to_be_of_type", {"type_": "int64"}),
            ("expect_column_values_to_be_in_type_list", {"type_list": ["int"]}),
            ("expect_column_values_to_be_of_type", {"column": "b", "type_": "str"}),
            ("expect_column_values_to_be_in_type_list", {"column": "b", "type_list": ["str"]}),
        ],
    )
    def test_figures_of_integers_beside_a_missing_value_are_those_of_the_others(self, tmp_path, kind, kwargs):
        found = judged(tmp_path, "b,a\nx,1\nx,\nx,2\nx,3\n", kind, kwargs)

        assert found.success, found
