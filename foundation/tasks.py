"""What the worker does about everything that is owed: takes each step that is free, and does it, until nothing is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress

import structlog

from foundation.database import unit_of_work
from foundation.errors import DomainError, Unavailable
from foundation.failpoints import failpoint
from foundation.identifiers import random_uuid
from foundation.leases import (
    LONGEST_OUTAGE_PAUSE_MS,
    OUTAGE_PAUSE_MS,
    STRIKE_PAUSE_MS,
    AttemptFailed,
    LeaseLost,
    kept,
)
from foundation.queue import Runtime, announce, periodic
from foundation.step_rows import LONGEST_PAUSE_MS, StepRow, claim, free_rows, put_back
from foundation.steps import STEPS, NotYet, Step, StepWork, all_steps, tell_failing

log = structlog.get_logger(__name__)
AT_ONCE = 100
ROUND_S = 60.0
"""After so long somebody else may have the worker; another round goes on."""
LOOK_AGAIN_MS = 5_000


@periodic("foundation.follow_steps", every_s=lambda settings: float(settings.sweep_every_s), on=STEPS)
def follow_steps(here: Runtime) -> None:
    """Does what is owed, the longest waiting first, and what may begin after it. A step that fails holds up no other work."""
    ends_at = time.monotonic() + ROUND_S
    while rows := free_steps(here):
        prepared: set[Step] = set()
        for row in rows:
            if time.monotonic() > ends_at:
                announce(STEPS)
                return
            do_step(here, row, prepared)


def free_steps(here: Runtime) -> list[StepRow]:
    """Some steps that somebody may take now, those that waited longest first."""
    with unit_of_work(here.database, read_only=True) as session:
        return list(free_rows(session, all_steps(), limit=AT_ONCE))


def do_step(here: Runtime, row: StepRow, prepared: set[Step]) -> None:
    """Takes a step, keeps its lease while its function works, and notes how that ended; taken by somebody else: nothing.

    Args:
        prepared: what was prepared since it was read that the row is free; the step joins it.

    Raises:
        Unavailable: the database is away.
    """
    holder = random_uuid()
    with unit_of_work(here.database) as session:
        taken = claim(session, row, holder=holder, lease_s=here.settings.lease_s)
        if taken is None:
            return
        tell_failing(session, taken)
    failpoint("steps.after_claim")
    work = StepWork(here, taken, holder)
    said = {"kind": row.kind, "of": row.of, "step": row.step}
    with structlog.contextvars.bound_contextvars(**said), kept(work.renew, lease_s=here.settings.lease_s):
        _attempt(work, all_steps()[row.kind][row.step], prepared)


def _attempt(work: StepWork, step: Step, prepared: set[Step]) -> None:
    """No way for work to fail ends it: what is owed is owed until it is done."""
    try:
        if step not in prepared:
            step.prepare(work.runtime)
            prepared.add(step)
        _close(work, step.function(work))
    except NotYet as error:
        _put_back(work, str(error), pause_ms=LOOK_AGAIN_MS)
    except Unavailable as error:
        _wait_for_part(work, error.detail)
    except LeaseLost:  # of this step, or of something that it needs
        _wait_for_part(work, "somebody else has taken over")
    except (AttemptFailed, DomainError) as error:
        _strike(work, str(error))
    except Exception as error:  # the last stop: the row must say that the attempt failed
        log.error("step_failed", exc_info=True)
        _strike(work, f"unexpected {type(error).__name__}")


def _close(work: StepWork, facts: object) -> None:
    """For a function that returned its facts; one that has said that it is done has returned nothing."""
    if work.is_closed:
        return
    if not isinstance(facts, Mapping):
        raise TypeError(f"{work.row.step} has neither said that it is done nor returned what it did")
    with unit_of_work(work.runtime.database) as session:
        work.done(session, facts)


def _wait_for_part(work: StepWork, why: str) -> None:
    """The next attempt is as many seconds away as there were attempts, and a minute at most."""
    _put_back(work, why, pause_ms=min(OUTAGE_PAUSE_MS * work.row.attempts, LONGEST_OUTAGE_PAUSE_MS))


def _strike(work: StepWork, why: str) -> None:
    """The next attempt is 2 s away, then 8, 32 … and an hour at most."""
    pause_ms = min(STRIKE_PAUSE_MS * 4 ** min(work.row.strikes, 10), LONGEST_PAUSE_MS)
    _put_back(work, why, pause_ms=pause_ms, is_strike=True)


def _put_back(work: StepWork, why: str, *, pause_ms: int, is_strike: bool = False) -> None:
    """Notes it; where the database is away, too, the lease runs out and somebody else begins again."""
    log.warning("step_waits", why=why, strikes=work.row.strikes + is_strike)
    with suppress(LeaseLost, Unavailable), unit_of_work(work.runtime.database) as session:
        row = put_back(session, work.row, holder=work.holder, error=why, is_strike=is_strike, pause_ms=pause_ms)
        tell_failing(session, row)
