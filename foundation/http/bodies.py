"""Reads a request's body whole, or refuses it: cut off, too large, too slow, or in an encoding that is not read here.

Nothing is written to a file on the way. Behind `foundation/http/front.py` the body has arrived whole already; what is left to
do is to unpack it, within what the request may hold in memory. Another server may end a chunked body that was cut off like
one that is complete: there an uncompressed NDJSON body cut between two lines looks whole (`is_known_to_be_whole`).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from time import monotonic
from typing import Protocol

from foundation.errors import DomainError, TimedOut, TooLarge, Unparseable, UnsupportedMedia
from foundation.memory_budget import Lease

READ_HERE = "gzip, zstd, or none"

STEP_BYTES = 64 << 10
"""How much of a body in chunks is asked for at a time."""

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
    lease: Lease | None = None,
) -> bytes:
    """The whole body, unpacked.

    Args:
        stream: the raw stream of the request (`wsgi.input`), not one that hides a short body.
        content_length: bytes the client promised (`declared_length`); None for a body sent in chunks.
        encoding: the Content-Encoding header.
        max_packed: most bytes as sent.
        max_unpacked: most bytes after unpacking.
        deadline_s: seconds the body may take to arrive.
        lease: what the request may hold in memory; it grows with what comes out of packed bytes, and for work on them.

    Raises:
        Unparseable: the body is shorter than promised (`reason` is `body_incomplete`) or its compression is damaged.
        TooLarge, TimedOut, UnsupportedMedia, Unavailable: as the names say.
    """
    unpack = _unpacker_for(encoding)
    limit = max_packed if unpack else min(max_packed, max_unpacked)
    if content_length is not None and content_length > limit:
        raise _too_large(limit)
    body = _read_whole(stream, content_length, limit=limit, deadline_s=deadline_s)
    if unpack:
        body = _collected(unpack(body), max_unpacked, lease)
    if lease:
        lease.work_on(len(body))
    return body


Unpacker = Callable[[bytes], Iterator[bytes]]


def _unpacker_for(encoding: str | None) -> Unpacker | None:
    match (encoding or "").strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return _gzip_pieces
        case "zstd":
            return _zstd_pieces
        case _:
            raise UnsupportedMedia(f"This Content-Encoding is not read here; send {READ_HERE}.", read_here=READ_HERE)


def _read_whole(stream: ByteStream, content_length: int | None, *, limit: int, deadline_s: float) -> bytes:
    ends_at = monotonic() + deadline_s
    kept = BytesIO()
    size = 0
    # Never ask for more than was promised: some servers wait for bytes that belong to the next request.
    wanted = limit + 1 if content_length is None else content_length
    while size < wanted:
        try:
            piece = stream.read(wanted - size if content_length is not None else min(STEP_BYTES, wanted - size))
        except OSError as error:
            raise _incomplete("The connection ended before the body did; send it again.") from error
        if monotonic() > ends_at:
            raise TimedOut(f"The body has to arrive within {deadline_s:g} seconds; send less at a time.")
        if len(piece) == content_length:
            return piece
        if not piece:
            break
        kept.write(piece)
        size += len(piece)
    if content_length is None and size > limit:
        raise _too_large(limit)
    if content_length is not None and size != content_length:
        raise _incomplete("Fewer bytes arrived than Content-Length says; send the request again.")
    return kept.getvalue()


def _collected(pieces: Iterator[bytes], limit: int, lease: Lease | None) -> bytes:
    kept = BytesIO()  # many small pieces, each an object, would be larger than what they hold
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        if lease:
            lease.unpack(len(piece))
        kept.write(piece)
    return kept.getvalue()


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
