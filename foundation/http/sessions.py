"""Log-ins to the pages: each is a row that can be ended, found by the hash of a random token that only its cookie holds."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, ForeignKey, LargeBinary, Uuid, or_
from sqlmodel import Field, Session, SQLModel, col, delete, select, update

from foundation.database import UtcDateTime
from foundation.http.keys import Caller, Key, Role
from foundation.identifiers import hash_of_token, random_token
from foundation.settings import Settings

NOTED_EVERY = timedelta(seconds=60)
"""How often it is noted that somebody is still there: not every look at a page has to write."""


class PageSession(SQLModel, table=True):
    """One log-in with one key. Whoever reads this table cannot log in with what stands in it."""

    __tablename__ = "page_sessions"

    token_hash: bytes = Field(sa_column=Column(LargeBinary(32), primary_key=True))
    key_id: uuid.UUID = Field(sa_column=Column(Uuid, ForeignKey("keys.id"), nullable=False, index=True))
    created_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a log-in lasts: since somebody was last seen, and since it began."""

    idle: timedelta
    longest: timedelta


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Whose session it is, and whether it is time to note that they are still there."""

    caller: Caller
    is_to_be_noted: bool


def lifetime_of(settings: Settings) -> Lifetime:
    return Lifetime(timedelta(seconds=settings.session_idle_s), timedelta(seconds=settings.session_longest_s))


def open_session(session: Session, key_id: uuid.UUID, *, now: datetime) -> str:
    """A new log-in; its token, which is shown this once."""
    token = random_token("winnow_page")
    session.add(PageSession(token_hash=hash_of_token(token), key_id=key_id, created_at=now, seen_at=now))
    return token


def find_session(session: Session, token: str, lifetime: Lifetime, *, now: datetime) -> LoggedIn | None:
    """Who is logged in with this token; None where nobody is (any more), or the key was retired."""
    found = session.exec(
        select(PageSession, Key)
        .join(Key, col(Key.id) == col(PageSession.key_id))
        .where(col(PageSession.token_hash) == hash_of_token(token), col(Key.retired_at).is_(None))
    ).first()
    if found is None:
        return None
    row, key = found
    if now - row.seen_at > lifetime.idle or now - row.created_at > lifetime.longest:
        return None
    caller = Caller(key.id, Role(key.role), key.project_id)
    return LoggedIn(caller, now - row.seen_at > min(NOTED_EVERY, lifetime.idle / 4))


def note_seen(session: Session, token: str, *, now: datetime) -> None:
    """Whoever has logged out meanwhile stays logged out."""
    session.connection().execute(
        update(PageSession).where(col(PageSession.token_hash) == hash_of_token(token)).values(seen_at=now)
    )


def end_session(session: Session, token: str) -> None:
    """Logs out; every copy of the cookie is worth nothing from the commit on."""
    session.connection().execute(delete(PageSession).where(col(PageSession.token_hash) == hash_of_token(token)))


def forget_ended_sessions(session: Session, lifetime: Lifetime, *, now: datetime) -> int:
    """Deletes what opens nothing any more: too old, or of a retired key; how many rows."""
    retired = select(Key.id).where(col(Key.retired_at).is_not(None))
    ended = session.connection().execute(
        delete(PageSession).where(
            or_(
                col(PageSession.seen_at) < now - lifetime.idle,
                col(PageSession.created_at) < now - lifetime.longest,
                col(PageSession.key_id).in_(retired),
            )
        )
    )
    return int(ended.rowcount)
