"""Blobs by name, in a folder or in an S3-compatible store: a blob is there whole and for good when `put` returns, or it is not there."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from foundation.errors import NotFound, Unavailable

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=+-]*(?:/[A-Za-z0-9][A-Za-z0-9._=+-]*)*")
_LONGEST_NAME = 512
_UNFINISHED = ".unfinished"
_UNFINISHED_FOR_S = 24 * 3600


class Blobs(ABC):
    """Where bytes are kept by name. Names are ours, never a user's: letters, digits, `._=+-`, parts joined by `/`."""

    @staticmethod
    def open(url: str) -> Blobs:
        """The store behind a folder's path, `file://…` or `s3://bucket/prefix` (keys and endpoint from the AWS_* variables)."""
        if url.startswith("s3://"):
            return BucketBlobs(url.removeprefix("s3://").strip("/"))
        if "://" in url and not url.startswith("file://"):
            raise ValueError("a blob store is a folder or s3://bucket/prefix")
        return FolderBlobs.at(Path(url.removeprefix("file://")))

    @abstractmethod
    def put(self, name: str, content: bytes | BinaryIO) -> None:
        """Stores the content under the name, over what was there. Returns when it would survive a power loss."""

    @abstractmethod
    def get(self, name: str) -> bytes:
        """The whole blob. Raises NotFound."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Removes the blob; one that is not there is no error."""

    @abstractmethod
    def exists(self, name: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class FolderBlobs(Blobs):
    folder: Path

    @classmethod
    def at(cls, folder: Path) -> FolderBlobs:
        unfinished = folder / _UNFINISHED
        unfinished.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in unfinished.iterdir():
            if time.time() - left.stat().st_mtime > _UNFINISHED_FOR_S:
                left.unlink(missing_ok=True)
        return cls(folder)

    def put(self, name: str, content: bytes | BinaryIO) -> None:
        target = self._path(name)
        unfinished = self.folder / _UNFINISHED / secrets.token_hex(16)
        with _told_when_the_folder_fails():
            try:
                _write_synced(unfinished, content)
                _make_folders(target.parent)
                unfinished.replace(target)
                _sync_folder(target.parent)
            finally:
                unfinished.unlink(missing_ok=True)

    def get(self, name: str) -> bytes:
        with _told_when_the_folder_fails():
            try:
                return self._path(name).read_bytes()
            except FileNotFoundError as error:
                raise NotFound("This blob is not stored.") from error

    def delete(self, name: str) -> None:
        path = self._path(name)
        with _told_when_the_folder_fails():
            try:
                path.unlink()
            except FileNotFoundError:
                return
            _sync_folder(path.parent)

    def exists(self, name: str) -> bool:
        return self._path(name).is_file()

    def _path(self, name: str) -> Path:
        return self.folder / _checked(name)


@dataclass(frozen=True, slots=True)
class BucketBlobs(Blobs):
    """One object a blob: S3 shows an object only when all its bytes have arrived."""

    root: str

    def put(self, name: str, content: bytes | BinaryIO) -> None:
        # One PUT up to S3's limit of 5 GiB: a part upload that dies leaves parts behind that nobody sees and somebody pays.
        body = content if isinstance(content, bytes) else content.read()
        with _told_when_the_bucket_fails():
            self._files.pipe_file(self._path(name), body, chunksize=5 << 30)

    def get(self, name: str) -> bytes:
        with _told_when_the_bucket_fails():
            try:
                return bytes(self._files.cat_file(self._path(name)))
            except FileNotFoundError as error:
                raise NotFound("This blob is not stored.") from error

    def delete(self, name: str) -> None:
        with _told_when_the_bucket_fails():
            try:
                self._files.rm_file(self._path(name))
            except FileNotFoundError:
                return

    def exists(self, name: str) -> bool:
        with _told_when_the_bucket_fails():
            return bool(self._files.isfile(self._path(name)))

    def _path(self, name: str) -> str:
        return f"{self.root}/{_checked(name)}"

    @property
    def _files(self) -> Any:
        # Asked for anew each time: fsspec keeps one per process, and one that crossed a fork does not work.
        import fsspec

        return fsspec.filesystem("s3", use_listings_cache=False)


def _checked(name: str) -> str:
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise ValueError("a blob's name has letters, digits and ._=+- in parts joined by /")
    return name


@contextmanager
def _told_when_the_folder_fails() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable("The folder of blobs cannot be read or written; see its disk.") from error


@contextmanager
def _told_when_the_bucket_fails() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

    try:
        yield
    except (OSError, BotoCoreError, ClientError) as error:
        raise Unavailable("The store of blobs does not answer or refuses; try again.") from error


def _write_synced(path: Path, content: bytes | BinaryIO) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(BytesIO(content) if isinstance(content, bytes) else content, file)
        file.flush()
        os.fsync(file.fileno())


def _make_folders(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
