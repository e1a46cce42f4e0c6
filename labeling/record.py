"""What labeling adds to a person's record: the tasks of their items, and what was answered about them, without who did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from sqlalchemy import select
from sqlmodel import Session

from collector.subjects.record import FirstSent, Person, Row
from foundation.database import these
from labeling.models import ANNOTATIONS
from labeling.task_table.reading import all_tasks_of


def contribute(person: Person) -> Mapping[str, Iterator[Row]]:
    """`tasks` and `annotations`."""
    return {
        "tasks": person.each_page(partial(_tasks, person.project_id)),
        "annotations": person.each_page(partial(_annotations, person.project_id)),
    }


def _tasks(project_id: int, session: Session, items: FirstSent) -> Iterator[Row]:
    for task in all_tasks_of(session, project_id, list(items)):
        if task.created_at >= items[task.item_id]:
            yield {
                "task": str(task.ext_id),
                "item": str(task.item_id),
                "state": task.state,
                "selected_by": task.selected_by,
                "label_studio_project": task.ls_project,
                "label_studio_task": task.ls_task,
                "created_at": task.created_at.isoformat(),
            }


def _annotations(project_id: int, session: Session, items: FirstSent) -> Iterator[Row]:
    rows = session.connection().execute(
        select(ANNOTATIONS)
        .where(ANNOTATIONS.c.project_id == project_id, ANNOTATIONS.c.item_id.in_(these(session, list(items))))
        .order_by(ANNOTATIONS.c.item_id, ANNOTATIONS.c.seq)
    )
    for annotation in rows:
        if annotation.received_at >= items[annotation.item_id]:
            yield {
                "item": str(annotation.item_id),
                "source": annotation.source,
                "counts": annotation.counts,
                "why_not": annotation.why_not,
                "skipped": annotation.cancelled,
                "result": annotation.result,
                "created_at": annotation.created_at.isoformat(),
                "received_at": annotation.received_at.isoformat(),
            }
