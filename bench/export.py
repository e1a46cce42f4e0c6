"""Export of a version beside one ADBC read and one Parquet write of the same rows, in one run on one machine.

The budget: at least 0.85 of the rate of the plain copy, at most 270 MB above base at 1M and at 4M rows. Each side runs
in a process of its own. `base` is the process after its imports, before the first row; the peak is the largest
resident size the kernel saw, so it includes the freed memory that an allocator keeps.

It measures what writes a version from rows that are made: split, columns, measures, Parquet and SHA-256. What a build does
before, the consensus and the agreement of the project's answers, is not in it.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROWS = 1_000_000
BATCH_ROWS = 16_384
LABELS = ("negative", "neutral", "positive")
MODELS = ("SM-S911B", "Pixel 8", "iPhone15,2", "M2101K6G", "CPH2449")
WORDS = [
    "lol",
    "gr8",
    "meh",
    "nice",
    "app",
    "crash",
    "slow",
    "love",
    "hate",
    "again",
    "today",
    "phone",
    "screen",
    "battery",
    "update",
    "really",
    "not",
    "so",
    "very",
]
BUDGET = {"rate_ratio": 0.85, "above_base_mb": 270}
ROW = [
    "item",
    "near_duplicate_set",
    "weight",
    "n_signals",
    "selected_by",
    "text",
    "price",
    "store",
    "sentiment",
    "sentiment_confidence",
    "sentiment_n",
    "sentiment_votes",
    "sentiment_source",
    "device_model",
    "os_name",
    "part_of_day",
]


def measure(rows: int = ROWS) -> dict[str, Any]:
    """Rates, their ratio and the peaks above base; the table is made anew."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "rows.sqlite3"
        make_rows(database, rows)
        _run("copy", database)
        copy, ours = (min((_run(job, database) for _ in range(4)), key=_wall) for job in ("copy", "export"))
        same = _run("same", database)
    return {
        "name": "export",
        "rows": rows,
        "copy_rows_s": round(rows / copy["wall_s"]),
        "copy_with_our_settings_rows_s": round(rows / same["wall_s"]),
        "export_rows_s": round(rows / ours["wall_s"]),
        "rate_ratio": round(copy["wall_s"] / ours["wall_s"], 3),
        "cpu_ratio": round(copy["cpu_s"] / ours["cpu_s"], 3),
        "copy_above_base_mb": copy["above_base_mb"],
        "above_base_mb": ours["above_base_mb"],
        "budget": BUDGET,
    }


def make_rows(database: Path, rows: int) -> None:
    """A table such as the rows of a version come from: one row an item, in the order of items."""
    generator = np.random.default_rng(11)
    connection = sqlite3.connect(database)
    columns = ", ".join(f"{name} {kind}" for name, kind in _TABLE)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute(f"CREATE TABLE rows ({columns}) WITHOUT ROWID")
    statement = f"INSERT INTO rows VALUES ({', '.join('?' * len(_TABLE))})"
    for start in range(0, rows, 50_000):
        connection.executemany(statement, _rows(generator, min(50_000, rows - start), start))
    connection.commit()
    connection.close()


_TABLE = [
    (name, "TEXT PRIMARY KEY" if name == "item" else kind)
    for name, kind in (
        ("item", "TEXT"),
        ("near_duplicate_set", "TEXT"),
        ("weight", "REAL"),
        ("n_signals", "INTEGER"),
        ("selected_by", "TEXT"),
        ("text", "TEXT"),
        ("price", "REAL"),
        ("store", "TEXT"),
        ("sentiment", "TEXT"),
        ("sentiment_confidence", "REAL"),
        ("sentiment_n", "INTEGER"),
        ("sentiment_votes", "TEXT"),
        ("sentiment_source", "TEXT"),
        ("device_model", "TEXT"),
        ("os_name", "TEXT"),
        ("part_of_day", "TEXT"),
        ("subject", "INTEGER"),
    )
]


def _rows(generator: np.random.Generator, n: int, start: int) -> Iterator[tuple[Any, ...]]:
    words = generator.integers(0, len(WORDS), size=(n, 12))
    small = generator.integers(0, 2**31, size=(n, 4))
    prices = generator.gamma(2.0, 10.0, size=n)
    for place in range(n):
        a, b, c, d = (int(number) for number in small[place])
        item = str(uuid.UUID(int=((start + place) << 96) | (a << 64) | (b << 32) | c))
        agree = 2 + d % 2
        votes = json.dumps({LABELS[a % 3]: agree})
        yield (
            *(item, item, 1.0, 1 + b % 3, "random" if c % 10 else "uncertain"),
            *(" ".join(WORDS[word] for word in words[place]), float(prices[place]), ("food", "fuel", "other")[b % 3]),
            *(LABELS[a % 3], agree / 3, 3, votes, "majority"),
            *(MODELS[a % 5], "android" if b % 3 else "ios", ("night", "morning", "afternoon")[c % 3]),
            # A tenth of the items came from several subjects.
            a % 50_000 if d % 10 else None,
        )


def _wall(outcome: dict[str, float]) -> float:
    return outcome["wall_s"]


def _run(job: str, database: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench.export", job, str(database), folder]
        outcome = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(outcome.stdout)
    return measured


def _query(database: Path, sql: str) -> Iterator[Any]:
    import adbc_driver_sqlite.dbapi as adbc

    with adbc.connect(str(database)) as connection, connection.cursor() as cursor:
        cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(BATCH_ROWS)})
        cursor.execute(sql)
        yield from cursor.fetch_record_batch()


def _copy(database: Path, folder: Path, **settings: Any) -> None:
    from pyarrow import parquet

    writer = None
    for batch in _query(database, f"SELECT {', '.join(ROW)} FROM rows ORDER BY item"):
        writer = writer or parquet.ParquetWriter(folder / "copy.parquet", batch.schema, **settings)
        writer.write_batch(batch)
    if writer:
        writer.close()


def _copy_with_our_settings(database: Path, folder: Path) -> None:
    from exports.formats.parquet import COMPRESSION, COMPRESSION_LEVEL
    from exports.inputs.columns import coded_columns

    settings = {"compression": COMPRESSION, "compression_level": COMPRESSION_LEVEL}
    _copy(database, folder, use_dictionary=coded_columns(_plan()), **settings)


def _plan() -> Any:
    from exports.inputs.plan import FieldSpec, FrozenInputs, TargetSpec, VersionPlan
    from exports.shares import Shares

    return VersionPlan(
        project="bench",
        title="Bench",
        purpose="To see how long it takes.",
        version="1.0.0",
        inputs=FrozenInputs(1, 1, "2026-01-01T00:00:00Z", "seed", "0" * 64),
        shares=Shares(),
        fields=(FieldSpec("text", "text"), FieldSpec("price", "number", "EUR"), FieldSpec("store", "category")),
        targets=(TargetSpec("sentiment", "choice", "ordinal", LABELS),),
        context=tuple(FieldSpec(name, "category") for name in ("device_model", "os_name", "part_of_day")),
    )


def _export(database: Path, folder: Path) -> None:
    from exports.inputs.reading_ahead import read_ahead
    from exports.inputs.splits import Splitter
    from exports.keeping.folder import write_version

    plan = _plan()
    splitter = Splitter(plan.shares, seed=plan.inputs.seed)
    candidates = (
        "SELECT item, NULLIF(near_duplicate_set, item) AS near_set, subject, CAST(NULL AS TEXT) AS frozen, "
        "selected_by = 'random' AS random FROM rows ORDER BY item"
    )
    for batch in read_ahead(_query(database, candidates)):
        splitter.add(batch)
    rows = _query(database, f"SELECT {', '.join(ROW)} FROM rows ORDER BY item")
    write_version(plan, splitter.finish(), rows, folder / plan.folder_name)


JOBS: dict[str, Callable[[Path, Path], None]] = {
    "copy": _copy,
    "same": _copy_with_our_settings,
    "export": _export,
}


def _measured(job: str, database: Path, folder: Path) -> dict[str, float]:
    # Imports count to the base of every job.
    import adbc_driver_sqlite.dbapi  # noqa: F401
    import pyarrow.compute
    import pyarrow.parquet  # noqa: F401

    import exports.keeping.folder  # noqa: F401

    base_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    JOBS[job](database, folder)
    return {
        "wall_s": round(time.perf_counter() - wall, 3),
        "cpu_s": round(time.process_time() - cpu, 3),
        "above_base_mb": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base_kb) / 1024, 1),
    }


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(json.dumps(_measured(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))))
    else:
        print(json.dumps(measure(*(int(word) for word in sys.argv[1:]))))
