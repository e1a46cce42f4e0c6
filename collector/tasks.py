"""What the collector's worker does by itself: its part of erasures, and letting old dead letters go."""

from __future__ import annotations

from collector.intake.dead_letters import expire_letters
from collector.intake.identity import names_of
from collector.queries import read_project
from collector.subjects.erasure import erase_signals, open_erasures, read_erasure
from foundation.database import after_commit, unit_of_work, utc_now
from foundation.queue import Runtime, announce, periodic

ERASURE = "erasure"
FLOOR = "collector"


@periodic("collector.erase", every_s=lambda settings: settings.sweep_every_s, on=ERASURE)
def erase(runtime: Runtime) -> None:
    """Does the collector's part of every erasure that waits; one transaction each."""
    with unit_of_work(runtime.database, read_only=True) as session:
        waiting = open_erasures(session, FLOOR)
    for erasure in waiting:
        with unit_of_work(runtime.database) as session:
            project = read_project(session, erasure.project_id)
            names = names_of(runtime.settings.pseudonym_key.get_secret_value(), project.name)
            erase_signals(session, read_erasure(session, erasure.project_id, erasure.id), names, now=utc_now())
            after_commit(session, announce, ERASURE)


@periodic("collector.expire_letters", every_s=lambda _: 3600.0)
def expire(runtime: Runtime) -> None:
    """Deletes dead letters past their time."""
    with unit_of_work(runtime.database) as session:
        expire_letters(session, now=utc_now())
