"""What a version is made of, as statements: usable items in the order of their ids, each with all that is known of it.

Everything about an item comes from look-ups by its id, so the rows stream in order, nothing is sorted, and the cost grows
with the number of items.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Select, Text, and_, case, cast, func, select, type_coerce
from sqlalchemy.orm import aliased
from sqlmodel import col

from collector.intake.event_time import TimeQuality
from collector.models import Item, Signal, Subject
from collector.queries import live_signal_passes, usable_items
from exports.models import SIDES
from labeling.models import ANNOTATIONS, ANSWERS, Task
from labeling.queries import counts_at
from labeling.task_table.reading import selected_by

READ: Final = frozenset(
    (
        *(str(model.__tablename__) for model in (Item, Signal, Subject, Task)),
        ANNOTATIONS.name,
        ANSWERS.name,
        SIDES.name,
    )
)
"""The tables that the statements here look into."""


def candidate_rows(project_id: int, controls: Sequence[str], upto_seq: int) -> Select[Any]:
    """Usable items: id, scrub_hash, live signals, frozen side, selected_by, then the answers to each control.

    Signals are one text, `id:subject` in hexadecimal digits, in the order of their ids, joined by commas; a subject
    nobody knows is empty. Answers are JSON values joined by commas, null for none.
    """
    votes = [_votes(project_id, target, upto_seq).label(f"votes_{place}") for place, target in enumerate(controls)]
    return (
        usable_items(project_id)
        .add_columns(
            col(Item.scrub_hash),
            _live_signals(project_id).label("signals"),
            _frozen_side(project_id).label("side"),
            selected_by(project_id).label("selected_by"),
            *votes,
        )
        .order_by(col(Item.id))
    )


def content_rows(project_id: int) -> Select[Any]:
    """Usable items: id, content, and the context and other fields of the earliest live signal."""
    first = aliased(Signal)
    return (
        usable_items(project_id)
        .add_columns(col(Item.content), col(first.context), col(first.extra))
        .join(first, and_(col(first.project_id) == project_id, col(first.id) == _earliest_signal(project_id)))
        .order_by(col(Item.id))
    )


def value_counts(project_id: int, question: str, upto_seq: int) -> Select[Any]:
    """How often each value of a question was given, over usable items."""
    counted = _answers_of_usable(project_id, question, upto_seq)
    return counted.with_only_columns(ANSWERS.c.value, func.count()).group_by(ANSWERS.c.value)


def pairable_items(project_id: int, question: str, upto_seq: int) -> Select[Any]:
    """How many usable items carry two answers or more."""
    counted = _answers_of_usable(project_id, question, upto_seq)
    return select(func.count()).select_from(counted.group_by(col(Item.id)).having(func.count() > 1).subquery())


def _answers_of_usable(project_id: int, question: str, upto_seq: int) -> Select[Any]:
    of_item = and_(*_counted(project_id, question, upto_seq), ANSWERS.c.item_id == Item.id)
    return usable_items(project_id).join(ANSWERS, of_item)


def _live(project_id: int) -> tuple[Any, ...]:
    return (col(Signal.project_id) == project_id, col(Signal.item_id) == Item.id, live_signal_passes())


def _live_signals(project_id: int) -> Any:
    told = _digits(Signal.id) + ":" + func.coalesce(_digits(Signal.subject_id), "")
    return (
        select(func.aggregate_strings(told, ",").aggregate_order_by(col(Signal.id)))
        .where(*_live(project_id))
        .scalar_subquery()
    )


def _digits(uuid: Any) -> Any:
    """A UUID as 32 hexadecimal digits, on every database."""
    return func.replace(cast(uuid, Text), "-", "", type_=Text)


def _earliest_signal(project_id: int) -> Any:
    """By event time; a clock nobody believes comes last."""
    is_implausible = case((col(Signal.time_quality) == TimeQuality.IMPLAUSIBLE.value, 1), else_=0)
    return (
        select(col(Signal.id))
        .where(*_live(project_id))
        .order_by(is_implausible, col(Signal.event_time), col(Signal.id))
        .limit(1)
        .correlate(Item)
        .scalar_subquery()
    )


def _frozen_side(project_id: int) -> Any:
    return select(SIDES.c.side).where(SIDES.c.project_id == project_id, SIDES.c.item_id == Item.id).scalar_subquery()


def _votes(project_id: int, question: str, upto_seq: int) -> Any:
    return (
        select(func.aggregate_strings(type_coerce(ANSWERS.c.value, Text), ","))
        .where(*_counted(project_id, question, upto_seq), ANSWERS.c.item_id == Item.id)
        .scalar_subquery()
    )


def _counted(project_id: int, question: str, upto_seq: int) -> tuple[Any, ...]:
    return (ANSWERS.c.project_id == project_id, ANSWERS.c.question == question, counts_at(upto_seq))
