"""Lists of what people answered, page by page: every annotation, and where people disagree."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_
from sqlmodel import Session, col

from collector.models import Item
from collector.queries import usable_items
from labeling.models import ANNOTATIONS, ANSWERS
from labeling.questions.values import Held, Value, key_of


@dataclass(frozen=True, slots=True)
class ListedAnswer:
    """What an annotation says to a question, or to a control that is not measured; `counts`: now."""

    question: str
    value: Held
    counts: bool


@dataclass(frozen=True, slots=True)
class ListedAnnotation:
    """One version of one person's annotation. `why_not`: why it did not count when it was seen."""

    seq: int
    item: uuid.UUID
    annotator: int
    source: str
    why_not: str | None
    answers: tuple[ListedAnswer, ...]
    selected_by: str | None
    guidelines: str | None
    lead_time_s: float | None
    created_at: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An item whose people gave different answers to a question; `values`: how many gave each, the most first."""

    item: uuid.UUID
    question: str
    values: tuple[tuple[Value, int], ...]
    answers: tuple[tuple[int, Value], ...]
    """Annotator numbers and what each said, by number."""


def list_annotations(
    session: Session, project_id: int, *, item: uuid.UUID | None, after: int, limit: int
) -> list[ListedAnnotation]:
    """Annotations about items that may be used, in the order in which they came.

    Args:
        item: those about this one; None: all.
        after: the `seq` of the last one seen; 0 at the start.
    """
    wanted = select(ANNOTATIONS).where(
        ANNOTATIONS.c.project_id == project_id,
        ANNOTATIONS.c.seq > after,
        _may_be_used(project_id, ANNOTATIONS.c.item_id),
    )
    if item is not None:
        wanted = wanted.where(ANNOTATIONS.c.item_id == item)
    rows = session.connection().execute(wanted.order_by(ANNOTATIONS.c.seq).limit(limit)).all()
    answers = _answers_in(session, project_id, [row.seq for row in rows])
    return [
        ListedAnnotation(
            seq=row.seq,
            item=row.item_id,
            annotator=row.annotator_no,
            source=row.source,
            why_not=row.why_not,
            answers=tuple(answers.get(row.seq, ())),
            selected_by=row.selected_by,
            guidelines=row.guidelines,
            lead_time_s=row.lead_time_s,
            created_at=row.created_at,
            received_at=row.received_at,
        )
        for row in rows
    ]


def list_disagreements(
    session: Session, project_id: int, questions: Collection[str], *, after: tuple[uuid.UUID, str] | None, limit: int
) -> list[Disagreement]:
    """Items that may be used and whose counted answers to a question differ, by item and question.

    Args:
        questions: those that are looked at.
        after: the item and question of the last one seen.
    """
    disputed = (
        select(ANSWERS.c.item_id, ANSWERS.c.question)
        .where(
            ANSWERS.c.project_id == project_id,
            ANSWERS.c.until_seq.is_(None),
            ANSWERS.c.question.in_(questions),
            _may_be_used(project_id, ANSWERS.c.item_id),
        )
        .group_by(ANSWERS.c.item_id, ANSWERS.c.question)
        .having(func.min(ANSWERS.c.value) != func.max(ANSWERS.c.value))
        .order_by(ANSWERS.c.item_id, ANSWERS.c.question)
        .limit(limit)
    )
    if after is not None:
        item, question = after
        is_later = and_(ANSWERS.c.item_id == item, ANSWERS.c.question > question)
        disputed = disputed.where(or_(ANSWERS.c.item_id > item, is_later))
    places = [(row.item_id, row.question) for row in session.connection().execute(disputed)]
    said = _said_at(session, project_id, places)
    return [_disagreement(item, question, said[item, question]) for item, question in places]


def _disagreement(item: uuid.UUID, question: str, answers: Sequence[tuple[int, Value]]) -> Disagreement:
    counts = Counter(value for _, value in answers)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], key_of(pair[0])))
    return Disagreement(item, question, tuple(ordered), tuple(sorted(answers, key=lambda pair: pair[0])))


def _said_at(
    session: Session, project_id: int, places: Sequence[tuple[uuid.UUID, str]]
) -> Mapping[tuple[uuid.UUID, str], list[tuple[int, Value]]]:
    if not places:
        return {}
    rows = session.connection().execute(
        select(ANSWERS.c.item_id, ANSWERS.c.question, ANSWERS.c.annotator_no, ANSWERS.c.value).where(
            ANSWERS.c.project_id == project_id,
            ANSWERS.c.until_seq.is_(None),
            tuple_(ANSWERS.c.item_id, ANSWERS.c.question).in_(places),
        )
    )
    said: dict[tuple[uuid.UUID, str], list[tuple[int, Value]]] = {}
    for item, question, annotator, value in rows:
        said.setdefault((item, question), []).append((annotator, value))
    return said


def _answers_in(session: Session, project_id: int, seqs: Sequence[int]) -> dict[int, list[ListedAnswer]]:
    rows = session.connection().execute(
        select(ANSWERS.c.seq, ANSWERS.c.question, ANSWERS.c.value, ANSWERS.c.until_seq)
        .where(ANSWERS.c.project_id == project_id, ANSWERS.c.seq.in_(seqs))
        .order_by(ANSWERS.c.seq, ANSWERS.c.question)
    )
    found: dict[int, list[ListedAnswer]] = {}
    for row in rows:
        found.setdefault(row.seq, []).append(ListedAnswer(row.question, row.value, row.until_seq is None))
    return found


def _may_be_used(project_id: int, item: Any) -> ColumnElement[bool]:
    return usable_items(project_id).where(col(Item.id) == item).exists()
