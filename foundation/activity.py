"""Who did what: an append-only log in which each row carries the hash of the one before it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import BigInteger, Column, LargeBinary, String
from sqlmodel import Field, Session, SQLModel, col, select

from foundation.database import BigSerial, JsonText, UtcDateTime, insert_ignoring

GENESIS = bytes(32)


class ActivityHead(SQLModel, table=True):
    """The newest hash of each chain; its row is locked while a link is added, so that the chain never forks."""

    __tablename__ = "activity_heads"

    chain: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    hash: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False))


class Activity(SQLModel, table=True):
    __tablename__ = "activity"

    seq: int | None = Field(default=None, sa_column=Column(BigSerial, primary_key=True, autoincrement=True))
    project_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True, index=True))
    at: datetime = Field(sa_type=UtcDateTime)
    actor: str = Field(sa_column=Column(String(80), nullable=False))
    action: str = Field(sa_column=Column(String(64), nullable=False))
    facts: Any = Field(sa_column=Column(JsonText, nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False))


def record_activity(
    session: Session, action: str, *, actor: str, project_id: int | None, now: datetime, **facts: object
) -> None:
    """Adds a row to the project's chain (the installation's own chain where there is no project). No content, no names."""
    chain = project_id or 0
    locked = select(ActivityHead).where(col(ActivityHead.chain) == chain).with_for_update()
    head = session.exec(locked).first()
    if head is None:
        insert_ignoring(session, ActivityHead.__table__, [{"chain": chain, "hash": GENESIS}])  # type: ignore[attr-defined]
        head = session.exec(locked).one()
    link = _link(head.hash, project_id, now, actor, action, facts)
    session.add(Activity(project_id=project_id, at=now, actor=actor, action=action, facts=facts, hash=link))
    head.hash = link
    session.add(head)
    session.flush()


def chain_holds(session: Session, project_id: int | None) -> bool:
    """True when every row of the chain carries the hash that its facts and its predecessor give."""
    before = GENESIS
    same_chain = col(Activity.project_id).is_(None) if project_id is None else col(Activity.project_id) == project_id
    for row in session.exec(select(Activity).where(same_chain).order_by(col(Activity.seq))):
        if row.hash != _link(before, row.project_id, row.at, row.actor, row.action, row.facts):
            return False
        before = row.hash
    head = session.get(ActivityHead, project_id or 0)
    return before == (head.hash if head else GENESIS)


def broken_chains(session: Session) -> list[int | None]:
    """The projects whose chain does not hold; None stands for the installation's own."""
    headed = {chain or None for chain in session.exec(select(ActivityHead.chain))}
    told = set(session.exec(select(Activity.project_id).distinct()))
    chains = sorted(headed | told, key=lambda chain: chain or 0)
    return [chain for chain in chains if not chain_holds(session, chain)]


def _link(before: bytes, project_id: int | None, at: datetime, actor: str, action: str, facts: object) -> bytes:
    at_us = round(at.timestamp() * 1_000_000)
    body = orjson.dumps([project_id, at_us, actor, action, facts], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(before + body).digest()
