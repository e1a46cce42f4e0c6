"""The queue of record: a row a job, leased by the database's clock.

A message on the broker is only a wake-up that carries the job's id. Lose every message and the sweep finds the work again.
What a job's own work does wrong is a strike, and three end it. A worker that died at it, in a deploy or for want of
memory, is no strike; but a job at which ten died is given up, or one that kills its worker would do so for ever.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, String, case, delete, func, literal, or_, true, update
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Field, Session, SQLModel, col, select

from foundation.database import JsonText, UtcDateTime, clock_ms, insert_ignoring
from foundation.errors import NotFound
from foundation.identifiers import random_uuid
from foundation.leases import (
    DEATH_PAUSE_MS,
    ERROR_CHARS,
    LONGEST_OUTAGE_PAUSE_MS,
    MAX_DEATHS,
    MAX_STRIKES,
    OUTAGE_PAUSE_MS,
    STRIKE_PAUSE_MS,
    Again,
    LeaseLost,
    is_from_ahead,
)

LONGEST_OUTAGE = timedelta(days=1)
"""So long a job waits for a part that is away, Label Studio or the disk, before it fails."""
WAKE_AGAIN_AFTER_MS = 5_000
GAVE_UP = f"gave up: {MAX_DEATHS} workers died while they did this job; see what their machine had left of memory then, and the log"


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Job(SQLModel, table=True):
    __tablename__ = "jobs"
    __table_args__ = (
        # One open job for a purpose: a thousand hints to pull make one pull.
        Index("uq_jobs_open", "coalesce_key", unique=True),
        Index("ix_jobs_state", "state", "lease_until_ms"),
    )

    id: uuid.UUID = Field(default_factory=random_uuid, primary_key=True)
    kind: str = Field(sa_column=Column(String(64), nullable=False))
    project_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True, index=True))
    args: Any = Field(default_factory=dict, sa_column=Column(JsonText, nullable=False))
    coalesce_key: str | None = Field(default=None, sa_column=Column(String(160), nullable=True))
    state: str = Field(default=JobState.QUEUED.value, sa_column=Column(String(16), nullable=False))
    lease_until_ms: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    lease_holder: uuid.UUID | None = None
    attempt: int = 0
    strikes: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    deaths: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    done: int = 0
    total: int | None = None
    error: str | None = None
    result: Any = Field(default=None, sa_column=Column(JsonText, nullable=True))
    request_id: str | None = Field(default=None, sa_column=Column(String(64), nullable=True))
    created_at: datetime = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def enqueue(
    session: Session,
    kind: str,
    *,
    project_id: int | None,
    now: datetime,
    args: dict[str, Any] | None = None,
    request_id: str | None = None,
    coalesce: bool = False,
) -> uuid.UUID:
    """Writes a job; the id of the one that is open already where `coalesce` is asked for and there is one still queued."""
    key = f"{kind}:{project_id}" if coalesce else None
    job = Job(
        kind=kind, project_id=project_id, args=args or {}, request_id=request_id, created_at=now, coalesce_key=key
    )
    if key is None:
        session.add(job)
        session.flush()
        return job.id
    row = job.model_dump()
    insert_ignoring(session, Job.__table__, [row])  # type: ignore[attr-defined]
    return session.exec(select(Job.id).where(Job.coalesce_key == key)).one()


def claim(session: Session, job_id: uuid.UUID, *, holder: uuid.UUID, lease_s: int) -> Job | None:
    """Takes the lease and counts the attempt, in one statement; None when there is nothing to do.

    A job whose holder died is taken over once the lease is past, from the second time on after a pause that grows. When
    ten have died at it, it fails for good.
    """
    deaths = col(Job.deaths) + case((_was_left(), 1), else_=0)
    is_poison = deaths >= MAX_DEATHS
    taken = session.connection().execute(
        update(Job)
        .where(col(Job.id) == job_id, _is_free())
        .values(
            state=case((is_poison, JobState.FAILED.value), else_=JobState.RUNNING.value),
            attempt=Job.attempt + 1,
            deaths=deaths,
            lease_holder=holder,
            lease_until_ms=clock_ms() + lease_s * 1000,
            # A queued job answers for later wishes of its kind; a running one may have read its inputs already.
            coalesce_key=None,
            error=case((is_poison, GAVE_UP), else_=col(Job.error)),
        )
    )
    if taken.rowcount != 1:
        return None
    job = session.get(Job, job_id, populate_existing=True)
    return job if job is not None and job.state == JobState.RUNNING else None


def renew(session: Session, job_id: uuid.UUID, *, holder: uuid.UUID, lease_s: int, **progress: int) -> None:
    """Keeps the lease and notes progress (`done`, `total`).

    Raises:
        LeaseLost: another worker holds the job now.
    """
    values: dict[str, Any] = {"lease_until_ms": clock_ms() + lease_s * 1000, **progress}
    _as_holder(session, job_id, holder, values)


def finish(session: Session, job_id: uuid.UUID, *, holder: uuid.UUID, now: datetime, result: Any = None) -> None:
    """Ends a job well; in the transaction of its last effect, so that both hold or neither."""
    ended = {"state": JobState.DONE.value, "result": result, "finished_at": now}
    _as_holder(session, job_id, holder, {**ended, "done": func.coalesce(Job.total, Job.done)})


def fail(session: Session, job_id: uuid.UUID, *, holder: uuid.UUID, now: datetime, error: str, again: Again) -> None:
    """Ends an attempt badly: back to the queue where another attempt may help, else failed for good.

    The next attempt waits a little: 2 s after the first strike, 8 s after the second; after an outage as many seconds as
    there were attempts, up to a minute. How long a part was away is told by the database's clock, as leases are: a worker
    whose own is days ahead would give up everybody's jobs at the first outage.

    Args:
        now: when it ended, as it is shown.
    """
    tried_enough = {
        Again.NEVER: true(),
        Again.STRIKE: col(Job.strikes) + 1 >= MAX_STRIKES,
        Again.OUTAGE: col(Job.created_at) < _database_time(session) - LONGEST_OUTAGE,
    }[again]
    pause_ms = {
        Again.NEVER: literal(0),
        Again.STRIKE: STRIKE_PAUSE_MS * (1 + 3 * col(Job.strikes)),
        Again.OUTAGE: case(
            (OUTAGE_PAUSE_MS * col(Job.attempt) < LONGEST_OUTAGE_PAUSE_MS, OUTAGE_PAUSE_MS * col(Job.attempt)),
            else_=LONGEST_OUTAGE_PAUSE_MS,
        ),
    }[again]
    values = {
        "state": case((tried_enough, JobState.FAILED.value), else_=JobState.QUEUED.value),
        "strikes": col(Job.strikes) + (1 if again is Again.STRIKE else 0),
        "error": error[:ERROR_CHARS],
        "lease_until_ms": clock_ms() + pause_ms,
        "finished_at": case((tried_enough, literal(now, UtcDateTime())), else_=None),
    }
    _as_holder(session, job_id, holder, values)


def sweep(session: Session) -> Sequence[tuple[uuid.UUID, str]]:
    """Jobs whose wake-up may be lost: queued for a while, or leased by somebody who is gone. Ids and kinds."""
    return [
        (row.id, row.kind)
        for row in session.exec(
            select(Job)
            .where(
                or_(
                    (col(Job.state) == JobState.QUEUED)
                    & or_(
                        func.coalesce(Job.lease_until_ms, 0) < clock_ms() - WAKE_AGAIN_AFTER_MS,
                        is_from_ahead(col(Job.lease_until_ms)),
                    ),
                    _was_left(),
                )
            )
            .order_by(col(Job.created_at))
            .limit(500)
        )
    ]


def forget_ended(session: Session, *, before: datetime) -> int:
    """Deletes jobs that ended before a time; how many. A sync every half a minute would fill the table otherwise."""
    ended = (JobState.DONE.value, JobState.FAILED.value)
    gone = session.connection().execute(
        delete(Job).where(col(Job.state).in_(ended), func.coalesce(Job.finished_at, Job.created_at) < before)
    )
    return int(gone.rowcount)


def read_job(session: Session, job_id: uuid.UUID) -> Job:
    job = session.get(Job, job_id)
    if job is None:
        raise NotFound("there is no such job here")
    return job


def _database_time(session: Session) -> datetime:
    now_ms: int = session.connection().execute(select(clock_ms())).scalar_one()
    return datetime.fromtimestamp(now_ms / 1000, UTC)


def _is_free() -> ColumnElement[bool]:
    """Queued, and its pause is over; or left by a worker that died."""
    is_due = or_(func.coalesce(Job.lease_until_ms, 0) <= clock_ms(), is_from_ahead(col(Job.lease_until_ms)))
    return or_((col(Job.state) == JobState.QUEUED.value) & is_due, _was_left())


def _was_left() -> ColumnElement[bool]:
    """Its lease is past, and so is the pause after the deaths before this one: none, 0.5, 2, 4.5 … 40 s."""
    pause_ms = DEATH_PAUSE_MS * col(Job.deaths) * col(Job.deaths)
    is_past = or_(col(Job.lease_until_ms) + pause_ms < clock_ms(), is_from_ahead(col(Job.lease_until_ms)))
    return (col(Job.state) == JobState.RUNNING.value) & is_past


def _as_holder(session: Session, job_id: uuid.UUID, holder: uuid.UUID, values: dict[str, Any]) -> None:
    kept = session.connection().execute(
        update(Job)
        .where(col(Job.id) == job_id, col(Job.lease_holder) == holder, col(Job.state) == JobState.RUNNING.value)
        .values(**values)
    )
    if kept.rowcount != 1:
        raise LeaseLost(str(job_id))
