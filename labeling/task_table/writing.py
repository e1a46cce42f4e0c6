"""What becomes of tasks: noted before they are imported, then live, closed, about to be taken out, gone."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, bindparam, delete, insert, or_, select, update
from sqlmodel import Session

from labeling.models import TASKS, TaskState
from labeling.task_table.reading import KNOWN_THERE

IDS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Settled:
    """What a task is from now on. `was`: the state it is in when nobody was faster."""

    ext_id: uuid.UUID
    was: str
    state: str
    wanted: int


def add_intents(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Notes tasks that are about to be imported; each row has a value for every column that has no default."""
    if rows:
        session.connection().execute(insert(TASKS), list(rows))


def mark_live(session: Session, project_id: int, ls_project: int, numbers: Mapping[uuid.UUID, int]) -> None:
    """Notes that tasks were imported, by their names and with the numbers they have there; others than intents stay."""
    # Not `state = 'intent'`: of that PostgreSQL's statistics know none, so it would go through all intents for each task.
    is_intent = and_(*(TASKS.c.state != state.value for state in TaskState if state is not TaskState.INTENT))
    session.connection().execute(
        update(TASKS)
        .where(TASKS.c.project_id == project_id, TASKS.c.ext_id == bindparam("task"), is_intent)
        .values(state=TaskState.LIVE.value, ls_project=ls_project, ls_task=bindparam("number")),
        [{"task": ext_id, "number": ls_task} for ext_id, ls_task in numbers.items()],
    )


def drop_intents(session: Session, project_id: int, ext_ids: Sequence[uuid.UUID]) -> None:
    """Takes back intents, which never were in Label Studio."""
    session.connection().execute(
        delete(TASKS).where(
            TASKS.c.project_id == project_id, TASKS.c.ext_id.in_(ext_ids), TASKS.c.state == TaskState.INTENT.value
        )
    )


def settle(session: Session, project_id: int, settled: Sequence[Settled]) -> None:
    """Opens and closes tasks, and notes how many annotators they want; one whose state is another by now stays."""
    if not settled:
        return
    session.connection().execute(
        update(TASKS)
        .where(
            TASKS.c.project_id == project_id,
            TASKS.c.ext_id == bindparam("task"),
            TASKS.c.state == bindparam("was"),
        )
        .values(state=bindparam("becomes"), wanted=bindparam("needs")),
        [{"task": one.ext_id, "was": one.was, "becomes": one.state, "needs": one.wanted} for one in settled],
    )


def note_asked(session: Session, project_id: int, asked: Mapping[uuid.UUID, int]) -> None:
    """Notes how many annotators Label Studio gives each task to."""
    if not asked:
        return
    session.connection().execute(
        update(TASKS)
        .where(TASKS.c.project_id == project_id, TASKS.c.ext_id == bindparam("task"))
        .values(asked=bindparam("has")),
        [{"task": ext_id, "has": n} for ext_id, n in asked.items()],
    )


def note_asked_by_number(session: Session, project_id: int, asked: Mapping[tuple[uuid.UUID, int], int]) -> None:
    """As `note_asked`, by name and number in Label Studio: a double that carries a name of ours changes nothing."""
    if not asked:
        return
    session.connection().execute(
        update(TASKS)
        .where(
            TASKS.c.project_id == project_id,
            TASKS.c.ext_id == bindparam("task"),
            TASKS.c.ls_task == bindparam("number"),
        )
        .values(asked=bindparam("has")),
        [{"task": ext_id, "number": ls_task, "has": n} for (ext_id, ls_task), n in asked.items()],
    )


def mark_deleting(session: Session, project_id: int, items: Sequence[uuid.UUID]) -> None:
    """The tasks of at most some hundred items that are in Label Studio are about to be taken out."""
    session.connection().execute(
        update(TASKS)
        .where(TASKS.c.project_id == project_id, TASKS.c.item_id.in_(items), TASKS.c.state.in_(KNOWN_THERE))
        .values(state=TaskState.DELETING.value)
    )


def mark_gone(session: Session, project_id: int, ext_ids: Sequence[uuid.UUID]) -> None:
    """Notes that tasks are not in Label Studio any more."""
    for start in range(0, len(ext_ids), IDS_AT_ONCE):
        session.connection().execute(
            update(TASKS)
            .where(TASKS.c.project_id == project_id, TASKS.c.ext_id.in_(ext_ids[start : start + IDS_AT_ONCE]))
            .values(state=TaskState.GONE.value)
        )


def mark_unreadable(
    session: Session,
    project_id: int,
    ls_project: int,
    *,
    numbers: Sequence[int],
    names: Sequence[uuid.UUID],
    now: datetime,
) -> dict[int, uuid.UUID]:
    """Notes that tasks with these numbers or names could not be read; the names of those that are ours, by number."""
    ours = and_(
        TASKS.c.project_id == project_id,
        TASKS.c.ls_project == ls_project,
        or_(TASKS.c.ls_task.in_(numbers), TASKS.c.ext_id.in_(names)),
        TASKS.c.state.in_(KNOWN_THERE),
    )
    found = session.connection().execute(select(TASKS.c.ls_task, TASKS.c.ext_id).where(ours)).all()
    session.connection().execute(update(TASKS).where(ours).values(unreadable_at=now))
    return {row.ls_task: row.ext_id for row in found}


def mark_readable(session: Session, project_id: int, ext_ids: Sequence[uuid.UUID]) -> None:
    """Notes that tasks could be read again."""
    if ext_ids:
        session.connection().execute(
            update(TASKS)
            .where(TASKS.c.project_id == project_id, TASKS.c.ext_id.in_(ext_ids))
            .values(unreadable_at=None)
        )
