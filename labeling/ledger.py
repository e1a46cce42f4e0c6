"""The one way an annotation is written: rows are added, and an answer that no longer counts says until when it did."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlmodel import Session

from labeling.counters import ANNOTATION, take_numbers
from labeling.models import ANNOTATIONS, ANSWERS, Source
from labeling.questions.values import Held

ITEMS_AT_ONCE = 500
Key = tuple[uuid.UUID, int, str]
"""Item, annotator, question."""


@dataclass(frozen=True, slots=True)
class OpenAnswer:
    """An answer that counts now, and the row of `annotations` that gave it."""

    seq: int
    value: Held


@dataclass(frozen=True, slots=True)
class NewAnnotation:
    """A row to add. `answers`: what it says, question by question; empty where it does not count."""

    item: uuid.UUID
    annotator: int
    source: Source
    created_at: datetime
    answers: tuple[tuple[str, Held], ...] = ()
    why_not: str | None = None
    cancelled: bool = False
    result: Any = None
    ext_id: uuid.UUID | None = None
    ls_project: int | None = None
    ls_id: int | None = None
    ls_updated: datetime | None = None
    updated_by: int | None = None
    selected_by: str | None = None
    guidelines: str | None = None
    lead_time_s: float | None = None
    closes: tuple[tuple[Key, int], ...] = ()
    """Answers that stop counting with this row, beside those it replaces, and the row each is from."""


@dataclass(slots=True)
class Ledger:
    """Answers that count now for some items, and what is to be written in one go."""

    session: Session
    project_id: int
    now: datetime
    open: dict[Key, OpenAnswer] = field(default_factory=dict)
    _keys: dict[uuid.UUID, set[Key]] = field(default_factory=dict)

    def load(self, items: Iterable[uuid.UUID]) -> None:
        """Reads what counts now for these items."""
        wanted = list(dict.fromkeys(items))
        for start in range(0, len(wanted), ITEMS_AT_ONCE):
            rows = self.session.connection().execute(
                select(
                    ANSWERS.c.item_id, ANSWERS.c.annotator_no, ANSWERS.c.question, ANSWERS.c.seq, ANSWERS.c.value
                ).where(
                    ANSWERS.c.project_id == self.project_id,
                    ANSWERS.c.item_id.in_(wanted[start : start + ITEMS_AT_ONCE]),
                    ANSWERS.c.until_seq.is_(None),
                )
            )
            for item, no, question, seq, value in rows:
                self._count((item, no, question), OpenAnswer(seq, value))

    def of_item(self, item: uuid.UUID) -> dict[Key, OpenAnswer]:
        """What counts now for one of the items that were loaded."""
        return {key: self.open[key] for key in self._keys.get(item, ()) if key in self.open}

    def write(self, rows: Sequence[NewAnnotation]) -> int:
        """Adds rows in their order and closes what they replace; the number of the first."""
        first = take_numbers(self.session, self.project_id, ANNOTATION, len(rows)) if rows else 0
        answers: dict[tuple[int, str], dict[str, Any]] = {}
        closed: list[dict[str, Any]] = []
        for seq, row in enumerate(rows, start=first):
            for key, before in self._ended_by(row):
                fresh = answers.get((before.seq, key[2]))
                if fresh is not None:
                    fresh["until_seq"] = seq
                else:
                    closed.append({"at_seq": before.seq, "of_question": key[2], "until": seq})
                del self.open[key]
            for question, value in row.answers:
                answers[seq, question] = self._answer(seq, row, question, value)
                self._count((row.item, row.annotator, question), OpenAnswer(seq, value))
        self._store([self._row(seq, row) for seq, row in enumerate(rows, start=first)], list(answers.values()), closed)
        return first

    def _count(self, key: Key, answer: OpenAnswer) -> None:
        self.open[key] = answer
        self._keys.setdefault(key[0], set()).add(key)

    def _ended_by(self, row: NewAnnotation) -> list[tuple[Key, OpenAnswer]]:
        """Answers that stop counting with a row: those to the same questions, and those it takes back."""
        ended = {(row.item, row.annotator, question) for question, _ in row.answers}
        ended |= {key for key, seq in row.closes if key in self.open and self.open[key].seq == seq}
        return [(key, self.open[key]) for key in ended if key in self.open]

    def _store(self, rows: list[dict[str, Any]], answers: list[dict[str, Any]], closed: list[dict[str, Any]]) -> None:
        connection = self.session.connection()
        if rows:
            connection.execute(insert(ANNOTATIONS), rows)
        if closed:
            connection.execute(
                update(ANSWERS)
                .where(
                    ANSWERS.c.project_id == self.project_id,
                    ANSWERS.c.seq == bindparam("at_seq"),
                    ANSWERS.c.question == bindparam("of_question"),
                )
                .values(until_seq=bindparam("until")),
                closed,
            )
        if answers:
            connection.execute(insert(ANSWERS), answers)

    def _answer(self, seq: int, row: NewAnnotation, question: str, value: Held) -> dict[str, Any]:
        return {
            "project_id": self.project_id,
            "seq": seq,
            "question": question,
            "item_id": row.item,
            "annotator_no": row.annotator,
            "value": value,
            "until_seq": None,
        }

    def _row(self, seq: int, row: NewAnnotation) -> dict[str, Any]:
        return {
            "project_id": self.project_id,
            "seq": seq,
            "item_id": row.item,
            "annotator_no": row.annotator,
            "source": row.source.value,
            "ext_id": row.ext_id,
            "ls_project": row.ls_project,
            "ls_id": row.ls_id,
            "ls_updated": row.ls_updated,
            "updated_by_no": row.updated_by,
            "counts": bool(row.answers),
            "why_not": row.why_not,
            "cancelled": row.cancelled,
            "result": row.result,
            "selected_by": row.selected_by,
            "guidelines": row.guidelines,
            "lead_time_s": row.lead_time_s,
            "created_at": row.created_at,
            "received_at": self.now,
        }
