"""`python -m bench.mutation [ROOM]...`: how many small faults in a room's code its own tests notice.

How a fault is put in and tried stands in `bench/mutant_runs.py`, what faults there are in `bench/mutants.py`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.mutant_runs import KILLED, ROOT, SURVIVED, TIMED_OUT, UNREACHED, tried
from bench.mutants import Mutant, mutants_of, sample_of

EQUIVALENT = Path(__file__).with_name("equivalent_mutants.txt")
WARMED = ("hypothesis", "coverage", "flask", "flask_openapi3", "sqlmodel", "pydantic", "alembic.command", "celery")
WARMED += ("pyarrow.parquet", "pyarrow.dataset", "httpx", "numpy", "re2", "structlog", "orjson", "msgspec", "fsspec")

ROOMS: dict[str, tuple[list[str], list[str]]] = {
    "intake": (["collector/intake/*.py"], ["tests/collector/intake"]),
    "consent": (
        ["collector/subjects/consent.py", "collector/subjects/cover.py"],
        ["tests/collector/subjects", "tests/contract/test_consent.py"],
    ),
    "scrub": (["collector/anonymization/*.py"], ["tests/collector/anonymization"]),
    "splits": (
        ["exports/shares.py", "exports/inputs/splits.py", "exports/inputs/leakage.py"],
        ["tests/exports/inputs/test_splits.py", "tests/exports/inputs/test_leakage.py"],
    ),
    "manifest": (
        ["exports/documents/manifest.py"],
        ["tests/exports/keeping/test_folder.py", "tests/exports/keeping/test_verify.py"],
    ),
    "leases": (
        ["foundation/jobs.py", "foundation/leases.py"],
        ["tests/foundation/test_jobs.py", "tests/foundation/test_queue.py"],
    ),
    "steps": (
        ["foundation/steps.py", "foundation/step_rows.py", "foundation/tasks.py"],
        ["tests/foundation/test_steps.py", "tests/foundation/test_tasks.py"],
    ),
    "erasure": (["collector/subjects/erasure.py"], ["tests/collector/subjects", "tests/labeling/test_erasure.py"]),
}
"""What is mutated, and which tests have to notice."""


def equivalents() -> dict[str, str]:
    """Mutants that no test can tell from the original, by name, and why; judged by hand."""
    lines = [line for line in EQUIVALENT.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return dict(line.split(" ## ") for line in lines)


def mutants_in(patterns: list[str], *, size: int, seed: int) -> list[Mutant]:
    known = equivalents()
    chosen: list[Mutant] = []
    for path in sorted({path for pattern in patterns for path in ROOT.glob(pattern)}):
        found = mutants_of(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
        chosen += [mutant for mutant in sample_of(found, size=size, seed=seed) if mutant.name not in known]
    return chosen


def names_in(output: Path) -> set[str]:
    """The mutants that an earlier run reported."""
    return {line.partition(": ")[2] for line in output.read_text("utf-8").splitlines()}


def report(room: str, outcomes: Counter[str]) -> str:
    of = sum(outcomes.values())
    noticed = outcomes[KILLED] + outcomes[TIMED_OUT]
    share = f"{100 * noticed / of:.1f} %" if of else "-"
    return f"{room:10} {noticed:4} of {of:4} noticed, {share} ({outcomes[TIMED_OUT]} by the time limit)"


def main(arguments: Sequence[str]) -> int:
    asked = argparse.ArgumentParser(prog="python -m bench.mutation", description=__doc__.partition("\n")[0])
    asked.add_argument("rooms", nargs="*", metavar="ROOM", help=f"one of: {', '.join(ROOMS)}; all when none is named")
    asked.add_argument("--sample", type=int, default=6, help="mutants of a module (6)")
    asked.add_argument("--seed", type=int, default=1, help="of the sample (1)")
    asked.add_argument(
        "--again", type=Path, help="only the mutants that the output of an earlier run, in this file, names"
    )
    given = asked.parse_args(arguments)
    if unknown := set(given.rooms) - set(ROOMS):
        asked.error(f"there is no room {', '.join(sorted(unknown))}")
    for name in WARMED:
        importlib.import_module(name)
    total: Counter[str] = Counter()
    for room in given.rooms or ROOMS:
        total += run_room(
            room, size=given.sample, seed=given.seed, again=names_in(given.again) if given.again else None
        )
    print(report("all", total))
    return 0


def run_room(room: str, *, size: int, seed: int, again: set[str] | None) -> Counter[str]:
    patterns, tests = ROOMS[room]
    mutants = [mutant for mutant in mutants_in(patterns, size=size, seed=seed) if again is None or mutant.name in again]
    outcomes: Counter[str] = Counter()
    if not mutants:
        return outcomes
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        for mutant, outcome in tried(mutants, tests, Path(folder)):
            outcomes[outcome] += 1
            if outcome in {SURVIVED, UNREACHED}:
                print(f"{outcome:9} line {mutant.lines[0]}: {mutant.name}", flush=True)
    print(report(room, outcomes), flush=True)
    return outcomes


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main(sys.argv[1:]))
