"""Is croissant.json what programs that know Croissant can read? The library says; without it, what can be seen without."""

from __future__ import annotations

import io
import logging
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson

from exports.documents.croissant import CONFORMS_TO, CONTEXT
from exports.documents.manifest import MANIFEST
from exports.inputs.leakage import shards_in
from exports.keeping.verify import read_up_to

CROISSANT: Final = "croissant.json"
LIBRARY: Final = "mlcroissant"
MOST_BYTES: Final = 16 << 20
MOST_FAULTS: Final = 20
MOST_FAULT_CHARS: Final = 2_000
OTHER_SHAPE: Final = (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError, NotImplementedError)
"""What reading a document of another shape than ours raises: members of other types or missing, ids that nest for ever, and
data files that are none (Arrow's errors are ValueError, OSError and NotImplementedError)."""
WITHOUT_LIBRARY: Final = "croissant.json was checked without the library mlcroissant, which is not installed here: ids, files and columns only"


@dataclass(frozen=True)
class CroissantCheck:
    """What is wrong, a sentence each, and whether the library was asked."""

    faults: tuple[str, ...]
    by_library: bool


def check_croissant(folder: Path) -> CroissantCheck:
    """Reads croissant.json of a version's folder, with the library where it is installed, and compares it with the files.

    Nothing is fetched from anywhere.
    """
    by_library = find_spec(LIBRARY) is not None
    try:
        written = read_up_to(folder / CROISSANT, MOST_BYTES)
        if written is None:
            return CroissantCheck((f"has more than {MOST_BYTES} bytes",), by_library)
        document = orjson.loads(written)
        faults = list(islice(_own_faults(folder, document), MOST_FAULTS))
        is_ours = document["@context"] == CONTEXT
    except OTHER_SHAPE:
        return CroissantCheck(("cannot be read as a description of a dataset",), by_library)
    if not is_ours:
        # The library would fetch what another context names.
        return CroissantCheck((*faults, "has another @context than Winnow writes"), by_library)
    if by_library:
        faults += _library_faults(folder / CROISSANT)
    return CroissantCheck(tuple(faults), by_library)


def _own_faults(folder: Path, document: Mapping[str, Any]) -> Iterator[str]:
    if document["conformsTo"] != CONFORMS_TO:
        yield "does not say that it conforms to Croissant 1.1"
    files = [part for part in document["distribution"] if part["@type"] == "cr:FileObject"]
    fields = [field for records in document["recordSet"] for field in records["field"]]
    named = [*document["distribution"], *document["recordSet"], *fields]
    yield from _id_faults([str(part["@id"]) for part in named])
    listed = {file["path"]: file["sha256"] for file in orjson.loads((folder / MANIFEST).read_bytes())["files"]}
    if {file["contentUrl"]: file["sha256"] for file in files} != {
        path: sha256 for path, sha256 in listed.items() if path.endswith(".parquet")
    }:
        yield "does not name the data files with the checksums of the manifest"
    for records in document["recordSet"]:
        if [field["source"]["extract"]["column"] for field in records["field"]] != _columns(folder, records["@id"]):
            yield "does not name the columns of the data files"


def _id_faults(ids: Iterable[str]) -> Iterator[str]:
    for identifier, times in Counter(ids).items():
        if times > 1:
            yield f"gives the id {identifier[:80]!r} twice"
        if not identifier or any(character.isspace() for character in identifier):
            yield f"has an id with white space: {identifier[:80]!r}"


def _columns(folder: Path, side: str) -> list[str]:
    from pyarrow import parquet

    names: list[str] = parquet.read_schema(shards_in(folder)[side][0]).names
    return names


def _library_faults(path: Path) -> list[str]:
    with _quiet():
        import mlcroissant  # type: ignore[import-not-found, import-untyped, unused-ignore]

        try:
            dataset = mlcroissant.Dataset(str(path))
        except mlcroissant.ValidationError as error:
            return [" ".join(str(error).split())[:MOST_FAULT_CHARS]]
        except Exception as error:  # noqa: BLE001 - whatever a library raises over what a stranger wrote
            return [f"cannot be read by {LIBRARY}: {type(error).__name__}"]
    return sorted(dataset.metadata.ctx.issues.errors)


@contextmanager
def _quiet() -> Iterator[None]:
    """The library's own words go nowhere: what it finds is told by us."""
    before = logging.root.manager.disable
    logging.disable(sys.maxsize)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
