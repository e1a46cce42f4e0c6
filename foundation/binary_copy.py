"""Rows in PostgreSQL's binary COPY format (PostgreSQL manual, COPY, "Binary Format"): what a server reads with the least work."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

Encoder = Callable[[Any], bytes]
"""A value that is not None as its length and its bytes."""

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_length = struct.Struct(">i").pack
_int4 = struct.Struct(">ii").pack
_int8 = struct.Struct(">iq").pack
_LENGTH_OF_UUID: Final = _length(16)


def uuid_bytes(value: uuid.UUID) -> bytes:
    return _LENGTH_OF_UUID + value.bytes


def raw_bytes(value: bytes) -> bytes:
    return _length(len(value)) + value


def text(value: str) -> bytes:
    encoded = value.encode()
    return _length(len(encoded)) + encoded


def integer(value: int) -> bytes:
    """A column of 32 bits."""
    return _int4(4, value)


def big_integer(value: int) -> bytes:
    """A column of 64 bits."""
    return _int8(8, value)


def boolean(value: bool) -> bytes:
    return b"\0\0\0\1\1" if value else b"\0\0\0\1\0"


def moment(value: datetime) -> bytes:
    """A `timestamptz`: microseconds since 2000."""
    return _int8(8, (value - _EPOCH) // _MICROSECOND)


def encode_rows(rows: Iterable[Sequence[Any]], encoders: Sequence[Encoder]) -> bytes:
    """A whole COPY document.

    Args:
        rows: a value for each encoder; None is NULL.
    """
    start = struct.pack(">h", len(encoders))
    parts = [_HEADER]
    for row in rows:
        parts.append(start)
        parts += [_NULL if value is None else encode(value) for encode, value in zip(encoders, row, strict=True)]
    parts.append(_TRAILER)
    return b"".join(parts)
