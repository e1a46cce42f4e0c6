"""Unpacks a version's archive so that nothing can be written outside the folder, on every Python from 3.11.0 on."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from pathlib import Path


class UnsafeArchive(Exception):
    """The archive holds something else than plain files of one version; nothing of it was kept."""


def unpack(archive: Path, into: Path, *, folder: str) -> Path:
    """Unpacks the files of `folder/` from a tar file to `into/folder`, in place of what lies there; answers that path.

    The filters of `tarfile` came with Python 3.11.4. A version's archive holds plain files alone, so whatever else stands
    in one (a link, a device, a path that leads out) is refused, before anything is written.

    Raises:
        UnsafeArchive: the archive is none, or holds what no version holds.
    """
    try:
        with tempfile.TemporaryDirectory(dir=into, prefix=".unfinished-") as draft, tarfile.open(archive) as tar:
            members = [member for member in tar if not member.isdir()]
            if not members or not all(_is_plain(member, folder) for member in members):
                raise UnsafeArchive(f"{archive.name} holds something else than the files of {folder}")
            for member in members:
                _write(tar, member, Path(draft, member.name))
            shutil.rmtree(into / folder, ignore_errors=True)
            return Path(draft, folder).rename(into / folder)
    except (tarfile.TarError, OSError) as error:
        raise UnsafeArchive(f"{archive.name} cannot be unpacked: {error}") from error


def _is_plain(member: tarfile.TarInfo, folder: str) -> bool:
    """Whether this is a file below `folder` by a path that cannot lead out of it."""
    parts = member.name.split("/")
    return member.isreg() and len(parts) > 1 and parts[0] == folder and not {"", ".", ".."} & set(parts)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = tar.extractfile(member)
    if content is None:
        raise UnsafeArchive(f"{member.name} is no file")
    with content, path.open("xb") as file:
        shutil.copyfileobj(content, file)
