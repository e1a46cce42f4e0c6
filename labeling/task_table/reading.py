"""What is known of tasks: how many there are, which should be in Label Studio, which are on their way, what items have."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, ScalarSelect, Select, and_, exists, func, select
from sqlmodel import Session, col

from collector.models import ErasureItem, Item
from collector.queries import usable_items
from foundation.database import these
from labeling.models import ANNOTATIONS, RANDOM, TASKS, Purpose, Source, TaskState

KNOWN_THERE: Final = (TaskState.LIVE.value, TaskState.CLOSED.value)
OPEN: Final = (TaskState.INTENT.value, TaskState.LIVE.value)
NOT_REMOVED: Final = (*KNOWN_THERE, TaskState.DELETING.value)
MAYBE_THERE: Final = (TaskState.INTENT.value, *NOT_REMOVED)
ITEMS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Intent:
    """A task that is about to be imported, or that may have been."""

    ext_id: uuid.UUID
    item: uuid.UUID
    batch: uuid.UUID


@dataclass(frozen=True, slots=True)
class OurTask:
    """A task of ours, as it is known here."""

    ext_id: uuid.UUID
    item: uuid.UUID
    ls_task: int
    asked: int
    is_unreadable: bool = False
    """Whether it could not be read when it was last tried."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A task that should be in Label Studio."""

    ext_id: uuid.UUID
    item: uuid.UUID
    ls_task: int
    is_deleting: bool
    overlap: int
    revision: int
    selected_by: str
    propensity: float


@dataclass(frozen=True, slots=True)
class UnsettledTask:
    """A task whose state and wanted number of annotators may be others by now."""

    ext_id: uuid.UUID
    item: uuid.UUID
    state: str
    overlap: int
    wanted: int


def count_by_state(session: Session, project_id: int) -> dict[TaskState, int]:
    """How many tasks are in each state that some are in."""
    rows = session.connection().execute(
        select(TASKS.c.state, func.count()).where(TASKS.c.project_id == project_id).group_by(TASKS.c.state)
    )
    return {TaskState(state): int(n) for state, n in rows}


def count_tasks_there(session: Session, project_id: int) -> int:
    """Tasks that are in Label Studio now."""
    return _count(session, TASKS.c.project_id == project_id, TASKS.c.state.in_(KNOWN_THERE))


def count_open_tasks(session: Session, project_id: int) -> int:
    """Tasks that still need answers; they are what the backlog bounds."""
    return _count(session, TASKS.c.project_id == project_id, TASKS.c.state.in_(OPEN))


def count_intents(session: Session, project_id: int) -> int:
    """Tasks that are on their way into Label Studio, or that may be."""
    return _count(session, *_is_intent(project_id))


def count_expected(session: Session, project_id: int, ls_project: int) -> int:
    """How many `expected_tasks` gives."""
    return _count(session, *_is_expected(project_id, ls_project))


def count_removed(session: Session, project_id: int, items: Sequence[uuid.UUID]) -> int:
    """How many tasks of at most some hundred items were taken out of Label Studio."""
    return _count(
        session,
        TASKS.c.project_id == project_id,
        TASKS.c.item_id.in_(items),
        TASKS.c.state == TaskState.GONE.value,
    )


def count_untold(session: Session, project_id: int) -> int:
    """How many tasks `untold_tasks` names."""
    found = session.connection().execute(untold_tasks(project_id).with_only_columns(func.count()))
    return int(found.scalar_one())


def list_untold(session: Session, project_id: int, ls_project: int, *, limit: int) -> list[tuple[uuid.UUID, int, int]]:
    """`untold_tasks` of one project of Label Studio, those that are done first."""
    rows = session.connection().execute(
        untold_tasks(project_id)
        .where(TASKS.c.ls_project == ls_project)
        .order_by(TASKS.c.wanted, TASKS.c.ls_task)
        .limit(limit)
    )
    return [(ext_id, ls_task, wanted) for ext_id, ls_task, wanted in rows]


def untold_tasks(project_id: int) -> Select[Any]:
    """Tasks that need another number of annotators than Label Studio was told: name, number there, number of annotators."""
    # Not `state IN (…)`: databases would go through all tasks of these states, where few have to be told anything.
    elsewhere = (TaskState.INTENT, TaskState.DELETING, TaskState.GONE)
    return select(TASKS.c.ext_id, TASKS.c.ls_task, TASKS.c.wanted).where(
        TASKS.c.project_id == project_id,
        TASKS.c.asked != TASKS.c.wanted,
        *(TASKS.c.state != state.value for state in elsewhere),
    )


def list_intents(session: Session, project_id: int) -> list[Intent]:
    """Tasks that are on their way into Label Studio, or that may be, batch by batch."""
    rows = session.connection().execute(
        select(TASKS.c.ext_id, TASKS.c.item_id, TASKS.c.batch)
        .where(*_is_intent(project_id))
        .order_by(TASKS.c.batch, TASKS.c.ext_id)
    )
    return [Intent(*row) for row in rows]


def expected_tasks(session: Session, project_id: int, ls_project: int) -> list[Expected]:
    """Every task of ours that should be in Label Studio now."""
    rows = session.connection().execute(select(TASKS).where(*_is_expected(project_id, ls_project)))
    return [_expected(row) for row in rows]


def our_tasks(
    session: Session, project_id: int, ls_project: int, ext_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, OurTask]:
    """Those of these tasks that are ours and should be there."""
    rows = session.connection().execute(
        select(
            TASKS.c.ext_id, TASKS.c.item_id, TASKS.c.ls_task, TASKS.c.asked, TASKS.c.unreadable_at.is_not(None)
        ).where(
            TASKS.c.project_id == project_id,
            TASKS.c.ls_project == ls_project,
            TASKS.c.ext_id.in_(ext_ids),
            TASKS.c.state.in_(KNOWN_THERE),
        )
    )
    return {row.ext_id: OurTask(*row) for row in rows}


def list_unreadable(session: Session, project_id: int, ls_project: int, *, before: datetime, limit: int) -> list[int]:
    """Numbers of tasks that could not be read at an earlier time, the longest waiting first."""
    rows = session.connection().execute(
        select(TASKS.c.ls_task)
        .where(
            TASKS.c.project_id == project_id,
            TASKS.c.ls_project == ls_project,
            TASKS.c.ls_task.is_not(None),
            TASKS.c.unreadable_at < before,
            TASKS.c.state.in_(KNOWN_THERE),
        )
        .order_by(TASKS.c.unreadable_at, TASKS.c.ls_task)
        .limit(limit)
    )
    return [int(row[0]) for row in rows]


def unsettled_of_items(session: Session, project_id: int, items: Sequence[uuid.UUID]) -> list[UnsettledTask]:
    """The tasks of at most some hundred items that are in Label Studio."""
    return _unsettled(session, project_id, TASKS.c.item_id.in_(items))


def unsettled_named(session: Session, project_id: int, ext_ids: Sequence[uuid.UUID]) -> list[UnsettledTask]:
    """Those of at most some hundred tasks that are in Label Studio."""
    return _unsettled(session, project_id, TASKS.c.ext_id.in_(ext_ids))


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


def all_tasks_of(session: Session, project_id: int, items: Sequence[uuid.UUID]) -> Sequence[Row[Any]]:
    """Every task that these items ever had, whole, by item and round; for any number of items."""
    return (
        session.connection()
        .execute(
            select(TASKS)
            .where(TASKS.c.project_id == project_id, TASKS.c.item_id.in_(these(session, items)))
            .order_by(TASKS.c.item_id, TASKS.c.round)
        )
        .all()
    )


def items_with_task(session: Session, project_id: int) -> Iterable[uuid.UUID]:
    """Items that have a task for their label, on its way, in Label Studio or about to be taken out."""
    taken = select(TASKS.c.item_id).where(
        TASKS.c.project_id == project_id, TASKS.c.purpose == Purpose.LABEL.value, TASKS.c.state.in_(MAYBE_THERE)
    )
    return session.connection().execute(taken).scalars()


def unusable_items_there(session: Session, project_id: int) -> list[uuid.UUID]:
    """Items that may not be used, and have a task in Label Studio."""
    may_be_used = usable_items(project_id).where(col(Item.id) == TASKS.c.item_id).exists()
    rows = session.connection().execute(
        select(TASKS.c.item_id)
        .where(TASKS.c.project_id == project_id, TASKS.c.state.in_(NOT_REMOVED), ~may_be_used)
        .distinct()
    )
    return sorted(row[0] for row in rows)


def last_rounds(session: Session, project_id: int, items: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, int]:
    """The newest round of each item that had a task for its label."""
    found: dict[uuid.UUID, int] = {}
    for start in range(0, len(items), ITEMS_AT_ONCE):
        rows = session.connection().execute(
            select(TASKS.c.item_id, func.max(TASKS.c.round))
            .where(
                TASKS.c.project_id == project_id,
                TASKS.c.purpose == Purpose.LABEL.value,
                TASKS.c.item_id.in_(items[start : start + ITEMS_AT_ONCE]),
            )
            .group_by(TASKS.c.item_id)
        )
        found.update((item, int(number)) for item, number in rows)
    return found


def shared_tasks(session: Session, project_id: int, erasure_id: uuid.UUID) -> list[tuple[uuid.UUID, Any, int]]:
    """Item, its content, and the task's revision, of tasks whose item an erased person and others had sent."""
    rows = session.connection().execute(
        select(col(ErasureItem.item_id), col(Item.content), TASKS.c.revision)
        .join(TASKS, and_(TASKS.c.project_id == ErasureItem.project_id, TASKS.c.item_id == ErasureItem.item_id))
        .join(Item, and_(col(Item.project_id) == ErasureItem.project_id, col(Item.id) == ErasureItem.item_id))
        .where(
            col(ErasureItem.project_id) == project_id,
            col(ErasureItem.erasure_id) == erasure_id,
            ~col(ErasureItem.removed),
            TASKS.c.state.in_(MAYBE_THERE),
        )
    )
    return [(item, content, revision) for item, content, revision in rows]


def selected_by(project_id: int) -> ColumnElement[Any]:
    """How an item came to be labelled, for a statement over items: the first of its tasks that somebody answered decides.

    An item that nobody answered in Label Studio was labelled elsewhere: whoever handed the labels in may have said how it
    was chosen, and the newest word counts; without one, at random. That a task nobody answered had been chosen at random
    does not make the item a random one: others decided that it has labels.
    """
    is_answered = (
        exists()
        .where(
            ANNOTATIONS.c.project_id == project_id,
            ANNOTATIONS.c.ext_id == TASKS.c.ext_id,
            ANNOTATIONS.c.source == Source.LABEL_STUDIO.value,
            ANNOTATIONS.c.counts,
        )
        .correlate(TASKS)
    )
    by_annotation = (
        select(func.coalesce(ANNOTATIONS.c.selected_by, RANDOM))
        .where(
            ANNOTATIONS.c.project_id == project_id,
            ANNOTATIONS.c.item_id == Item.id,
            ANNOTATIONS.c.source == Source.ELSEWHERE.value,
        )
        .order_by(ANNOTATIONS.c.selected_by.is_(None), ANNOTATIONS.c.seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    chosen_otherwise = TASKS.c.selected_by != RANDOM
    return func.coalesce(
        _first_task(project_id, is_answered),
        _first_task(project_id, chosen_otherwise),
        by_annotation,
        _first_task(project_id),
    )


def _first_task(project_id: int, *where: ColumnElement[bool]) -> ScalarSelect[Any]:
    return (
        select(TASKS.c.selected_by)
        .where(
            TASKS.c.project_id == project_id,
            TASKS.c.item_id == Item.id,
            TASKS.c.state != TaskState.INTENT.value,
            *where,
        )
        .order_by(TASKS.c.round)
        .limit(1)
        .correlate(Item)
        .scalar_subquery()
    )


def _unsettled(session: Session, project_id: int, which: ColumnElement[bool]) -> list[UnsettledTask]:
    rows = session.connection().execute(
        select(TASKS.c.ext_id, TASKS.c.item_id, TASKS.c.state, TASKS.c.overlap, TASKS.c.wanted).where(
            TASKS.c.project_id == project_id, which, TASKS.c.state.in_(KNOWN_THERE)
        )
    )
    return [UnsettledTask(*row) for row in rows]


def _is_intent(project_id: int) -> tuple[ColumnElement[bool], ...]:
    return (TASKS.c.project_id == project_id, TASKS.c.state == TaskState.INTENT.value)


def _is_expected(project_id: int, ls_project: int) -> tuple[ColumnElement[bool], ...]:
    return (
        TASKS.c.project_id == project_id,
        TASKS.c.ls_project == ls_project,
        TASKS.c.state.in_(NOT_REMOVED),
    )


def _expected(row: Row[Any]) -> Expected:
    return Expected(
        ext_id=row.ext_id,
        item=row.item_id,
        ls_task=row.ls_task,
        is_deleting=row.state == TaskState.DELETING.value,
        overlap=row.overlap,
        revision=row.revision,
        selected_by=row.selected_by,
        propensity=row.propensity,
    )


def _count(session: Session, *where: ColumnElement[bool]) -> int:
    return int(session.connection().execute(select(func.count()).select_from(TASKS).where(*where)).scalar_one())
