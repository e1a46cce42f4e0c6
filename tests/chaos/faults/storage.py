"""Faults below the database: a full disk, a lock that is held, writes that fail, a migration cut short."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

import psutil

from foundation.running.parts import Part
from tests.chaos.faults.registry import SOME_S, fault
from tests.chaos.oracle import PROJECT
from tests.chaos.world import ROOT, World

OLDER_SCHEMA = "0006"
WRITES_OF_MIGRATION = 40
READY_WITHIN_S = 60


@fault("F10", "the disk is full to the last byte; reads and health go on, and intake stops before harm", "own_disk")
def fill_disk(world: World, _: random.Random) -> None:
    ballast = world.home / "ballast"
    try:
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 20))
        with suppress(OSError), ballast.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(1))
        time.sleep(SOME_S)
        seen = {
            "health": world.call("GET", "/healthz").status_code,
            "a read": world.call("GET", f"/v1/projects/{PROJECT}").status_code,
            "a signal": world.call("POST", f"/v1/projects/{PROJECT}/signals", json={"signals": []}).status_code,
        }
        time.sleep(SOME_S)
    finally:
        ballast.unlink(missing_ok=True)
    if seen != {"health": 200, "a read": 200, "a signal": 503}:
        raise AssertionError(f"with a full disk: {seen}")


@fault("F22", "somebody holds SQLite's lock for seconds", "sqlite")
def lock_sqlite(world: World, _: random.Random) -> None:
    import pysqlite3.dbapi2 as fixed  # the library whose log of changes loses nothing, as Winnow's own

    path = world.home / "winnow.sqlite3"
    with (
        closing(fixed.connect(path, isolation_level=None, timeout=5)) as connection,
        suppress(fixed.OperationalError),  # it was not to be had: others hold it long, which is no fault of ours
    ):
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(SOME_S)
        connection.execute("ROLLBACK")


@fault("F11", "writes and fsyncs of whoever keeps the data fail, every few of them", "strace")
def fail_writes(world: World, chance: random.Random) -> None:
    """On SQLite these are the API and the worker, on PostgreSQL its own processes, whose fsyncs are off here."""
    is_sqlite = world.postgres is None
    calls = "fsync,fdatasync,pwrite64" if is_sqlite else "pwrite64,pwritev"
    for first, every in ((1, 1), (chance.randint(1, 9), chance.randint(2, 9))):
        # Asked anew each time: PostgreSQL ends its processes when one cannot write its log, and itself when that lasts.
        writers = [*world.pids("api"), *world.pids("worker")] if is_sqlite else _with_children(world.postgres)
        _fail(writers, calls, first, every, told=world.folder / "writes.strace")
        world.heal()
        world.wait_until_ready(READY_WITHIN_S)


@fault("F23", "the schema is one release old: of two who migrate at once one is killed, and all starts again", "strace")
def cut_migration(world: World, chance: random.Random) -> None:
    """Phones send all the time. What the steps back take away no campaign uses: they only make work for the migration."""
    assert world.up is not None
    world.up.terminate()
    world.up.wait(60)
    _step_back(world)
    calls = "pwrite64" if world.postgres is None else "sendto"
    killed = f"inject={calls}:signal=KILL:when={chance.randint(1, WRITES_OF_MIGRATION)}"
    migrating = [sys.executable, "-m", "flask", "keys", "list"]
    traced = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={calls}", "-e", killed, *migrating]
    with _begin(world, traced) as first, _begin(world, migrating) as second:
        first.communicate(timeout=60)
        world.start_up()
        told = second.communicate(timeout=60)[1]
    if second.returncode or b"Traceback" in told:
        raise AssertionError(f"a migration beside one that was killed ended with {second.returncode}")


def _step_back(world: World) -> None:
    goes_back = f"from alembic import command; command.downgrade(configuration(), {OLDER_SCHEMA!r})"
    command = [sys.executable, "-c", f"from foundation.migrations import configuration; {goes_back}"]
    went = subprocess.run(command, cwd=ROOT, env=world.environment, capture_output=True, text=True, check=False)
    if went.returncode:
        raise AssertionError(f"the schema cannot go back: {went.stderr[-300:]}")


def _begin(world: World, command: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, cwd=ROOT, env=world.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _with_children(part: Part | None) -> list[int]:
    """The processes of a part; none where it is gone."""
    if part is None or part.pid is None:
        return []
    with suppress(psutil.NoSuchProcess):
        return [part.pid, *(child.pid for child in psutil.Process(part.pid).children(recursive=True))]
    return []


def _fail(pids: Sequence[int], calls: str, first: int, every: int, *, told: Path) -> None:
    """From the first one on, every so many-th of these system calls fails; afterwards the processes go on undisturbed."""
    words = ["strace", "-f", "-qq", "-o", str(told), "-e", f"trace={calls}"]
    words += ["-e", f"inject={calls}:error=EIO:when={first}+{every}"]
    tracer = subprocess.Popen(
        [*words, *(word for pid in pids for word in ("-p", str(pid)))],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(SOME_S)
    tracer.terminate()
    tracer.wait(10)
    if b"INJECTED" not in told.read_bytes():
        raise AssertionError("no write failed: may strace look at other processes here?")
