"""Leases by the database's clock: who works at a row, for how long nobody else may, and what it means to fail at it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from sqlalchemy.sql.elements import ColumnElement

from foundation.database import clock_ms
from foundation.errors import Unavailable
from foundation.settings import LONGEST_LEASE_S

MAX_STRIKES = 3
MAX_DEATHS = 10
STRIKE_PAUSE_MS = 2_000
DEATH_PAUSE_MS = 500
OUTAGE_PAUSE_MS = 1_000
LONGEST_OUTAGE_PAUSE_MS = 60_000
LONGEST_LEASE_MS = LONGEST_LEASE_S * 1000
"""What ends later was written before the clock was set back, and holds nobody up."""
ERROR_CHARS = 500


class Again(StrEnum):
    """What an attempt that ended badly means for the work.

    `NEVER`: another attempt would end the same. `STRIKE`: it may end better, but that was one of three. `OUTAGE`: a part
    that the work needs was away, which says nothing of the work.
    """

    NEVER = "never"
    STRIKE = "strike"
    OUTAGE = "outage"


class AttemptFailed(Exception):
    """The work failed by its own fault, in words for whoever asked for it: a strike, and tried again."""


class LeaseLost(Exception):
    """Somebody else took the work over: this worker must stop without a trace."""


def is_from_ahead(lease_until_ms: Any) -> ColumnElement[bool]:
    """Whether a lease ends later than any that could be given now: the clock was set back since."""
    is_ahead: ColumnElement[bool] = lease_until_ms > clock_ms() + LONGEST_LEASE_MS
    return is_ahead


@contextmanager
def kept(renew: Callable[[], object], *, lease_s: float) -> Iterator[None]:
    """Has a lease renewed thrice in its time while the block runs, or until `renew` raises LeaseLost.

    A renewal that the database cannot take is tried again at the next turn.
    """
    stop = threading.Event()

    def keep() -> None:
        while not stop.wait(lease_s / 3):
            try:
                renew()
            except LeaseLost:
                return
            except Unavailable:
                continue

    threading.Thread(target=keep, daemon=True).start()
    try:
        yield
    finally:
        stop.set()
