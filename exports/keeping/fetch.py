"""Downloads a version into a folder: whole and checked, or not at all; nothing is written outside that folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from exports.errors import VersionExists
from exports.files import FileEntry, HashingFile, is_inside, sync_folder
from exports.keeping.folder import unfinished_folder
from exports.keeping.verify import verify_folder
from foundation.errors import Conflict, Gone, NotFound, UsageError

PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


class VersionSource(Protocol):
    """Where versions come from: this installation, or another one over HTTP."""

    def describe(self, version: str) -> Mapping[str, Any]:
        """A version as `GET /versions/{v}` shows it."""

    def read(self, version: str, path: str) -> Iterator[bytes]:
        """A file in pieces."""


def download_version(source: VersionSource, project: str, version: str, into: Path) -> tuple[Path, Mapping[str, Any]]:
    """Makes `into/<project>-<version>` and checks every byte; the folder, and the version as the source describes it.

    A folder of that name that holds just this version already is the answer.

    Raises:
        UsageError: a name cannot be a folder's. Gone: the version was withdrawn. NotFound: it has no files.
        VersionExists: the folder exists and is something else. Conflict: what arrived is not what the source names, or
            cannot be written.
    """
    described = source.describe(version)
    files = _files_of(described)
    name = str(described.get("version"))
    if not PLAIN_NAME.fullmatch(project) or not PLAIN_NAME.fullmatch(name):
        raise UsageError("the project's or version's name cannot be the name of a folder")
    destination = into / f"{project}-{name}"
    digest = str(described.get("digest"))
    if destination.exists():
        if not verify_folder(destination, expected_digest=digest).ok:
            raise VersionExists("a folder of this name exists and does not hold this version: move it away")
        return destination, described
    with _told_when_it_cannot_be_written():
        into.mkdir(parents=True, exist_ok=True)
        with unfinished_folder(destination) as folder:
            for file in files:
                _fetch_file(source, name, file, folder)
            for below in {(folder / file.path).parent for file in files}:
                sync_folder(below)
            if not verify_folder(folder, expected_digest=digest).ok:
                raise Conflict("the checksums of what arrived do not hold: download again")
    return destination, described


def _files_of(described: Mapping[str, Any]) -> list[FileEntry]:
    if described.get("state") == "withdrawn":
        after = described.get("successor")
        raise Gone(f"this version was withdrawn: {f'take {after}' if after else 'what follows it is not built yet'}")
    try:
        files = [FileEntry(file["path"], int(file["bytes"]), file["sha256"]) for file in described.get("files") or []]
    except (KeyError, TypeError, ValueError) as error:
        raise Conflict("the server's answer describes no version: is it a Winnow?") from error
    if not files:
        raise NotFound("this version has no files: it was refused, or it is not built yet")
    if not all(is_inside(file.path) for file in files) or len({file.path for file in files}) < len(files):
        raise Conflict("the server names a file twice or outside the version's folder: nothing was written")
    return files


@contextmanager
def _told_when_it_cannot_be_written() -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeEncodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "a name is no text"
        raise Conflict(f"the version cannot be written into this folder ({why}): nothing of it was kept") from error


def _fetch_file(source: VersionSource, version: str, file: FileEntry, folder: Path) -> None:
    path = folder / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    with HashingFile(path) as written:
        for chunk in source.read(version, file.path):
            written.write(chunk)
            if written.size_bytes > file.bytes:
                break
    if written.entry(file.path) != file:
        raise Conflict("a file arrived with other bytes than the server names: download again")
