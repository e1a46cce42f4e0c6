"""What the collector's calls take and answer, as /openapi.json shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class ConsentGiven(BaseModel):
    """What a person agreed to, under which version of the notice, and when."""

    model_config = ConfigDict(extra="forbid")

    granted: bool
    purposes: list[str] = []
    notice: str = ""
    given_at: str = Field(description="RFC 3339, with zone")
    age_confirmed: bool | None = None


class ConsentStanding(BaseModel):
    granted: bool
    purposes: list[str]
    notice: str
    given_at: str


class SignalSent(BaseModel):
    """One observation. Only id, captured_at and payload are required."""

    id: str = Field(description="a UUID made by the app: the idempotency key")
    captured_at: str = Field(description="RFC 3339, with zone")
    payload: dict[str, Any] = Field(description="the project's fields")
    subject: str | None = Field(default=None, description="the app's name for the person; kept as a keyed hash")
    device: str | None = None
    age_ms: float | None = Field(
        default=None, description="how long ago by the monotonic clock, stamped at each attempt"
    )
    context: dict[str, Any] | None = None
    prediction: dict[str, Any] | None = None
    revision: int | None = None
    consent: ConsentGiven | None = None


class SignalBatch(BaseModel):
    """An envelope; one signal alone, or one a line (application/x-ndjson), is taken as well."""

    signals: list[SignalSent]
    consent: ConsentGiven | None = Field(default=None, description="holds for every subject of the batch")


class PlaceAtFault(BaseModel):
    pointer: str
    reason: str
    detail: str


class ValueDropped(BaseModel):
    pointer: str
    reason: str


class SignalResult(BaseModel):
    id: str | None
    status: str
    retry: str
    item: str | None = None
    redactions: dict[str, int] | None = None
    dropped: list[ValueDropped] | None = Field(
        default=None,
        description="values that were not kept: undeclared, personal by the project's rule, or not readable",
    )
    errors: list[PlaceAtFault] | None = None


class SignalsAnswer(BaseModel):
    accepted: int
    duplicate: int
    replayed: int
    rejected: int
    results: list[SignalResult]


class ProjectPut(BaseModel):
    project: str
    revision: int
    breaks: list[str]
    not_in_effect: list[str] = Field(
        description="pointers to settings that are kept and that a later release acts upon"
    )


class ProjectCounts(BaseModel):
    signals: int
    items: int
    ready: int
    tasks: int
    annotations: int
    dead_letters: int
    context_dropped: int = Field(description="context values of stored signals that could not be read and are null")


class ProjectRead(BaseModel):
    project: str
    revision: int
    file: dict[str, Any]
    counts: ProjectCounts


class ProjectFileSent(BaseModel):
    """A project file, as JSON or YAML."""

    model_config = ConfigDict(extra="allow")

    project: str
    fields: dict[str, Any]


class ErasureAccepted(BaseModel):
    erasure: str


class ErasureRead(BaseModel):
    erasure: str
    status: str
    signals: int
    items: int
    blobs: int
    tasks: int
    annotations: int
    versions: int
    downloads: int
    completed_at: datetime | None
    receipt: dict[str, Any] | None


class DeadLetterRead(BaseModel):
    id: str
    signal: str | None
    reason: str
    pointer: str
    revision: int
    received_at: datetime
    expires_at: datetime
    can_replay: bool
    why_no_replay: str | None = Field(description="why nothing of it was kept that could be replayed")


class DeadLetterPage(BaseModel):
    dead_letters: list[DeadLetterRead]
    cursor: str | None


class ReplayAsked(BaseModel):
    """Which dead letters to try again; all of them where `ids` is left out."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ids: list[str] | None = Field(default=None, max_length=10_000)
    dry_run: bool = False


class ReplayAnswer(BaseModel):
    replayed: int
    still_rejected: int
