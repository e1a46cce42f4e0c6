"""The scheduler goes on when the clock is set back."""

from __future__ import annotations

from datetime import timedelta

from celery import Celery

from foundation.running.scheduler import BeatingScheduler

EVERY_S = 5.0
TOLERANCE_S = 1.0


def test_what_was_sent_before_the_clock_was_set_back_is_due_after_its_own_time_again() -> None:
    scheduler = _scheduler()
    waits_s = scheduler.tick()
    for entry in scheduler.schedule.values():
        entry.last_run_at += timedelta(days=3650)
    scheduler.populate_heap()

    waits_after_s = scheduler.tick()

    assert 0 < waits_s <= EVERY_S
    assert 0 < waits_after_s <= EVERY_S
    assert all(entry.is_due().next < EVERY_S + TOLERANCE_S for entry in scheduler.schedule.values())


def _scheduler() -> BeatingScheduler:
    app = Celery("apart", broker="memory://", set_as_current=False)
    every = {"task": "nothing", "schedule": EVERY_S}
    app.conf.beat_schedule = {"one": every, "foundation.sweep": every}
    scheduler = BeatingScheduler(app, lazy=True)
    scheduler.merge_inplace(app.conf.beat_schedule)
    return scheduler
