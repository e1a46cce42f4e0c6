"""Takes tasks out of Label Studio: of people who left, and of items that may not be used any more."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import select, update
from sqlmodel import Session, col

from collector.models import Item
from collector.queries import usable_items
from foundation.database import unit_of_work
from foundation.failpoints import failpoint
from labeling.errors import StudioGone
from labeling.models import TASKS, TaskState
from labeling.progress import KNOWN_THERE
from labeling.studio.desk import Desk
from labeling.studio.reconcile import mark_gone

ITEMS_AT_ONCE = 500


def remove_unusable(desk: Desk) -> int:
    """Takes out the tasks of items without consent or on hold; the number of items.

    What was answered stays here, and counts again when the item may be used again.
    """
    may_be_used = usable_items(desk.project_id).where(col(Item.id) == TASKS.c.item_id).exists()
    with unit_of_work(desk.database, read_only=True) as session:
        rows = session.connection().execute(
            select(TASKS.c.item_id)
            .where(
                TASKS.c.project_id == desk.project_id,
                TASKS.c.state.in_([*KNOWN_THERE, TaskState.DELETING.value]),
                ~may_be_used,
            )
            .distinct()
        )
        items = sorted(row[0] for row in rows)
    remove_tasks_of(desk, items)
    return len(items)


def remove_tasks_of(desk: Desk, items: Sequence[uuid.UUID]) -> None:
    """Takes every task of these items out of Label Studio; repeated, it goes on where it was."""
    for start in range(0, len(items), ITEMS_AT_ONCE):
        _remove_part(desk, items[start : start + ITEMS_AT_ONCE])


def tasks_of(
    session: Session, project_id: int, items: Sequence[uuid.UUID], states: Sequence[str]
) -> list[tuple[uuid.UUID, int, int]]:
    """Name, project there and number there of the tasks of at most some hundred items."""
    rows = session.connection().execute(
        select(TASKS.c.ext_id, TASKS.c.ls_project, TASKS.c.ls_task).where(
            TASKS.c.project_id == project_id, TASKS.c.item_id.in_(items), TASKS.c.state.in_(states)
        )
    )
    return [(ext_id, ls_project or 0, ls_task or 0) for ext_id, ls_project, ls_task in rows]


def _remove_part(desk: Desk, items: Sequence[uuid.UUID]) -> None:
    """Marks the tasks, deletes those that still carry our name, and notes that they are gone."""
    with unit_of_work(desk.database) as session:
        session.connection().execute(
            update(TASKS)
            .where(TASKS.c.project_id == desk.project_id, TASKS.c.item_id.in_(items), TASKS.c.state.in_(KNOWN_THERE))
            .values(state=TaskState.DELETING.value)
        )
        doomed = tasks_of(session, desk.project_id, items, (TaskState.DELETING.value,))
    failpoint("removal.before_studio")
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
    failpoint("removal.after_studio")
    with unit_of_work(desk.database) as session:
        mark_gone(session, desk.project_id, [ext_id for ext_id, _, _ in doomed])
