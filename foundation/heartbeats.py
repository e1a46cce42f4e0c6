"""Signs of life of the parts that nobody can ask, the worker and the scheduler: a row a process, by the database's clock."""

from __future__ import annotations

import os
import socket

from sqlalchemy import BigInteger, Column, String, delete, func, update
from sqlmodel import Field, Session, SQLModel, col, select

from foundation.database import clock_ms, insert_ignoring

WORKER = "worker"
SCHEDULER = "scheduler"
FORGOTTEN_AFTER_MS = 24 * 3600 * 1000
AHEAD_MS = 1_000
"""A sign that lies further ahead was given before the clock was set back, and says nothing of now."""


class Heartbeat(SQLModel, table=True):
    __tablename__ = "heartbeats"

    part: str = Field(sa_column=Column(String(32), primary_key=True))
    process: str = Field(sa_column=Column(String(128), primary_key=True))
    beat_at_ms: int = Field(sa_column=Column(BigInteger, nullable=False))


def beat(session: Session, part: str) -> None:
    """Notes that this process of a part works."""
    process = f"{socket.gethostname()[:100]}:{os.getpid()}"
    row = {"part": part, "process": process, "beat_at_ms": 0}
    insert_ignoring(session, Heartbeat.__table__, [row])  # type: ignore[attr-defined]
    session.connection().execute(
        update(Heartbeat)
        .where(col(Heartbeat.part) == part, col(Heartbeat.process) == process)
        .values(beat_at_ms=clock_ms())
    )


def forget_silent(session: Session) -> None:
    """Deletes the rows of processes that have been gone for a day."""
    session.connection().execute(delete(Heartbeat).where(col(Heartbeat.beat_at_ms) < clock_ms() - FORGOTTEN_AFTER_MS))


def silences_s(session: Session) -> dict[str, float]:
    """For each part how many seconds ago any of its processes last gave a sign; one that never did is missing."""
    last = (
        select(Heartbeat.part, clock_ms() - func.max(Heartbeat.beat_at_ms))
        .where(col(Heartbeat.beat_at_ms) < clock_ms() + AHEAD_MS)
        .group_by(col(Heartbeat.part))
    )
    return {part: ago_ms / 1000 for part, ago_ms in session.connection().execute(last)}
