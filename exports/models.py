"""Exports' tables: versions, what they hold, which side an item stands on, who got a copy. The project comes first in every key."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Uuid
from sqlmodel import Field, SQLModel

from foundation.database import JsonText, UtcDateTime, project_key


class VersionState(StrEnum):
    BUILDING = "building"
    PUBLISHED = "published"
    REFUSED = "refused"
    DRAFT = "draft"
    WITHDRAWN = "withdrawn"


class WithdrawnWhy(StrEnum):
    ERASURE = "erasure"
    DRAFT_EXPIRED = "draft_expired"


class Version(SQLModel, table=True):
    """A build and what became of it. `no` counts the builds of a project; the name is given when the build is decided."""

    __tablename__ = "versions"
    __table_args__ = (
        Index("uq_versions_build", "project_id", "build_id", unique=True),
        Index("uq_versions_name", "project_id", "name", unique=True),
        Index("ix_versions_inputs", "project_id", "inputs_hash"),
        Index("ix_versions_state", "state"),
    )

    project_id: int = Field(sa_column=project_key())
    no: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    build_id: uuid.UUID = Field(sa_column=Column(Uuid, nullable=False))
    job_id: uuid.UUID | None = Field(default=None, sa_column=Column(Uuid, nullable=True))
    name: str | None = Field(default=None, sa_column=Column(String(64), nullable=True))
    state: str = Field(default=VersionState.BUILDING.value, sa_column=Column(String(12), nullable=False))
    draft: bool = Field(default=False, sa_column=Column(Boolean, nullable=False))
    asked: Any = Field(default_factory=dict, sa_column=Column(JsonText, nullable=False))
    """The overrides of the export settings that the build was asked for with."""
    parent: str | None = Field(default=None, sa_column=Column(String(64), nullable=True))
    inputs: Any = Field(default=None, sa_column=Column(JsonText, nullable=True))
    inputs_hash: str | None = Field(default=None, sa_column=Column(String(64), nullable=True))
    """SHA-256 over everything that decides the bytes: building again with the same one answers this version."""
    erasures_seen: int | None = None
    """How many erasures the project had when the inputs were frozen: another one since, and the build begins anew."""
    columns: Any = Field(default=None, sa_column=Column(JsonText, nullable=True))
    digest: str | None = Field(default=None, sa_column=Column(String(64), nullable=True))
    gates: Any = Field(default=None, sa_column=Column(JsonText, nullable=True))
    counts: Any = Field(default=None, sa_column=Column(JsonText, nullable=True))
    remarks: Any = Field(default=None, sa_column=Column(JsonText, nullable=True))
    """Warnings, settings that were overridden, and promises that were lowered; None in rows of before there were remarks."""
    files: Any = Field(default=None, sa_column=Column(JsonText, nullable=True))
    storage: str | None = Field(default=None, sa_column=Column(String(255), nullable=True))
    """Where the files lie in the store, or are being put; None where there are none."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    published_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    withdrawn_why: str | None = Field(default=None, sa_column=Column(String(32), nullable=True))
    successor: str | None = Field(default=None, sa_column=Column(String(64), nullable=True))


class VersionItem(SQLModel, table=True):
    """An item that a version holds. `labels`: 64 bits of a hash of its answers, to see whether a label was revised."""

    __tablename__ = "version_items"
    __table_args__ = (Index("ix_version_items_item", "project_id", "item_id"),)

    project_id: int = Field(sa_column=project_key())
    version_no: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    item_id: uuid.UUID = Field(sa_column=Column(Uuid, primary_key=True))
    side: str = Field(sa_column=Column(String(10), nullable=False))
    labels: int = Field(sa_column=Column(BigInteger, nullable=False))


class FrozenSide(SQLModel, table=True):
    """The side of the first published version that held an item: it keeps it for ever."""

    __tablename__ = "sides"

    project_id: int = Field(sa_column=project_key())
    item_id: uuid.UUID = Field(sa_column=Column(Uuid, primary_key=True))
    side: str = Field(sa_column=Column(String(10), nullable=False))
    first_version: int


class Download(SQLModel, table=True):
    """Who got which file of a version, and when; rows are only added. `key_id` is None for a command on this machine."""

    __tablename__ = "downloads"
    __table_args__ = (
        Index("ix_downloads_version", "project_id", "version_no"),
        Index("ix_downloads_at", "project_id", "at", "id"),
    )

    project_id: int = Field(sa_column=project_key())
    id: uuid.UUID = Field(sa_column=Column(Uuid, primary_key=True))
    version_no: int
    path: str = Field(sa_column=Column(String(255), nullable=False))
    key_id: uuid.UUID | None = Field(default=None, sa_column=Column(Uuid, nullable=True))
    at: datetime = Field(sa_type=UtcDateTime)


def _table_of(model: type[SQLModel]) -> Table:
    return SQLModel.metadata.tables[str(model.__tablename__)]


VERSIONS = _table_of(Version)
VERSION_ITEMS = _table_of(VersionItem)
SIDES = _table_of(FrozenSide)
DOWNLOADS = _table_of(Download)
"""The same tables for statements over many rows, which need no objects."""
