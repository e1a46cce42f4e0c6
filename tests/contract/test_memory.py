"""No body, whatever is in it, takes more than 30 MB beside its own length: each is answered in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from foundation.memory_budget import WORKING_BYTES
from foundation.running.processes import MALLOC
from tests.api_server import environment_of, installation_on_sqlite
from tests.contract.one_request import CASES
from tests.signals import Held

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of one call"),
]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installation(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Held, Mapping[str, str]]:
    folder = tmp_path_factory.mktemp("memory")
    settings, project = installation_on_sqlite(folder, migrated_sqlite)
    return project, {**MALLOC, **environment_of(settings, folder), "WINNOW_LOG_LEVEL": "ERROR"}


@pytest.mark.parametrize("name", CASES)
def test_a_body_takes_little_beside_its_length(installation: tuple[Held, Mapping[str, str]], name: str) -> None:
    project, environment = installation
    program = [sys.executable, "-m", "tests.contract.one_request", name, project.name]

    done = subprocess.run(
        program,
        cwd=ROOT,
        env={**environment, "KEY": project.keys["manage"]},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )

    found = json.loads(done.stdout)
    assert found["status"] < 500, found
    assert found["took"] - found["unpacked"] < WORKING_BYTES, found
