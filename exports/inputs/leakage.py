"""Leakage: what stands on more than one side, counted in the files as they were written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exports.inputs.splits import short_keys
from exports.shares import SIDES

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Codes = npt.NDArray[np.uint8]
    Keys = npt.NDArray[np.uint64]

ROWS_AT_ONCE: Final = 1 << 16
_NAME_BITS: Final = ~0b11 & (1 << 64) - 1
"""All bits of a key but those that the number of a side takes."""


@dataclass(frozen=True)
class Leakage:
    """What was found on two sides or more. `near_duplicate_sets` is None where nobody looked for near-duplicates."""

    items: int
    split_groups: int
    near_duplicate_sets: int | None

    @property
    def is_found(self) -> bool:
        return bool(self.items or self.split_groups or self.near_duplicate_sets)


def count_leakage(shards: Mapping[str, Sequence[Path]], *, near_duplicates: bool) -> Leakage:
    """Reads the names of items, groups and sets back from a version's files.

    A column is read at a time, and kept as 62 bits a row, so that millions of rows fit in little memory.

    Args:
        shards: the Parquet files of each side.
        near_duplicates: whether sets of nearly equal contents were looked for.

    Raises:
        OSError: a file cannot be read. pyarrow.ArrowException: it is no Parquet file, or has not these columns.
    """
    return Leakage(
        items=_count_on_two_sides(*_keys_and_sides(shards, "item")),
        split_groups=_count_on_two_sides(*_keys_and_sides(shards, "split_group")),
        near_duplicate_sets=(
            _count_on_two_sides(*_keys_and_sides(shards, "near_duplicate_set")) if near_duplicates else None
        ),
    )


def shards_in(folder: Path) -> dict[str, list[Path]]:
    """The Parquet files of each side that lie in a version's folder."""
    return {str(side): sorted((folder / "data").glob(f"{side}-*.parquet")) for side in SIDES}


def _keys_and_sides(shards: Mapping[str, Sequence[Path]], column: str) -> tuple[Keys, Codes]:
    """64 bits for each row's value, and the number of its side; both of shape (rows,)."""
    import numpy as np

    keys: list[Keys] = []
    sides: list[Codes] = []
    for number, side in enumerate(SIDES):
        for path in shards.get(str(side), ()):
            for values in _column(path, column):
                keys.append(short_keys(values))
                sides.append(np.full(len(values), number, dtype=np.uint8))
    if not keys:
        return np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.uint8)
    return np.concatenate(keys), np.concatenate(sides)


def _column(path: Path, column: str) -> Iterator[pa.Array]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=[column], use_threads=False):
            yield batch.column(column)


def _count_on_two_sides(keys: Keys, sides: Codes) -> int:
    """How many keys stand on more than one side.

    The side is written into a key's lowest bits, so that one sort in place brings a key's rows together, side by side.
    """
    import numpy as np

    marked = (keys & np.uint64(_NAME_BITS)) | sides
    marked.sort()
    names = marked & np.uint64(_NAME_BITS)
    is_elsewhere = (names[1:] == names[:-1]) & (marked[1:] != marked[:-1])
    return len(np.unique(names[1:][is_elsewhere]))
