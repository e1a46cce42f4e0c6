"""A file of JSON lines, plain and packed, whole and broken; and the command around it."""

from __future__ import annotations

import gzip
import json

import pytest
import zstandard
from click.testing import CliRunner

from collector.anonymization.file_scrub import scrub_lines
from collector.cli import commands
from foundation.errors import UsageError

LINES = b'{"text": "mail joe@example.com", "n": 1}\n\n{"text": "nothing"}\r\n{"text": "\\ud83d\\ude00 10.0.0.1"}'
SCRUBBED = [
    {
        "text": "mail <EMAIL_ADDRESS>",
        "entities": [{"type": "EMAIL_ADDRESS", "start": 5, "end": 20, "score": 1.0}],
    },
    {"text": "nothing", "entities": []},
    {"text": "😀 <IP_ADDRESS>", "entities": [{"type": "IP_ADDRESS", "start": 2, "end": 10, "score": 0.95}]},
]


@pytest.fixture
def run(tmp_path):
    def run_on(content: bytes, *arguments: str, name: str = "in.jsonl"):
        path = tmp_path / name
        path.write_bytes(content)
        return CliRunner().invoke(commands, ["scrub", str(path), *arguments])

    return run_on


class TestScrubLines:
    def test_keeps_the_order_over_many_batches(self):
        lines = [json.dumps({"t": f"n{number} joe{number}@example.com"}).encode() for number in range(1234)]

        texts = [scrubbed.text for scrubbed in scrub_lines(lines, field="t")]

        assert texts == [f"n{number} <EMAIL_ADDRESS>" for number in range(1234)]

    def test_yields_what_stands_before_a_mistake(self):
        found = scrub_lines([b'{"t": "a"}', b"nonsense"], field="t")

        assert next(found).text == "a"
        with pytest.raises(UsageError, match="line 2"):
            next(found)

    def test_reads_no_further_than_needed(self):
        def lines():
            yield from [b'{"t": "a"}'] * 100
            raise AssertionError("read too far")

        assert next(scrub_lines(lines(), field="t")).text == "a"


class TestCommand:
    def test_prints_a_record_a_line_in_order(self, run):
        result = run(LINES, "--field", "text", "--json")

        assert result.exit_code == 0, result.stderr
        assert [json.loads(line) for line in result.stdout.splitlines()] == SCRUBBED
        assert result.stderr == ""

    def test_passes_over_a_byte_order_mark(self, run):
        result = run(b"\xef\xbb\xbf" + LINES, "--field", "text", "--json")

        assert [json.loads(line) for line in result.stdout.splitlines()] == SCRUBBED

    @pytest.mark.parametrize(
        ("name", "pack"), [("in.gz", gzip.compress), ("in.zst", zstandard.ZstdCompressor().compress)]
    )
    def test_reads_packed_files(self, run, name, pack):
        result = run(pack(LINES), "--field", "text", "--json", name=name)

        assert [json.loads(line) for line in result.stdout.splitlines()] == SCRUBBED

    def test_prints_a_table_of_counts_without_json(self, run):
        result = run(LINES, "--field", "text")

        assert result.exit_code == 0
        assert "EMAIL_ADDRESS" in result.stdout
        assert "joe" not in result.stdout

    def test_the_table_says_of_how_many_records_it_speaks(self, run):
        assert "2 of 3 records hold personal data" in " ".join(run(LINES, "--field", "text").stdout.split())

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b'{"text": "a"}\n{"text": ', "line 2 is not JSON"),
            (b'{"text": "a"}\n[1]', "line 2 is no JSON object"),
            (b'{"other": "secret@example.com"}', "line 1 lacks the field 'text'"),
            (b'{"text": 4111111111111111}', "line 1 holds something else than a text"),
            (b'{"text": "\xff"}', "line 1 is not JSON"),
            (b'{"text": "\\ud800"}', "line 1 is not JSON"),
        ],
    )
    def test_a_bad_line_ends_it_with_2_and_one_line_that_says_where(self, run, content, told):
        result = run(content, "--field", "text", "--json")

        assert result.exit_code == 2
        assert told in result.stderr
        assert result.stderr.count("\n") == 1
        assert "secret" not in result.stderr
        assert "4111" not in result.stderr

    def test_an_empty_file_is_no_mistake(self, run):
        result = run(b"", "--field", "text", "--json")

        assert (result.exit_code, result.stdout) == (0, "")

    @pytest.mark.parametrize("arguments", [(), ("--field", "text", "--names")])
    def test_what_is_not_offered_is_refused(self, run, arguments):
        assert run(LINES, *arguments).exit_code == 2

    def test_help_has_an_example(self):
        result = CliRunner().invoke(commands, ["scrub", "--help"])

        assert "winnow collector scrub messages.jsonl --field text --json" in result.stdout
