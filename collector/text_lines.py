"""Reads the texts of a JSON Lines file, plain or packed: streaming, so a file may be larger than memory."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import orjson

from foundation.errors import UsageError

_CHUNK_BYTES = 1 << 16


def texts_of(lines: Iterable[bytes], *, field: str) -> Iterator[tuple[int, str]]:
    """One text field of each JSON object, with the number of its line from 0; blank lines are passed over.

    Raises:
        UsageError: a line is no JSON object or has no text in the field; what stands before it was yielded.
    """
    for number, line in enumerate(lines):
        record = line.removeprefix(codecs.BOM_UTF8) if number == 0 else line
        if record.strip():
            yield number, _text_of(record, number + 1, field)


def read_lines(path: Path, advance: Callable[[int], object] = lambda _: None) -> Iterator[bytes]:
    """The lines of a file, unpacked where its name ends in `.gz` or `.zst`; `advance` is told how many bytes were read.

    Raises:
        UsageError: the content cannot be read, is not packed the way its name says, or was cut off.
    """
    try:
        with path.open("rb") as file:
            pieces = _chunks(file, advance)
            if path.suffix in _UNPACKERS:
                pieces = _unpacked(pieces, _UNPACKERS[path.suffix])
            yield from _split(pieces)
    except OSError as error:
        raise UsageError(f"{path.name}: the file cannot be read ({error.strerror})") from error


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, packed: bytes, /) -> bytes: ...


def _start_gzip() -> _Unpacker:
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)


def _start_zstandard() -> _Unpacker:
    import zstandard

    return zstandard.ZstdDecompressor().decompressobj()


_UNPACKERS: dict[str, Callable[[], _Unpacker]] = {".gz": _start_gzip, ".zst": _start_zstandard}


def _chunks(file: BinaryIO, advance: Callable[[int], object]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK_BYTES):
        advance(len(chunk))
        yield chunk


def _unpacked(chunks: Iterable[bytes], start: Callable[[], _Unpacker]) -> Iterator[bytes]:
    unpacker = start()
    for chunk in chunks:
        rest = chunk
        while rest:
            if unpacker.eof:
                unpacker = start()
            yield _decompressed(unpacker, rest)
            rest = unpacker.unused_data
    if not unpacker.eof:
        raise UsageError("the packed file ends too early; copy it again")


def _decompressed(unpacker: _Unpacker, chunk: bytes) -> bytes:
    import zstandard

    try:
        return unpacker.decompress(chunk)
    except (zlib.error, zstandard.ZstdError) as error:
        raise UsageError("the file cannot be unpacked; .gz must hold gzip and .zst must hold zstandard") from error


def _split(pieces: Iterable[bytes]) -> Iterator[bytes]:
    pending: list[bytes] = []
    for piece in pieces:
        first, *others = piece.split(b"\n")
        pending.append(first)
        if others:
            yield b"".join(pending)
            yield from others[:-1]
            pending = [others[-1]]
    if any(pending):
        yield b"".join(pending)


def _text_of(line: bytes, number: int, field: str) -> str:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise UsageError(f"line {number} is not JSON in UTF-8; each line must be one JSON object") from None
    if not isinstance(record, dict):
        raise UsageError(f"line {number} is no JSON object; each line must be one, with a text in the field {field!r}")
    text = record.get(field)
    if not isinstance(text, str):
        lack = "holds something else than a text in" if field in record else "lacks"
        raise UsageError(f"line {number} {lack} the field {field!r}; each line must have a text there")
    return text
