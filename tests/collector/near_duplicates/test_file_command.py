import gzip
import json

import pytest
from click.testing import CliRunner, Result

from collector.near_duplicates.file_command import near_duplicates_command


@pytest.fixture
def run(tmp_path):
    def run_on(text: str | bytes, *arguments: str) -> Result:
        file = tmp_path / "messages.jsonl"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return CliRunner().invoke(near_duplicates_command, [str(file), "--field", "text", *arguments])

    return run_on


MESSAGES = "\n".join(
    json.dumps({"id": number, "text": text})
    for number, text in enumerate(["Call me back tonight", "ok", "call me  back tonight!", "OK", "something else"])
)


class TestNearDuplicates:
    def test_sets_are_of_line_numbers_from_0(self, run):
        result = run(MESSAGES, "--json")

        assert result.exit_code == 0
        assert json.loads(result.stdout) == {"sets": [[0, 2], [1, 3]]}
        assert result.stdout.count("\n") == 1

    def test_pairs_have_their_similarity(self, run):
        result = run(MESSAGES, "--pairs", "--json")

        assert json.loads(result.stdout)["pairs"] == [[0, 2, 16 / 17], [1, 3, 1.0]]

    def test_many_pairs_are_one_list(self, run):
        result = run('{"text":"the same message"}\n' * 200, "--pairs", "--json")

        assert len(json.loads(result.stdout)["pairs"]) == 200 * 199 // 2

    def test_no_pairs_are_an_empty_list(self, run):
        assert json.loads(run("", "--pairs", "--json").stdout) == {"sets": [], "pairs": []}

    def test_blank_lines_count_as_lines(self, run):
        result = run('\ufeff{"text":"abc"}\n\n{"text":"ABC"}\r\n', "--json")

        assert json.loads(result.stdout) == {"sets": [[0, 2]]}

    def test_packed_files_are_read(self, tmp_path):
        file = tmp_path / "messages.jsonl.gz"
        file.write_bytes(gzip.compress(MESSAGES.encode()))

        result = CliRunner().invoke(near_duplicates_command, [str(file), "--field", "text", "--json"])

        assert json.loads(result.stdout) == {"sets": [[0, 2], [1, 3]]}

    def test_without_json_it_is_a_table(self, run):
        result = run(MESSAGES, "--pairs")

        assert result.exit_code == 0
        assert "0.9412" in result.stdout

    @pytest.mark.parametrize("threshold", ["0", "-0.5", "1.0001", "nan", "inf", "high"])
    def test_a_threshold_outside_its_range_is_exit_code_2(self, run, threshold):
        result = run(MESSAGES, "--threshold", threshold, "--json")

        assert result.exit_code == 2
        assert result.stdout == ""

    @pytest.mark.parametrize(
        "line",
        ["not json", "[]", "5", '{"message":"x"}', '{"text":null}', '{"text":5}', "[" * 100_000, b'{"text":"\xff"}'],
    )
    def test_a_line_without_a_text_is_named_and_exit_code_2(self, run, line):
        line = line if isinstance(line, bytes) else line.encode()

        result = run(b'{"text":"fine"}\n' + line + b"\n", "--json")

        assert result.exit_code == 2
        assert result.stdout == ""
        assert "line 2 " in result.stderr
        assert len(result.stderr.splitlines()) == 1
