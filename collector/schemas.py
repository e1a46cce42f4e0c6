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


class ConsentOnRecord(ConsentStanding):
    received_at: str
    age_confirmed: bool | None


class ConsentRecord(BaseModel):
    """The newest consent, what it covers, and everything on record."""

    subject: str = Field(description="the person, as a keyed hash: the same as on a receipt")
    held: bool = Field(description="whether anything was ever held under this name")
    granted: bool
    purposes: list[str]
    notice: str
    given_at: str | None
    passes: bool = Field(description="whether what is captured now may be used")
    covers_from: str | None = Field(
        description="what was captured earlier stays out; null where all is covered, or nothing"
    )
    erased_at: str | None
    consents: list[ConsentOnRecord]


class SubjectRecord(ConsentRecord):
    """All that is held on a person; further members hold what each domain knows of their items."""

    model_config = ConfigDict(extra="allow")

    project: str
    at: datetime
    erasures: list[dict[str, Any]]
    signals: list[dict[str, Any]]
    items: list[dict[str, Any]]
    dead_letters: list[dict[str, Any]]
    tasks: list[dict[str, Any]]
    annotations: list[dict[str, Any]]
    failing_rows: list[dict[str, Any]]
    versions: list[dict[str, Any]]
    downloads: list[dict[str, Any]]


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


class SignalResult(BaseModel):
    id: str | None
    status: str
    retry: str
    item: str | None = None
    redactions: dict[str, int] | None = None
    dropped: list[str] | None = None
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
    subject: str = Field(description="the person, as a keyed hash: the same name gives the same")
    held: bool = Field(description="false: nothing was ever held under this name, which may be misspelled")


class ErasureRead(BaseModel):
    erasure: str
    subject: str
    held: bool | None
    status: str
    signals: int
    items: int
    blobs: int
    tasks: int
    annotations: int
    versions: int
    downloads: int
    requested_at: datetime
    completed_at: datetime | None
    receipt: dict[str, Any] | None = Field(
        description="whose data it was, whether any was held, and what each floor did"
    )


class ErasurePage(BaseModel):
    erasures: list[ErasureRead]
    cursor: str | None


class DeadLetterRead(BaseModel):
    id: str
    signal: str | None
    reason: str
    pointer: str
    revision: int
    received_at: datetime
    expires_at: datetime
    can_replay: bool


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
