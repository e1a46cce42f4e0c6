"""Are both sides equal? Every task and every annotation is compared; nothing is changed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import update

from foundation.database import unit_of_work
from labeling.models import STUDIO_PROJECTS, StudioProject, StudioState
from labeling.section import current_labeling
from labeling.studio.contents import changed_by_hand
from labeling.studio.desk import Desk
from labeling.studio.gateway import PROJECT_GONE
from labeling.studio.instruction import instruction_of
from labeling.studio.intents import resolve_intents
from labeling.studio.known import known_annotations, ours_among
from labeling.studio.pages import changed_pages
from labeling.studio.pull import number_users, pull
from labeling.studio.push import push
from labeling.studio.reconcile import reconcile
from labeling.studio.rows import StudioProjectState, StudioTask
from labeling.studio.settling import KnownAnnotation, Place, is_same
from labeling.studio.task_rows import UnreadableTask
from labeling.studio.unreadable import told_apart
from labeling.task_table.reading import Expected, count_intents, expected_tasks, list_intents
from labeling.task_table.writing import mark_gone
from labeling.wishes import fresh_token

UNREADABLE = "Label Studio shows it in no form that can be read; every sync tries again"
OVERLAP_DIFFERS = "somebody changed how many annotators a task gets there: run a sync"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the two sides tell differently: `task` is our name of it, `ls_id` its number in Label Studio."""

    kind: str
    detail: str
    task: uuid.UUID | None = None
    ls_id: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "detail": self.detail,
            "task": str(self.task) if self.task else None,
            "ls_id": self.ls_id,
        }


def verify_project(desk: Desk) -> list[Difference]:
    """Every difference between what Label Studio holds and what is known of it here; none: both sides are equal.

    Raises:
        StudioUnavailable: Label Studio cannot be read.
    """
    studio = desk.studio()
    with unit_of_work(desk.database, read_only=True) as session:
        n_intents = count_intents(session, desk.project_id)
    found = [Difference("intent", f"{n_intents} tasks are on their way: run a sync")] if n_intents else []
    if studio.state != StudioState.LIVE.value or studio.ls_project is None:
        return found
    state = desk.gateway.read_project(studio.ls_project)
    if state is None:
        return [*found, Difference("project_missing", PROJECT_GONE, ls_id=studio.ls_project)]
    found += _compare_settings(desk, studio, state)
    with unit_of_work(desk.database, read_only=True) as session:
        expected = {one.ls_task: one for one in expected_tasks(session, desk.project_id, studio.ls_project)}
    explained = state.overlap if state.overlap != studio.overlap else None
    seen: set[int] = set()
    for page in changed_pages(desk.gateway, studio.ls_project, None):
        seen.update(task.id for task in page.tasks)
        seen.update(row.id for row in page.unreadable if row.id is not None)
        found += [_strange(task) for task in page.tasks if not _is_ours(task, expected)]
        found += [_unreadable(row, expected) for row in page.unreadable]
        ours = [task for task in page.tasks if _is_ours(task, expected)]
        found += _compare_page(desk, studio.ls_project, ours, explained=explained)
    found += [
        Difference("task_missing", "it is not in Label Studio", one.ext_id, one.ls_task)
        for one in expected.values()
        if one.ls_task not in seen
    ]
    return found


def rebuild(desk: Desk) -> None:
    """Takes everything from Label Studio once more, and accepts what vanished there: the answer to a stopped sync."""
    studio = desk.studio()
    if studio.ls_project is not None and desk.gateway.read_project(studio.ls_project) is None:
        desk.still_ours()
        _begin_anew(desk, studio.ls_project)
    resolve_intents(desk)
    pull(desk, from_the_start=True, brake=False)
    reconcile(desk, brake=False, listing=True)
    push(desk)


def _begin_anew(desk: Desk, ls_project: int) -> None:
    """The project is gone with all its tasks: answers stay, tasks are made again in a new one."""
    with unit_of_work(desk.database) as session:
        there = expected_tasks(session, desk.project_id, ls_project)
        waiting = list_intents(session, desk.project_id)
        mark_gone(session, desk.project_id, [*(one.ext_id for one in there), *(intent.ext_id for intent in waiting)])
        session.connection().execute(
            update(STUDIO_PROJECTS)
            .where(STUDIO_PROJECTS.c.project_id == desk.project_id)
            .values(
                # The old token was there for everybody to read: a project that has it may be anybody's.
                token=fresh_token(),
                state=StudioState.INTENT.value,
                ls_project=None,
                cursor=None,
                reconciled_at=None,
                n_foreign=0,
            )
        )


def _compare_settings(desk: Desk, studio: StudioProject, state: StudioProjectState) -> Iterator[Difference]:
    with unit_of_work(desk.database, read_only=True) as session:
        _, section = current_labeling(session, desk.project_id)
    if state.config.strip() != section.config.strip():
        yield Difference(
            "config_differs", "the labeling configuration there is another one: run a sync", ls_id=state.id
        )
    if state.instruction != instruction_of(section.guidelines):
        yield Difference("guidelines_differ", "annotators are shown other guidelines there: run a sync", ls_id=state.id)
    if state.overlap != studio.overlap:
        yield Difference("overlap_differs", OVERLAP_DIFFERS, ls_id=state.id)


def _is_ours(task: StudioTask, expected: Mapping[int, Expected]) -> bool:
    return task.id in expected and expected[task.id].ext_id == task.ext_id


def _unreadable(row: UnreadableTask, expected: Mapping[int, Expected]) -> Difference:
    ours = expected.get(row.id or 0)
    return Difference("task_unreadable", UNREADABLE, ours.ext_id if ours else row.ext_id, row.id)


def _strange(task: StudioTask) -> Difference:
    return Difference("task_unknown", "Winnow did not make this task, or another one under its number", None, task.id)


def _compare_page(
    desk: Desk, ls_project: int, tasks: Sequence[StudioTask], *, explained: int | None
) -> list[Difference]:
    """`explained`: the overlap that all tasks have because the project's was changed, which is one difference."""
    numbers = number_users(desk, tasks)
    with unit_of_work(desk.database, read_only=True) as session:
        _, section = current_labeling(session, desk.project_id)
        shown = ours_among(session, desk.project_id, ls_project, tasks)
        mine, contradictory = told_apart(session, desk.project_id, ls_project, shown)
        known = known_annotations(session, desk.project_id, [own.ext_id for _, own in mine])
        changed = changed_by_hand(session, desk.project_id, ((task, own.item) for task, own in mine), section)
    found = [Difference("task_unreadable", UNREADABLE, row.ext_id, row.id) for row in contradictory]
    for task, own in mine:
        if task.id in changed:
            found.append(Difference("task_changed", "somebody changed what it shows", own.ext_id, task.id))
        if task.overlap not in {0, explained, own.asked} and own.asked:
            found.append(Difference("overlap_differs", OVERLAP_DIFFERS, own.ext_id, task.id))
        place = Place(own.ext_id, own.item, ls_project, section.configuration, numbers)
        found += _compare_task(task, place, known.get(own.ext_id, {}))
    return found


def _compare_task(task: StudioTask, place: Place, known: Mapping[int, KnownAnnotation]) -> Iterator[Difference]:
    listed = {annotation.id for annotation in task.annotations}
    for annotation in task.annotations:
        before = known.get(annotation.id)
        last = before.last_seen if before and not before.is_removed else None
        if last is None:
            yield Difference("annotation_new", "it is not here yet: run a sync", place.ext_id, annotation.id)
        elif not is_same(last, annotation, place):
            yield Difference("annotation_differs", "it was changed since: run a sync", place.ext_id, annotation.id)
    for ls_id, before in known.items():
        if ls_id not in listed and not before.is_removed:
            yield Difference("annotation_missing", "it is not in Label Studio any more", place.ext_id, ls_id)
