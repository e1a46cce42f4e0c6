"""What public bug reports say of personal data that stays and of harmless text that goes."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from collector.anonymization.file_command import scrub_command
from tests.field_reports.cases import cases_of


@pytest.mark.parametrize("case", cases_of("scrub"))
def test_a_text_is_scrubbed_as_its_reporter_wanted(case, tmp_path):
    file = tmp_path / "texts.jsonl"
    file.write_text(json.dumps({"text": case["input"]}) + "\n", encoding="utf-8")

    result = CliRunner().invoke(scrub_command, [str(file), "--field", "text", "--json"])

    scrubbed = json.loads(result.stdout)["text"]
    expected = case["expected"]
    assert scrubbed == expected.get("text", scrubbed), case["why"]
    assert [piece for piece in expected.get("must_be_gone", []) if piece in scrubbed] == []
