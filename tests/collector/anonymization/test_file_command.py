"""`winnow collector scrub` on files that are not there, and without the name of a field."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from collector.anonymization.file_command import scrub_command


class TestWrongUse:
    def test_a_file_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        outcome = CliRunner().invoke(scrub_command, [str(tmp_path / "none.jsonl"), "--field", "text"])

        assert outcome.exit_code == 2
        assert "does not exist" in outcome.output

    def test_a_folder_is_no_file(self, tmp_path: Path) -> None:
        outcome = CliRunner().invoke(scrub_command, [str(tmp_path), "--field", "text"])

        assert outcome.exit_code == 2
        assert "is a directory" in outcome.output

    def test_the_field_has_to_be_named(self, tmp_path: Path) -> None:
        (tmp_path / "some.jsonl").write_text('{"text": "lol"}\n')

        outcome = CliRunner().invoke(scrub_command, [str(tmp_path / "some.jsonl")])

        assert outcome.exit_code == 2
        assert "--field" in outcome.output
