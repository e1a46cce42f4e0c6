"""The collector's tables: projects, people, signals, items, what was refused and what was erased. The project comes first in every key."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Text, Uuid, false
from sqlmodel import Field, SQLModel

from foundation.database import BigSerial, JsonText, UtcDateTime, project_key


def is_proven() -> Column[bool]:
    """Whether a row came with the token that its person's name was bound to then, or by a key that is in no app."""
    return Column(Boolean, nullable=False, server_default=false())


def project_number() -> Column[int]:
    """The first column of the key where a batch adds hundreds of rows: no reference to check, for projects never go."""
    return Column(BigSerial, primary_key=True, autoincrement=False)


class ErasureState(StrEnum):
    RECEIVED = "received"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class Claim(StrEnum):
    """How sure it is that a person's name belongs to whoever holds the token it is bound to."""

    FIRST = "first"
    CONTESTED = "contested"
    VOUCHED = "vouched"


class Project(SQLModel, table=True):
    __tablename__ = "projects"

    id: int | None = Field(default=None, sa_column=Column(BigSerial, primary_key=True, autoincrement=True))
    name: str = Field(sa_column=Column(String(63), nullable=False, unique=True))
    revision: int
    seed: int = Field(sa_column=Column(BigInteger, nullable=False))
    consent_required: bool
    has_erasures: bool = False
    created_at: datetime = Field(sa_type=UtcDateTime)


class Revision(SQLModel, table=True):
    """A project file as it was given; signals keep the number of the one they were accepted under."""

    __tablename__ = "revisions"

    project_id: int = Field(sa_column=project_key())
    number: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    body: Any = Field(sa_column=Column(JsonText, nullable=False))
    scrub_hash: str = Field(sa_column=Column(String(16), nullable=False))
    created_at: datetime = Field(sa_type=UtcDateTime)


class Subject(SQLModel, table=True):
    """A person, known by a keyed hash only. After an erasure the row stays as the door that is shut."""

    __tablename__ = "subjects"

    project_id: int = Field(sa_column=project_key())
    id: uuid.UUID = Field(sa_column=Column(Uuid, primary_key=True))
    token_hash: bytes | None = Field(default=None, sa_column=Column(LargeBinary(32), nullable=True))
    claim: str = Field(default=Claim.FIRST.value, sa_column=Column(String(12), nullable=False, server_default="first"))
    """`first`: bound to the token that came first; `contested`: somebody else speaks in this name, too; `vouched`: the app's
    own backend said whose it is."""
    erased_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    passes: bool = True
    passes_from: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """With `passes`, what `collector/subjects/cover.py` made of the record: captures from here on; None means all."""
    consent: Any = Field(default=None, sa_column=Column(JsonText, nullable=True))
    """The newest consent, as the door needs it with every batch; the record of all of them is `consents`."""


class Consent(SQLModel, table=True):
    __tablename__ = "consents"

    project_id: int = Field(sa_column=project_key())
    subject_id: uuid.UUID = Field(sa_column=Column(Uuid, primary_key=True))
    seq: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    granted: bool
    purposes: Any = Field(sa_column=Column(JsonText, nullable=False))
    notice: str = Field(sa_column=Column(String(64), nullable=False))
    given_at: datetime = Field(sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)
    age_confirmed: bool | None = None
    proven: bool = Field(default=False, sa_column=is_proven())


class Suppression(SQLModel, table=True):
    """The keyed hash of an erased signal's id: it does not come back, whoever sends it again."""

    __tablename__ = "suppressions"

    project_id: int = Field(sa_column=project_key())
    signal_hmac: bytes = Field(sa_column=Column(LargeBinary(16), primary_key=True))
    erased_at: datetime = Field(sa_type=UtcDateTime)


class Item(SQLModel, table=True):
    """One content, the thing that is labelled. Its id is a keyed hash of its identity fields, so a new one needs no look-up."""

    __tablename__ = "items"

    project_id: int = Field(sa_column=project_number())
    id: uuid.UUID = Field(sa_column=Column(Uuid, primary_key=True))
    content: Any = Field(sa_column=Column(JsonText, nullable=False))
    revision: int
    scrub_hash: str = Field(sa_column=Column(String(16), nullable=False))
    ready: bool = Field(default=True, sa_column=Column(Boolean, nullable=False))
    hold: bool = Field(default=False, sa_column=Column(Boolean, nullable=False))
    created_at: datetime = Field(sa_type=UtcDateTime)


class Signal(SQLModel, table=True):
    """One observation. What makes the item stands there; `extra` holds the payload's other fields."""

    __tablename__ = "signals"
    __table_args__ = (
        # With the subject in it, the index alone says whether a person has sent an item before.
        Index("ix_signals_item", "project_id", "item_id", "subject_id"),
        Index("ix_signals_subject", "project_id", "subject_id"),
    )

    project_id: int = Field(sa_column=project_number())
    id: uuid.UUID = Field(sa_column=Column(Uuid, primary_key=True))
    source_hmac: bytes = Field(sa_column=Column(LargeBinary(16), nullable=False))
    subject_id: uuid.UUID | None = Field(default=None, sa_column=Column(Uuid, nullable=True))
    device_hmac: bytes | None = Field(default=None, sa_column=Column(LargeBinary(16), nullable=True))
    item_id: uuid.UUID = Field(sa_column=Column(Uuid, nullable=False))
    key_id: uuid.UUID = Field(sa_column=Column(Uuid, nullable=False))
    revision: int
    captured_at: datetime = Field(sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)
    event_time: datetime = Field(sa_type=UtcDateTime)
    time_quality: str = Field(sa_column=Column(String(12), nullable=False))
    context: Any = Field(sa_column=Column(JsonText, nullable=False))
    extra: Any = Field(sa_column=Column(JsonText, nullable=False))
    prediction: Any = Field(default=None, sa_column=Column(JsonText, nullable=True))
    proven: bool = Field(default=False, sa_column=is_proven())


class DeadLetter(SQLModel, table=True):
    """A refused signal: why, where, and, scrubbed, what it said; no content where consent is missing."""

    __tablename__ = "dead_letters"
    __table_args__ = (
        Index("uq_dead_letters_signal", "project_id", "signal_id", unique=True),
        Index("ix_dead_letters_subject", "project_id", "subject_id"),
    )

    project_id: int = Field(sa_column=project_key())
    id: uuid.UUID = Field(sa_column=Column(Uuid, primary_key=True))
    signal_id: uuid.UUID | None = Field(default=None, sa_column=Column(Uuid, nullable=True))
    source_hmac: bytes = Field(sa_column=Column(LargeBinary(16), nullable=False))
    subject_id: uuid.UUID | None = Field(default=None, sa_column=Column(Uuid, nullable=True))
    device_hmac: bytes | None = Field(default=None, sa_column=Column(LargeBinary(16), nullable=True))
    key_id: uuid.UUID = Field(sa_column=Column(Uuid, nullable=False))
    reason: str = Field(sa_column=Column(String(32), nullable=False))
    pointer: str = Field(sa_column=Column(Text, nullable=False))
    revision: int
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    body: Any = Field(default=None, sa_column=Column(JsonText, nullable=True))
    proven: bool = Field(default=False, sa_column=is_proven())


class Erasure(SQLModel, table=True):
    """A person leaves: written by the request, complete when every step that follows is done."""

    __tablename__ = "erasures"
    __table_args__ = (
        Index("ix_erasures_state", "state"),
        Index("ix_erasures_subject", "project_id", "subject_id"),
        Index("ix_erasures_requested", "project_id", "requested_at", "id"),
    )

    project_id: int = Field(sa_column=project_key())
    id: uuid.UUID = Field(sa_column=Column(Uuid, primary_key=True))
    subject_id: uuid.UUID = Field(sa_column=Column(Uuid, nullable=False))
    state: str = Field(sa_column=Column(String(12), nullable=False))
    held: bool | None = Field(default=None, sa_column=Column(Boolean, nullable=True))
    """Whether anything was ever held under the name; None where the order is older than this question."""
    token_hash: bytes | None = Field(default=None, sa_column=Column(LargeBinary(32), nullable=True))
    """The token the person left with: an app that lost the answer asks again with it."""
    requested_at: datetime = Field(sa_type=UtcDateTime)
    completed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ErasureItem(SQLModel, table=True):
    """An item the person had sent: the floors above look here for what they owe. `removed`: nobody else had sent it."""

    __tablename__ = "erasure_items"

    project_id: int = Field(sa_column=project_key())
    erasure_id: uuid.UUID = Field(sa_column=Column(Uuid, primary_key=True))
    item_id: uuid.UUID = Field(sa_column=Column(Uuid, primary_key=True))
    removed: bool


class DeviceClock(SQLModel, table=True):
    """How far a device's clock is off, by the smallest received − sent of a day."""

    __tablename__ = "device_clocks"

    project_id: int = Field(sa_column=project_key())
    device_hmac: bytes = Field(sa_column=Column(LargeBinary(16), primary_key=True))
    offset_ms: int = Field(sa_column=Column(BigInteger, nullable=False))
    since: datetime = Field(sa_type=UtcDateTime)


class ProjectCounter(SQLModel, table=True):
    """How often something happened that leaves no row; in slots, so that batches at once do not wait for each other."""

    __tablename__ = "counters"

    project_id: int = Field(sa_column=project_key())
    name: str = Field(sa_column=Column(String(32), primary_key=True))
    slot: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    n: int = Field(sa_column=Column(BigInteger, nullable=False))
