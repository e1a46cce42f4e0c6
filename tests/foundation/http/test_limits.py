"""Buckets fill for their callers alone, and all are empty when the next window begins."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from foundation.errors import TooMany
from foundation.http.limits import CountsOfTheWindow, Limiter, open_limiter
from foundation.running.parts import wait_until
from foundation.settings import Settings


@pytest.fixture
def limiter(settings: Settings) -> Limiter:
    few = {f"{who}_requests_per_minute": count for who, count in (("ingest", 2), ("subject", 1), ("project", 3))}
    return open_limiter(settings.model_copy(update=few))


class TestLimiter:
    def test_who_has_filled_a_bucket_waits_and_others_do_not(self, limiter: Limiter) -> None:
        limiter.count_request("key", "10.0.0.1", "slang")
        limiter.count_request("key", "10.0.0.1", "slang")

        with pytest.raises(TooMany) as refused:
            limiter.count_request("key", "10.0.0.1", "slang")
        assert 1 <= refused.value.retry_after_s <= 60
        limiter.count_request("key", "10.0.0.2", "slang")

    def test_a_project_has_a_bucket_for_all_its_phones(self, limiter: Limiter) -> None:
        for number in range(3):
            limiter.count_request("key", f"10.0.0.{number}", "slang")

        with pytest.raises(TooMany):
            limiter.count_request("key", "10.0.0.9", "slang")
        limiter.count_request("key", "10.0.0.9", "another")

    def test_a_hit_starts_no_thread(self, limiter: Limiter) -> None:
        before = threading.active_count()

        limiter.count_subject("key", "anna")

        assert threading.active_count() == before


class TestCountsOfTheWindow:
    def test_the_next_window_begins_with_nothing(self) -> None:
        counts = CountsOfTheWindow()
        assert [counts.incr("a", 0.05), counts.incr("a", 0.05), counts.incr("b", 0.05)] == [1, 2, 1]

        assert wait_until(lambda: counts.get("a") == 0, timeout_s=5)
        assert counts.incr("b", 60) == 1
        assert counts.get("a") == 0

    def test_a_clock_that_is_set_back_begins_another_window(self) -> None:
        now = [time.time()]
        counts = CountsOfTheWindow(clock=lambda: now[0])
        counts.incr("a", 60)
        now[0] -= 3600

        assert counts.incr("a", 60) == 1
        assert counts.incr("a", 60) == 2

    def test_no_hit_is_lost_between_threads(self) -> None:
        counts = CountsOfTheWindow()
        threads = [threading.Thread(target=lambda: [counts.incr("a", 60) for _ in range(500)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert counts.get("a") == 4000

    def test_processes_with_one_folder_count_together(self, tmp_path: Path) -> None:
        first, second = (CountsOfTheWindow(tmp_path, secret=b"the same") for _ in range(2))
        alone = CountsOfTheWindow()

        assert [first.incr("a", 60), second.incr("a", 60), first.incr("b", 60)] == [1, 2, 1]
        assert (first.get("a"), first.get_expiry("a")) == (2, second.get_expiry("a"))
        assert alone.incr("a", 60) == 1
        second.clear("a")
        assert (first.get("a"), first.get("b")) == (0, 1)
        second.reset()
        assert first.get("b") == 0
