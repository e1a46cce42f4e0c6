"""Compares which tasks are in Label Studio with those that should be: what vanished is reported and made anew."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import NoReturn

import structlog
from sqlalchemy import update
from sqlmodel import Session

from foundation.database import unit_of_work
from labeling.drift import Finding, report_drift, report_lasting, report_new_drift
from labeling.errors import MassDeletion, StudioUnreadable
from labeling.models import STUDIO_PROJECTS, DriftKind, StudioProject, StudioState
from labeling.progress import people_per_item
from labeling.queries import list_unanswerable
from labeling.section import current_labeling
from labeling.selection import Pick
from labeling.studio.contents import changed_by_hand
from labeling.studio.desk import Desk
from labeling.studio.intents import import_intents, write_intents
from labeling.studio.pull import MASS_DELETION, is_mass_deletion
from labeling.studio.rows import StudioTask
from labeling.studio.task_rows import UnreadableTask
from labeling.task_table.reading import Expected, Intent, count_expected, expected_tasks
from labeling.task_table.writing import mark_gone

log = structlog.get_logger(__name__)
LIST_EVERY = timedelta(hours=1)
IDS_AT_ONCE = 500
MOST_FINDINGS = 1_000
NOBODY = uuid.UUID(int=0)


@dataclass(slots=True)
class Reconciled:
    """Tasks that vanished, and of these the ones that were made anew."""

    vanished: int = 0
    recreated: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """What Label Studio lists: our name of each task by its number there, and the numbers of those that show something
    else by now, or cannot be read."""

    names: Mapping[int, uuid.UUID | None]
    edited: set[int]
    unreadable: set[int]


def reconcile(desk: Desk, *, brake: bool = True, listing: bool = False) -> Reconciled:
    """Lists all tasks when their number is not as expected, once an hour, and when told to (`listing`).

    Raises:
        MassDeletion: more than a twentieth of the tasks vanished at once (`brake`).
    """
    studio = desk.studio()
    if studio.state != StudioState.LIVE.value or studio.ls_project is None:
        return Reconciled()
    state = desk.gateway.read_project(studio.ls_project)
    with unit_of_work(desk.database, read_only=True) as session:
        n_expected = count_expected(session, desk.project_id, studio.ls_project) + studio.n_foreign
    is_due = studio.reconciled_at is None or desk.clock() - studio.reconciled_at > LIST_EVERY
    if state is not None and state.n_tasks == n_expected and not is_due and not listing:
        return Reconciled()
    return _compare(desk, studio, studio.ls_project, brake=brake)


def _compare(desk: Desk, studio: StudioProject, ls_project: int, *, brake: bool) -> Reconciled:
    with unit_of_work(desk.database, read_only=True) as session:
        expected = expected_tasks(session, desk.project_id, ls_project)
    try:
        listed = _list_tasks(desk, ls_project, expected)
    except StudioUnreadable:
        # Whatever is missing from the list may be what cannot be read: nothing is taken for lost, and the rest goes on.
        log.warning("label_studio_list_unreadable", project=desk.project_id)
        return Reconciled()
    # What is there and cannot be read is neither lost nor anybody else's.
    missing = [
        one for one in expected if one.ls_task not in listed.unreadable and listed.names.get(one.ls_task) != one.ext_id
    ]
    vanished = [one for one in missing if not one.is_deleting]
    changed = [one for one in expected if one.ls_task in listed.edited and not one.is_deleting]
    if brake and is_mass_deletion(len(vanished), len(expected)):
        _stop(desk, n_vanished=len(vanished), n_expected=len(expected))
    n_foreign = _tidy_strangers(desk, ls_project, expected, listed.names)
    desk.still_ours()
    if changed:
        desk.gateway.delete_tasks(ls_project, [one.ls_task for one in changed])
    with unit_of_work(desk.database) as session:
        mark_gone(session, desk.project_id, [one.ext_id for one in (*missing, *changed)])
        findings = [Finding(DriftKind.TASK_VANISHED, one.ext_id, one.ls_task) for one in vanished]
        findings += [Finding(DriftKind.TASK_CHANGED, one.ext_id, one.ls_task) for one in changed]
        report_drift(session, desk.project_id, findings, now=desk.clock())
        batches = _intents_anew(session, desk, studio, [*vanished, *changed])
        session.connection().execute(
            update(STUDIO_PROJECTS)
            .where(STUDIO_PROJECTS.c.project_id == desk.project_id)
            .values(reconciled_at=desk.clock(), n_foreign=n_foreign)
        )
    return Reconciled(len(vanished), import_intents(desk, studio, batches))


def _stop(desk: Desk, *, n_vanished: int, n_expected: int) -> NoReturn:
    finding = Finding(DriftKind.MASS_DELETION, facts={"tasks": n_vanished, "of": n_expected})
    with unit_of_work(desk.database) as session:
        report_lasting(session, desk.project_id, finding, now=desk.clock())
    raise MassDeletion(MASS_DELETION, vanished=n_vanished, known=n_expected)


def _intents_anew(session: Session, desk: Desk, studio: StudioProject, lost: Sequence[Expected]) -> list[list[Intent]]:
    """A batch for each overlap, since a batch has one."""
    return [
        batch
        for overlap in sorted({one.overlap for one in lost})
        for batch in write_intents(
            session,
            desk,
            studio,
            _picks_anew(session, desk.project_id, [one for one in lost if one.overlap == overlap]),
            revision=max(one.revision for one in lost),
            overlap=overlap,
        )
    ]


def _list_tasks(desk: Desk, ls_project: int, expected: Sequence[Expected]) -> Listed:
    item_of = {one.ext_id: one.item for one in expected}
    names: dict[int, uuid.UUID | None] = {}
    edited: set[int] = set()
    unreadable: set[int] = set()
    tasks = desk.gateway.list_tasks(ls_project)
    while part := list(islice(tasks, IDS_AT_ONCE)):
        unreadable |= {task.id or 0 for task in part if isinstance(task, UnreadableTask)}
        readable = [task for task in part if isinstance(task, StudioTask)]
        names |= {task.id: task.ext_id for task in readable}
        ours = [(task, item_of[task.ext_id]) for task in readable if task.ext_id in item_of]
        with unit_of_work(desk.database, read_only=True) as session:
            _, section = current_labeling(session, desk.project_id)
            edited |= changed_by_hand(session, desk.project_id, ours, section)
    number_of = {one.ls_task: one.ext_id for one in expected}
    return Listed(names, {number for number in edited if number_of.get(number) == names[number]}, unreadable)


def _picks_anew(session: Session, project_id: int, vanished: Sequence[Expected]) -> list[Pick]:
    """The same choice once more, for items that still lack annotators."""
    given_up = set(list_unanswerable(session, project_id))
    picks = []
    for start in range(0, len(vanished), IDS_AT_ONCE):
        part = vanished[start : start + IDS_AT_ONCE]
        people = people_per_item(session, project_id, [one.item for one in part])
        picks += [
            Pick(one.item, one.selected_by, one.propensity, people.get(one.item, 0))
            for one in part
            if people.get(one.item, 0) < one.overlap and one.item not in given_up
        ]
    return picks


def _tidy_strangers(
    desk: Desk, ls_project: int, expected: Sequence[Expected], listed: Mapping[int, uuid.UUID | None]
) -> int:
    """Reports tasks that we did not make, and removes doubles of ours that nobody has worked on; how many stay."""
    number_of = {one.ext_id: one.ls_task for one in expected}
    strangers = [number for number, name in listed.items() if name is None or number_of.get(name) != number]
    doubles = {number for number in strangers if number_of.get(listed[number] or NOBODY) in listed}
    empty = _without_annotations(desk, ls_project, doubles)
    if empty:
        desk.still_ours()
        desk.gateway.delete_tasks(ls_project, empty)
    findings = [
        Finding(DriftKind.TASK_DOUBLED if number in doubles else DriftKind.TASK_FOREIGN, None, number)
        for number in strangers[:MOST_FINDINGS]
    ]
    if findings:
        with unit_of_work(desk.database) as session:
            report_new_drift(session, desk.project_id, findings, now=desk.clock())
    return len(strangers) - len(empty)


def _without_annotations(desk: Desk, ls_project: int, tasks: set[int]) -> list[int]:
    """Those that nobody has worked on; none where one of them cannot be read, as it may hold somebody's work."""
    try:
        return [task.id for task in desk.gateway.read_tasks(ls_project, tasks).tasks if not task.annotations]
    except StudioUnreadable:
        return []
