"""The table of what is owed: a row a step, leased by the database's clock; each function is a statement or two of it.

`foundation.steps` knows what comes after what and who is told; nobody else writes here.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Integer,
    String,
    Text,
    and_,
    case,
    delete,
    false,
    func,
    or_,
    text,
    update,
)
from sqlmodel import Field, Session, SQLModel, col, select

from foundation.database import JsonText, UtcDateTime, clock_ms, insert_ignoring, project_key
from foundation.leases import DEATH_PAUSE_MS, ERROR_CHARS, MAX_DEATHS, MAX_STRIKES, LeaseLost, is_from_ahead

LONGEST_PAUSE_MS = 3_600_000
DIED = f"{MAX_DEATHS} workers died while they did this; see what their machine had left of memory then, and the log"
Facts = Mapping[str, int | str]
"""What a step has done, for a receipt: counts, mostly."""


class StepState(StrEnum):
    """`waiting`: another step comes first; `owed`: whoever is free may take it."""

    WAITING = "waiting"
    OWED = "owed"
    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Owed:
    """What steps are owed to: an erasure, an item, a revision or a version of a project, by an id of at most 36 characters."""

    kind: str
    project_id: int
    of: str


@dataclass(frozen=True, slots=True)
class Begun:
    """How the steps of a kind and a name stand that may be taken or are at work.

    `at_work`, `tried_again`: how many of them somebody works at, how many have failed before; `parts_done`, `parts_total`:
    how far those are that count it.
    """

    kind: str
    step: str
    n_steps: int
    at_work: int
    tried_again: int
    parts_done: int
    parts_total: int


class StepRow(SQLModel, table=True):
    """`lease_until_ms`: from when on somebody may take it, null while nobody may; a lease and a pause end there."""

    __tablename__ = "steps"
    __table_args__ = (
        # Neither what is done nor what waits for another step stands in it.
        Index(
            "ix_steps_free",
            "lease_until_ms",
            sqlite_where=text("lease_until_ms IS NOT NULL"),
            postgresql_where=text("lease_until_ms IS NOT NULL"),
        ),
    )

    project_id: int = Field(sa_column=project_key())
    kind: str = Field(sa_column=Column(String(16), primary_key=True))
    of: str = Field(sa_column=Column(String(36), primary_key=True))
    step: str = Field(sa_column=Column(String(32), primary_key=True))
    state: str = Field(sa_column=Column(String(8), nullable=False))
    attempts: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    strikes: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    deaths: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    parts_done: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    parts_total: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    error: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    facts: Any = Field(default=None, sa_column=Column(JsonText, nullable=True))
    lease_until_ms: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    lease_holder: uuid.UUID | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @property
    def owed(self) -> Owed:
        return Owed(self.kind, self.project_id, self.of)

    @property
    def is_failing(self) -> bool:
        """Whether somebody should look at it: it goes on being tried, and has failed too often."""
        return self.state != StepState.DONE and (self.strikes >= MAX_STRIKES or self.deaths >= MAX_DEATHS)


def add_rows(session: Session, owed: Iterable[Owed], steps: Iterable[str], *, now: datetime) -> int:
    """A waiting row for each step of each; those that are there stay as they are. How many are new."""
    named = list(steps)
    rows = [
        StepRow(
            project_id=one.project_id,
            kind=one.kind,
            of=one.of,
            step=step,
            state=StepState.WAITING.value,
            created_at=now,
        ).model_dump()
        for one in owed
        for step in named
    ]
    return insert_ignoring(session, StepRow.__table__, rows)  # type: ignore[attr-defined]


def let_begin(session: Session, kind: str, project_id: int, of: Collection[str], steps: Collection[str]) -> None:
    """From now on these steps may be taken. Those that were taken before stay as they are."""
    if not steps:
        return
    session.connection().execute(
        update(StepRow)
        .where(
            *_of_works(kind, project_id, of),
            col(StepRow.step).in_(steps),
            col(StepRow.state) == StepState.WAITING.value,
        )
        .values(state=StepState.OWED.value, lease_until_ms=clock_ms())
    )


def free_rows(session: Session, steps: Mapping[str, Collection[str]], *, limit: int) -> Sequence[StepRow]:
    """Rows that somebody may take, those that waited longest first.

    Args:
        steps: names of steps by kind; another release's are not taken.
    """
    named = or_(false(), *(and_(col(StepRow.kind) == kind, col(StepRow.step).in_(of)) for kind, of in steps.items()))
    until_ms = col(StepRow.lease_until_ms)
    found: list[StepRow] = []
    # One after the other: each reads a piece of the index in its order.
    for is_free in (_is_past(), _is_from_ahead()):
        if len(found) < limit:
            statement = (
                select(StepRow)
                .where(until_ms.is_not(None), is_free, named)
                .order_by(until_ms)
                .limit(limit - len(found))
            )
            found += session.exec(statement).all()
    return found


def claim(session: Session, row: StepRow, *, holder: uuid.UUID, lease_s: int) -> StepRow | None:
    """Takes the lease and counts the attempt, in one statement; None when somebody else was faster.

    Whoever held it last and gave no sign since has died: that is no strike, but the pauses grow, and ten of them are told.
    """
    was_left = col(StepRow.state) == StepState.RUNNING.value
    deaths = col(StepRow.deaths) + case((was_left, 1), else_=0)
    taken = session.connection().execute(
        update(StepRow)
        .where(*_key(row), or_(_is_past(), _is_from_ahead()))
        .values(
            state=StepState.RUNNING.value,
            attempts=col(StepRow.attempts) + 1,
            deaths=deaths,
            error=case((and_(was_left, deaths >= MAX_DEATHS), DIED), else_=col(StepRow.error)),
            lease_holder=holder,
            lease_until_ms=clock_ms() + lease_s * 1000,
        )
    )
    return _read(session, row) if taken.rowcount == 1 else None


def renew(session: Session, row: StepRow, *, holder: uuid.UUID, lease_s: int, **progress: int) -> None:
    """Keeps the lease and notes progress (`parts_done`, `parts_total`).

    Raises:
        LeaseLost: somebody else holds the step now.
    """
    _as_holder(session, row, holder, {"lease_until_ms": clock_ms() + lease_s * 1000, **progress})


def put_back(
    session: Session, row: StepRow, *, holder: uuid.UUID, error: str, is_strike: bool, pause_ms: int
) -> StepRow:
    """Ends an attempt badly: the step is owed as before, after a pause.

    Raises:
        LeaseLost: somebody else holds the step now.
    """
    ended = {"state": StepState.OWED.value, "error": error[:ERROR_CHARS], "lease_holder": None}
    strikes = col(StepRow.strikes) + int(is_strike)
    _as_holder(session, row, holder, {**ended, "strikes": strikes, "lease_until_ms": clock_ms() + pause_ms})
    return _read(session, row)


def finish(session: Session, row: StepRow, *, holder: uuid.UUID, facts: Facts, now: datetime) -> Sequence[StepRow]:
    """Marks a step as done; all rows of the same work, which nobody else changes before this transaction ends.

    Of two steps that end at once the second waits here for the first, and so sees it done: one of them sees that all are.

    Raises:
        LeaseLost: somebody else holds the step now.
    """
    of_work = select(StepRow).where(*_of_works(row.kind, row.project_id, [row.of])).order_by(col(StepRow.step))
    session.exec(of_work.with_for_update()).all()
    ended = {"state": StepState.DONE.value, "facts": dict(facts), "done_at": now, "error": None}
    _as_holder(session, row, holder, {**ended, "lease_holder": None, "lease_until_ms": None})
    return session.exec(of_work.execution_options(populate_existing=True)).all()


def rows_of(session: Session, kind: str, project_id: int, of: Collection[str]) -> Sequence[StepRow]:
    """All steps of at most some hundred works, by work and by name."""
    statement = select(StepRow).where(*_of_works(kind, project_id, of))
    return session.exec(statement.order_by(col(StepRow.of), col(StepRow.step))).all()


def count_begun(session: Session) -> Sequence[Begun]:
    """What may be taken or is at work, by kind and step; every work that is not complete has such a step, or waits for one."""
    is_begun = col(StepRow.lease_until_ms).is_not(None)  # the rows of the index: what is done is no burden
    summed = (
        case((col(StepRow.state) == StepState.RUNNING.value, 1), else_=0),
        case((col(StepRow.strikes) > 0, 1), else_=0),
        col(StepRow.parts_done),
        func.coalesce(col(StepRow.parts_total), 0),
    )
    found = session.connection().execute(
        select(StepRow.kind, StepRow.step, func.count(), *map(func.sum, summed))
        .where(is_begun)
        .group_by(col(StepRow.kind), col(StepRow.step))
        .order_by(col(StepRow.kind), col(StepRow.step))
    )
    return [Begun(kind, step, *map(int, numbers)) for kind, step, *numbers in found]


def failing_rows(session: Session, *, limit: int) -> Sequence[StepRow]:
    """Steps that somebody should look at, those with the most strikes first."""
    too_often = or_(col(StepRow.strikes) >= MAX_STRIKES, col(StepRow.deaths) >= MAX_DEATHS)
    failing = select(StepRow).where(col(StepRow.lease_until_ms).is_not(None), too_often)
    return session.exec(failing.order_by(col(StepRow.strikes).desc(), col(StepRow.of)).limit(limit)).all()


def delete_rows(session: Session, kind: str, project_id: int, of: Collection[str]) -> None:
    session.connection().execute(delete(StepRow).where(*_of_works(kind, project_id, of)))


def _is_past() -> ColumnElement[bool]:
    """Its pause is over, or its lease, and after a lease the pause that grows with the deaths: none, 0.5, 2, 4.5 s … an hour.

    Said of the column alone first, which is what the index has.
    """
    until_ms, deaths = col(StepRow.lease_until_ms), col(StepRow.deaths)
    grown_ms = DEATH_PAUSE_MS * deaths * deaths
    pause_ms = case((grown_ms < LONGEST_PAUSE_MS, grown_ms), else_=LONGEST_PAUSE_MS)
    is_rested = or_(col(StepRow.state) != StepState.RUNNING.value, until_ms + pause_ms <= clock_ms())
    return and_(until_ms <= clock_ms(), is_rested)


def _is_from_ahead() -> ColumnElement[bool]:
    """It ends later than any lease or pause that could be given now: the clock was set back since."""
    until_ms = col(StepRow.lease_until_ms)
    is_lease = col(StepRow.state) == StepState.RUNNING.value
    return and_(is_from_ahead(until_ms), or_(is_lease, until_ms > clock_ms() + LONGEST_PAUSE_MS))


def _of_works(kind: str, project_id: int, of: Collection[str]) -> tuple[ColumnElement[bool], ...]:
    return col(StepRow.project_id) == project_id, col(StepRow.kind) == kind, col(StepRow.of).in_(of)


def _key(row: StepRow) -> tuple[ColumnElement[bool], ...]:
    return (*_of_works(row.kind, row.project_id, [row.of]), col(StepRow.step) == row.step)


def _read(session: Session, row: StepRow) -> StepRow:
    return session.exec(select(StepRow).where(*_key(row)).execution_options(populate_existing=True)).one()


def _as_holder(session: Session, row: StepRow, holder: uuid.UUID, values: dict[str, Any]) -> None:
    kept = session.connection().execute(
        update(StepRow)
        .where(*_key(row), col(StepRow.lease_holder) == holder, col(StepRow.state) == StepState.RUNNING.value)
        .values(**values)
    )
    if kept.rowcount != 1:
        raise LeaseLost(f"{row.kind} {row.of}: {row.step}")
