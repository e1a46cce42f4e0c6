"""What every command shares, seen through `winnow keys` on both databases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import wsgi
from foundation.cli import PROJECTS, LazyGroup, print_table, say
from foundation.database import Database
from tests.signals import Held, make_project

commands = LazyGroup("keys", "foundation.http.keys_cli:commands", "Keys.", {PROJECTS: wsgi.projects})


@pytest.fixture
def runner(database: Database, tmp_path: Path) -> CliRunner:
    url = database.engine.url.render_as_string(hide_password=False)
    return CliRunner(env={"WINNOW_HOME": str(tmp_path), "WINNOW_DATABASE_URL": url})


@pytest.fixture
def held(database: Database) -> Held:
    return make_project(database)


class TestKeys:
    def test_a_key_is_alone_on_stdout_and_the_list_names_its_project(self, runner: CliRunner, held: Held) -> None:
        made = runner.invoke(commands, ["create", "--role", "read", "--project", held.name, "--note", "a dashboard"])
        rows = json.loads(runner.invoke(commands, ["list", "--json"]).stdout)

        assert made.stdout.startswith("winnow_read_")
        assert made.stdout.count("\n") == 1
        assert {"project": held.name, "note": "a dashboard", "role": "read"}.items() <= rows[-1].items()
        assert made.stdout.strip() not in json.dumps(rows)

    def test_the_id_in_the_table_can_be_copied_to_retire_it(self, runner: CliRunner, held: Held) -> None:
        rows = json.loads(runner.invoke(commands, ["list", "--json"]).stdout)
        shown = runner.invoke(commands, ["list"]).stdout
        retired = runner.invoke(commands, ["retire", rows[0]["id"]])

        assert all(row["id"] in shown for row in rows)
        assert retired.exit_code == 0
        assert json.loads(runner.invoke(commands, ["list", "--json"]).stdout)[0]["retired_at"]

    @pytest.mark.parametrize(
        ("arguments", "code", "said"),
        [
            (["create", "--role", "read"], 2, "needs --project"),
            (["create", "--role", "admin", "--project", "slang"], 2, "has no project"),
            (["create", "--role", "read", "--project", "nowhere"], 1, "no such project"),
            (["retire", "not-an-id"], 2, "`winnow keys list` shows them"),
            (["retire", "5b1f0c9e-2d3a-4c57-9a83-1f0c7d9e2b44"], 1, "no key has this id"),
        ],
    )
    def test_a_wrong_call_is_told_in_one_line(
        self, runner: CliRunner, arguments: list[str], code: int, said: str
    ) -> None:
        result = runner.invoke(commands, arguments)

        assert (result.exit_code, result.stdout) == (code, "")
        assert said in result.stderr


class TestTable:
    def test_a_cell_is_whole_and_not_read_as_markup(self, capsys: pytest.CaptureFixture[str]) -> None:
        print_table("Words", [{"word": "[bold]" + "x" * 200, "n_items": None}])

        printed = capsys.readouterr().out
        assert "[bold]" + "x" * 200 in printed
        assert "n items" in printed

    def test_a_cell_cannot_command_the_terminal(self, capsys: pytest.CaptureFixture[str]) -> None:
        print_table("Dead letters", [{"pointer": "/payload/\x1b[2Jx"}])

        printed = capsys.readouterr().out
        assert "\x1b" not in printed
        assert r"/payload/\x1b[2Jx" in printed

    def test_no_rows_are_one_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        print_table("Dead letters", [])

        assert capsys.readouterr().out == "Dead letters: none\n"


def test_a_line_on_stderr_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say("/payload/\x1b[2Jx is not declared")

    assert capsys.readouterr().err == "/payload/\\x1b[2Jx is not declared\n"


class TestLazyGroup:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["create", "--role", "king"], "'king' is not one of 'ingest'"),
            (["create"], "Missing option '--role'"),
            (["create", "--colour", "red"], "No such option"),
            (["crown"], "No such command"),
        ],
    )
    def test_a_wrong_call_is_told_in_one_line_and_ends_with_2(self, arguments: list[str], said: str) -> None:
        done = CliRunner().invoke(commands, arguments)

        assert (done.exit_code, done.stdout) == (2, "")
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
