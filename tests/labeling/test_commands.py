"""`winnow labeling …` on a local database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from foundation import queue
from foundation.settings import make_secrets
from labeling.cli import commands
from tests.labeling.workshop import Workshop


@pytest.fixture
def runner(workshop: Workshop, tmp_path: Path) -> Iterator[CliRunner]:
    """Runs commands in this process, which keeps the database it opened first: so it has to forget it."""
    make_secrets(tmp_path)
    url = workshop.database.engine.url.render_as_string(hide_password=False)
    queue.runtime.cache_clear()
    yield CliRunner(env={"WINNOW_HOME": str(tmp_path), "WINNOW_DATABASE_URL": url})
    if queue.runtime.cache_info().currsize:
        queue.runtime().database.engine.dispose()
    queue.runtime.cache_clear()


@pytest.fixture
def name(workshop: Workshop) -> str:
    from collector.queries import read_project
    from foundation.database import unit_of_work

    with unit_of_work(workshop.database, read_only=True) as session:
        return read_project(session, workshop.project_id).name


def line(workshop: Workshop, value: object) -> str:
    return json.dumps({"item": str(workshop.items[0]), "question": "mood", "annotator": "a", "value": value})


class TestImport:
    def test_a_file_of_lines_is_stored(self, runner: CliRunner, name: str, workshop: Workshop, tmp_path: Path) -> None:
        file = tmp_path / "labels.ndjson"
        file.write_text(line(workshop, "good") + "\n")

        done = runner.invoke(commands, ["import", name, str(file), "--json"])

        assert (done.exit_code, json.loads(done.stdout)["accepted"]) == (0, 1)
        assert workshop.values() == ["good"]

    def test_refused_lines_are_told_and_end_with_1(
        self, runner: CliRunner, name: str, workshop: Workshop, tmp_path: Path
    ) -> None:
        file = tmp_path / "labels.json"
        file.write_text(f"[{line(workshop, 'meh')}, {line(workshop, 'bad')}]")

        done = runner.invoke(commands, ["import", name, str(file), "--json"])

        told = json.loads(done.stdout)
        assert (done.exit_code, told["accepted"], told["rejected"]) == (1, 1, 1)
        assert told["errors"][0]["pointer"] == "/value"
        assert workshop.values() == ["bad"]

    def test_a_project_that_is_not_there_ends_with_1_as_for_every_command(
        self, runner: CliRunner, tmp_path: Path
    ) -> None:
        file = tmp_path / "labels.json"
        file.write_text("[]")

        done = runner.invoke(commands, ["import", "nobodys", str(file)])

        assert (done.exit_code, done.stdout) == (1, "")

    def test_a_file_that_is_no_json_is_told_in_a_line(self, runner: CliRunner, name: str, tmp_path: Path) -> None:
        file = tmp_path / "labels.csv"
        file.write_text("item,annotator\nx,anna\n")

        done = runner.invoke(commands, ["import", name, str(file)])

        assert (done.exit_code, done.stdout) == (1, "")
        assert "no line of it is JSON" in done.stderr

    def test_a_list_that_begins_with_a_byte_order_mark_is_read(
        self, runner: CliRunner, name: str, workshop: Workshop, tmp_path: Path
    ) -> None:
        file = tmp_path / "labels.json"
        file.write_text(f"[{line(workshop, 'good')}]", encoding="utf-8-sig")

        assert runner.invoke(commands, ["import", name, str(file), "--json"]).exit_code == 0
        assert workshop.values() == ["good"]

    def test_a_last_line_that_is_no_json_spoils_no_other_and_all_that_was_refused_is_told(
        self, runner: CliRunner, name: str, workshop: Workshop, tmp_path: Path
    ) -> None:
        file = tmp_path / "labels.ndjson"
        file.write_text("\n".join([line(workshop, "good"), *[line(workshop, "meh")] * 25, "{cut"]))

        done = runner.invoke(commands, ["import", name, str(file), "--json"])

        told = json.loads(done.stdout)
        assert (done.exit_code, told["accepted"], told["rejected"]) == (1, 1, 26)
        assert [error["index"] for error in told["errors"]] == list(range(1, 27))


class TestOthers:
    def test_annotators_are_listed(self, runner: CliRunner, name: str, workshop: Workshop, tmp_path: Path) -> None:
        file = tmp_path / "labels.ndjson"
        file.write_text(line(workshop, "good"))
        runner.invoke(commands, ["import", name, str(file)])

        done = runner.invoke(commands, ["annotators", name, "--json"])

        assert [one["alias"] for one in json.loads(done.stdout)] == ["annotator-1"]

    def test_an_address_leads_to_its_alias_which_can_be_given(
        self, runner: CliRunner, name: str, workshop: Workshop, tmp_path: Path
    ) -> None:
        file = tmp_path / "labels.ndjson"
        lines = [json.loads(line(workshop, "good")) | {"annotator": who} for who in ("kim@example.org", "sam")]
        file.write_text("\n".join(map(json.dumps, lines)))
        runner.invoke(commands, ["import", name, str(file)])

        given = runner.invoke(commands, ["annotators", name, "--of", "Kim@example.org", "--alias", "Kim", "--json"])
        asked = runner.invoke(commands, ["annotators", name, "--of", "kim@example.org", "--json"])

        assert (given.exit_code, asked.exit_code) == (0, 0)
        assert [one["alias"] for one in json.loads(given.stdout)] == ["Kim"]
        assert json.loads(asked.stdout) == json.loads(given.stdout)
        everybody = json.loads(runner.invoke(commands, ["annotators", name, "--json"]).stdout)
        assert [one["alias"] for one in everybody] == ["Kim", "annotator-2"]

    @pytest.mark.parametrize(
        ("wishes", "code"),
        [
            (["--of", "nobody@example.org"], 1),
            (["--of", "nobody@example.org", "--alias", "Kim"], 1),
            (["--alias", "Kim"], 2),
        ],
    )
    def test_who_is_not_there_cannot_be_named(self, runner: CliRunner, name: str, wishes: list[str], code: int) -> None:
        assert runner.invoke(commands, ["annotators", name, *wishes]).exit_code == code

    @pytest.mark.parametrize("alias", ["", "<b>", "annotator-2", "x" * 65])
    def test_an_alias_that_cannot_be_given_is_told_in_a_line(
        self, runner: CliRunner, name: str, workshop: Workshop, alias: str
    ) -> None:
        workshop.hand_in(workshop.items[:1], "kim")

        done = runner.invoke(commands, ["annotators", name, "--of", "1", "--alias", alias])

        assert (done.exit_code, done.stdout) == (1, "")
        assert "/alias" in done.stderr

    def test_the_webhooks_header_is_shown(self, runner: CliRunner, name: str) -> None:
        done = runner.invoke(commands, ["webhook", name])

        assert done.exit_code == 0
        assert "Winnow-Webhook-Secret" in done.stdout

    @pytest.mark.parametrize("command", ["sync", "verify"])
    def test_without_label_studio_they_say_what_to_do(self, runner: CliRunner, name: str, command: str) -> None:
        done = runner.invoke(commands, [command, name])

        assert done.exit_code == 1
        assert "WINNOW_LABEL_STUDIO_URL" in done.stderr
