"""Our project in Label Studio: made once, found again after a crash, given each changed configuration."""

from __future__ import annotations

from itertools import islice
from typing import Any

from sqlalchemy import update

from collector.queries import read_project, read_revision
from foundation.database import unit_of_work
from foundation.failpoints import failpoint
from labeling.drift import Finding, report_lasting
from labeling.errors import NothingToLabel, StudioGone, StudioRefused
from labeling.models import STUDIO_PROJECTS, DriftKind, StudioProject, StudioState
from labeling.project import LabelingSection
from labeling.section import current_labeling
from labeling.studio.desk import Desk
from labeling.studio.gateway import PROJECT_GONE
from labeling.studio.instruction import instruction_of
from labeling.studio.rows import StudioProjectState, StudioTask
from labeling.task_table.writing import note_asked_by_number
from labeling.timelines import note_guidelines, read_guidelines

TASKS_AT_ONCE = 500


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
    """Brings the newest configuration and guidelines to Label Studio, also where somebody changed them, or the overlap,
    there by hand.

    What it refuses is reported, and work goes on under the old ones.
    """
    with unit_of_work(desk.database, read_only=True) as session:
        revision, section = current_labeling(session, desk.project_id)
    state = desk.gateway.read_project(number_of(studio))
    if state is None:
        raise StudioGone(PROJECT_GONE)
    if state.overlap != studio.overlap:
        _restore_overlap(desk, studio, state)
    is_taken = _bring_config(desk, studio, state, section, revision)
    _bring_guidelines(desk, state, section)
    if is_taken and studio.revision != revision:
        _set(desk, revision=revision)


def _bring_config(
    desk: Desk, studio: StudioProject, state: StudioProjectState, section: LabelingSection, revision: int
) -> bool:
    """Whether Label Studio has the configuration of this revision now."""
    if state.config.strip() == section.config.strip():
        return True
    if studio.revision == revision:
        _report(desk, Finding(DriftKind.CONFIG_CHANGED, facts={"revision": revision}))
    desk.still_ours()
    try:
        desk.gateway.change_config(state.id, section.config)
    except StudioGone:
        raise StudioGone(PROJECT_GONE) from None
    except StudioRefused as error:
        _report(desk, Finding(DriftKind.CONFIG_REFUSED, facts={"revision": revision, "detail": error.detail}))
        return False
    return True


def _bring_guidelines(desk: Desk, state: StudioProjectState, section: LabelingSection) -> None:
    """Shows annotators the guidelines, and notes since when: each answer is given under one version of them."""
    wanted = instruction_of(section.guidelines)
    version = section.guidelines.version if section.guidelines else None
    if state.instruction != wanted:
        with unit_of_work(desk.database, read_only=True) as session:
            was_shown = read_guidelines(session, desk.project_id).newest == version
        if was_shown and state.instruction:
            _report(desk, Finding(DriftKind.CONFIG_CHANGED, facts={"guidelines": version}))
        desk.still_ours()
        try:
            desk.gateway.change_instruction(state.id, wanted)
        except StudioGone:
            raise StudioGone(PROJECT_GONE) from None
        except StudioRefused as error:
            _report(desk, Finding(DriftKind.CONFIG_REFUSED, facts={"guidelines": version, "detail": error.detail}))
            return
    with unit_of_work(desk.database) as session:
        note_guidelines(session, desk.project_id, version, now=desk.clock())


def _restore_overlap(desk: Desk, studio: StudioProject, state: StudioProjectState) -> None:
    """Both changes went over the overlaps of tasks, by rules of Label Studio's own: what they are now is read from it."""
    _report(desk, Finding(DriftKind.CONFIG_CHANGED, facts={"overlap": state.overlap}))
    desk.still_ours()
    desk.gateway.change_overlap(state.id, studio.overlap)
    tasks = desk.gateway.list_tasks(state.id)
    while part := list(islice(tasks, TASKS_AT_ONCE)):
        has = {(one.ext_id, one.id): one.overlap for one in part if isinstance(one, StudioTask) and one.ext_id}
        if has:
            desk.still_ours()
            with unit_of_work(desk.database) as session:
                note_asked_by_number(session, desk.project_id, has)


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
