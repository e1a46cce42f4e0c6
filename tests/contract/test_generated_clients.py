"""Clients that two public generators make from /openapi.json compile, and send signals to a real server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation.database import Database
from foundation.http.openapi import describe_api
from foundation.settings import Settings
from tests.api_server import ApiServer, running_api
from tests.signals import Held, empty, envelope, make_project, make_signal
from wsgi import create_app

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SOURCES = Path(__file__).parent / "clients"
TOLD = {"statuses": ["accepted", "rejected"], "retry": ["no", "no"], "reasons": ["too_long"]}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the clients' programs are, beside the document that they are made from."""
    folder = tmp_path_factory.mktemp("clients")
    shutil.copytree(SOURCES, folder, dirs_exist_ok=True)
    app = create_app(Settings.model_validate({"home": folder, "log_level": "WARNING"}))
    (folder / "openapi.json").write_text(json.dumps(describe_api(app)))
    return folder


@pytest.fixture(scope="session")
def python_client(folder: Path) -> list[str]:
    """The command that sends with a client made by openapi-python-client."""
    home = folder / "python"
    _install([sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, str(home)], folder)
    pip = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(home / "bin" / "python")]
    _install([*pip, "-r", "requirements.txt"], folder)
    generate = [str(home / "bin" / "openapi-python-client"), "generate", "--path", "openapi.json", "--meta", "none"]
    # The generator formats what it wrote with its own ruff.
    _run([*generate, "--output-path", "winnow_client"], folder, PATH=f"{home / 'bin'}:/usr/bin:/bin")
    return [str(home / "bin" / "python"), "send.py"]


@pytest.fixture(scope="session")
def typescript_client(folder: Path) -> list[str]:
    """The command that sends with a client made by openapi-typescript, compiled with every check."""
    if not shutil.which("npm") or not shutil.which("node"):
        pytest.skip("there is no Node.js here")
    _install(["npm", "install", "--no-audit", "--no-fund", "--silent", "--no-package-lock"], folder)
    _run(["npx", "--no-install", "openapi-typescript", "openapi.json", "-o", "schema.d.ts"], folder)
    strict = ["--strict", "--noUncheckedIndexedAccess", "--skipLibCheck", "false"]
    _run(["npx", "--no-install", "tsc", *strict, "--module", "nodenext", "--target", "es2022", "send.ts"], folder)
    return ["node", "send.js"]


@pytest.fixture(scope="module")
def server(opened_database: Database, settings: Settings, folder: Path) -> Iterator[ApiServer]:
    empty(opened_database)
    with running_api(settings, folder / settings.home.name) as server:
        yield server


@pytest.fixture
def project(opened_database: Database, server: ApiServer) -> Held:
    empty(opened_database)
    return make_project(opened_database)


@pytest.mark.parametrize("client", ["python_client", "typescript_client"])
def test_it_sends(client: str, request: pytest.FixtureRequest, server: ApiServer, project: Held, folder: Path) -> None:
    command: list[str] = request.getfixturevalue(client)

    told = _run([*command, *_arguments(server, project)], folder)

    assert json.loads(told) == TOLD


def _arguments(server: ApiServer, project: Held) -> list[str]:
    """One signal that is taken, and one whose text is too long."""
    batch = envelope(make_signal(), make_signal(payload={"text": "long " * 1000}))
    return [server.url, project.name, project.keys["ingest"], project.keys["manage"], json.dumps(batch)]


def _install(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the generator cannot be installed here: {done.stderr[-300:]}")


def _run(command: list[str], folder: Path, **environment: str) -> str:
    given = {"PATH": os.environ["PATH"], "HOME": str(folder), **environment}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=given)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout
