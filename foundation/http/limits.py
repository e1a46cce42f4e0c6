"""How often a phone may call: per key and address, per key and subject, per project. Only ingest keys are limited."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from foundation.errors import TooMany
from foundation.settings import Settings


class CountsOfTheWindow(Storage):
    """One window for all buckets, forgotten at once when it ends.

    The library's own storage in memory starts a thread for nearly every hit, and the thread walks through all buckets:
    a millisecond of every batch, and more with every phone.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._hits: Counter[str] = Counter()
        self._ends_at = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = time.time()
        with self._lock:
            # Or it lies too far ahead: the clock was set back, and phones must not wait until it has caught up.
            if not 0 < self._ends_at - now <= expiry + 1:
                self._hits.clear()
                self._ends_at = now + expiry
            self._hits[key] += amount
            return self._hits[key]

    def get(self, key: str) -> int:
        return self._hits[key] if time.time() < self._ends_at else 0

    def get_expiry(self, key: str) -> float:  # noqa: ARG002 - the same for all
        return self._ends_at

    def check(self) -> bool:
        return True

    def reset(self) -> None:
        self._hits.clear()

    def clear(self, key: str) -> None:
        del self._hits[key]


@dataclass(frozen=True, slots=True)
class Limiter:
    """Counts in this process: with several API processes each allows its share, so the sum is a multiple."""

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
    return Limiter(
        strategy=FixedWindowRateLimiter(CountsOfTheWindow()),
        per_address=RateLimitItemPerMinute(settings.ingest_requests_per_minute),
        per_subject=RateLimitItemPerMinute(settings.subject_requests_per_minute),
        per_project=RateLimitItemPerMinute(settings.project_requests_per_minute),
    )
