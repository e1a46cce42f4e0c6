"""`make chaos`: campaigns of faults on a running system, each from a seed, on SQLite and PostgreSQL.

    python -m tests.chaos                            20 seeds on both databases, every fault that applies, hours
    python -m tests.chaos --seeds 1 --database sqlite --faults F2,F4 --label-studio no

It prints a line a fault and a JSON line a campaign; the exit code is 1 when one did not hold. The same seed gives the same
signals and the same order of faults; what meets what on the way is the machine's chance.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.chaos.campaign import run_campaign
from tests.chaos.faults import FAULTS, NUMBERS


def main() -> int:
    asked = _parser().parse_args()
    databases = ("sqlite", "postgresql") if asked.database == "both" else (asked.database,)
    held = True
    for seed in range(asked.seed, asked.seed + asked.seeds):
        for database in databases:
            with tempfile.TemporaryDirectory(prefix="winnow-chaos-", ignore_cleanup_errors=True) as folder:
                outcome = run_campaign(
                    Path(folder),
                    seed=seed,
                    database=database,
                    faults=asked.faults.split(","),
                    with_studio=asked.label_studio == "yes",
                    say=lambda words: print(words, file=sys.stderr, flush=True),
                )
            print(json.dumps(outcome), flush=True)
            held &= not outcome["wrong"]
    return 0 if held else 1


def _parser() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {name:5} {one.what}" for name, one in FAULTS.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description=f"{__doc__}\n\nFaults:\n{listed}", formatter_class=_Plain
    )
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=20, help="how many, one after another")
    parser.add_argument("--database", choices=["both", "sqlite", "postgresql"], default="both")
    parser.add_argument("--faults", default=",".join(NUMBERS), help="by number, with commas between")
    parser.add_argument("--label-studio", choices=["yes", "no"], default="yes")
    return parser


class _Plain(argparse.RawDescriptionHelpFormatter):
    pass


if __name__ == "__main__":
    raise SystemExit(main())
