"""Files of a version: written once, hashed on the way, on disk before anybody is told."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

READ_AT_ONCE = 1 << 20


@dataclass(frozen=True, order=True)
class FileEntry:
    """One file as the manifest lists it; `path` is relative to the version's folder, with forward slashes."""

    path: str
    bytes: int
    sha256: str


def is_inside(path: object) -> bool:
    """Whether a path that somebody names is a relative one, written in the one plain way, that stays inside a folder."""
    if not isinstance(path, str) or path in ("", ".") or "\\" in path or "\0" in path:
        return False
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts and str(pure) == path


class HashingFile:
    """A new file that takes its digest while it is written, so that nothing is read twice."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb")
        self._digest = hashlib.sha256()
        self.size_bytes = 0
        self.closed = False

    def write(self, chunk: bytes) -> int:
        self._digest.update(chunk)
        self.size_bytes += len(chunk)
        return self._file.write(chunk)

    def tell(self) -> int:
        return self.size_bytes

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Puts the bytes on disk; again is a no-op."""
        if self.closed:
            return
        self.closed = True
        with self._file:
            self._file.flush()
            os.fsync(self._file.fileno())

    def entry(self, path: str) -> FileEntry:
        return FileEntry(path, self.size_bytes, self._digest.hexdigest())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def write_file(folder: Path, path: str, content: bytes) -> FileEntry:
    """Writes a new small file whole and returns its entry."""
    with HashingFile(folder / path) as file:
        file.write(content)
    return file.entry(path)


def hash_file(path: Path) -> tuple[int, str]:
    """Size in bytes and SHA-256 of a file, read in pieces; a symbolic link is not followed (OSError)."""
    digest, size_bytes = hashlib.sha256(), 0
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        while chunk := file.read(READ_AT_ONCE):
            digest.update(chunk)
            size_bytes += len(chunk)
    return size_bytes, digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
