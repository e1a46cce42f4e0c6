"""What labeling's worker does: sync projects when told to and every so often, and follow erasures."""

from __future__ import annotations

from typing import Any

import structlog
from sqlmodel import col, select

from collector.models import Erasure, Project
from collector.subjects.erasure import ERASURE, order_of
from foundation.database import unit_of_work
from foundation.errors import Unavailable
from foundation.queue import Runtime, Work, enqueue_and_wake, job, periodic
from foundation.steps import StepWork, follows
from labeling.errors import StudioGone, StudioMissing
from labeling.queries import count_running
from labeling.section import current_labeling
from labeling.wishes import ASKED

log = structlog.get_logger(__name__)
SYNC = "labeling.sync"
VERIFY = "labeling.verify"
MOST_DIFFERENCES = 1_000


@job(SYNC)
def sync(work: Work) -> dict[str, Any]:
    """Both ways with Label Studio, for one project. Whoever asked for it is told how the project stands, too."""
    from labeling.standing import read_standing
    from labeling.studio.desk import sit_down
    from labeling.studio.gateway import open_label_studio
    from labeling.studio.sync import Way, sync_project

    settings, only = work.runtime.settings, work.args.get("only")
    with (
        open_label_studio(settings) as gateway,
        sit_down(work.runtime.database, gateway, settings, work.project_id or 0, progress=work.progress) as desk,
    ):
        is_asked = work.args.get(ASKED) or desk.studio().push_asked_at is not None
        figures = sync_project(desk, only=Way(only) if only else None)
        if is_asked:
            with unit_of_work(work.runtime.database, read_only=True) as session:
                standing = read_standing(session, desk.project_id, url=settings.label_studio_url)
            figures["standing"] = standing.as_json()
        return figures


@job(VERIFY)
def verify(work: Work) -> dict[str, Any]:
    """Compares both sides; with `rebuild`, takes everything once more before."""
    from labeling.studio.desk import sit_down
    from labeling.studio.gateway import open_label_studio
    from labeling.studio.verify import rebuild, verify_project

    settings = work.runtime.settings
    with (
        open_label_studio(settings) as gateway,
        sit_down(work.runtime.database, gateway, settings, work.project_id or 0) as desk,
    ):
        if work.args.get("rebuild"):
            rebuild(desk)
        found = verify_project(desk)
        return {"n_differences": len(found), "differences": [one.as_json() for one in found[:MOST_DIFFERENCES]]}


@periodic("labeling.schedule", every_s=lambda settings: float(settings.sync_every_s))
def schedule(runtime: Runtime) -> None:
    """A sync for every project that has something to ask, while Label Studio is there to answer."""
    from labeling.studio.gateway import open_label_studio

    try:
        with open_label_studio(runtime.settings) as gateway:
            is_there = gateway.answers()
    except StudioMissing:
        return
    if not is_there:
        log.warning("label_studio_silent")
        return
    # Reading every project's configuration takes its time, and nobody may wait for it who writes.
    with unit_of_work(runtime.database, read_only=True) as session:
        due = [
            project_id
            for project_id in session.exec(select(col(Project.id))).all()
            if project_id is not None
            and current_labeling(session, project_id)[1].config
            and not count_running(session, project_id, SYNC)
        ]
    for project_id in due:
        with unit_of_work(runtime.database) as session:
            enqueue_and_wake(session, SYNC, project_id=project_id, coalesce=True)


@follows(ERASURE, step="labeling", after="collector")
def erase(step: StepWork) -> None:
    """Takes the tasks out of Label Studio, then deletes the annotations; while Label Studio is away, the step waits."""
    from labeling.erasure import erase_annotations, needs_studio

    with unit_of_work(step.runtime.database, read_only=True) as session:
        erasure = order_of(session, step)
        is_in_studio = needs_studio(session, erasure)
    if is_in_studio:
        _remove_from_studio(step, erasure)
    with unit_of_work(step.runtime.database) as session:
        step.done(session, erase_annotations(session, erasure))


def _remove_from_studio(step: StepWork, erasure: Erasure) -> None:
    """Raises Unavailable where there is no Label Studio, or not what was there: somebody may put it back."""
    from labeling.erasure import remove_tasks
    from labeling.studio.desk import sit_down
    from labeling.studio.gateway import open_label_studio

    settings = step.runtime.settings
    try:
        with (
            open_label_studio(settings) as gateway,
            sit_down(step.runtime.database, gateway, settings, step.project_id, progress=step.progress) as desk,
        ):
            remove_tasks(desk, erasure)
    except (StudioMissing, StudioGone) as error:
        raise Unavailable(error.detail) from error
