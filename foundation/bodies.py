"""Reads a request's body whole, or refuses it: cut off, too large, too slow, or in an encoding that is not read here.

Nothing is written to a file on the way. What cannot be seen from here: granian ends a chunked body that was cut off like
one that is complete, so an uncompressed NDJSON body cut between two lines looks whole. A cut inside compressed bytes is
found here, one inside a line by who reads the lines (`is_known_to_be_whole`). Apps should send Content-Length, and count
the results.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import Protocol

from foundation.errors import DomainError, TimedOut, TooLarge, Unparseable, UnsupportedMedia
from foundation.silent_senders import ended_when_silent

READ_HERE = "gzip, zstd, or none"

# granian's read(n) waits until n bytes have come: small steps let a slow sender meet the deadline.
FIRST_STEP_BYTES = 16
LARGEST_STEP_BYTES = 1024

# What a piece may grow to while it is unpacked, so that a bomb is noticed before it is large. A zstd block of 4 bytes
# can stand for 128 KiB, hence few packed bytes at a time: 128 of them give 4 MiB at most.
GZIP_PIECE_BYTES = 1 << 20
GZIP_PACKED_PIECE_BYTES = 16 << 10
ZSTD_PACKED_PIECE_BYTES = 128
ZSTD_LARGEST_WINDOW_BYTES = 8 << 20

# Each member costs set-up time, whatever it holds: 20 MB of empty ones would take seconds.
MOST_MEMBERS = 1024

_DIGITS = re.compile(r"[0-9]{1,18}")


class ByteStream(Protocol):
    def read(self, size: int, /) -> bytes: ...


def declared_length(environ: Mapping[str, object]) -> int | None:
    """The length a WSGI request says its body has; None when it is sent in chunks, as Transfer-Encoding wins over Content-Length."""
    if environ.get("HTTP_TRANSFER_ENCODING"):
        return None
    written = str(environ.get("CONTENT_LENGTH") or "").strip()
    if not written:
        return None if environ.get("wsgi.input_terminated") else 0
    if not _DIGITS.fullmatch(written):
        raise Unparseable("Content-Length has to be a whole number of bytes.", reason="content_length")
    return int(written)


def is_known_to_be_whole(content_length: int | None, encoding: str | None) -> bool:
    """Whether a body that `read_body` gave is all that was sent: its length was met, or its packing ended as it should.

    Of an unpacked body in chunks nobody knows: the server does not say whether the last chunk came.
    """
    return content_length is not None or _unpacker_for(encoding) is not None


def read_body(
    stream: ByteStream,
    *,
    content_length: int | None,
    encoding: str | None,
    max_packed: int,
    max_unpacked: int,
    deadline_s: float,
    port: int = 0,
) -> bytes:
    """The whole body, unpacked.

    Args:
        stream: the raw stream of the request (`wsgi.input`), not one that hides a short body.
        content_length: bytes the client promised (`declared_length`); None for a body sent in chunks.
        encoding: the Content-Encoding header.
        max_packed: most bytes as sent.
        max_unpacked: most bytes after unpacking.
        deadline_s: seconds the body may take to arrive.
        port: the one the server listens on (`SERVER_PORT`): connections to it that fall silent are ended at the deadline.

    Raises:
        Unparseable: the body is shorter than promised (`reason` is `body_incomplete`) or its compression is damaged.
        TooLarge, TimedOut, UnsupportedMedia: as the names say.
    """
    unpack = _unpacker_for(encoding)
    limit = max_packed if unpack else min(max_packed, max_unpacked)
    if content_length is not None and content_length > limit:
        raise _too_large(limit)
    with ended_when_silent(port, after_s=deadline_s):
        packed = _read_whole(stream, content_length, limit=limit, deadline_s=deadline_s)
    return unpack(packed, max_unpacked) if unpack else packed


Unpacker = Callable[[bytes, int], bytes]


def _unpacker_for(encoding: str | None) -> Unpacker | None:
    match (encoding or "").strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return _unpack_gzip
        case "zstd":
            return _unpack_zstd
        case _:
            raise UnsupportedMedia(f"This Content-Encoding is not read here; send {READ_HERE}.", read_here=READ_HERE)


def _read_whole(stream: ByteStream, content_length: int | None, *, limit: int, deadline_s: float) -> bytes:
    ends_at = monotonic() + deadline_s
    pieces: list[bytes] = []
    size = 0
    # Never ask for more than was promised: some servers wait for bytes that belong to the next request.
    wanted = limit + 1 if content_length is None else content_length
    while size < wanted:
        try:
            piece = stream.read(min(max(size, FIRST_STEP_BYTES), LARGEST_STEP_BYTES, wanted - size))
        except OSError as error:
            raise _incomplete("The connection ended before the body did; send it again.") from error
        if monotonic() > ends_at:
            raise TimedOut(f"The body has to arrive within {deadline_s:g} seconds; send less at a time.")
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
    if content_length is None and size > limit:
        raise _too_large(limit)
    if content_length is not None and size != content_length:
        raise _incomplete("Fewer bytes arrived than Content-Length says; send the request again.")
    return b"".join(pieces)


def _unpack_gzip(packed: bytes, limit: int) -> bytes:
    return _collected(_gzip_pieces(packed), limit)


def _unpack_zstd(packed: bytes, limit: int) -> bytes:
    return _collected(_zstd_pieces(packed), limit)


def _collected(pieces: Iterator[bytes], limit: int) -> bytes:
    kept: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        kept.append(piece)
    return b"".join(kept)


def _gzip_pieces(packed: bytes) -> Iterator[bytes]:
    at = 0
    for _ in range(MOST_MEMBERS):
        member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        while not member.eof:
            piece = packed[at : at + GZIP_PACKED_PIECE_BYTES]
            if not piece:
                raise _incomplete("The gzip bytes end too early; send the request again.")
            try:
                yield member.decompress(piece, GZIP_PIECE_BYTES)
            except zlib.error as error:
                raise _damaged("gzip") from error
            at += len(piece) - len(member.unconsumed_tail) - len(member.unused_data)
        if at == len(packed):
            return
    raise _too_many_members("gzip")


def _zstd_pieces(packed: bytes) -> Iterator[bytes]:
    import zstandard

    reader = zstandard.ZstdDecompressor(max_window_size=ZSTD_LARGEST_WINDOW_BYTES)
    at = 0
    for _ in range(MOST_MEMBERS):
        frame = reader.decompressobj()
        while not frame.eof:
            piece = packed[at : at + ZSTD_PACKED_PIECE_BYTES]
            if not piece:
                raise _incomplete("The zstd bytes end too early; send the request again.")
            try:
                yield frame.decompress(piece)
            except zstandard.ZstdError as error:
                raise _damaged("zstd") from error
            at += len(piece)
        at -= len(frame.unused_data)
        if at == len(packed):
            return
    raise _too_many_members("zstd")


def _incomplete(detail: str) -> DomainError:
    return Unparseable(detail, reason="body_incomplete")


def _damaged(encoding: str) -> DomainError:
    window = f" with a window of at most {ZSTD_LARGEST_WINDOW_BYTES >> 20} MiB" if encoding == "zstd" else ""
    return Unparseable(
        f"The body is not whole {encoding}{window}, although Content-Encoding says so.", reason="encoding_damaged"
    )


def _too_many_members(encoding: str) -> DomainError:
    return Unparseable(
        f"The body has more than {MOST_MEMBERS} {encoding} members; send it as one.", reason="encoding_damaged"
    )


def _too_large(limit: int) -> DomainError:
    return TooLarge(f"The body may have at most {limit} bytes; send it in smaller batches.", limit_bytes=limit)
