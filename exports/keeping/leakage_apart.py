"""Counts leakage in a child with limits: files from elsewhere may be made to eat memory or time, or to end who reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from exports.inputs.leakage import Leakage, count_leakage, shards_in
from foundation.running.limited import LimitMet, Limits, run_limited

SHORTEST_S: Final = 120
BYTES_A_SECOND: Final = 2_000_000
"""Far below what the slowest disk gives: whoever needs longer for so many bytes is led on."""
MOST_MEMORY_BYTES: Final = 4 << 30
"""Of address space, of which Arrow alone reserves a large part."""
MEMORY_PER_BYTE: Final = 32
"""62 bits a row are kept, and a row has more than two bytes."""


def count_leakage_apart(folder: Path, *, near_duplicates: bool) -> Leakage | None:
    """As `count_leakage` for a version's folder; None where its files cannot be read as those of a version.

    The count may take 4 GB of address space and two minutes, and more the larger the files are.
    """
    size_bytes = sum(path.stat().st_size for shards in shards_in(folder).values() for path in shards)
    patience_s = SHORTEST_S + size_bytes // BYTES_A_SECOND
    memory_bytes = MOST_MEMORY_BYTES + MEMORY_PER_BYTE * size_bytes
    limits = Limits(step_cpu_s=patience_s, memory_bytes=memory_bytes, wall_s=float(patience_s))
    asked = json.dumps([str(folder), near_duplicates]).encode()
    try:
        (found,) = run_limited("exports.keeping.leakage_apart:count_in_child", asked, limits)
        return Leakage(**found)
    except (LimitMet, RuntimeError, ValueError, TypeError):
        return None


def count_in_child(asked: bytes) -> Iterator[dict[str, Any]]:
    """What the child does; whatever goes wrong in it ends it, which is the answer."""
    folder, near_duplicates = json.loads(asked)
    shards = shards_in(Path(folder))
    for path in (path for paths in shards.values() for path in paths):
        refuse_more_rows_than_bytes(path)
    yield asdict(count_leakage(shards, near_duplicates=near_duplicates))


def refuse_more_rows_than_bytes(path: Path) -> None:
    """Raises ValueError where a file states more rows than it has bytes: names of items do not pack so well."""
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        if file.metadata.num_rows > path.stat().st_size:
            raise ValueError("more rows than bytes")
