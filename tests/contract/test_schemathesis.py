"""What /openapi.json says is what the server does: schemathesis asks a real server with data, with the keys of all five roles.

A bounded form by default. The long one: `make contract`, which asks more than 20,000 times.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from foundation.http.keys import Role
from foundation.settings import load_settings
from tests.api_server import running_api
from tests.exports.rigs import Rig, close_rig, open_rig, project_file

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
EXAMPLES = int(os.environ.get("WINNOW_FUZZ_EXAMPLES", "2"))  # read at import: no setting of the shell reaches a test
SEED = os.environ.get("WINNOW_FUZZ_SEED", "20261130")
KEPT = os.environ.get("WINNOW_FUZZ_REPORTS", "")
PROJECT = "slang"
BESIDE_THE_SCHEMA = """
# What is too large is refused by its size, whatever it says.
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429", "5xx"]

# A batch is taken, and each of its signals or annotations is judged by itself: the answer is 200 and names the refused.
[[operations]]
include-operation-id = ["postSignals", "postAnnotations"]
checks.negative_data_rejection.enabled = false

# What a project file or an override of a build may say together is more than a JSON schema tells.
[[operations]]
include-operation-id = ["putProjectFile", "postVersion"]
checks.positive_data_acceptance.enabled = false
"""


ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Attacked:
    """A running server, a key of each role, and what stands in paths."""

    url: str
    keys: dict[str, str]
    parameters: dict[str, str]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[Rig]:
    """A project with signals, answers, a version, a dead letter, an erasure, and a report."""
    with pytest.MonkeyPatch.context() as patch:
        rig = open_rig(tmp_path_factory.mktemp("attacked"), migrated_sqlite, patch)
        rig.put(project_file())
        rig.fill()
        rig.build()
        rig.send(["soon gone"], subject="leaver")
        rig.erase("leaver")
        rig.call("POST", f"{rig.at}/signals", json={"signals": [{"id": "no uuid"}]})
        rig.work_on(rig.call("POST", f"{rig.at}/quality").json["job"])
        yield rig
        close_rig(rig)


@pytest.fixture(scope="module")
def attacked(rig: Rig) -> Iterator[Attacked]:
    keys = {role.value: rig.key if role is Role.ADMIN else rig.new_key(role) for role in Role}
    jobs = rig.call("GET", f"{rig.at}/jobs").json["jobs"]
    parameters = {
        "path.project": PROJECT,
        "path.job": jobs[0]["job"],
        "path.erasure": rig.erasure_id,
        "path.item": next(iter(rig.sent.values())),
        "path.annotator": "1",
        "path.expectation": "0",
        "path.version": "latest",
        "path.path": "manifest.json",
        "query.question": "mood",
        "header.Content-Encoding": "identity",
        "header.If-Match": "*",
    }
    with running_api(load_settings(), rig.home) as server:
        yield Attacked(server.url, keys, parameters)


def run_schemathesis(attacked: Attacked, key: str, folder: Path) -> tuple[int, str]:
    """How many requests were made, and what was found; empty where nothing was."""
    config = folder / "schemathesis.toml"
    places = "".join(f'"{name}" = {json.dumps(value)}\n' for name, value in attacked.parameters.items())
    config.write_text(f"[parameters]\n{places}\n{BESIDE_THE_SCHEMA}")
    command = [
        str(Path(sys.executable).with_name("st")),
        "--config-file",
        str(config),
        "run",
        f"{attacked.url}/openapi.json",
        *("--header", f"Authorization: Bearer {key}"),
        *("--seed", SEED, "--generation-deterministic", "--no-color"),
        *("--max-examples", str(EXAMPLES), "--phases", "examples,coverage,fuzzing"),
        *("--continue-on-failure", "--request-timeout", "30", "--warnings", "off"),
        *("--report", "ndjson", "--report-ndjson-path", str(folder / "events.ndjson")),
    ]
    hooks = {"SCHEMATHESIS_HOOKS": "tests.contract.schemathesis_hooks", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env={**os.environ, **hooks})
    found = re.search(r"([0-9,]+) generated", done.stdout)
    return int(found[1].replace(",", "")) if found else 0, "" if done.returncode == 0 else done.stdout + done.stderr


class TestDocument:
    @pytest.mark.parametrize("role", list(Role))
    def test_nothing_is_found(self, attacked: Attacked, role: Role, tmp_path: Path) -> None:
        n_requests, found = run_schemathesis(attacked, attacked.keys[role.value], tmp_path)

        if KEPT:
            Path(KEPT, f"{role.value}.txt").write_text(f"{n_requests} requests\n{found}")
        assert found == ""
        assert n_requests > 100
