"""What the collector's worker does by itself: its part of erasures, and letting old dead letters go."""

from __future__ import annotations

from collector.intake.dead_letters import expire_letters
from collector.intake.identity import names_of
from collector.queries import read_project
from collector.subjects.erasure import ERASURE, erase_signals, order_of
from foundation.database import unit_of_work, utc_now
from foundation.queue import Runtime, periodic
from foundation.steps import StepWork, follows


@follows(ERASURE, step="collector")
def erase(step: StepWork) -> None:
    """Signals, items that nobody else sent, dead letters and consents, in one transaction."""
    with unit_of_work(step.runtime.database) as session:
        project = read_project(session, step.project_id)
        names = names_of(step.runtime.settings.pseudonym_key.get_secret_value(), project.name)
        step.done(session, erase_signals(session, order_of(session, step), names, now=utc_now()))


@periodic("collector.expire_letters", every_s=lambda _: 3600.0)
def expire(runtime: Runtime) -> None:
    """Deletes dead letters past their time."""
    with unit_of_work(runtime.database) as session:
        expire_letters(session, now=utc_now())
