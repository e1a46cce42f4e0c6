"""Parquet shards of one side: the same rows give the same bytes, whatever the batches they came in.

Row groups are cut by rows and by bytes counted from the group's first row, so they do not depend on the batches.
Compression, encodings and the pages are fixed here; the library's own version in the footer is part of the lock file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exports.files import FileEntry, HashingFile

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

COMPRESSION = "zstd"
COMPRESSION_LEVEL = 1
FOOTER_BYTES_PER_COLUMN = 512
VALUE_BYTES = 8


@dataclass(frozen=True)
class ParquetLimits:
    """Where a row group and a shard end; a shard is exceeded only by a single row group that is larger."""

    row_group_rows: int = 65_536
    row_group_bytes: int = 32 * 2**20
    shard_bytes: int = 500_000_000


class ShardedWriter:
    """Writes one side to `data/{side}-00000-of-0000N.parquet`; N is known, and the files get their names, at the end.

    Args:
        folder: the version's folder, with a folder `data` in it.
        coded: columns of few different values, which are stored as codes.
        on_group: sees every row group as it is written, e.g. to measure it.
    """

    def __init__(
        self,
        folder: Path,
        side: str,
        schema: pa.Schema,
        *,
        coded: Sequence[str],
        on_group: Callable[[pa.Table], None],
        limits: ParquetLimits,
    ) -> None:
        self._folder, self._side, self._schema = folder, side, schema
        self._coded, self._on_group, self._limits = list(coded), on_group, limits
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = self._waiting_bytes = 0
        self._file: HashingFile | None = None
        self._parquet: Any = None
        self._groups_in_shard = 0
        self._shards: list[FileEntry] = []

    def add(self, rows: pa.RecordBatch) -> None:
        """Takes rows in the version's schema; writes every row group that is full."""
        total = _size_bytes(rows)
        if self._has_room(len(rows), total):
            self._put(rows, total)
        else:
            self._add_in_pieces(rows)
        if self._waiting_rows == self._limits.row_group_rows:
            self._write_group()

    def close(self) -> list[FileEntry]:
        """Writes what waits, gives the shards their names, and returns them; a side without rows has no file."""
        if self._waiting_rows:
            self._write_group()
        self._close_shard()
        total = len(self._shards)
        named = []
        for number, shard in enumerate(self._shards):
            path = f"data/{self._side}-{number:05d}-of-{total:05d}.parquet"
            (self._folder / shard.path).rename(self._folder / path)
            named.append(FileEntry(path, shard.bytes, shard.sha256))
        return named

    def abandon(self) -> None:
        """Lets go of the open file; what was written is of no use."""
        if self._file is not None:
            self._parquet.close()
            self._file.close()

    def _has_room(self, rows: int, size_bytes: int) -> bool:
        return (
            self._waiting_rows + rows <= self._limits.row_group_rows
            and self._waiting_bytes + size_bytes <= self._limits.row_group_bytes
        )

    def _put(self, rows: pa.RecordBatch, size_bytes: int) -> None:
        self._waiting.append(rows)
        self._waiting_rows += len(rows)
        self._waiting_bytes += size_bytes

    def _add_in_pieces(self, rows: pa.RecordBatch) -> None:
        """Cuts the batch where a row group is full; one row always fits into an empty group."""
        import numpy as np

        ends = np.cumsum(_row_bytes(rows))
        start, before = 0, 0
        while start < len(rows):
            room = before + self._limits.row_group_bytes - self._waiting_bytes
            by_bytes = int(np.searchsorted(ends, room, side="right"))
            by_rows = start + self._limits.row_group_rows - self._waiting_rows
            stop = max(start if self._waiting_rows else start + 1, min(by_bytes, by_rows, len(rows)))
            if stop == start:
                self._write_group()
                continue
            self._put(rows.slice(start, stop - start), int(ends[stop - 1]) - before)
            start, before = stop, int(ends[stop - 1])

    def _write_group(self) -> None:
        import pyarrow as pa

        group = pa.Table.from_batches(self._waiting).combine_chunks()
        self._waiting.clear()
        self._open_shard_for(self._waiting_bytes)
        self._parquet.write_table(group, row_group_size=len(group))
        self._groups_in_shard += 1
        self._waiting_rows = self._waiting_bytes = 0
        self._on_group(group)

    def _open_shard_for(self, group_bytes: int) -> None:
        footer = (self._groups_in_shard + 1) * len(self._schema) * FOOTER_BYTES_PER_COLUMN
        if self._file is not None and self._file.size_bytes + group_bytes + footer > self._limits.shard_bytes:
            self._close_shard()
        if self._file is None:
            self._file = HashingFile(self._folder / self._part_name())
            self._parquet = self._open_parquet(self._file)

    def _open_parquet(self, file: HashingFile) -> Any:
        from pyarrow import parquet

        return parquet.ParquetWriter(
            file,
            self._schema,
            version="2.6",
            data_page_version="1.0",
            compression=COMPRESSION,
            compression_level=COMPRESSION_LEVEL,
            use_dictionary=self._coded,
            write_statistics=self._with_statistics(),
            write_page_index=False,
            store_schema=True,
        )

    def _with_statistics(self) -> list[str]:
        """Columns whose smallest and largest values help to skip row groups; those of free text cost and do not."""
        import pyarrow as pa

        return ["item", *(field.name for field in self._schema if not pa.types.is_string(field.type))]

    def _close_shard(self) -> None:
        if self._file is None:
            return
        self._parquet.close()
        self._file.close()
        self._shards.append(self._file.entry(self._part_name()))
        self._file = self._parquet = None
        self._groups_in_shard = 0

    def _part_name(self) -> str:
        return f"data/{self._side}-{len(self._shards):05d}.part"


def _size_bytes(rows: pa.RecordBatch) -> int:
    """Bytes of all rows before compression: the sum of `_row_bytes`."""
    total: int = len(rows) * rows.num_columns * VALUE_BYTES
    for offsets in _offsets(rows):
        total += int(offsets[-1]) - int(offsets[0])
    return total


def _row_bytes(rows: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """Bytes of each row before compression; shape (rows,)."""
    import numpy as np

    total = np.full(len(rows), rows.num_columns * VALUE_BYTES, dtype=np.int64)
    for offsets in _offsets(rows):
        total += np.diff(offsets)
    return total


def _offsets(rows: pa.RecordBatch) -> Iterator[npt.NDArray[np.int32]]:
    """Where the values of each text column begin and end; shape (rows + 1,)."""
    import numpy as np
    import pyarrow as pa

    for column in rows.columns:
        if pa.types.is_string(column.type) and len(rows):
            offsets = np.frombuffer(column.buffers()[1], dtype=np.int32)
            yield offsets[column.offset : column.offset + len(rows) + 1]
