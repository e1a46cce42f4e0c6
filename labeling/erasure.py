"""Labeling's part of an erasure: the tasks in Label Studio, the annotations and answers of items nobody else had sent."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import delete, func, select, update
from sqlmodel import Session, col

from collector.models import Erasure, ErasureItem
from collector.subjects.erasure import floor_is_done
from foundation.database import after_commit, unit_of_work, utc_now
from foundation.failpoints import failpoint
from foundation.queue import announce
from labeling.errors import StudioGone
from labeling.models import ANNOTATIONS, ANSWERS, TASKS, TaskState
from labeling.progress import KNOWN_THERE
from labeling.studio.desk import Desk
from labeling.studio.intents import resolve_intents
from labeling.studio.reconcile import mark_gone

FLOOR = "labeling"
ITEMS_AT_ONCE = 500
MAYBE_THERE = (TaskState.INTENT.value, *KNOWN_THERE, TaskState.DELETING.value)


def removed_items(session: Session, erasure: Erasure) -> list[uuid.UUID]:
    """Items that went with the person: nobody else had sent them."""
    rows = session.connection().execute(
        select(col(ErasureItem.item_id)).where(
            col(ErasureItem.project_id) == erasure.project_id,
            col(ErasureItem.erasure_id) == erasure.id,
            col(ErasureItem.removed),
        )
    )
    return sorted(row[0] for row in rows)


def needs_studio(session: Session, erasure: Erasure) -> bool:
    """Whether something of it may stand in Label Studio: then it cannot be done without."""
    items = removed_items(session, erasure)
    return any(_tasks_of(session, erasure.project_id, part, MAYBE_THERE) for part in _parts(items))


def remove_tasks(desk: Desk, erasure: Erasure) -> None:
    """Takes the items' tasks out of Label Studio; repeated, it goes on where it was.

    Imports that never came to an end are looked up first: a task that is there and not known could not be removed.
    """
    resolve_intents(desk)
    with unit_of_work(desk.database, read_only=True) as session:
        items = removed_items(session, erasure)
    for part in _parts(items):
        _remove_part(desk, part)


def erase_annotations(session: Session, erasure: Erasure) -> None:
    """Deletes what people said about the items, in the caller's transaction, and gives this floor's word.

    The rows of the tasks stay: they hold no content, and say that Winnow itself took them out.
    """
    counts = {"tasks": 0, "annotations": 0}
    for part in _parts(removed_items(session, erasure)):
        gone = session.connection().execute(
            select(func.count()).where(
                TASKS.c.project_id == erasure.project_id,
                TASKS.c.item_id.in_(part),
                TASKS.c.state == TaskState.GONE.value,
            )
        )
        counts["tasks"] += int(gone.scalar_one())
        session.connection().execute(
            delete(ANSWERS).where(ANSWERS.c.project_id == erasure.project_id, ANSWERS.c.item_id.in_(part))
        )
        deleted = session.connection().execute(
            delete(ANNOTATIONS).where(ANNOTATIONS.c.project_id == erasure.project_id, ANNOTATIONS.c.item_id.in_(part))
        )
        counts["annotations"] += deleted.rowcount
    floor_is_done(session, erasure, FLOOR, counts, now=utc_now())
    after_commit(session, announce, "erasure")


def _remove_part(desk: Desk, items: Sequence[uuid.UUID]) -> None:
    """Marks the tasks, deletes those that still carry our name, and notes that they are gone."""
    with unit_of_work(desk.database) as session:
        session.connection().execute(
            update(TASKS)
            .where(TASKS.c.project_id == desk.project_id, TASKS.c.item_id.in_(items), TASKS.c.state.in_(KNOWN_THERE))
            .values(state=TaskState.DELETING.value)
        )
        doomed = _tasks_of(session, desk.project_id, items, (TaskState.DELETING.value,))
    failpoint("erase.before_studio")
    for ls_project in sorted({project for _, project, _ in doomed}):
        named = {number: ext_id for ext_id, project, number in doomed if project == ls_project}
        try:
            there = desk.gateway.find_tasks(ls_project, named)
            # A number may belong to another task by now: only what carries our name is ours to delete.
            mine = [task.id for task in there if task.ext_id == named[task.id]]
            desk.still_ours()
            if mine:
                desk.gateway.delete_tasks(ls_project, mine)
        except StudioGone:
            continue
    failpoint("erase.after_studio")
    with unit_of_work(desk.database) as session:
        mark_gone(session, desk.project_id, [ext_id for ext_id, _, _ in doomed])


def _tasks_of(
    session: Session, project_id: int, items: Sequence[uuid.UUID], states: Sequence[str]
) -> list[tuple[uuid.UUID, int, int]]:
    rows = session.connection().execute(
        select(TASKS.c.ext_id, TASKS.c.ls_project, TASKS.c.ls_task).where(
            TASKS.c.project_id == project_id, TASKS.c.item_id.in_(items), TASKS.c.state.in_(states)
        )
    )
    return [(ext_id, ls_project or 0, ls_task or 0) for ext_id, ls_project, ls_task in rows]


def _parts(items: Sequence[uuid.UUID]) -> list[Sequence[uuid.UUID]]:
    return [items[start : start + ITEMS_AT_ONCE] for start in range(0, len(items), ITEMS_AT_ONCE)]
