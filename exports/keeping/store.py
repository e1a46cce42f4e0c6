"""Where the files of versions are kept: a folder, or a bucket; each version under a place of its own that no other build has."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from exports.documents.manifest import CHECKSUMS, MANIFEST
from foundation.errors import Unavailable
from foundation.settings import Settings
from foundation.storage import Blobs

VERSIONS: Final = "versions"


class VersionStore(ABC):
    """Keeps finished folders. A place is a relative path that the version's row names."""

    @abstractmethod
    def work_folder(self, place: str) -> Path:
        """Where the version is to be written; its parent exists."""

    def scratch(self, place: str) -> Path:
        """A folder beside it for what a build needs on its way."""
        work = self.work_folder(place)
        folder = work.with_name(f".{work.name}.scratch")
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def clear_scratch(self, place: str) -> None:
        shutil.rmtree(self.scratch(place), ignore_errors=True)

    @abstractmethod
    def keep(self, place: str, paths: Sequence[str]) -> None:
        """Stores what was written, the manifest last. Returns when it would survive a power loss."""

    @abstractmethod
    def open(self, place: str, path: str) -> BinaryIO:
        """A file of a version, to be read from anywhere. Raises Unavailable."""

    @abstractmethod
    def remove(self, place: str) -> None:
        """Deletes whatever a version or an unfinished build left in its place; nothing there is no error."""


def open_store(settings: Settings) -> VersionStore:
    """The store that the settings name: beside the blobs, or in HOME where they are at their default."""
    local = settings.home / VERSIONS
    if not settings.blobs_url:
        return FolderStore(local)
    if settings.blobs_url.startswith("s3://"):
        return BucketStore(settings.blobs_url.removeprefix("s3://").strip("/"), settings.blobs_url, local)
    return FolderStore(Path(settings.blobs_url.removeprefix("file://")) / VERSIONS)


@dataclass(frozen=True, slots=True)
class FolderStore(VersionStore):
    """Versions are written where they stay."""

    root: Path

    def work_folder(self, place: str) -> Path:
        folder = self.root / place
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def keep(self, place: str, paths: Sequence[str]) -> None:
        """What `write_version` returned is on disk already."""

    def open(self, place: str, path: str) -> BinaryIO:
        try:
            return (self.root / place / path).open("rb")
        except OSError as error:
            raise Unavailable("a file of this version is not in the store: see its disk") from error

    def remove(self, place: str) -> None:
        folder = self.root / place
        _remove_written(folder)


@dataclass(frozen=True, slots=True)
class BucketStore(VersionStore):
    """Versions are written in a local folder, then put into the bucket."""

    bucket: str
    url: str
    local: Path

    def work_folder(self, place: str) -> Path:
        folder = self.local / place
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def keep(self, place: str, paths: Sequence[str]) -> None:
        blobs, folder = Blobs.open(self.url), self.local / place
        for path in sorted(paths, key=lambda path: path in (MANIFEST, CHECKSUMS)):
            with (folder / path).open("rb") as file:
                blobs.put(f"{VERSIONS}/{place}/{path}", file)
        shutil.rmtree(folder, ignore_errors=True)

    def open(self, place: str, path: str) -> BinaryIO:
        name = f"{self.bucket}/{VERSIONS}/{place}/{path}"
        with _told_when_the_bucket_fails():
            # Opening alone asks the bucket for nothing.
            self._files.info(name)
            file: BinaryIO = self._files.open(name, "rb")
            return file

    def remove(self, place: str) -> None:
        _remove_written(self.local / place)
        with _told_when_the_bucket_fails(), suppress(FileNotFoundError):
            self._files.rm(f"{self.bucket}/{VERSIONS}/{place}", recursive=True)

    @property
    def _files(self) -> Any:
        # Asked for anew each time: fsspec keeps one per process, and one that crossed a fork does not work.
        import fsspec

        return fsspec.filesystem("s3", use_listings_cache=False)


@contextmanager
def _told_when_the_bucket_fails() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

    try:
        yield
    except (OSError, BotoCoreError, ClientError) as error:
        raise Unavailable("a file of this version cannot be reached in the bucket: try again") from error


def _remove_written(folder: Path) -> None:
    """The folder itself and what an unfinished `write_version` leaves beside it."""
    shutil.rmtree(folder, ignore_errors=True)
    for kind in ("unfinished", "scratch"):
        shutil.rmtree(folder.with_name(f".{folder.name}.{kind}"), ignore_errors=True)
    folder.with_name(f".{folder.name}.lock").unlink(missing_ok=True)
