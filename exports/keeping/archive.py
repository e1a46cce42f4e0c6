"""A version as one tar file, streamed: the same bytes each time, and its length known before the first of them."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, Final

from exports.files import READ_AT_ONCE, FileEntry

BLOCK: Final = tarfile.BLOCKSIZE
END: Final = bytes(2 * BLOCK)


def archive_length(folder: str, files: Sequence[FileEntry]) -> int:
    """How many bytes `archive_stream` yields."""
    return sum(len(_header(folder, file)) + file.bytes + _padding(file.bytes) for file in files) + len(END)


def archive_stream(folder: str, files: Sequence[FileEntry], open_file: Callable[[str], BinaryIO]) -> Iterator[bytes]:
    """A tar archive (POSIX.1-2001) of the files under one folder, in the order of their paths, without times or owners.

    Args:
        open_file: opens a file by its path.
    """
    for file in sorted(files):
        yield _header(folder, file)
        with open_file(file.path) as content:
            while chunk := content.read(READ_AT_ONCE):
                yield chunk
        yield bytes(_padding(file.bytes))
    yield END


def _header(folder: str, file: FileEntry) -> bytes:
    member = tarfile.TarInfo(f"{folder}/{file.path}")
    member.size = file.bytes
    member.mode = 0o644
    return member.tobuf(tarfile.PAX_FORMAT)


def _padding(size_bytes: int) -> int:
    return -size_bytes % BLOCK
