"""Labeling's tables: what went to Label Studio, who answers, every answer ever seen. The project comes first in every key."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Uuid,
    text,
)
from sqlmodel import Field, SQLModel

from foundation.database import BigSerial, JsonText, UtcDateTime, project_key


class StudioState(StrEnum):
    """`intent`: about to be made, perhaps made; `live`: known by its number there."""

    INTENT = "intent"
    LIVE = "live"


class TaskState(StrEnum):
    """`closed` has the answers it needs; `deleting` and `gone` were taken out by Winnow or lost there."""

    INTENT = "intent"
    LIVE = "live"
    CLOSED = "closed"
    DELETING = "deleting"
    GONE = "gone"


class Purpose(StrEnum):
    LABEL = "label"


class Source(StrEnum):
    """Where an annotation row comes from. `restated`: an older answer of the same person that counts again."""

    LABEL_STUDIO = "label_studio"
    ELSEWHERE = "import"
    RESTATED = "restated"
    REMOVED = "removed"


class AnnotatorRole(StrEnum):
    ANNOTATOR = "annotator"
    ADJUDICATOR = "adjudicator"
    AUDITOR = "auditor"


class AnnotatorState(StrEnum):
    ONBOARDING = "onboarding"
    ACTIVE = "active"
    PAUSED = "paused"
    LEFT = "left"


class LabelingCounter(SQLModel, table=True):
    """The last number given out. Its row is locked until the commit, so that numbers become visible in their order."""

    __tablename__ = "labeling_counters"

    project_id: int = Field(sa_column=project_key())
    name: str = Field(sa_column=Column(String(16), primary_key=True))
    last: int = Field(sa_column=Column(BigSerial, nullable=False))


class StudioProject(SQLModel, table=True):
    """Our project in Label Studio. The token stands in its description there: after a crash it is found by it."""

    __tablename__ = "studio_projects"

    project_id: int = Field(sa_column=project_key())
    token: str = Field(sa_column=Column(String(64), nullable=False))
    state: str = Field(sa_column=Column(String(8), nullable=False))
    ls_project: int | None = None
    revision: int = 0
    """The project file's revision whose configuration Label Studio has; 0: none yet."""
    overlap: int = 0
    """What every imported task is given there."""
    cursor: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reconciled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    n_foreign: int = 0
    """Tasks there that are none of ours, when all were last listed."""
    holder: uuid.UUID | None = Field(default=None, sa_column=Column(Uuid, nullable=True))
    """Who speaks with Label Studio about this project now; the lease ends by the database's clock."""
    push_asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When somebody last asked for a push that has not been made yet."""
    lease_until_ms: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    created_at: datetime = Field(sa_type=UtcDateTime)


RANDOM: Final = "random"
"""How a task's item was chosen when nothing but chance decided."""


class Task(SQLModel, table=True):
    """An item in Label Studio, for a purpose. Its name there is `ext_id`: task ids are reused, this one never."""

    __tablename__ = "tasks"
    __table_args__ = (
        Index("uq_tasks_round", "project_id", "item_id", "purpose", "round", unique=True),
        Index("ix_tasks_state", "project_id", "state"),
        Index("ix_tasks_ls", "project_id", "ls_project", "ls_task"),
        Index(
            "ix_tasks_untold",
            "project_id",
            sqlite_where=text("asked <> wanted"),
            postgresql_where=text("asked <> wanted"),
        ),
        Index(
            "ix_tasks_unreadable",
            "project_id",
            sqlite_where=text("unreadable_at IS NOT NULL"),
            postgresql_where=text("unreadable_at IS NOT NULL"),
        ),
    )

    project_id: int = Field(sa_column=project_key())
    ext_id: uuid.UUID = Field(sa_column=Column(Uuid, primary_key=True))
    item_id: uuid.UUID = Field(sa_column=Column(Uuid, nullable=False))
    purpose: str = Field(sa_column=Column(String(16), nullable=False))
    round: int
    batch: uuid.UUID = Field(sa_column=Column(Uuid, nullable=False))
    state: str = Field(sa_column=Column(String(8), nullable=False))
    ls_project: int | None = None
    ls_task: int | None = None
    overlap: int
    """Counted annotators it needs."""
    asked: int
    """The overlap Label Studio has for it; 0: nobody is given it."""
    wanted: int
    """The overlap it should have there: more than `overlap` where answers do not count, less where some came from
    elsewhere, 0 where nobody has to be asked any more."""
    revision: int
    selected_by: str = Field(sa_column=Column(String(16), nullable=False))
    propensity: float = Field(sa_column=Column(Float, nullable=False))
    created_at: datetime = Field(sa_type=UtcDateTime)
    unreadable_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When Label Studio last showed it in a form that cannot be read; it is tried again until it can be."""


class Annotator(SQLModel, table=True):
    """Somebody who answers, known by a keyed hash of the e-mail or name; everybody else sees the alias."""

    __tablename__ = "annotators"
    __table_args__ = (
        Index("uq_annotators_hmac", "project_id", "hmac", unique=True),
        Index("uq_annotators_alias", "project_id", "alias", unique=True),
        Index("uq_annotators_ls_user", "project_id", "ls_user", unique=True),
    )

    project_id: int = Field(sa_column=project_key())
    no: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    alias: str = Field(sa_column=Column(String(64), nullable=False))
    hmac: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False))
    ls_user: int | None = None
    role: str = Field(default=AnnotatorRole.ANNOTATOR.value, sa_column=Column(String(16), nullable=False))
    state: str = Field(default=AnnotatorState.ACTIVE.value, sa_column=Column(String(16), nullable=False))
    created_at: datetime = Field(sa_type=UtcDateTime)


class AnnotatorStateSince(SQLModel, table=True):
    """From when on somebody is in a state, until the next row; before the first, they are active. Rows are only added."""

    __tablename__ = "annotator_states"

    project_id: int = Field(sa_column=project_key())
    annotator_no: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    from_at: datetime = Field(sa_column=Column(UtcDateTime, primary_key=True))
    state: str = Field(sa_column=Column(String(16), nullable=False))


class GuidelinesShown(SQLModel, table=True):
    """From when on Label Studio has shown a version of the guidelines (none: null), until the next row."""

    __tablename__ = "guidelines_shown"

    project_id: int = Field(sa_column=project_key())
    from_at: datetime = Field(sa_column=Column(UtcDateTime, primary_key=True))
    version: str | None = Field(default=None, sa_column=Column(String(64), nullable=True))


class Annotation(SQLModel, table=True):
    """One version of one person's answer, as it was seen. Rows are only added; `seq` counts up within the project."""

    __tablename__ = "annotations"
    __table_args__ = (
        Index("uq_annotations_version", "project_id", "ls_project", "ls_id", "ls_updated", unique=True),
        Index("ix_annotations_item", "project_id", "item_id", "seq"),
        Index("ix_annotations_ext_id", "project_id", "ext_id"),
        Index(
            "ix_annotations_skips",
            "project_id",
            "item_id",
            sqlite_where=text("cancelled"),
            postgresql_where=text("cancelled"),
        ),
    )

    project_id: int = Field(sa_column=project_key())
    seq: int = Field(sa_column=Column(BigSerial, primary_key=True, autoincrement=False))
    item_id: uuid.UUID = Field(sa_column=Column(Uuid, nullable=False))
    annotator_no: int
    source: str = Field(sa_column=Column(String(16), nullable=False))
    ext_id: uuid.UUID | None = Field(default=None, sa_column=Column(Uuid, nullable=True))
    ls_project: int | None = None
    ls_id: int | None = None
    ls_updated: datetime | None = Field(default=None, sa_type=UtcDateTime)
    updated_by_no: int | None = None
    counts: bool = Field(sa_column=Column(Boolean, nullable=False))
    why_not: str | None = Field(default=None, sa_column=Column(String(24), nullable=True))
    cancelled: bool = Field(default=False, sa_column=Column(Boolean, nullable=False))
    result: Any = Field(default=None, sa_column=Column(JsonText, nullable=True))
    selected_by: str | None = Field(default=None, sa_column=Column(String(16), nullable=True))
    guidelines: str | None = Field(default=None, sa_column=Column(String(64), nullable=True))
    """The version of the guidelines it was given under; null for one from elsewhere."""
    lead_time_s: float | None = Field(default=None, sa_column=Column(Float, nullable=True))
    created_at: datetime = Field(sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)


class Answer(SQLModel, table=True):
    """What a counted annotation says to one question, and until which number of the sequence it counted.

    An answer counts at number n when `seq <= n` and `until_seq` is null or above n: a frozen n always gives the same.
    """

    __tablename__ = "answers"
    __table_args__ = (
        Index("ix_answers_item", "project_id", "item_id", "question", "seq"),
        Index("ix_answers_question", "project_id", "question", "seq"),
    )

    project_id: int = Field(sa_column=project_key())
    seq: int = Field(sa_column=Column(BigSerial, primary_key=True, autoincrement=False))
    question: str = Field(sa_column=Column(String(256), primary_key=True))
    item_id: uuid.UUID = Field(sa_column=Column(Uuid, nullable=False))
    annotator_no: int
    value: Any = Field(sa_column=Column(JsonText, nullable=False))
    until_seq: int | None = Field(default=None, sa_column=Column(BigSerial, nullable=True))


class DriftKind(StrEnum):
    """What Label Studio did behind our back; docs say what each means and what to do."""

    TASK_VANISHED = "task_vanished"
    TASK_CHANGED = "task_changed"
    TASK_FOREIGN = "task_foreign"
    TASK_DOUBLED = "task_doubled"
    TASK_UNREADABLE = "task_unreadable"
    ANNOTATION_VANISHED = "annotation_vanished"
    ANNOTATION_CHANGED = "annotation_changed"
    ANNOTATION_FORGED = "annotation_forged"
    ANNOTATION_INVALID = "annotation_invalid"
    MASS_DELETION = "mass_deletion"
    CONFIG_CHANGED = "config_changed"
    CONFIG_REFUSED = "config_refused"
    PROJECT_GONE = "project_gone"


class Drift(SQLModel, table=True):
    """Something in Label Studio that is not as we left it; rows are only added, and hold no content."""

    __tablename__ = "labeling_drift"

    project_id: int = Field(sa_column=project_key())
    seq: int = Field(sa_column=Column(BigSerial, primary_key=True, autoincrement=False))
    kind: str = Field(sa_column=Column(String(24), nullable=False))
    ext_id: uuid.UUID | None = Field(default=None, sa_column=Column(Uuid, nullable=True))
    ls_id: int | None = None
    facts: Any = Field(default_factory=dict, sa_column=Column(JsonText, nullable=False))
    at: datetime = Field(sa_type=UtcDateTime)


def _table_of(model: type[SQLModel]) -> Table:
    return SQLModel.metadata.tables[str(model.__tablename__)]


COUNTERS = _table_of(LabelingCounter)
STUDIO_PROJECTS = _table_of(StudioProject)
TASKS = _table_of(Task)
ANNOTATORS = _table_of(Annotator)
ANNOTATOR_STATES = _table_of(AnnotatorStateSince)
GUIDELINES_SHOWN = _table_of(GuidelinesShown)
ANNOTATIONS = _table_of(Annotation)
ANSWERS = _table_of(Answer)
DRIFTS = _table_of(Drift)
"""The same tables for statements over many rows, which need no objects."""
