"""The one rule of consent: which of a person's signals may be used, by what they agreed to, took back, and had erased.

`cover_of` reads a person's record, from which two columns of `subjects` are kept. Whoever asks about a signal compares it with
them: the door by `Cover.holds_for`, push, consensus counts and export by `is_covered`, the same comparison as SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, case, or_
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col

from collector.intake.event_time import TimeQuality
from collector.models import Signal, Subject
from collector.project_file import Privacy
from foundation.errors import listed

GRACE = timedelta(minutes=5)
"""How much later than the capture a consent may be stamped: two clocks of one phone are never quite equal."""
TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Given:
    """A consent as somebody gave it."""

    granted: bool
    purposes: tuple[str, ...]
    notice: str
    given_at: datetime
    age_confirmed: bool | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A consent as it is on record."""

    given: Given
    received_at: datetime

    @property
    def at(self) -> datetime:
        """When it counts as given: no later than it was received, whatever the clock it was stamped by says."""
        return min(self.given.given_at, self.received_at)


@dataclass(frozen=True, slots=True)
class Cover:
    """Which of a person's signals may be used: none, or those captured from a moment on; without `since`, all."""

    passes: bool
    since: datetime | None = None

    def holds_for(self, moment: datetime) -> bool:
        """Whether a signal captured at this moment (`moment_of`) may be used."""
        return self.passes and (self.since is None or moment >= self.since)


CLOSED = Cover(passes=False)


@dataclass(frozen=True, slots=True)
class Line:
    """A person's record in the order that counts.

    Attributes:
        shut_at: when the person last took their consent back, or left; None where neither ever happened.
        withdrawal: the newest one on record.
        agreed: what they agreed to since, the newest last.
    """

    shut_at: datetime | None
    withdrawal: Recorded | None
    agreed: tuple[Recorded, ...]

    @property
    def newest(self) -> Recorded | None:
        return self.agreed[-1] if self.agreed else self.withdrawal


def line_of(records: Sequence[Recorded], *, erased_at: datetime | None) -> Line:
    """Puts a record in order, given as it was received.

    A withdrawal counts from its receipt: nothing received before it outlives it, however that was stamped. What was given
    before a withdrawal or an erasure does not lift it, though it is received later.
    """
    shut_at, withdrawal = erased_at, None
    agreed: list[Recorded] = []
    for record in records:
        if erased_at is not None and record.received_at <= erased_at:
            continue
        if not record.given.granted:
            shut_at, withdrawal, agreed = max(record.at, shut_at or record.at), record, []
        elif shut_at is None or record.at > shut_at:
            agreed.append(record)
    return Line(shut_at, withdrawal, tuple(sorted(agreed, key=lambda record: record.at)))


def cover_of(line: Line, privacy: Privacy, *, erased_at: datetime | None) -> Cover:
    """What a person's record covers under the project's terms: captures from which on consent was there without a gap.

    Where the project asks for consent, the consent that held at the capture and each one after it must meet the terms. So a
    renewal takes nothing away, and what was captured before a withdrawal, or under terms that do not suffice, stays out.
    Where it asks for none, only a withdrawal or an erasure closes, and a consent given since opens for what comes after it.
    """
    if not privacy.consent_required and line.shut_at is None:
        return Cover(passes=True)
    start = None
    for record in reversed(line.agreed):
        if privacy.consent_required and fault_of_terms(record.given, privacy):
            break
        start = record.at
    if start is None:
        return CLOSED
    since = start - GRACE
    return Cover(passes=True, since=since if erased_at is None else max(since, erased_at + TICK))


def fault_of_terms(given: Given, privacy: Privacy) -> str | None:
    """Why a consent does not meet what the project asks for, whenever it was given."""
    if not given.granted:
        return "consent was withdrawn"
    if not set(privacy.purposes) <= set(given.purposes):
        return f"the consent does not cover {listed(sorted(set(privacy.purposes) - set(given.purposes)))}"
    if privacy.accept_notices and given.notice not in privacy.accept_notices:
        return f"the notice must be one of {listed(privacy.accept_notices)}"
    return None


def moment_of(captured_at: datetime, received_at: datetime, *, is_believed: bool) -> datetime:
    """When a signal was captured as far as its clock can be believed: never later than it was received."""
    return min(captured_at, received_at) if is_believed else received_at


def is_covered() -> ColumnElement[bool]:
    """`moment_of` and `Cover.holds_for` as SQL, over a signal and its subject."""
    is_late = or_(
        col(Signal.time_quality) == TimeQuality.IMPLAUSIBLE.value, col(Signal.captured_at) > col(Signal.received_at)
    )
    moment = case((is_late, col(Signal.received_at)), else_=col(Signal.captured_at))
    return and_(col(Subject.passes), or_(col(Subject.passes_from).is_(None), moment >= col(Subject.passes_from)))


def ground_of(line: Line, moment: datetime) -> Recorded | None:
    """On what ground a covered signal was taken: the consent that held when it was captured; None where none was asked for."""
    held = [record for record in line.agreed if record.at <= moment + GRACE]
    return held[-1] if held else None
