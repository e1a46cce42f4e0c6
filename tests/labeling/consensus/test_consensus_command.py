import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from labeling.cli import commands


@pytest.fixture
def run(tmp_path):
    def run_on(text: str | bytes, *arguments: str, gold: str | None = None) -> Result:
        file = tmp_path / "votes.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        if gold is not None:
            (tmp_path / "gold.csv").write_text(gold, encoding="utf-8")
            arguments = (*arguments, "--gold", str(tmp_path / "gold.csv"))
        return CliRunner().invoke(commands, ["consensus", str(file), *arguments])

    return run_on


def lines(result: Result) -> list[dict]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


VOTES = "value,item,note,annotator\n1,dog,,ann\n2,dog,,bob\n2,cat,,ann\n1,cat,late,bob\n2,cat,,cem\n"


class TestConsensus:
    def test_columns_come_in_any_order_and_others_are_left_alone(self, run):
        assert lines(run(VOTES, "--json")) == [
            {"item": "dog", "value": "2", "confidence": 0.5, "n": 2, "tie": True},
            {"item": "cat", "value": "2", "confidence": 2 / 3, "n": 3},
        ]

    @pytest.mark.parametrize(
        ("arguments", "values", "told"),
        [
            ((), ["no", "yes"] * 5, ("no", True)),
            ((), ["yes", "no", "no"], ("no", None)),
            ((), ["a", "b", "c"], ("a", True)),
            (("--level", "interval"), ["1", "1.0", "2", "2.0"], ("1", True)),
            (("--method", "median", "--level", "ordinal"), ["1", "1", "3", "3"], ("1", True)),
            (("--method", "median", "--level", "ordinal"), ["1", "2", "2", "3"], ("2", None)),
            (("--method", "median", "--level", "interval"), ["1", "1", "3", "3"], (2.0, None)),
            (("--method", "mean"), ["1", "3"], (2.0, None)),
        ],
    )
    def test_a_tie_says_so_and_a_number_between_two_is_none(self, run, arguments, values, told):
        text = "item,annotator,value\n" + "".join(f"i,a{at},{value}\n" for at, value in enumerate(values))

        (line,) = lines(run(text, *arguments, "--json"))

        assert (line["value"], line.get("tie")) == told

    def test_a_tie_shows_the_value_that_is_most_frequent_in_the_file_for_a_median_too(self, run):
        text = "item,annotator,value\ni,a,1\ni,b,3\nj,a,3\n"

        first, _ = lines(run(text, "--method", "median", "--level", "ordinal", "--json"))

        assert first == {"item": "i", "value": "3", "confidence": 0.5, "n": 2, "tie": True}

    @pytest.mark.parametrize("other", ["cafe\u0301", " caf\u00e9", "caf\u00e9 ", "cafe\u0301\u00a0"])
    def test_what_no_reader_can_tell_apart_is_one_value_printed_as_it_was_read_first(self, run, other):
        text = f"item,annotator,value\ni,a,{other}\ni,b,caf\u00e9\ni,c,no\n"

        result = run(text, "--json")

        assert lines(result) == [{"item": "i", "value": other, "confidence": 2 / 3, "n": 3}]
        assert "1 spelling differs" in result.stderr

    def test_items_and_annotators_are_told_apart_as_values_are(self, run):
        text = "item,annotator,value\ni,Jose\u0301,x\n i,Jos\u00e9,y\ni ,Ann, \n"

        assert lines(run(text, "--json")) == [{"item": "i", "value": "y", "confidence": 1.0, "n": 1}]

    def test_gold_and_order_are_compared_as_values_are(self, run):
        text = "item,annotator,value\ni,a,cafe\u0301\ni,b,tea \ni,c,tea\n"
        gold = "item,value\ni ,tea\n"

        result = run(text, "--method", "median", "--level", "ordinal", "--order", "caf\u00e9, tea", "--json", gold=gold)

        assert lines(result)[0]["value"] == "tea "
        assert "accuracy 1.0000" in result.stderr

    def test_an_item_of_blanks_alone_is_a_mistake_with_its_line(self, run):
        result = run("item,annotator,value\ni,a,x\n ,a,x\n")

        assert (result.exit_code, "line 3: 'item' is empty" in result.stderr) == (2, True)

    def test_a_mean_is_a_number(self, run):
        assert lines(run(VOTES, "--method", "mean", "--json"))[0]["value"] == 1.5

    def test_a_byte_order_mark_quotes_and_blank_lines_are_read(self, run):
        text = '\ufeffitem,annotator,value\r\n"a,1",x,"two\nlines"\r\n\r\n'

        assert lines(run(text, "--json")) == [{"item": "a,1", "value": "two\nlines", "confidence": 1.0, "n": 1}]

    def test_a_header_alone_has_no_items(self, run):
        assert lines(run("item,annotator,value\n", "--json")) == []

    def test_without_json_it_is_a_table(self, run):
        result = run(VOTES)

        assert result.exit_code == 0
        assert "dog" in result.stdout

    def test_gold_is_told_on_stderr_alone(self, run):
        result = run(VOTES, "--json", gold="item,value\ndog,1\ncat,2\nfox,1\n")

        assert len(lines(result)) == 2
        assert "accuracy 0.5000" in result.stderr
        assert "over 2 items" in result.stderr
        assert "1 known answers are of items without an annotation" in result.stderr

    def test_a_value_that_was_put_right_is_no_mistake(self, run):
        text = "item,annotator,value\ndog,ann,many\ndog,bob,2\ndog,ann,4\n"

        assert lines(run(text, "--method", "mean", "--json")) == [
            {"item": "dog", "value": 3.0, "confidence": 0.0, "n": 2}
        ]

    def test_an_empty_value_is_a_missing_annotation(self, run):
        text = "item,annotator,value\ndog,ann,\ndog,bob,2\ncat,ann,\n"

        assert lines(run(text, "--json")) == [{"item": "dog", "value": "2", "confidence": 1.0, "n": 1}]

    def test_a_wrong_known_answer_is_named_with_its_place(self, run):
        result = run(VOTES, "--method", "mean", "--json", gold="item,value\ncat,2\ndog,two\n")

        assert result.exit_code == 2
        assert "gold.csv, line 3, 'value': not a finite number" in result.stderr

    def test_gold_of_numbers_is_told_as_a_difference(self, run):
        result = run(VOTES, "--method", "mean", "--json", gold="item,value\ndog,1\n")

        assert "mean absolute difference 0.5000, over 1 items" in result.stderr

    @pytest.mark.parametrize(
        ("text", "arguments", "told"),
        [
            ("", (), "empty; needed"),
            ("item,value\n1,x\n", (), "the column 'annotator' is missing"),
            ("item,item,annotator,value\n1,1,a,x\n", (), "the column 'item' stands twice"),
            ("item,annotator,value\n1,a\n", (), "line 2"),
            ("item,annotator,value\n1,a,x\n1,,x\n", (), "line 3: 'annotator' is empty"),
            ('item,annotator,value\n1,a,"x\n', (), "not valid CSV"),
            (b"item,annotator,value\n1,a,\xff\n", (), "UTF-8"),
            ("item,annotator,value\n1,a,1\n1,b,x\n", ("--method", "mean"), "line 3, 'value': not a finite number"),
            ("item,annotator,value\n1,a,1\n1,b,x\n", ("--order", "1"), "line 3, 'value': it does not stand in"),
            ("item,annotator,value\n1,a,1\n1,b,x\n", ("--method", "median"), "line 3, 'value': the level ordinal"),
            ("item,annotator,value\n1,a,1\n", ("--method", "mean", "--level", "ordinal"), "interval or ratio"),
            ("item,annotator,value\n1,a,1\n", ("--method", "median", "--level", "nominal"), "needs an order"),
            ("item,annotator,value\n1,a,1\n", ("--method", "best"), "majority"),
            ("item,annotator,value\n1,a,1\n", ("--level", "high"), "ordinal"),
        ],
    )
    def test_a_mistake_is_told_with_exit_code_2(self, run, text, arguments, told):
        result = run(text, "--json", *arguments)

        assert result.exit_code == 2
        assert result.stdout == ""
        assert told in result.stderr

    def test_our_own_refusals_take_one_line(self, run):
        result = run("item,value\n1,x\n", "--json")

        assert len(result.stderr.splitlines()) == 1

    def test_a_file_that_is_not_there_is_exit_code_2(self, tmp_path: Path):
        result = CliRunner().invoke(commands, ["consensus", str(tmp_path / "none.csv"), "--json"])

        assert result.exit_code == 2
