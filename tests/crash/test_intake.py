"""An acknowledged signal is stored, an unacknowledged batch is there whole or not at all, whatever kills the API."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from collector import queries
from foundation.database import Database, open_database
from foundation.settings import Settings
from tests.api_server import ApiServer, api_server, environment_of
from tests.architecture.sources import ROOT
from tests.signals import CONSENT, Held, empty, envelope, make_project, make_signal, rows_of

pytestmark = pytest.mark.slow
BATCH = 20
STEP = int(os.environ.get("CRASH_STEP", "1"))
"""Every n-th system call is tried; 1 is every one."""


def batch(count: int = BATCH) -> bytes:
    """Signals of one person, one of them broken, so that every table of intake is written."""
    signals = [make_signal(device="phone") for _ in range(count)]
    return orjson.dumps(envelope(*signals, make_signal(payload={}), consent=CONSENT))


@pytest.fixture
def project(opened_database: Database) -> Held:
    empty(opened_database)
    queries._FILES.clear()
    return make_project(opened_database)


def send(server: ApiServer, project: Held, body: bytes) -> tuple[int, dict[str, int]]:
    headers = {
        "Authorization": f"Bearer {project.keys['ingest']}",
        "Content-Type": "application/json",
        "Winnow-Sent-At": "2026-11-22T08:00:00Z",
    }
    answer = server.send("POST", f"{project.url}/signals", body, headers)
    if answer.status != 200:
        return answer.status, {}
    return 200, {name: answer.json[name] for name in ("accepted", "duplicate", "replayed", "rejected")}


class TestKilledApi:
    @pytest.mark.parametrize(
        ("place", "is_stored"),
        [("collector.between_writes", False), ("collector.before_commit", False), ("collector.after_commit", True)],
    )
    def test_what_is_sent_again_is_stored_once(
        self, settings: Settings, opened_database: Database, project: Held, tmp_path: Path, place: str, is_stored: bool
    ) -> None:
        body = batch()
        server = api_server(settings, tmp_path, WINNOW_FAILPOINTS=f"{place}=kill")
        server.part.start()
        try:
            server.part.wait_until_it_answers(timeout_s=120)
            before = rows_of(opened_database)

            status, _ = send(server, project, body)

            assert status == 0, "the server must die before it answers"
            after = rows_of(opened_database)
            assert after["signals"] - before["signals"] == (BATCH if is_stored else 0)
            assert after["items"] - before["items"] == (BATCH if is_stored else 0)
            if not is_stored:
                assert after == before
        finally:
            server.part.end()

        again = api_server(settings, tmp_path)
        again.part.start()
        try:
            again.part.wait_until_it_answers(timeout_s=120)
            fate = "replayed" if is_stored else "accepted"
            wanted = {"accepted": 0, "duplicate": 0, "replayed": 0, "rejected": 1, fate: BATCH}
            assert send(again, project, body) == (200, wanted)
            assert rows_of(opened_database)["signals"] - before["signals"] == BATCH
            assert rows_of(opened_database)["dead_letters"] == 1
        finally:
            again.part.end()


@pytest.fixture(scope="module")
def strace(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tool, where this machine lets one process trace another."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("NOT TESTED: strace is not installed, so no write was killed")
    probe = subprocess.run([found, "-f", "-o", "/dev/null", "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip("NOT TESTED: this machine refuses ptrace, so no write was killed")
    return found


@pytest.fixture(scope="module")
def installation(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Held, dict[str, str]]:
    """A SQLite file with a project, to be copied for each death; the environment of a process that works on it."""
    folder = tmp_path_factory.mktemp("installation")
    path = folder / "template.sqlite3"
    shutil.copy(migrated_sqlite, path)
    database = open_database(f"sqlite:///{path}")
    queries._FILES.clear()
    held = make_project(database)
    database.engine.dispose()
    settings = Settings.model_validate(
        {
            "home": folder,
            "database_url": f"sqlite:///{folder / 'winnow.sqlite3'}",
            **{name: letter * 40 for name, letter in (("secret_key", "a"), ("pseudonym_key", "b"), ("seal_key", "c"))},
        }
    )
    return folder, held, environment_of(settings, folder)


class TestEveryWrite:
    """SQLite alone: PostgreSQL's own processes write there, and its own tests kill them."""

    def test_a_batch_is_there_whole_or_not_at_all(
        self, strace: str, installation: tuple[Path, Held, dict[str, str]], tmp_path: Path
    ) -> None:
        folder, held, environment = installation
        body = tmp_path / "batch.json"
        body.write_bytes(batch(5))
        program = [sys.executable, "-m", "tests.crash.workers", "intake", held.name, str(body)]
        points = acknowledged = stored = 0

        for call in ("pwrite64", "fsync", "fdatasync", "ftruncate"):
            number = 1
            while True:
                fresh(folder)
                done = subprocess.run(
                    [strace, "-f", "-qq", "-o", "/dev/null", "-P", str(folder / "winnow.sqlite3"),
                     "-P", str(folder / "winnow.sqlite3-wal"), "-e", f"trace={call}",
                     "-e", f"inject={call}:signal=KILL:when={number}", *program],
                    cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
                )  # fmt: skip
                assert done.returncode in {0, -signal.SIGKILL, 128 + signal.SIGKILL}, done.stderr
                rows = state(folder)
                assert rows["whole"] == "ok"
                assert rows["signals"] in {0, 5}, (call, number, rows)
                assert rows["items"] == rows["signals"]
                assert rows["dead_letters"] == rows["subjects"] == (1 if rows["signals"] else 0)
                if done.stdout == "acknowledged\n":
                    assert rows["signals"] == 5, (call, number)
                    acknowledged += 1
                if done.returncode == 0:
                    break
                points += 1
                stored += rows["signals"] == 5
                number += STEP

        print(
            f"killed at {points} calls: {stored} times the batch was whole, never in part; {acknowledged} acknowledged"
        )
        assert points >= 3


def fresh(folder: Path) -> None:
    for name in ("winnow.sqlite3", "winnow.sqlite3-wal", "winnow.sqlite3-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.copy(folder / "template.sqlite3", folder / "winnow.sqlite3")


def state(folder: Path) -> dict[str, int | str]:
    """The rows as whoever opens the file next finds them, and whether the file is whole."""
    database = open_database(f"sqlite:///{folder / 'winnow.sqlite3'}")
    with database.engine.connect() as connection:
        whole = str(connection.exec_driver_sql("PRAGMA integrity_check").scalar_one())
    rows = rows_of(database)
    database.engine.dispose()
    return {"whole": whole, **rows}
