"""How far a task is, and whom Label Studio still has to ask: decided by what counts, wherever it came from."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session

from labeling.models import ANNOTATIONS, ANSWERS, Source, TaskState
from labeling.queries import SKIPS_TO_GIVE_UP, annotators_per_item, count_skips
from labeling.task_table.reading import UnsettledTask, unsettled_named, unsettled_of_items
from labeling.task_table.writing import Settled, settle

ITEMS_AT_ONCE = 500
MOST_EXTRA = 10
"""How many more people than its overlap a task may be given to, when answers there do not count."""


@dataclass(frozen=True, slots=True)
class Given:
    """What stands at a task in Label Studio: annotations, skips apart, and how many people they are by."""

    annotations: int = 0
    people: int = 0


NOTHING = Given()


def wanted_overlap(overlap: int, n_answered: int, there: Given) -> int:
    """The overlap at which Label Studio asks just as many people as are lacking; 0: nobody has to be asked.

    Label Studio hands a task out until it holds as many annotations as its overlap, whether they count or not.

    Args:
        overlap: how many people's answers the item needs.
        n_answered: how many people's answers count, from Label Studio or from elsewhere.

    >>> wanted_overlap(3, 2, NOTHING), wanted_overlap(3, 1, Given(1, 1)), wanted_overlap(3, 3, Given(1, 1))
    (1, 3, 0)
    """
    lacking = overlap - n_answered
    if lacking <= 0 or there.people >= overlap + MOST_EXTRA:
        return 0
    return there.annotations + lacking


def settle_states(session: Session, project_id: int, items: Collection[uuid.UUID]) -> None:
    """Opens and closes the tasks of these items by what counts now, and notes what Label Studio has to be told."""
    for part in _parts(items):
        _settle(session, project_id, unsettled_of_items(session, project_id, part))


def settle_tasks(session: Session, project_id: int, ext_ids: Collection[uuid.UUID]) -> None:
    """As `settle_states`, for tasks by their names."""
    for part in _parts(ext_ids):
        _settle(session, project_id, unsettled_named(session, project_id, part))


def people_per_item(session: Session, project_id: int, items: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """How many people's answers count now, for at most some hundred items."""
    rows = session.connection().execute(annotators_per_item(project_id).where(ANSWERS.c.item_id.in_(items)))
    return {item: int(n) for item, n in rows}


def _parts(ids: Collection[uuid.UUID]) -> Iterator[list[uuid.UUID]]:
    wanted = sorted(set(ids))
    return (wanted[start : start + ITEMS_AT_ONCE] for start in range(0, len(wanted), ITEMS_AT_ONCE))


def _settle(session: Session, project_id: int, tasks: Sequence[UnsettledTask]) -> None:
    if not tasks:
        return
    items = [task.item for task in tasks]
    people, skips = people_per_item(session, project_id, items), count_skips(session, project_id, items)
    given = _given_there(session, project_id, [task.ext_id for task in tasks])
    changed = []
    for task in tasks:
        n_answered = people.get(task.item, 0)
        is_done = n_answered >= task.overlap or skips.get(task.item, 0) >= SKIPS_TO_GIVE_UP
        state = (TaskState.CLOSED if is_done else TaskState.LIVE).value
        wanted = 0 if is_done else wanted_overlap(task.overlap, n_answered, given.get(task.ext_id, NOTHING))
        if (state, wanted) != (task.state, task.wanted):
            changed.append(Settled(task.ext_id, task.state, state, wanted))
    settle(session, project_id, changed)


def _given_there(session: Session, project_id: int, ext_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Given]:
    """What each task holds in Label Studio, as it was last seen; for at most some hundred tasks."""
    rows = session.connection().execute(
        select(
            ANNOTATIONS.c.ext_id,
            ANNOTATIONS.c.ls_id,
            ANNOTATIONS.c.annotator_no,
            ANNOTATIONS.c.source,
            ANNOTATIONS.c.cancelled,
        )
        .where(
            ANNOTATIONS.c.project_id == project_id,
            ANNOTATIONS.c.ext_id.in_(ext_ids),
            ANNOTATIONS.c.source.in_([Source.LABEL_STUDIO.value, Source.REMOVED.value]),
        )
        .order_by(ANNOTATIONS.c.seq)
    )
    newest = {(row.ext_id, row.ls_id): row for row in rows}
    people: dict[uuid.UUID, list[int]] = {}
    for row in newest.values():
        if row.source == Source.LABEL_STUDIO.value and not row.cancelled:
            people.setdefault(row.ext_id, []).append(row.annotator_no)
    return {ext_id: Given(len(by), len(set(by))) for ext_id, by in people.items()}
