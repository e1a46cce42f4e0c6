"""Counts leakage in a process of its own, with limits: files from elsewhere may be made to eat memory, time, or the reader."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

from exports.leakage import Leakage, count_leakage, shards_in

SHORTEST_S: Final = 120
BYTES_A_SECOND: Final = 2_000_000
"""Far below what the slowest disk gives: whoever needs longer for so many bytes is led on."""
MOST_MEMORY_BYTES: Final = 2 << 30
MEMORY_PER_BYTE: Final = 32
"""62 bits a row are kept, and a row has more than two bytes."""


def count_leakage_apart(folder: Path, *, near_duplicates: bool) -> Leakage | None:
    """As `count_leakage` for a version's folder; None where its files cannot be read as those of a version.

    The count may take 2 GB and two minutes, and more the larger the files are.
    """
    size_bytes = sum(path.stat().st_size for shards in shards_in(folder).values() for path in shards)
    patience_s = SHORTEST_S + size_bytes // BYTES_A_SECOND
    memory_bytes = MOST_MEMORY_BYTES + MEMORY_PER_BYTE * size_bytes
    command = [sys.executable, "-m", __name__, str(folder), str(int(near_duplicates)), str(memory_bytes)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=patience_s,
            check=True,
            cwd=Path(__file__).parent.parent,
        )
        return Leakage(**json.loads(done.stdout))
    except (subprocess.SubprocessError, OSError, ValueError, TypeError):
        return None


def main(folder: str, near_duplicates: str, memory_bytes: str) -> None:
    """What the process does; whatever goes wrong in it ends it, which is the answer."""
    for limit, value in ((resource.RLIMIT_DATA, int(memory_bytes)), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(limit, (value, value))
    shards = shards_in(Path(folder))
    for path in (path for paths in shards.values() for path in paths):
        refuse_more_rows_than_bytes(path)
    sys.stdout.write(json.dumps(asdict(count_leakage(shards, near_duplicates=near_duplicates == "1"))))


def refuse_more_rows_than_bytes(path: Path) -> None:
    """Raises ValueError where a file states more rows than it has bytes: names of items do not pack so well."""
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        if file.metadata.num_rows > path.stat().st_size:
            raise ValueError("more rows than bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
