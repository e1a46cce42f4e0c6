"""Wall clocks that jump, there and back, while jobs are leased."""

from __future__ import annotations

import random
import signal
import time

from foundation.running.parts import wait_until
from tests.chaos.faults.registry import SOME_S, fault
from tests.chaos.faults.servers import forget_messages
from tests.chaos.world import World

HOUR_S = 3600
TEN_YEARS_S = 10 * 365 * 24 * HOUR_S
FOUND_WITHIN_S = 60


@fault("F12", "clocks jump an hour ahead, an hour back, and those of worker and scheduler by ten years", "own_clock")
def jump_clocks(world: World, _: random.Random) -> None:
    """The API's own clock moves by an hour only: ten years later it has to refuse signals as too old."""
    assert world.clocks is not None
    try:
        world.clocks.set(api_s=HOUR_S, jobs_s=HOUR_S)
        time.sleep(SOME_S)
        world.clocks.set(api_s=-HOUR_S, jobs_s=-HOUR_S)
        _expect_found(world)
        world.clocks.set(api_s=0, jobs_s=TEN_YEARS_S)
        left = world.project("POST", "/quality")["job"]
        wait_until(lambda: world.call("GET", f"/v1/jobs/{left}").json()["status"] != "queued", timeout_s=FOUND_WITHIN_S)
        world.hurt("worker", signal.SIGKILL)  # on SQLite its lease now lasts ten years
    finally:
        world.clocks.set(api_s=0, jobs_s=0)
    row = world.ended(left, within_s=FOUND_WITHIN_S)
    if row.get("status") != "done":
        raise AssertionError(f"a job that was leased ten years ahead is not taken over: {row}")


def _expect_found(world: World) -> None:
    """A job whose wake-up is lost is found by the next sweep, so the scheduler goes on."""
    time.sleep(2 * SOME_S)  # or a sweep that was sent before the jump finds it
    world.hurt("worker", signal.SIGSTOP)
    job = world.project("POST", "/quality")["job"]
    forget_messages(world)
    world.hurt("worker", signal.SIGCONT)
    row = world.ended(job, within_s=FOUND_WITHIN_S)
    if row.get("status") != "done":
        raise AssertionError(f"with the clock set back, a job is not done {FOUND_WITHIN_S} s later: {row}")
