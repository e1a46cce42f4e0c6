"""Quality's tables: reports, and the rows that failed an expectation. The project comes first in every key."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, Integer, Uuid
from sqlmodel import Field, SQLModel

from foundation.database import BigSerial, JsonText, UtcDateTime, project_key


class Report(SQLModel, table=True):
    """What was measured, when, and of what: it holds figures and no content."""

    __tablename__ = "reports"

    project_id: int = Field(sa_column=project_key())
    no: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    revision: int
    annotations_upto_seq: int = Field(sa_column=Column(BigSerial, nullable=False))
    n_signals: int
    created_at: datetime = Field(sa_type=UtcDateTime)
    body: Any = Field(sa_column=Column(JsonText, nullable=False))


class FailingRow(SQLModel, table=True):
    """A signal that fails an expectation of a report: every one is kept, not the first 200."""

    __tablename__ = "failing_rows"
    __table_args__ = (Index("ix_failing_rows_signal", "project_id", "signal_id"),)

    project_id: int = Field(sa_column=project_key())
    report_no: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    expectation: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    signal_id: uuid.UUID = Field(sa_column=Column(Uuid, primary_key=True))
