"""What the web process and `flask --help` do without: heavy libraries, time, memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

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
    def test_it_is_light(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        found = measured("from wsgi import create_app\ncreate_app()", str(tmp_path_factory.mktemp("home")))

        assert found["heavy"] == []
        assert int(str(found["resident"])) < LARGEST_BYTES


class TestCommands:
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
