"""What is known here of tasks in Label Studio and of their annotations: what an answer of its is held against."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import select
from sqlmodel import Session

from labeling.models import ANNOTATIONS, Source
from labeling.studio.rows import StudioTask
from labeling.studio.settling import KnownAnnotation, KnownVersion
from labeling.task_table.reading import OurTask, our_tasks

IDS_AT_ONCE = 500


Mine: TypeAlias = list[tuple[StudioTask, OurTask]]


def known_annotations(
    session: Session, project_id: int, ext_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, dict[int, KnownAnnotation]]:
    """What is known of tasks' annotations: by task, by the annotation's id in Label Studio."""
    rows = session.connection().execute(
        select(ANNOTATIONS)
        .where(
            ANNOTATIONS.c.project_id == project_id,
            ANNOTATIONS.c.ext_id.in_(ext_ids),
            ANNOTATIONS.c.ls_id.is_not(None),
        )
        .order_by(ANNOTATIONS.c.seq)
    )
    found: dict[uuid.UUID, dict[int, KnownAnnotation]] = {}
    for row in rows:
        version = KnownVersion(
            seq=row.seq,
            ls_id=row.ls_id,
            annotator=row.annotator_no,
            updated_by=row.updated_by_no,
            source=Source(row.source),
            counts=row.counts,
            cancelled=row.cancelled,
            ls_updated=row.ls_updated,
            result=row.result,
        )
        found.setdefault(row.ext_id, {}).setdefault(row.ls_id, KnownAnnotation()).versions.append(version)
    return found


def ours_among(session: Session, project_id: int, ls_project: int, tasks: Sequence[StudioTask]) -> Mine:
    """Those of these tasks that are ours, with what is known of them."""
    ours = our_tasks(session, project_id, ls_project, [task.ext_id for task in tasks if task.ext_id])
    # A number means nothing by itself: numbers are used again. The name has to stand in the task.
    return [(task, ours[task.ext_id]) for task in tasks if task.ext_id in ours and ours[task.ext_id].ls_task == task.id]


def tasks_of_annotations(
    session: Session, project_id: int, ls_project: int, tasks: Sequence[StudioTask]
) -> Mapping[int, set[uuid.UUID]]:
    """Our names of the tasks that each annotation is said to belong to: by these tasks, or by what is known here.

    A task that is known to have lost it does not count: numbers are used again after a backup was restored.
    """
    claims: dict[int, set[uuid.UUID]] = {}
    times: set[tuple[int, datetime]] = set()
    for task in tasks:
        for annotation in task.annotations:
            claims.setdefault(annotation.id, set()).update({task.ext_id} if task.ext_id else set())
            times.add((annotation.id, annotation.updated_at))
    numbers = sorted(claims)
    newest: dict[tuple[int, uuid.UUID], bool] = {}
    for start in range(0, len(numbers), IDS_AT_ONCE):
        rows = session.connection().execute(
            select(ANNOTATIONS.c.ls_id, ANNOTATIONS.c.ext_id, ANNOTATIONS.c.source, ANNOTATIONS.c.ls_updated)
            .where(
                ANNOTATIONS.c.project_id == project_id,
                ANNOTATIONS.c.ls_project == ls_project,
                ANNOTATIONS.c.ls_id.in_(numbers[start : start + IDS_AT_ONCE]),
                ANNOTATIONS.c.ext_id.is_not(None),
            )
            .order_by(ANNOTATIONS.c.seq)
        )
        for ls_id, ext_id, source, ls_updated in rows:
            # The very version that is stored already cannot be stored once more, whatever became of it.
            if (ls_id, ls_updated) in times:
                claims[ls_id].add(ext_id)
            newest[ls_id, ext_id] = source != Source.REMOVED.value
    for (ls_id, ext_id), is_there in newest.items():
        if is_there:
            claims[ls_id].add(ext_id)
    return claims
