"""Names that are given once: random ids, ids from content, and keyed hashes of what must not be read back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

KEY_ID = 1
"""Which pseudonym key made a hash; a second key will be 2, so that both can be looked up while one retires the other."""


@lru_cache(maxsize=1024)
def derive_key(secret: str, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, from a secret (HKDF-Expand with one block, RFC 5869 section 2.3)."""
    return hmac.digest(secret.encode(), purpose.encode() + b"\x01", "sha256")


def keyed_hash(key: bytes, value: str | bytes) -> bytes:
    """HMAC-SHA-256 (RFC 2104) of a value, 32 bytes: the same for the same value, of no use without the key."""
    return keyed_hashes(key, [value.encode() if isinstance(value, str) else value])[0]


def keyed_hashes(key: bytes, values: Iterable[bytes]) -> list[bytes]:
    """`keyed_hash` of each."""
    begun_inner, begun_outer = _begun(key)
    hashes = []
    for value in values:
        inner, outer = begun_inner.copy(), begun_outer.copy()
        inner.update(value)
        outer.update(inner.digest())
        hashes.append(outer.digest())
    return hashes


@lru_cache(maxsize=1024)
def _begun(key: bytes) -> tuple[Any, Any]:
    """The two hashes of a key of at most 64 bytes, as far as the value does not matter: a third of the time of `hmac.digest`."""
    block = key.ljust(hashlib.sha256().block_size, b"\0")
    inner, outer = (hashlib.sha256(bytes(byte ^ mask for byte in block)) for mask in (0x36, 0x5C))
    return inner, outer


def uuid8_of(digest: bytes) -> uuid.UUID:
    """A UUID of version 8 (RFC 9562 section 5.8) from the first 16 bytes of a digest.

    >>> str(uuid8_of(bytes(16)))
    '00000000-0000-8000-8000-000000000000'
    """
    number = int.from_bytes(digest[:16], "big")
    number = number & ~(0xF000 << 64) | (8 << 76)
    number = number & ~(0xC000 << 48) | (0x8000 << 48)
    return uuid.UUID(int=number)


def random_uuid() -> uuid.UUID:
    return uuid.uuid4()


def random_token(prefix: str) -> str:
    """A key for the wire: a readable prefix and 256 random bits."""
    return f"{prefix}_{base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b'=').decode()}"


def hash_of_token(token: str) -> bytes:
    """SHA-256 of a random token; a token of 256 random bits needs no slow hash."""
    return hashlib.sha256(token.encode()).digest()
