"""What a worker does for everybody who speaks HTTP."""

from __future__ import annotations

from foundation.database import unit_of_work, utc_now
from foundation.http.sessions import forget_ended_sessions, lifetime_of
from foundation.queue import Runtime, periodic


@periodic("foundation.forget_sessions", every_s=lambda _: 600.0)
def forget_sessions(here: Runtime) -> None:
    """Log-ins that open nothing any more leave no rows behind."""
    with unit_of_work(here.database) as session:
        forget_ended_sessions(session, lifetime_of(here.settings), now=utc_now())
