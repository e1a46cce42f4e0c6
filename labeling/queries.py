"""Reads that join or count: what counts at a number of the sequence, how far the labeling is, who does what."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Select, Text, func, or_, select, type_coerce
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Session, col

from foundation.database import clock_ms
from foundation.jobs import Job, JobState
from labeling.counters import ANNOTATION, last_number
from labeling.models import ANNOTATIONS, ANNOTATORS, ANSWERS, AnnotatorState, Source
from labeling.questions.values import Value
from labeling.task_table.reading import count_tasks_there

ROWS_AT_ONCE = 5_000
ITEMS_AT_ONCE = 500
SKIPS_TO_GIVE_UP = 3
SKIPPED = "skipped"
NOT_ACTIVE = {
    AnnotatorState.ONBOARDING.value: "annotator_onboarding",
    AnnotatorState.PAUSED.value: "annotator_paused",
    AnnotatorState.LEFT.value: "annotator_left",
}
"""Why an answer does not count that was given in a state: Label Studio lets everybody answer always."""


class CountedAnswer(NamedTuple):
    """One person's answer to the question asked for; `value` in its canonical form."""

    item: uuid.UUID
    annotator: int
    value: Value


@dataclass(frozen=True, slots=True)
class AnnotatorStatistics:
    """What one person has done. `ignored`: versions that do not count, skips apart."""

    no: int
    alias: str
    role: str
    state: str
    annotations: int
    skips: int
    ignored: int
    mean_lead_time_s: float | None

    def as_json(self) -> dict[str, Any]:
        return {
            "annotator": self.no,
            "alias": self.alias,
            "role": self.role,
            "state": self.state,
            "annotations": self.annotations,
            "skips": self.skips,
            "ignored": self.ignored,
            "mean_lead_time_s": self.mean_lead_time_s,
        }


def newest_seq(session: Session, project_id: int) -> int:
    """The number of the newest annotation row, 0 where there is none. What counts at this number never changes again."""
    return last_number(session, project_id, ANNOTATION)


def counted_answers(
    session: Session, project_id: int, question: str, *, upto_seq: int | None = None
) -> Iterator[CountedAnswer]:
    """The answers to a question that count, one an (item, annotator), in the order of the sequence.

    Args:
        upto_seq: what counted at this number; by default what counts now. Erased answers are in neither.
    """
    rows = session.connection().execute(
        select(ANSWERS.c.item_id, ANSWERS.c.annotator_no, ANSWERS.c.value)
        .where(ANSWERS.c.project_id == project_id, ANSWERS.c.question == question, counts_at(upto_seq))
        .order_by(ANSWERS.c.seq),
        execution_options={"yield_per": ROWS_AT_ONCE},
    )
    return (CountedAnswer(*row) for row in rows)


def counts_at(upto_seq: int | None) -> ColumnElement[bool]:
    """Whether an answer counts at a number of the sequence."""
    if upto_seq is None:
        return ANSWERS.c.until_seq.is_(None)
    return (ANSWERS.c.seq <= upto_seq) & or_(ANSWERS.c.until_seq.is_(None), ANSWERS.c.until_seq > upto_seq)


def count_labeling(session: Session, project_id: int) -> dict[str, int]:
    """Tasks that are in Label Studio now, and annotations that count now."""
    counted = select(func.count(func.distinct(ANSWERS.c.seq))).where(
        ANSWERS.c.project_id == project_id, ANSWERS.c.until_seq.is_(None)
    )
    return {"tasks": count_tasks_there(session, project_id), "annotations": _count(session, counted)}


def count_raw_results(session: Session, project_id: int, control: str) -> int:
    """Stored results that answer a control, also one that is not measured."""
    written = type_coerce(ANNOTATIONS.c.result, Text)
    mentions = written.contains(f'"from_name":{orjson.dumps(control).decode()}', autoescape=True)
    return _count(session, select(func.count()).where(ANNOTATIONS.c.project_id == project_id, mentions))


def count_values(session: Session, project_id: int, question: str) -> dict[Value, int]:
    """How many counted answers each value of a question has."""
    rows = session.connection().execute(
        select(ANSWERS.c.value, func.count())
        .where(ANSWERS.c.project_id == project_id, ANSWERS.c.question == question, counts_at(None))
        .group_by(ANSWERS.c.value)
    )
    return {value: int(n) for value, n in rows}


def count_by_guidelines(
    session: Session, project_id: int, questions: Sequence[str], *, upto_seq: int | None = None
) -> dict[str | None, int]:
    """How many of the answers to these questions that count were given under which version of the guidelines."""
    of_answer = (ANNOTATIONS.c.project_id == ANSWERS.c.project_id) & (ANNOTATIONS.c.seq == ANSWERS.c.seq)
    rows = session.connection().execute(
        select(ANNOTATIONS.c.guidelines, func.count())
        .select_from(ANSWERS.join(ANNOTATIONS, of_answer))
        .where(ANSWERS.c.project_id == project_id, ANSWERS.c.question.in_(questions), counts_at(upto_seq))
        .group_by(ANNOTATIONS.c.guidelines)
    )
    return {version: int(n) for version, n in rows}


def count_running(session: Session, project_id: int, kind: str) -> int:
    """Jobs of a kind that somebody works at, or waits in, for a project."""
    running = select(func.count()).where(
        col(Job.project_id) == project_id,
        col(Job.kind) == kind,
        col(Job.state) == JobState.RUNNING.value,
        col(Job.lease_until_ms) > clock_ms(),
    )
    return _count(session, running)


def annotators_per_item(project_id: int) -> Select[Any]:
    """`item_id` and `n`: how many people's answers an item has that count now."""
    return (
        select(ANSWERS.c.item_id, func.count(func.distinct(ANSWERS.c.annotator_no)).label("n"))
        .where(ANSWERS.c.project_id == project_id, ANSWERS.c.until_seq.is_(None))
        .group_by(ANSWERS.c.item_id)
    )


def list_unanswerable(session: Session, project_id: int) -> list[uuid.UUID]:
    """Items that three people skipped, each as the last thing they did with it."""
    skipped_often = (
        select(ANNOTATIONS.c.item_id)
        .where(ANNOTATIONS.c.project_id == project_id, ANNOTATIONS.c.cancelled)
        .group_by(ANNOTATIONS.c.item_id)
        .having(func.count(func.distinct(ANNOTATIONS.c.annotator_no)) >= SKIPS_TO_GIVE_UP)
    )
    items = sorted(row[0] for row in session.connection().execute(skipped_often))
    found: list[uuid.UUID] = []
    for start in range(0, len(items), ITEMS_AT_ONCE):
        skips = count_skips(session, project_id, items[start : start + ITEMS_AT_ONCE])
        found += [item for item, n in skips.items() if n >= SKIPS_TO_GIVE_UP]
    return sorted(found)


def count_skips(session: Session, project_id: int, items: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """How many people skipped each item as the last thing they did with it, for at most some hundred items."""
    rows = session.connection().execute(
        select(ANNOTATIONS.c.item_id, ANNOTATIONS.c.annotator_no, ANNOTATIONS.c.why_not)
        .where(
            ANNOTATIONS.c.project_id == project_id,
            ANNOTATIONS.c.item_id.in_(items),
            ANNOTATIONS.c.source != Source.ELSEWHERE.value,
        )
        .order_by(ANNOTATIONS.c.seq)
    )
    # What somebody does while they are paused or away changes nothing, a skip neither.
    last = {(item, no): why for item, no, why in rows if why not in NOT_ACTIVE.values()}
    return Counter(item for (item, _), why in last.items() if why == SKIPPED)


def aliases_of(session: Session, project_id: int) -> dict[int, str]:
    """What everybody who answers is called, by number."""
    rows = session.connection().execute(
        select(ANNOTATORS.c.no, ANNOTATORS.c.alias).where(ANNOTATORS.c.project_id == project_id)
    )
    return {row.no: row.alias for row in rows}


def annotator_statistics(session: Session, project_id: int) -> list[AnnotatorStatistics]:
    """Everybody who ever answered, by number."""
    done = _by_annotator(session, project_id, func.count(), ANNOTATIONS.c.counts)
    skips = _by_annotator(session, project_id, func.count(), ANNOTATIONS.c.cancelled)
    ignored = _by_annotator(session, project_id, func.count(), ~ANNOTATIONS.c.counts, ~ANNOTATIONS.c.cancelled)
    seconds = _by_annotator(session, project_id, func.avg(ANNOTATIONS.c.lead_time_s), ANNOTATIONS.c.counts)
    people = session.connection().execute(
        select(ANNOTATORS).where(ANNOTATORS.c.project_id == project_id).order_by(ANNOTATORS.c.no)
    )
    return [
        AnnotatorStatistics(
            no=one.no,
            alias=one.alias,
            role=one.role,
            state=one.state,
            annotations=int(done.get(one.no, 0)),
            skips=int(skips.get(one.no, 0)),
            ignored=int(ignored.get(one.no, 0)),
            mean_lead_time_s=seconds.get(one.no),
        )
        for one in people
    ]


def _by_annotator(session: Session, project_id: int, figure: Any, *where: ColumnElement[bool]) -> dict[int, Any]:
    rows = session.connection().execute(
        select(ANNOTATIONS.c.annotator_no, figure)
        .where(
            ANNOTATIONS.c.project_id == project_id,
            ANNOTATIONS.c.source.in_([Source.LABEL_STUDIO.value, Source.ELSEWHERE.value]),
            *where,
        )
        .group_by(ANNOTATIONS.c.annotator_no)
    )
    return {int(no): figure for no, figure in rows}


def _count(session: Session, statement: Select[Any]) -> int:
    return int(session.connection().execute(statement).scalar_one())
