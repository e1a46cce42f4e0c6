"""Our project in Label Studio: made once, found again after a crash, given each changed configuration."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from collector.queries import read_project, read_revision
from foundation.database import unit_of_work
from foundation.failpoints import failpoint
from labeling.drift import Finding, report_lasting
from labeling.errors import NothingToLabel, StudioGone, StudioRefused
from labeling.models import STUDIO_PROJECTS, TASKS, DriftKind, StudioProject, StudioState
from labeling.progress import KNOWN_THERE
from labeling.queries import current_labeling
from labeling.studio.desk import Desk
from labeling.studio.gateway import PROJECT_GONE
from labeling.studio.rows import StudioProjectState


def open_project(desk: Desk) -> StudioProject:
    """Our project in Label Studio, made where there is none yet.

    The row with its token is there before the project is: where a crash came between, the project is found by it.
    """
    studio = desk.studio()
    if studio.state == StudioState.LIVE.value:
        return studio
    with unit_of_work(desk.database, read_only=True) as session:
        project = read_project(session, desk.project_id)
        revision, section = current_labeling(session, desk.project_id)
        title = str(read_revision(session, desk.project_id, revision).body.get("title") or project.name)
    if not section.config:
        raise NothingToLabel("add `labeling: {config: …}` to the project file")
    desk.still_ours()
    found = desk.gateway.find_project(studio.token)
    if found is None:
        failpoint("push.before_project")
        found = desk.gateway.create_project(
            title=title,
            description=f"Filled by Winnow from its project {project.name}. Do not change or delete it. [{studio.token}]",
            config=section.config,
            overlap=section.overlap,
        )
    failpoint("push.after_project")
    state = desk.gateway.read_project(found)
    if state is None:
        raise StudioGone(PROJECT_GONE)
    _set(
        desk,
        state=StudioState.LIVE.value,
        ls_project=found,
        overlap=state.overlap,
        revision=revision if state.config == section.config else 0,
    )
    return desk.studio()


def refuse_without_config(desk: Desk) -> None:
    """Raises NothingToLabel where the newest revision asks nothing."""
    with unit_of_work(desk.database, read_only=True) as session:
        if not current_labeling(session, desk.project_id)[1].config:
            raise NothingToLabel("add `labeling: {config: …}` to the project file, then sync")


def refresh_config(desk: Desk, studio: StudioProject) -> None:
    """Brings the newest configuration to Label Studio, also where somebody changed it, or the overlap, there by hand.

    What it refuses is reported, and work goes on under the old one.
    """
    with unit_of_work(desk.database, read_only=True) as session:
        revision, section = current_labeling(session, desk.project_id)
    state = desk.gateway.read_project(number_of(studio))
    if state is None:
        raise StudioGone(PROJECT_GONE)
    if state.overlap != studio.overlap:
        _restore_overlap(desk, studio, state)
    if state.config.strip() != section.config.strip():
        if studio.revision == revision:
            _report(desk, Finding(DriftKind.CONFIG_CHANGED, facts={"revision": revision}))
        desk.still_ours()
        try:
            desk.gateway.change_config(state.id, section.config)
        except StudioGone:
            raise StudioGone(PROJECT_GONE) from None
        except StudioRefused as error:
            _report(desk, Finding(DriftKind.CONFIG_REFUSED, facts={"revision": revision, "detail": error.detail}))
            return
    if studio.revision != revision:
        _set(desk, revision=revision)


def _restore_overlap(desk: Desk, studio: StudioProject, state: StudioProjectState) -> None:
    """Each task has the project's overlap then: what other ones were told has to be told again."""
    _report(desk, Finding(DriftKind.CONFIG_CHANGED, facts={"overlap": state.overlap}))
    desk.still_ours()
    desk.gateway.change_overlap(state.id, studio.overlap)
    with unit_of_work(desk.database) as session:
        session.connection().execute(
            update(TASKS)
            .where(
                TASKS.c.project_id == desk.project_id,
                TASKS.c.ls_project == state.id,
                TASKS.c.state.in_(KNOWN_THERE),
            )
            .values(asked=studio.overlap)
        )


def _report(desk: Desk, finding: Finding) -> None:
    with unit_of_work(desk.database) as session:
        report_lasting(session, desk.project_id, finding, now=desk.clock())


def number_of(studio: StudioProject) -> int:
    if studio.ls_project is None:
        raise StudioGone(PROJECT_GONE)
    return studio.ls_project


def _set(desk: Desk, **values: Any) -> None:
    with unit_of_work(desk.database) as session:
        session.connection().execute(
            update(STUDIO_PROJECTS).where(STUDIO_PROJECTS.c.project_id == desk.project_id).values(**values)
        )
