"""How often a phone may call: per key and address, per key and subject, per project. Only ingest keys are limited."""

from __future__ import annotations

import hashlib
import os
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from typing import Final

from limits import RateLimitItemPerMinute
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from foundation.errors import TooMany
from foundation.identifiers import derive_key
from foundation.settings import Settings

_WINDOW: Final = struct.Struct("<dQ")
"""When the window ends, and which one it is, counted from the first."""
_BUCKET: Final = struct.Struct("<QQ")
"""For which window it counts, and its hits."""
BUCKETS: Final = 1 << 18
TABLE_BYTES: Final = _WINDOW.size + BUCKETS * _BUCKET.size


class CountsOfTheWindow(Storage):
    """One window for all buckets, forgotten at once when it ends; in memory that several processes may share.

    A bucket is a place in a table, found by a keyed hash of its name, with the window that it counts for: nobody has to
    empty it. Two buckets may share a place, one pair in a quarter of a million. Processes that count the same bucket in the
    same moment may lose a hit. The library's own storage in memory starts a thread for nearly every hit, and the thread
    walks through all buckets: a millisecond of every batch, and more with every phone.

    Args:
        folder: where the table lies, for all who are given the same; without one it is this process's own.
        secret: of the hash, which nobody who chooses a name may know; the same for all.
    """

    def __init__(
        self, folder: Path | None = None, *, secret: bytes = b"", clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self._lock, self._clock, self._secret = threading.Lock(), clock, secret or os.urandom(32)
        if folder is None:
            self._table = mmap(-1, TABLE_BYTES)
        else:
            with os.fdopen(os.open(folder / "hits", os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
                file.truncate(TABLE_BYTES)
                self._table = mmap(file.fileno(), TABLE_BYTES)

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now, place = self._clock(), self._place(key)
        with self._lock:
            ends_at, window = _WINDOW.unpack_from(self._table)
            # Or it lies too far ahead: the clock was set back, and phones must not wait until it has caught up.
            if not 0 < ends_at - now <= expiry + 1:
                window += 1
                _WINDOW.pack_into(self._table, 0, now + expiry, window)
            hits = self._hits(place, window) + amount
            _BUCKET.pack_into(self._table, place, window, hits)
            return hits

    def get(self, key: str) -> int:
        ends_at, window = _WINDOW.unpack_from(self._table)
        return self._hits(self._place(key), window) if self._clock() < ends_at else 0

    def get_expiry(self, key: str) -> float:  # noqa: ARG002 - the same for all
        ends_at: float = _WINDOW.unpack_from(self._table)[0]
        return ends_at

    def _place(self, key: str) -> int:
        digest = hashlib.blake2b(key.encode(), digest_size=4, key=self._secret).digest()
        return _WINDOW.size + int.from_bytes(digest) % BUCKETS * _BUCKET.size

    def _hits(self, place: int, window: int) -> int:
        counted_for, hits = _BUCKET.unpack_from(self._table, place)
        return int(hits) if counted_for == window else 0

    def check(self) -> bool:
        return True

    def reset(self) -> None:
        _WINDOW.pack_into(self._table, 0, 0.0, _WINDOW.unpack_from(self._table)[1])

    def clear(self, key: str) -> None:
        _BUCKET.pack_into(self._table, self._place(key), 0, 0)


@dataclass(frozen=True, slots=True)
class Limiter:
    """Counts with the other processes of this installation; those on other machines count for themselves."""

    strategy: FixedWindowRateLimiter
    per_address: RateLimitItemPerMinute
    per_subject: RateLimitItemPerMinute
    per_project: RateLimitItemPerMinute

    def count_request(self, key_id: str, address: str, project: str) -> None:
        """One attacker with the key from an app fills its own address's bucket long before the project's.

        Raises:
            TooMany: with the seconds until the window ends.
        """
        self._hit(self.per_address, "address", key_id, address)
        self._hit(self.per_project, "project", project)

    def count_subject(self, key_id: str, subject: str) -> None:
        self._hit(self.per_subject, "subject", key_id, subject)

    def _hit(self, limit: RateLimitItemPerMinute, *bucket: str) -> None:
        if not self.strategy.hit(limit, *bucket):
            ends_at, _ = self.strategy.get_window_stats(limit, *bucket)
            wait_s = max(1, round(ends_at - time.time()))
            raise TooMany(
                f"more than {limit.amount} requests a minute: wait {wait_s} s, then send larger batches",
                retry_after_s=wait_s,
                limit=bucket[0],
            )


def open_limiter(settings: Settings) -> Limiter:
    folder = Path(settings.api_memory_folder) if settings.api_memory_folder else None
    secret = derive_key(settings.pseudonym_key.get_secret_value(), "limits")
    return Limiter(
        strategy=FixedWindowRateLimiter(CountsOfTheWindow(folder, secret=secret)),
        per_address=RateLimitItemPerMinute(settings.ingest_requests_per_minute),
        per_subject=RateLimitItemPerMinute(settings.subject_requests_per_minute),
        per_project=RateLimitItemPerMinute(settings.project_requests_per_minute),
    )
