"""How often a phone may call: per key and address, per key and subject, per project. Only ingest keys are limited."""

from __future__ import annotations

import time
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from foundation.errors import TooMany
from foundation.settings import Settings


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
        strategy=FixedWindowRateLimiter(MemoryStorage()),
        per_address=RateLimitItemPerMinute(settings.ingest_requests_per_minute),
        per_subject=RateLimitItemPerMinute(settings.subject_requests_per_minute),
        per_project=RateLimitItemPerMinute(settings.project_requests_per_minute),
    )
