"""What quality's worker does: measure when asked or when the newest report is no longer true; its part of erasures."""

from __future__ import annotations

from typing import Any

from collector.subjects.erasure import ERASURE
from foundation.database import unit_of_work, utc_now
from foundation.leases import AttemptFailed
from foundation.queue import Runtime, Work, enqueue_and_wake, job, periodic
from foundation.steps import StepWork, follows
from quality.limited_suite import within
from quality.queries import is_stale, list_projects
from quality.service import forget_erased, measure, read_facts, store_report

REPORT = "quality.report"
FLOOR = "quality"


@job(REPORT)
def report(work: Work) -> dict[str, Any]:
    """Reads in one short transaction, measures in none, and stores in another.

    Where expectations met a limit, all the rest is stored, and the attempt has failed: whoever asked reads why.
    """
    project_id = work.project_id or 0
    with unit_of_work(work.runtime.database, read_only=True) as session:
        facts = read_facts(session, project_id)
    measured = measure(facts, progress=work.progress, run=within(work.runtime.settings))
    with unit_of_work(work.runtime.database) as session:
        row = store_report(session, project_id, measured, now=utc_now())
    unfinished = measured.expectations.unfinished if measured.expectations else ()
    if unfinished:
        more = f", and {len(unfinished) - 1} more" if len(unfinished) > 1 else ""
        raise AttemptFailed(f"{unfinished[0]}{more}: report {row.no} holds all the rest")
    return {"report": row.no}


@periodic("quality.refresh", every_s=lambda settings: settings.sync_every_s)
def refresh(runtime: Runtime) -> None:
    """Asks for a new report of each project whose newest one misses something."""
    with unit_of_work(runtime.database, read_only=True) as session:
        stale = [
            project
            for project, revision in list_projects(session)
            if is_stale(session, project, revision, now=utc_now())
        ]
    for project_id in stale:
        with unit_of_work(runtime.database) as session:
            enqueue_and_wake(session, REPORT, project_id=project_id, coalesce=True)


@follows(ERASURE, step="quality", after="labeling")
def erase(step: StepWork) -> None:
    """No kept row names an erased signal."""
    with unit_of_work(step.runtime.database) as session:
        forget_erased(session, step.project_id)
        step.done(session)
