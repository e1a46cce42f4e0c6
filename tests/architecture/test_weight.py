"""What the web process and the commands do without: heavy libraries, time, memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

import wsgi
from foundation.cli import CommandLine
from tests.architecture.sources import ROOT

HEAVY = (
    "pandas",
    "pyarrow",
    "numpy",
    "sklearn",
    "scipy",
    "great_expectations",
    "label_studio_sdk",
    "altair",
    "ray",
    "daft",
)
LARGEST_BYTES = 150 << 20
"""CPU seconds on a machine where everything else runs too; the budget of one second is for a quiet one (`make bench`)."""
HELPS = ("", "collector", "labeling", "quality", "exports", "keys", "quality agreement", "labeling consensus")
FEW_MODULES = 200
MODULES_OF_A_LIST = 750
NOT_FOR_A_LIST = (
    *("celery", "kombu", "alembic", "flask", "werkzeug", "jinja2", "foundation.queue", "foundation.jobs"),
    *("collector.models", "labeling.models", "quality.models", "exports.models"),
)
MEASURE = """
import json, resource, sys, time
began = time.process_time()
{statements}
seconds = time.process_time() - began
heavy = sorted(name for name in {heavy!r} if name in sys.modules)
with open("/proc/self/statm") as statm:
    resident = int(statm.read().split()[1]) * resource.getpagesize()
print(json.dumps({{"cpu_s": round(seconds, 2), "resident": resident, "heavy": heavy}}))
"""


def measured(statements: str, home: str) -> dict[str, object]:
    environment = {**os.environ, "WINNOW_HOME": home, "WINNOW_SECRET_KEY": "k" * 8}
    program = MEASURE.format(statements=statements, heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    print(found)
    return found


class TestWebProcess:
    @pytest.mark.slow
    def test_it_is_light(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        found = measured("from wsgi import create_app\ncreate_app()", str(tmp_path_factory.mktemp("home")))

        assert found["heavy"] == []
        assert int(str(found["resident"])) < LARGEST_BYTES


class TestCommands:
    @pytest.mark.slow
    def test_help_loads_nothing_heavy(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        """Of `flask` itself, of each domain's commands, and of one command."""
        statements = f"""
import io, os
from contextlib import redirect_stdout, suppress
from flask.cli import main
os.environ["FLASK_RUN_FROM_CLI"] = "true"
for words in {HELPS!r}:
    sys.argv = ["flask", *words.split(), "--help"]
    with redirect_stdout(io.StringIO()) as said, suppress(SystemExit):
        main()
    assert "Usage: " in said.getvalue(), words
"""
        found = measured(statements, str(tmp_path_factory.mktemp("home")))

        assert found["heavy"] == []

    @pytest.mark.slow
    @pytest.mark.parametrize("words", ["--help", "keys --help", "keys list --json"])
    def test_winnow_starts_from_anywhere_with_few_modules(self, words: str, tmp_path: Path) -> None:
        """Modules are counted, since seconds say more of the machine; a list reads keys and asks whether the tables are current."""
        most = FEW_MODULES if words == "--help" else MODULES_OF_A_LIST
        program = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
sys.argv = ["winnow", *{words.split()!r}]
from wsgi import main
try:
    main()
finally:
    print(len(sys.modules), *sorted({{*sys.modules}} & {{*{(*HEAVY, *NOT_FOR_A_LIST)!r}}}), file=sys.stderr)
"""
        environment = {**os.environ, "WINNOW_HOME": str(tmp_path / "home")}
        command = [sys.executable, "-P", "-c", program]
        subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)  # makes the database

        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)

        modules, *loaded = done.stderr.split()
        assert loaded == []
        assert int(modules) <= most
        assert done.stdout.startswith("[]" if "list" in words else "Usage: winnow")

    def test_winnow_says_what_it_is_and_has_the_commands_of_flask(self) -> None:
        said = CliRunner().invoke(CommandLine("winnow", wsgi.ABOUT, wsgi.commands(), begin=lambda: None), ["--help"])

        assert "hands out versioned training sets" in " ".join(said.stdout.split())
        listed = [line.split()[0] for line in said.stdout.partition("Commands:\n")[2].splitlines()]
        assert listed == ["up", "doctor", "keys", "collector", "labeling", "quality", "exports"]
        assert {*listed} == {command.name for command in wsgi.commands()}

    def test_a_wrong_command_is_told_in_one_line(self) -> None:
        said = CliRunner().invoke(CommandLine("winnow", wsgi.ABOUT, wsgi.commands(), begin=lambda: None), ["expots"])

        assert (said.exit_code, said.stdout) == (2, "")
        assert said.stderr.startswith("error: No such command 'expots'")
        assert said.stderr.count("\n") == 1

    def test_the_entry_point_is_the_roof(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

        assert project["scripts"] == {"winnow": "wsgi:main"}
