"""What public bug reports say of near-duplicate texts."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from collector.near_duplicates.file_command import near_duplicates_command
from tests.field_reports.cases import cases_of

# Decided otherwise than the reporter wished, each by a record in docs/decisions.
DECIDED = {"nd-zero-width": {"sets": []}}  # 0010


@pytest.mark.parametrize("case", cases_of("near-duplicates"))
def test_the_sets_are_those_the_reporter_wanted(case, tmp_path):
    file = tmp_path / "texts.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in case["input"]), encoding="utf-8")

    result = CliRunner().invoke(
        near_duplicates_command, [str(file), "--field", "text", "--threshold", "0.85", "--json"]
    )

    assert json.loads(result.stdout)["sets"] == DECIDED.get(case["id"], case["expected"])["sets"]


def test_an_invisible_character_is_a_character(tmp_path):
    file = tmp_path / "texts.jsonl"
    file.write_text('{"text": "free mon\\u200bey now"}\n{"text": "free money now"}\n', encoding="utf-8")

    result = CliRunner().invoke(
        near_duplicates_command, [str(file), "--field", "text", "--pairs", "--threshold", "0.01", "--json"]
    )

    shared, of_both = 6, 15
    assert json.loads(result.stdout)["pairs"] == [[0, 1, shared / of_both]]
