"""Labeling's part of an erasure: the tasks in Label Studio, the annotations and answers of items nobody else had sent."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import delete
from sqlmodel import Session

from collector.models import Erasure
from collector.queries import file_of
from collector.subjects.erasure import removed_items
from foundation.database import unit_of_work
from labeling.errors import StudioGone
from labeling.models import ANNOTATIONS, ANSWERS
from labeling.section import SECTION
from labeling.studio.desk import Desk
from labeling.studio.intents import resolve_intents
from labeling.studio.removal import remove_tasks_of
from labeling.task_table.reading import MAYBE_THERE, count_removed, shared_tasks, tasks_of

ITEMS_AT_ONCE = 500


def needs_studio(session: Session, erasure: Erasure) -> bool:
    """Whether something of it may stand in Label Studio: then it cannot be done without."""
    items = [*session.exec(removed_items(erasure)), *_shared_items(session, erasure)]
    return any(tasks_of(session, erasure.project_id, part, MAYBE_THERE) for part in _parts(items))


def remove_tasks(desk: Desk, erasure: Erasure) -> None:
    """Takes the items' tasks out of Label Studio; repeated, it goes on where it was.

    An item that others had sent as well gets another task at the next push, which shows what they sent. Imports that never came to an end are looked up first: a task that is there and not known could not be removed.
    """
    # Where the whole project is gone, so is whatever was on its way into it.
    with suppress(StudioGone):
        resolve_intents(desk)
    with unit_of_work(desk.database, read_only=True) as session:
        items = [*session.exec(removed_items(erasure)), *_shared_items(session, erasure)]
    for number, part in enumerate(parts := _parts(items)):
        desk.progress(number, len(parts))
        remove_tasks_of(desk, part)


def erase_annotations(session: Session, erasure: Erasure) -> dict[str, int]:
    """Deletes what people said about the items, in the caller's transaction, and counts it.

    The rows of the tasks stay: they hold no content, and say that Winnow itself took them out.
    """
    counts = {"tasks": 0, "annotations": 0}
    for part in _parts(session.exec(removed_items(erasure)).all()):
        counts["tasks"] += count_removed(session, erasure.project_id, part)
        session.connection().execute(
            delete(ANSWERS).where(ANSWERS.c.project_id == erasure.project_id, ANSWERS.c.item_id.in_(part))
        )
        deleted = session.connection().execute(
            delete(ANNOTATIONS).where(ANNOTATIONS.c.project_id == erasure.project_id, ANNOTATIONS.c.item_id.in_(part))
        )
        counts["annotations"] += deleted.rowcount
    return counts


def _shared_items(session: Session, erasure: Erasure) -> list[uuid.UUID]:
    """Items that others had sent, too, whose tasks may show more of this person's signal than what makes the item."""
    tasks = shared_tasks(session, erasure.project_id, erasure.id)
    fields_of = {
        number: file_of(session, erasure.project_id, number).section(SECTION).configuration.fields
        for number in {revision for _, _, revision in tasks}
    }
    return sorted({item for item, content, revision in tasks if not content.keys() >= set(fields_of[revision])})


def _parts(items: Sequence[uuid.UUID]) -> list[Sequence[uuid.UUID]]:
    return [items[start : start + ITEMS_AT_ONCE] for start in range(0, len(items), ITEMS_AT_ONCE)]
