"""Kills at each write: `python -m tests.crash.points [OPERATION]… [--step K]`.

A batch, an import of labels, a pull, a push, a build and an erasure (`tests/crash/operations.py`) are each killed as they
enter their n-th call that writes, renames, removes, syncs or sends (`tests/crash/tracing.py`), for every n up to the number
that an undisturbed run makes. Each run is a fork of a process that has imported everything and opened nothing
(`tests/crash/forked.py`). After each death the same is run again to its end, with the jobs that the dead one left, and what
stands then must be what two undisturbed runs agree about (`tests/crash/agreed.py`).

SQLite alone, since PostgreSQL's own processes write there; a real Label Studio; Linux on x86-64. A JSON line an operation;
the exit code is 1 where a point did not hold.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.chaos.oracle import Oracle
from tests.chaos.world import ROOT, running_world
from tests.crash.agreed import Agreed, holdings_of
from tests.crash.forked import Forks, Program
from tests.crash.operations import NAMES, Bench, Operation, ask, fill, stage

TOLD_EVERY = 50
MOST_TOLD = 20
KILLED = -9
REST: Program = ("workers", "rest")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.points", description=__doc__)
    parser.add_argument("operations", nargs="*", default=NAMES)
    parser.add_argument("--step", type=int, default=1, help="only every so many-th call")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="winnow-points-", ignore_cleanup_errors=True) as folder:
        oracle = Oracle.starting_now(1)
        with running_world(Path(folder) / "world", oracle, database="sqlite", with_studio=True) as world:
            fill(world)
            bench = Bench(world, Forks(ROOT, world.environment))
            operations = stage(bench, Path(folder))
            # In this order: the answers that are pulled stand at tasks of a project which a push makes anew each time.
            outcomes = [
                _kill_everywhere(bench, operations[name], asked.step) for name in NAMES if name in asked.operations
            ]
            bench.forks.end()
    return 1 if any(outcome["wrong"] for outcome in outcomes) else 0


def _kill_everywhere(bench: Bench, operation: Operation, step: int) -> dict[str, object]:
    """Every point of one operation; a line of JSON at the end."""
    agreed, calls = _undisturbed(bench, operation)
    began, wrong, died_at = time.monotonic(), [], Counter[str]()
    for number in range(1, calls + 1, step):
        bench.put_back(operation)
        ran = bench.run(operation.program, kill_at=number)
        # A run may make a few calls less than another did, where threads meet: then it came through.
        died_at.update(ran.calls[-1:] if ran.code == KILLED else [])
        ended_itself = f"ended with {ran.code}: {ran.said}" if ran.code not in {KILLED, 0} else None
        found = ended_itself or _ended_well(bench, operation, agreed)
        wrong += [f"{ran.calls[-1]} {number}: {found}"] if found else []
        if died_at.total() % TOLD_EVERY == 0:
            passed = time.monotonic() - began
            print(f"{operation.name}: {number} of {calls}, {passed:.0f} s, {len(wrong)} wrong", file=sys.stderr)
    outcome: dict[str, object] = {
        "operation": operation.name,
        "points": died_at.total(),
        "by_call": dict(died_at),
        "calls": calls,
        "step": step,
        "wrong": wrong[:MOST_TOLD],
        "n_wrong": len(wrong),
        "seconds": round(time.monotonic() - began),
    }
    print(json.dumps(outcome), flush=True)
    return outcome


def _undisturbed(bench: Bench, operation: Operation) -> tuple[Agreed, int]:
    """What has to stand at the end, and how many calls lead there. The first run of three only warms the process."""
    bench.undisturbed(operation)
    held, calls = [], 0
    for _ in range(2):
        calls = len(bench.undisturbed(operation).calls)
        held.append(holdings_of(bench.world.home))
        if found := operation.fault():
            raise RuntimeError(f"{operation.name} does not hold by itself: {found}")
    return Agreed.of(*held, otherwise=operation.otherwise), calls


def _ended_well(bench: Bench, operation: Operation, agreed: Agreed) -> str | None:
    """As if the time of the dead one's leases had passed: the same again, and what is wrong then."""
    if damage := _damage(bench.aside()):
        return f"the database is damaged: {damage}"
    bench.end_leases()
    again = bench.run(operation.program, REST)
    if again.code:
        return f"run again, it ended with {again.code}: {again.said[-300:]}"
    if damage := _damage(bench.world.home):
        return f"the database is damaged at the end: {damage}"
    return operation.fault() or "; ".join(agreed.differences(holdings_of(bench.world.home))[:3]) or None


def _damage(home: Path) -> str | None:
    whole = ask(home, "PRAGMA integrity_check")
    stray = ask(home, "PRAGMA foreign_key_check")
    return str(whole) if whole != "ok" else f"a row of {stray} points nowhere" if stray else None


if __name__ == "__main__":
    raise SystemExit(main())
