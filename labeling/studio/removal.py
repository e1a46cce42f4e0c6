"""Takes tasks out of Label Studio: of people who left, and of items that may not be used any more."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from foundation.database import unit_of_work
from foundation.failpoints import failpoint
from labeling.errors import StudioGone
from labeling.models import TaskState
from labeling.studio.desk import Desk
from labeling.task_table.reading import tasks_of, unusable_items_there
from labeling.task_table.writing import mark_deleting, mark_gone

ITEMS_AT_ONCE = 500


def remove_unusable(desk: Desk) -> int:
    """Takes out the tasks of items without consent or on hold; the number of items.

    What was answered stays here, and counts again when the item may be used again.
    """
    with unit_of_work(desk.database, read_only=True) as session:
        items = unusable_items_there(session, desk.project_id)
    remove_tasks_of(desk, items)
    return len(items)


def remove_tasks_of(desk: Desk, items: Sequence[uuid.UUID]) -> None:
    """Takes every task of these items out of Label Studio; repeated, it goes on where it was."""
    for start in range(0, len(items), ITEMS_AT_ONCE):
        _remove_part(desk, items[start : start + ITEMS_AT_ONCE])


def _remove_part(desk: Desk, items: Sequence[uuid.UUID]) -> None:
    """Marks the tasks, deletes those that still carry our name, and notes that they are gone."""
    with unit_of_work(desk.database) as session:
        mark_deleting(session, desk.project_id, items)
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
