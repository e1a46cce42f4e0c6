"""All agreement coefficients over a million annotations beside one alpha by a vectorized library.

The peer, the `krippendorff` package, is under the GPL and therefore no dependency. To measure beside it, install it by
hand into an environment of its own and name its Python:

    uv venv bench-alpha && VIRTUAL_ENV=bench-alpha uv pip install krippendorff
    WINNOW_BENCH_ALPHA_PYTHON=bench-alpha/bin/python python -m bench.agreement

Without it only our own figures are printed. Each side runs in a process of its own and on one thread, since on a busy
machine numpy's threads wait for each other longer than they work; time is the CPU time of the best of five runs, memory
the peak above what the process holds once its libraries are loaded and its annotations stand ready.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

ITEMS = 100_000
ANNOTATORS = 10
VALUES = 5
PEER = "WINNOW_BENCH_ALPHA_PYTHON"

# Runs in either environment: it needs numpy alone, and draws the same annotations on both sides.
_ANNOTATIONS = f"""
import json, resource, time
import numpy as np

def annotations():
    rng = np.random.default_rng(7)
    truth = rng.integers(0, {VALUES}, size={ITEMS})
    noise = rng.integers(0, {VALUES}, size=({ANNOTATORS}, {ITEMS}))
    return np.where(rng.random(({ANNOTATORS}, {ITEMS})) < 0.6, truth, noise)

def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def measured(work):
    held = resident_bytes()
    results = []
    for _ in range(5):
        start = time.process_time()
        figure = work()
        results.append(time.process_time() - start)
    return {{"seconds": round(min(results), 4), "mb_above_base": round((peak_bytes() - held) / 1e6), "alpha": figure}}

def resident_bytes():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()
"""

_OURS = """
from quality.agreement.measure import Level, measure_agreement

table = annotations()
annotators, items = (codes.ravel() for codes in np.indices(table.shape))
values = table.ravel()
def run(level):
    return lambda: measure_agreement(items, annotators, values, Level(level), rng=np.random.default_rng(0)).alpha
print(json.dumps({level: measured(run(level)) for level in LEVELS}))
"""

_THEIRS = """
import krippendorff

table = annotations().astype(float)
def run(level):
    return lambda: krippendorff.alpha(reliability_data=table, level_of_measurement=level)
print(json.dumps({level: measured(run(level)) for level in LEVELS}))
"""

LEVELS = ("nominal", "ordinal", "interval", "ratio")


def measure() -> dict[str, object]:
    """CPU seconds and memory of both sides for each level, and ours as a share of theirs (budget: at most 1)."""
    ours = _run(sys.executable, _OURS)
    result: dict[str, object] = {"benchmark": "agreement", "annotations": ITEMS * ANNOTATORS, "resamples": 1000}
    result["ours"] = ours
    peer = os.environ.get(PEER)
    if not peer:
        return result | {"peer": f"not measured: {PEER} is not set"}
    theirs = _run(peer, _THEIRS)
    times = {level: round(ours[level]["seconds"] / theirs[level]["seconds"], 3) for level in LEVELS}
    return result | {"peer": theirs, "time_share_of_peer": times, "budget": {"time_share": 1.0, "mb_above_base": 250}}


def _run(python: str, program: str) -> dict[str, dict[str, float]]:
    """Each level in a process of its own, so that one level's peak is not another's."""
    figures: dict[str, dict[str, float]] = {}
    one_thread = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    for level in LEVELS:
        source = f"{_ANNOTATIONS}\nLEVELS = [{level!r}]\n{program}"
        done = subprocess.run([python, "-c", source], check=True, capture_output=True, text=True, env=one_thread)
        figures |= json.loads(done.stdout)
    return figures


if __name__ == "__main__":
    print(json.dumps(measure()))
