"""What happens to labels made elsewhere: each is checked by itself, and those that change something are stored."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from collector.models import Item, Signal
from foundation.errors import Fault, listed
from labeling.annotators import MAX_NAME_CHARS, numbers_of_names
from labeling.ledger import Ledger, NewAnnotation, OpenAnswer
from labeling.models import ANNOTATIONS, RANDOM, Source
from labeling.progress import settle_states
from labeling.project import LabelingSection
from labeling.questions.question import Question
from labeling.questions.values import Value
from labeling.section import current_labeling

KNOWN_KEYS = frozenset({"item", "signal", "question", "annotator", "value", "created_at", "lead_time_s", "selected_by"})
SELECTED_BY = (RANDOM, "quota", "uncertain", "feedback", "other")
LONGEST_LEAD_TIME_S = 30 * 86_400.0
IDS_AT_ONCE = 500
LINES_AT_ONCE = 5_000
"""For edges: so many in one transaction, since a database with one writer must not keep phones waiting."""
CLOCK_TOLERANCE = timedelta(days=1)


class LineStatus(StrEnum):
    ACCEPTED = "accepted"
    REPLAYED = "replayed"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class LineResult:
    """What became of one annotation of a request; `faults` point into it."""

    status: LineStatus
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class _Line:
    """One annotation, checked by itself; `at` is its place in the request."""

    at: int
    reference: tuple[str, uuid.UUID]
    question: str
    annotator: str
    value: Value
    created_at: datetime
    lead_time_s: float | None
    selected_by: str | None


def import_annotations(
    session: Session, project_id: int, lines: Sequence[object], *, key: bytes, now: datetime
) -> list[LineResult]:
    """Stores labels made elsewhere: `{item or signal, question, annotator, value, created_at?, lead_time_s?, selected_by?}`.

    Of one (item, annotator, question) the last line counts, within a request and between requests; lines that leave what
    counts as it is are `replayed` and add nothing. One bad line never spoils its neighbours.

    Args:
        lines: decoded JSON values, in the order sent; a Fault where one could not be decoded.
        key: `annotators.annotator_key`; names are kept as keyed hashes only.

    Returns:
        One result a line, in their order.
    """
    _, section = current_labeling(session, project_id)
    reader = _LineReader(section, now)
    read = [reader.read(at, line) for at, line in enumerate(lines)]
    results: list[LineResult | None] = [
        None if isinstance(line, _Line) else LineResult(LineStatus.REJECTED, tuple(line)) for line in read
    ]
    sound = [line for line in read if isinstance(line, _Line)]
    item_of = _items_of(session, project_id, {line.reference for line in sound})
    for line in sound:
        if line.reference not in item_of:
            fault = Fault(f"/{line.reference[0]}", "not_found", f"this project has no such {line.reference[0]}")
            results[line.at] = LineResult(LineStatus.REJECTED, (fault,))
    placed = [(item_of[line.reference], line) for line in sound if line.reference in item_of]
    for at, status in _store(session, project_id, placed, key=key, now=now):
        results[at] = LineResult(status)
    return [result for result in results if result is not None]


def count_statuses(results: Sequence[LineResult]) -> dict[str, int]:
    """How many lines were accepted, replayed and rejected."""
    counts = Counter(result.status for result in results)
    return {status.value: counts[status] for status in LineStatus}


def _store(
    session: Session, project_id: int, placed: Sequence[tuple[uuid.UUID, _Line]], *, key: bytes, now: datetime
) -> Iterator[tuple[int, LineStatus]]:
    """Writes what changes something; the place and fate of each line."""
    if not placed:
        return
    numbers = numbers_of_names(session, project_id, (line.annotator for _, line in placed), key=key, now=now)
    ledger = Ledger(session, project_id, now)
    ledger.load(item for item, _ in placed)
    last = {(item, numbers[line.annotator], line.question): line for item, line in placed}
    said = _said_before(session, project_id, [ledger.open[place].seq for place in last if place in ledger.open])
    settled = {place for place, line in last.items() if _changes_nothing(ledger.open.get(place), line, said)}
    rows = []
    for item, line in placed:
        is_settled = (item, numbers[line.annotator], line.question) in settled
        yield line.at, LineStatus.REPLAYED if is_settled else LineStatus.ACCEPTED
        if not is_settled:
            rows.append(_row_of(item, numbers[line.annotator], line))
    ledger.write(rows)
    settle_states(session, project_id, {row.item for row in rows})


def _changes_nothing(before: OpenAnswer | None, line: _Line, said: Mapping[int, str | None]) -> bool:
    """Whether a line says what counts already; how the item was chosen is part of it, where the line tells."""
    if before is None or before.value != line.value:
        return False
    return line.selected_by is None or line.selected_by == said.get(before.seq)


def _said_before(session: Session, project_id: int, seqs: Sequence[int]) -> dict[int, str | None]:
    """How an item was chosen, by the rows of the annotations that told it."""
    found: dict[int, str | None] = {}
    for start in range(0, len(seqs), IDS_AT_ONCE):
        rows = session.connection().execute(
            select(ANNOTATIONS.c.seq, ANNOTATIONS.c.selected_by).where(
                ANNOTATIONS.c.project_id == project_id, ANNOTATIONS.c.seq.in_(seqs[start : start + IDS_AT_ONCE])
            )
        )
        found.update((seq, selected_by) for seq, selected_by in rows)
    return found


def _row_of(item: uuid.UUID, annotator: int, line: _Line) -> NewAnnotation:
    return NewAnnotation(
        item=item,
        annotator=annotator,
        source=Source.ELSEWHERE,
        created_at=line.created_at,
        answers=((line.question, line.value),),
        selected_by=line.selected_by,
        lead_time_s=line.lead_time_s,
    )


def _items_of(
    session: Session, project_id: int, references: set[tuple[str, uuid.UUID]]
) -> dict[tuple[str, uuid.UUID], uuid.UUID]:
    """The item that each `("item", id)` or `("signal", id)` means, where the project has it."""
    found: dict[tuple[str, uuid.UUID], uuid.UUID] = {}
    for kind, table, target in (("item", Item, Item.id), ("signal", Signal, Signal.item_id)):
        ids = [reference[1] for reference in references if reference[0] == kind]
        for start in range(0, len(ids), IDS_AT_ONCE):
            rows = session.connection().execute(
                select(col(table.id), col(target)).where(
                    col(table.project_id) == project_id,
                    col(table.id).in_(ids[start : start + IDS_AT_ONCE]),
                )
            )
            found.update(((kind, named), item) for named, item in rows)
    return found


class _LineReader:
    """Checks lines one by one; what repeats from line to line (ids, times, values) is read once."""

    def __init__(self, section: LabelingSection, now: datetime) -> None:
        self.questions = section.configuration.question_named
        asked = listed(self.questions) or "none: the project has no labeling configuration"
        self._questions_say = f"must be a question of the project: {asked}"
        self.now = now
        self._ids: dict[str, uuid.UUID | None] = {}
        self._values: dict[tuple[str, type, Any], Value | Fault] = {}

    def read(self, at: int, line: object) -> _Line | list[Fault]:
        if isinstance(line, Fault):
            return [line]
        if not isinstance(line, dict):
            return [Fault("", "wrong_type", "an annotation is a JSON object")]
        faults: list[Fault] = []
        if not line.keys() <= KNOWN_KEYS:
            allowed = ", ".join(sorted(KNOWN_KEYS))
            faults.append(Fault("", "unknown_field", f"has a member that is not known here; allowed: {allowed}"))
        reference = self._reference(line, faults)
        question = self._question(line, faults)
        value = self._value(line, question, faults)
        annotator = self._annotator(line, faults)
        created_at = self._time(line, faults)
        lead_time_s = self._lead_time(line, faults)
        selected_by = self._selected_by(line, faults)
        if faults or reference is None or question is None or value is None:
            return faults
        return _Line(at, reference, question.name, annotator, value, created_at, lead_time_s, selected_by)

    def _reference(self, line: Mapping[str, Any], faults: list[Fault]) -> tuple[str, uuid.UUID] | None:
        given = [name for name in ("item", "signal") if line.get(name) is not None]
        if len(given) != 1:
            reason = "wrong_value" if given else "missing_field"
            faults.append(Fault("/item", reason, "name the item or the signal, one of them"))
            return None
        written = line[given[0]]
        if isinstance(written, str) and written not in self._ids:
            self._ids[written] = _uuid_in(written)
        named = self._ids.get(written) if isinstance(written, str) else None
        if named is None:
            faults.append(Fault(f"/{given[0]}", "wrong_type", "must be a UUID"))
            return None
        return given[0], named

    def _question(self, line: Mapping[str, Any], faults: list[Fault]) -> Question | None:
        name = line.get("question")
        question = self.questions.get(name) if isinstance(name, str) else None
        if question is None:
            reason = "missing_field" if name is None else "not_in_list"
            faults.append(Fault("/question", reason, self._questions_say))
        return question

    def _value(self, line: Mapping[str, Any], question: Question | None, faults: list[Fault]) -> Value | None:
        if question is None:
            return None
        raw = line.get("value")
        if raw is None:
            faults.append(Fault("/value", "missing_field", "an answer needs a value; a skip is no answer"))
            return None
        value = self._read(question, raw)
        if isinstance(value, Fault):
            faults.append(value)
            return None
        return value

    def _read(self, question: Question, raw: Any) -> Value | Fault:
        """Few different answers are given many times: what is small is read once."""
        if not isinstance(raw, str | int | float):
            return question.read(raw, "/value")
        known = (question.name, type(raw), raw)
        if known not in self._values:
            self._values[known] = question.read(raw, "/value")
        return self._values[known]

    def _annotator(self, line: Mapping[str, Any], faults: list[Fault]) -> str:
        name = line.get("annotator")
        if isinstance(name, str) and name.strip() and len(name) <= MAX_NAME_CHARS:
            if "\0" in name:
                faults.append(Fault("/annotator", "nul_character", "must have no NUL character"))
            return name
        reason = "missing_field" if name is None else "wrong_type"
        faults.append(Fault("/annotator", reason, f"must be a text of 1 to {MAX_NAME_CHARS} characters"))
        return ""

    def _time(self, line: Mapping[str, Any], faults: list[Fault]) -> datetime:
        written = line.get("created_at")
        if written is None:
            return self.now
        try:
            given = datetime.fromisoformat(written)
        except (ValueError, TypeError):
            given = None
        if given is None or given.tzinfo is None:
            faults.append(Fault("/created_at", "wrong_type", "must be a time with zone, such as 2026-11-22T08:26:18Z"))
            return self.now
        try:
            given = given.astimezone(UTC)
        except OverflowError:
            given = datetime.min.replace(tzinfo=UTC)
        if given.year < 1970 or given > self.now + CLOCK_TOLERANCE:
            faults.append(Fault("/created_at", "out_of_range", "must lie between 1970 and now"))
        return given

    def _lead_time(self, line: Mapping[str, Any], faults: list[Fault]) -> float | None:
        seconds = line.get("lead_time_s")
        if seconds is None:
            return None
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            faults.append(Fault("/lead_time_s", "wrong_type", "must be a number of seconds"))
        elif not 0 <= seconds <= LONGEST_LEAD_TIME_S:
            faults.append(Fault("/lead_time_s", "out_of_range", f"must be from 0 to {LONGEST_LEAD_TIME_S:.0f} seconds"))
        else:
            return float(seconds)
        return None

    def _selected_by(self, line: Mapping[str, Any], faults: list[Fault]) -> str | None:
        written = line.get("selected_by")
        if written is None or (isinstance(written, str) and written in SELECTED_BY):
            return written
        faults.append(Fault("/selected_by", "not_in_list", f"must be one of {', '.join(SELECTED_BY)}"))
        return None


def _uuid_in(written: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(written) if len(written) == 36 else None
    except ValueError:
        return None
