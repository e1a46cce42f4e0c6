"""How far a task is: open while it lacks annotators, closed when it has them or nobody can answer it."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlmodel import Session

from labeling.models import ANSWERS, TASKS, TaskState
from labeling.queries import SKIPS_TO_GIVE_UP, annotators_per_item, count_skips

ITEMS_AT_ONCE = 500
KNOWN_THERE = (TaskState.LIVE.value, TaskState.CLOSED.value)


def settle_states(session: Session, project_id: int, items: Collection[uuid.UUID]) -> None:
    """Opens and closes the tasks of these items by what counts now."""
    wanted = sorted(set(items))
    for start in range(0, len(wanted), ITEMS_AT_ONCE):
        part = wanted[start : start + ITEMS_AT_ONCE]
        tasks = session.connection().execute(
            select(TASKS.c.ext_id, TASKS.c.item_id, TASKS.c.state, TASKS.c.overlap).where(
                TASKS.c.project_id == project_id, TASKS.c.item_id.in_(part), TASKS.c.state.in_(KNOWN_THERE)
            )
        )
        _settle(session, project_id, tasks.all())


def people_per_item(session: Session, project_id: int, items: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """How many people's answers count now, for at most some hundred items."""
    rows = session.connection().execute(annotators_per_item(project_id).where(ANSWERS.c.item_id.in_(items)))
    return {item: int(n) for item, n in rows}


def _settle(session: Session, project_id: int, tasks: Sequence[Any]) -> None:
    if not tasks:
        return
    items = [task.item_id for task in tasks]
    people, skips = people_per_item(session, project_id, items), count_skips(session, project_id, items)
    changed = []
    for task in tasks:
        is_done = people.get(task.item_id, 0) >= task.overlap or skips.get(task.item_id, 0) >= SKIPS_TO_GIVE_UP
        state = (TaskState.CLOSED if is_done else TaskState.LIVE).value
        if state != task.state:
            changed.append({"task": task.ext_id, "was": task.state, "becomes": state})
    if changed:
        session.connection().execute(
            update(TASKS)
            .where(
                TASKS.c.project_id == project_id,
                TASKS.c.ext_id == bindparam("task"),
                TASKS.c.state == bindparam("was"),
            )
            .values(state=bindparam("becomes")),
            changed,
        )
