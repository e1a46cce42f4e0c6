"""Turns a plan, a split and a stream of rows into the folder of a version, whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exports.documents.card import card_text
from exports.documents.contents import Contents, Tally
from exports.documents.croissant import croissant_document
from exports.documents.manifest import (
    CHECKSUMS,
    MANIFEST,
    checksum_lines,
    json_bytes,
    json_bytes_in_order,
    manifest_document,
)
from exports.documents.schema import SchemaMeasure
from exports.errors import BuildRunning, NothingToWrite, RowsChanged, VersionExists
from exports.files import FileEntry, sync_folder, write_file
from exports.formats.parquet import ParquetLimits, ShardedWriter
from exports.inputs.columns import RowShaper, arrow_schema, coded_columns
from exports.inputs.leakage import count_leakage, shards_in
from exports.inputs.plan import VersionPlan
from exports.inputs.reading_ahead import read_ahead
from exports.inputs.splits import OrderedItems, Split
from exports.shares import SIDES, Side

if TYPE_CHECKING:
    import pyarrow as pa

WRITERS: Final = {"parquet": ShardedWriter}
"""What writes the rows of a side, by its word in `export.formats`."""


@dataclass(frozen=True)
class WrittenVersion:
    """A version as it stands on disk."""

    folder: Path
    digest: str
    files: tuple[FileEntry, ...]
    contents: Contents


def write_version(
    plan: VersionPlan,
    split: Split,
    rows: Iterable[pa.RecordBatch],
    destination: Path,
    *,
    limits: ParquetLimits | None = None,
) -> WrittenVersion:
    """Writes a version beside its destination and renames it into place at the end.

    The same plan, split and rows give the same bytes, whatever the size of the batches.

    Args:
        rows: every candidate of the split once, in the same order, with the columns of `column_names(plan)` except
            `split_group`. It is read in a thread of its own.
        destination: the folder of the version, which must not exist; its parent must.

    Raises:
        NothingToWrite: no candidate stands on a side.
        RowsChanged: the rows are not the candidates that were split.
        VersionExists: the destination exists.
        BuildRunning: another process writes to this destination now.
    """
    with unfinished_folder(destination) as folder:
        (folder / "data").mkdir()
        shards, contents, schema = _write_rows(plan, split, rows, folder, limits or ParquetLimits())
        files = [file for side in shards.values() for file in side]
        documents = {
            "README.md": card_text(plan, contents).encode(),
            "schema.json": json_bytes_in_order(schema),
            "quality.json": json_bytes(dict(plan.quality)),
            "croissant.json": json_bytes(croissant_document(plan, shards)),
        }
        files += [write_file(folder, path, content) for path, content in documents.items()]
        manifest = manifest_document(plan, contents, files)
        listing = write_file(folder, MANIFEST, json_bytes(manifest))
        write_file(folder, CHECKSUMS, checksum_lines([*files, listing]))
        sync_folder(folder / "data")
    return WrittenVersion(destination, manifest["digest"], tuple(sorted(files)), contents)


@contextmanager
def unfinished_folder(destination: Path) -> Iterator[Path]:
    """A hidden folder beside the destination that takes its name when the block ends well, and is gone when not.

    What a killed process left is swept away by the next one that writes the same destination; a lock that dies with
    its holder tells the two apart.
    """
    folder = destination.with_name(f".{destination.name}.unfinished")
    with _locked(destination.with_name(f".{destination.name}.lock")):
        if destination.exists():
            raise VersionExists("a folder of this version exists: give the new version another number")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
            sync_folder(folder)
            folder.rename(destination)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        sync_folder(destination.parent)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds a lock file; it is removed at the end, and a lock on a removed file does not count."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            still_there = os.path.samestat(os.fstat(descriptor), path.stat())
        except (BlockingIOError, FileNotFoundError):
            still_there = False
        if not still_there:
            raise BuildRunning("this version is being written by another process: wait until it is done")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _write_rows(
    plan: VersionPlan, split: Split, rows: Iterable[pa.RecordBatch], folder: Path, limits: ParquetLimits
) -> tuple[dict[str, list[FileEntry]], Contents, dict[str, object]]:
    tally, measure = Tally(plan), SchemaMeasure(plan)

    def count(side: str, group: pa.Table) -> None:
        tally.add_group(side, group)
        if side == Side.TRAIN:
            measure.add(group)

    schema, coded = arrow_schema(plan), coded_columns(plan)
    writers = {
        str(side): [
            WRITERS[word](folder, side, schema, coded=coded, limits=limits, on_group=partial(count, str(side)))
            for word in plan.formats
        ]
        for side in SIDES
    }
    try:
        _route(plan, split, rows, writers, tally)
        shards = {side: [file for one in of_side for file in one.close()] for side, of_side in writers.items()}
    except BaseException:
        for writer in chain.from_iterable(writers.values()):
            writer.abandon()
        raise
    contents = tally.contents(count_leakage(shards_in(folder), near_duplicates=plan.near_duplicates))
    if not contents.total:
        raise NothingToWrite("no item of the project may be used yet: label more, or see what the build left out")
    return shards, contents, measure.as_document(contents)


def _route(
    plan: VersionPlan,
    split: Split,
    rows: Iterable[pa.RecordBatch],
    writers: dict[str, list[ShardedWriter]],
    tally: Tally,
) -> None:
    """Gives each row to the writers of its side, and checks that the rows are the candidates that were split."""
    shaper, items, position = RowShaper(plan, split), OrderedItems(), 0
    with closing(read_ahead(rows)) as batches:
        for batch in batches:
            if position + batch.num_rows > len(split.codes):
                raise RowsChanged("more rows came than were split: build again")
            items.add(batch.column("item"))
            tally.add_left_out(batch.column("item"), split.codes[position : position + batch.num_rows])
            for side, shaped in shaper.shape(batch, position).items():
                for writer in writers[side]:
                    writer.add(shaped)
            position += batch.num_rows
    if position != len(split.codes) or items.sha256() != split.items_sha256:
        raise RowsChanged("other rows came than were split: build again")
