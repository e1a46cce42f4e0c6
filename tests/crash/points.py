"""Kills at each write: `python -m tests.crash.points [OPERATION]… [--step K]`.

One batch, push, pull, build and erasure each run as a process of their own under strace, which kills it at its n-th
write, fsync, rename or removal, for every n, until it comes through. After each death the same is run again to its end,
and what it left must be what an undisturbed run leaves. SQLite alone, since PostgreSQL's own processes write there; a
real Label Studio. A JSON line an operation; the exit code is 1 where a point did not hold.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pysqlite3.dbapi2 as fixed_sqlite

from exports.verify import verify_folder
from foundation.parts import wait_until
from tests.chaos.oracle import PROJECT, Oracle
from tests.chaos.phones import Fleet
from tests.chaos.proxy import Mode
from tests.chaos.raters import annotations_in_studio, rate, studio_client, studio_project, tasks_in_studio
from tests.chaos.world import ROOT, World, running_world

CALLS = ("pwrite64", "write", "fsync", "fdatasync", "ftruncate", "rename", "unlink")
NAMES = ["batch", "pull", "push", "build", "erasure"]
SIGNALS = 60
ANSWERS = 5
LABELLED = 20
KILLED = {-9, 137}
WINNOW = [sys.executable, "-m", "flask"]


@dataclass(frozen=True)
class Operation:
    """`command` is killed; `fault` says what is wrong after it was run once more, None where all is as it should be."""

    name: str
    command: list[str]
    before: Path
    fault: Callable[[], str | None]
    prepare: Callable[[], None] = lambda: None


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.points", description=__doc__)
    parser.add_argument("operations", nargs="*", default=NAMES)
    parser.add_argument("--step", type=int, default=1, help="only every so many-th call")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="winnow-points-", ignore_cleanup_errors=True) as folder:
        oracle = Oracle.starting_now(1)
        with running_world(Path(folder) / "world", oracle, database="sqlite", with_studio=True) as world:
            operations = _stage(world, Path(folder))
            # In this order: the answers that are pulled stand at tasks which a push makes anew each time.
            outcomes = [
                _kill_everywhere(world, operations[name], asked.step) for name in NAMES if name in asked.operations
            ]
    return 1 if any(outcome["wrong"] for outcome in outcomes) else 0


def _kill_everywhere(world: World, operation: Operation, step: int) -> dict[str, object]:
    """Every point of one operation; a line of JSON at the end."""
    began, wrong = time.monotonic(), []
    points = dict.fromkeys(CALLS, 0)
    for call in CALLS:
        number, died = 1, True
        while died:
            _put_back(world, operation)
            died = _run(world, operation, f"inject={call}:signal=KILL:when={number}").returncode in KILLED
            found = _ended_well(world, operation)
            wrong += [f"{call} {number}: {found}"] if found else []
            points[call] += died
            number += step
    outcome: dict[str, object] = {
        "operation": operation.name,
        "points": sum(points.values()),
        "by_call": points,
        "step": step,
        "wrong": wrong[:20],
        "seconds": round(time.monotonic() - began),
    }
    print(json.dumps(outcome), flush=True)
    return outcome


def _put_back(world: World, operation: Operation) -> None:
    """HOME as it was before the operation."""
    for left in world.home.iterdir():  # HOME itself may be a file system of its own
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    shutil.copytree(operation.before, world.home, dirs_exist_ok=True)
    operation.prepare()


def _run(world: World, operation: Operation, *injected: str) -> subprocess.CompletedProcess[str]:
    """Once; under strace where something is injected."""
    tracer = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={','.join(CALLS)}"]
    prefix = [word for one in injected for word in ("-e", one)]
    command = [*(tracer + prefix if injected else []), *operation.command]
    return subprocess.run(command, cwd=ROOT, env=world.environment, capture_output=True, text=True, check=False)


def _ended_well(world: World, operation: Operation) -> str | None:
    """As if the time of the dead one's leases had passed: the same again, and what is wrong then."""
    whole = _ask(world, "PRAGMA integrity_check")
    if whole != "ok":
        return f"the database is damaged: {whole}"
    _ask(world, "UPDATE jobs SET lease_until_ms = 0 WHERE state = 'running'")
    _ask(world, "UPDATE studio_projects SET holder = NULL, lease_until_ms = 0")
    again = _run(world, operation)
    if again.returncode:
        return f"run again, it ended with {again.returncode}: {again.stderr[-300:]}"
    return operation.fault()


def _ask(world: World, statement: str) -> object:
    """The first cell of the answer; None where there is none. A database that is not there yet holds nothing."""
    with closing(fixed_sqlite.connect(world.home / "winnow.sqlite3", timeout=10)) as connection:
        row = connection.execute(statement).fetchone()
        connection.commit()
    return row[0] if row else None


def _stage(world: World, folder: Path) -> dict[str, Operation]:
    """Makes HOME as it stands before each operation, with the system down and Label Studio up."""
    assert world.studio is not None
    world.studio.set(Mode.REFUSE)
    fleet = Fleet(world.oracle, world.url, world.keys["ingest"])
    fleet.start()
    wait_until(lambda: len(fleet.acknowledged) >= SIGNALS, timeout_s=60)
    fleet.stop()
    labels = [
        {"signal": world.oracle.id_of(number), "question": "mood", "annotator": "a-lead", "value": "good"}
        for number in range(LABELLED)
    ]
    world.project("POST", "/annotations", json=labels)
    assert world.up is not None
    world.up.terminate()
    world.up.wait(60)
    world.studio.set(Mode.PASS)
    before = _copy(world, folder / "before")
    batch = folder / "batch.ndjson"
    numbers = range(10_000, 10_020)
    consent = world.oracle.envelope([])["consent"]
    batch.write_text("".join(json.dumps({**world.oracle.signal(n), "consent": consent}) + "\n" for n in numbers))
    return {
        "batch": Operation("batch", [*WINNOW, "collector", "ingest", PROJECT, str(batch)], before, _batch_fault(world)),
        **_with_studio(world, folder, before),
        "build": _build(world, before),
        "erasure": _erasure(world, folder, before),
    }


def _batch_fault(world: World) -> Callable[[], str | None]:
    held = int(str(_ask(world, "SELECT COUNT(*) FROM signals")))

    def fault() -> str | None:
        added = int(str(_ask(world, "SELECT COUNT(*) FROM signals"))) - held
        return None if added == 20 else f"{added} of 20 signals are stored"

    return fault


def _with_studio(world: World, folder: Path, before: Path) -> dict[str, Operation]:
    push = Operation(
        "push",
        [*WINNOW, "labeling", "sync", PROJECT, "--only", "push"],
        before,
        lambda: _push_fault(world),
        lambda: _empty_studio(world),
    )
    _put_back(world, push)
    _run(world, push)
    rate(world, ANSWERS)
    given = annotations_in_studio(world)
    pushed = _copy(world, folder / "pushed")
    pull = Operation(
        "pull", [*WINNOW, "labeling", "sync", PROJECT, "--only", "pull"], pushed, lambda: _pull_fault(world, given)
    )
    return {"pull": pull, "push": push}


def _push_fault(world: World) -> str | None:
    texts, known = tasks_in_studio(world), _ask(world, "SELECT COUNT(*) FROM tasks WHERE ls_task IS NOT NULL")
    if len(texts) != len(set(texts)):
        return "an item has two tasks"
    return None if len(texts) == known else f"{len(texts)} tasks stand there, {known} are known here"


def _pull_fault(world: World, given: int) -> str | None:
    stored = _ask(world, "SELECT COUNT(*) FROM annotations WHERE source = 'label_studio'")
    return None if stored == given else f"{stored} of {given} answers are stored"


def _empty_studio(world: World) -> None:
    with studio_client(world) as studio:
        project = studio_project(world)
        if project is not None:
            studio.delete(f"/api/projects/{project}/tasks/").raise_for_status()


def _build(world: World, before: Path) -> Operation:
    built = Operation("build", [*WINNOW, "exports", "build", PROJECT, "--json"], before, lambda: None)
    _put_back(world, built)
    _run(world, built)
    wanted = _digest(world)

    def fault() -> str | None:
        folders = [path for path in (world.home / "versions" / PROJECT).glob("*") if not path.name.startswith(".")]
        if len(folders) != 1:
            return f"{len(folders)} folders of versions"
        whole = verify_folder(folders[0], expected_digest=str(wanted))
        return None if whole.ok and _digest(world) == wanted else f"the version differs: {whole.problems[:2]}"

    return Operation("build", built.command, before, fault)


def _digest(world: World) -> object:
    return _ask(world, "SELECT digest FROM versions WHERE state = 'published'")


def _erasure(world: World, folder: Path, before: Path) -> Operation:
    """The order is given; what is killed is the work of all floors."""
    person = world.oracle.person_of(1)
    floors = Operation("erasure", [sys.executable, "-m", "tests.crash.workers", "floors"], before, lambda: None)
    _put_back(world, floors)
    ordered = world.command("collector", "erase", PROJECT, person)
    asked = _copy(world, folder / "asked") if ordered.returncode == 0 else before

    def fault() -> str | None:
        state = _ask(world, "SELECT state FROM erasures")
        left = _ask(world, "SELECT COUNT(*) FROM signals s JOIN erasures e ON e.subject_id = s.subject_id")
        return None if (state, left) == ("completed", 0) else f"the erasure is {state}, {left} signals are left"

    return Operation("erasure", floors.command, asked, fault)


def _copy(world: World, to: Path) -> Path:
    shutil.copytree(world.home, to)
    return to


if __name__ == "__main__":
    raise SystemExit(main())
