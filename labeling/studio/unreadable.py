"""Tasks of ours that Label Studio shows in no form that can be read: noted, reported, and tried again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from labeling.drift import Finding, report_new_drift
from labeling.models import DriftKind
from labeling.studio.known import Mine, tasks_of_annotations
from labeling.studio.task_rows import UnreadableTask
from labeling.task_table.writing import mark_unreadable

TRIED_AGAIN = 20
"""They are asked for one by one: each pull tries so many of them."""


def told_apart(session: Session, project_id: int, ls_project: int, mine: Mine) -> tuple[Mine, list[UnreadableTask]]:
    """Tasks whose annotations are theirs alone, and those that show one that is another task's: one of both is a lie."""
    taken = tasks_of_annotations(session, project_id, ls_project, [task for task, _ in mine])
    alone = [(task, own) for task, own in mine if all(taken[one.id] == {own.ext_id} for one in task.annotations)]
    sound = {task.id for task, _ in alone}
    return alone, [UnreadableTask(task.id, task.updated_at, task.ext_id) for task, _ in mine if task.id not in sound]


def note_unreadable(
    session: Session, project_id: int, ls_project: int, rows: Sequence[UnreadableTask], *, now: datetime
) -> None:
    """Reports them, and notes which of our tasks they are: these are tried again."""
    if not rows:
        return
    numbers = [row.id for row in rows if row.id is not None]
    # Where only our name can be read, it is believed: nothing but another try follows from it.
    names = [row.ext_id for row in rows if row.id is None and row.ext_id is not None]
    name_of = mark_unreadable(session, project_id, ls_project, numbers=numbers, names=names, now=now)
    findings = {(name_of.get(row.id or 0, row.ext_id if row.id is None else None), row.id) for row in rows}
    report_new_drift(
        session,
        project_id,
        [Finding(DriftKind.TASK_UNREADABLE, name, number) for name, number in sorted(findings, key=str)],
        now=now,
    )
