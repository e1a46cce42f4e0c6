"""Keys and their five roles: made once, shown once, kept as hashes, retired but never forgotten."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Column, LargeBinary, String
from sqlmodel import Field, Session, SQLModel, col, select

from foundation.activity import record_activity
from foundation.database import UtcDateTime
from foundation.errors import KeyRetired, NotFound, Unauthorized
from foundation.identifiers import hash_of_token, random_token, random_uuid
from foundation.plain_sql import Row, Statement, ask, read_uuid


class Role(StrEnum):
    """What a key may do; every role but `admin` belongs to one project."""

    INGEST = "ingest"
    BACKEND = "backend"
    READ = "read"
    MANAGE = "manage"
    ADMIN = "admin"


class Key(SQLModel, table=True):
    __tablename__ = "keys"

    id: uuid.UUID = Field(default_factory=random_uuid, primary_key=True)
    role: str = Field(sa_column=Column(String(16), nullable=False))
    project_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True, index=True))
    token_hash: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False, unique=True))
    note: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)
    retired_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a key, what it may do, and the one project it belongs to (none for an admin key)."""

    key_id: uuid.UUID
    role: Role
    project_id: int | None


def create_key(
    session: Session, role: Role, project_id: int | None, *, now: datetime, note: str = ""
) -> tuple[Key, str]:
    """A new key and its token, which is shown this once."""
    token = random_token(f"winnow_{role.value}")
    key = Key(role=role.value, project_id=project_id, token_hash=hash_of_token(token), note=note, created_at=now)
    session.add(key)
    session.flush()
    record_activity(session, "key_created", actor="command", project_id=project_id, now=now, key=str(key.id), role=role)
    return key, token


def retire_key(session: Session, key_id: uuid.UUID, *, now: datetime) -> Key:
    """From now on every call with this key is answered 403 `key_retired`."""
    key = session.get(Key, key_id)
    if key is None:
        raise NotFound("no key has this id: `winnow keys list` shows them")
    if key.retired_at is None:
        key.retired_at = now
        session.add(key)
        record_activity(session, "key_retired", actor="command", project_id=key.project_id, now=now, key=str(key_id))
    return key


KEY, KEY_COLUMNS = "keys.id, keys.role, keys.project_id, keys.retired_at", 4
"""What is asked of a key: the row of which `caller_from` makes a caller."""
_BY_TOKEN = Statement(f"SELECT {KEY} FROM keys WHERE token_hash = ?")  # noqa: S608 - a constant


def caller_of(session: Session, token: str) -> Caller:
    """Who holds this token.

    Raises:
        Unauthorized: no key has it. KeyRetired: it was retired; an app drops its queue then.
    """
    keys = ask(session, _BY_TOKEN, hash_of_token(token))
    return caller_from(keys[0] if keys else None)


def caller_from(key: Row | None) -> Caller:
    """Raises what `caller_of` does. `key`: the row of the key with a token, where there is one."""
    if key is None:
        raise Unauthorized("no key matches: send `Authorization: Bearer <key>` with a key of this installation")
    key_id, role, project_id, retired_at = key
    if retired_at is not None:
        raise KeyRetired("this key was retired: stop sending and drop what is queued", reason="key_retired")
    return Caller(read_uuid(key_id), Role(role), project_id)


def list_keys(session: Session) -> list[Key]:
    return list(session.exec(select(Key).order_by(col(Key.created_at), col(Key.id))).all())
