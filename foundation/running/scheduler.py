"""Celery's scheduler with a heartbeat: what `celery beat` runs, in a process of its own."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

from celery.beat import Scheduler

from foundation.database import unit_of_work
from foundation.errors import Unavailable
from foundation.heartbeats import SCHEDULER, beat
from foundation.queue import SWEEP, runtime


class BeatingScheduler(Scheduler):  # type: ignore[misc]
    """Gives a sign of life each time that it has sent the sweep.

    It remembers nothing between two runs and needs no file, so that a full disk does not stop it: all that it sends finds
    its work by state, and what was due while it was down is found by the next round.
    """

    def setup_schedule(self) -> None:
        super().setup_schedule()
        sweep = self.schedule[SWEEP]
        # Due at once: nobody should wait a round to see that all parts run.
        sweep.last_run_at = sweep.default_now() - timedelta(hours=1)

    def tick(self, *arguments: Any, **options: Any) -> float:
        """Sends what is due; seconds until the next time.

        Celery remembers by the wall clock when it last sent something. Set back by an hour, as after a start with a wrong
        clock, it would send nothing until the hour has come again: what was sent in the future begins anew instead.
        """
        from_ahead = [entry for entry in self.schedule.values() if entry.last_run_at > entry.default_now()]
        for entry in from_ahead:
            entry.last_run_at = entry.default_now()
        if from_ahead:
            self.populate_heap()
        return float(super().tick(*arguments, **options))

    def apply_async(self, entry: Any, producer: Any = None, advance: bool = True, **options: Any) -> Any:
        sent = super().apply_async(entry, producer=producer, advance=advance, **options)
        if entry.name == SWEEP:
            # While the database is away or full, its own part of the readiness says so.
            with suppress(Unavailable), unit_of_work(runtime().database) as session:
                beat(session, SCHEDULER)
        return sent
