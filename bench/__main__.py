"""`python -m bench [NAME]`: runs the benchmarks one after another, each in a process of its own, and keeps their lines."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

NAMES = ("ingest", "scrub", "agreement", "gates", "push", "export")
WHEN_ASKED = ("load",)
"""Takes half an hour and more."""
RESULTS = Path(__file__).parent / "results"


def main(wanted: list[str]) -> int:
    unknown = set(wanted) - {*NAMES, *WHEN_ASKED}
    if unknown:
        print(f"there is no benchmark of that name; there are: {', '.join((*NAMES, *WHEN_ASKED))}", file=sys.stderr)
        return 2
    failed = 0
    for name in wanted or NAMES:
        done = subprocess.run([sys.executable, "-m", f"bench.{name}"], stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            failed = 1
            continue
        measured = json.loads(done.stdout.strip().splitlines()[-1])
        keep(name, measured)
    return failed


def keep(name: str, measured: dict[str, object]) -> None:
    """One line a run, with what it ran on."""
    line = {
        "bench": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load_1m": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **measured,
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(line)
    with (RESULTS / f"{name}.jsonl").open("a") as file:
        file.write(text + "\n")
    print(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
