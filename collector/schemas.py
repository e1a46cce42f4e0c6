"""What the collector's calls take and answer, as /openapi.json shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from collector.intake.identity import MAX_NAME
from collector.intake.results import Retry, Status
from collector.models import ErasureState
from collector.project_file import CONSENT_WORD
from foundation.http.openapi import Place
from foundation.reasons import Reason

CONSENT: dict[str, Any] = {
    "granted": True,
    "purposes": ["training"],
    "notice": "1",
    "given_at": "2026-11-22T08:20:00+01:00",
}
SIGNAL: dict[str, Any] = {
    "id": "0199f0aa-7b3c-4c1e-9d43-6a5f0c9b2e14",
    "subject": "install-1",
    "captured_at": "2026-11-22T08:26:18.123+01:00",
    "payload": {"text": "Lovely socks, arrived early."},
    "context": {"os_name": "android", "app_version": "3.2.1"},
}
PROJECT: dict[str, Any] = {
    "project": "shop-reviews",
    "title": "Tone of shop reviews",
    "fields": {"text": {"kind": "text", "required": True, "max_chars": 500}},
    "context": {"keep": ["os_name", "app_version"]},
    "privacy": {"consent": "required", "purposes": ["training"], "notices": {"1": {"en": "We use your review."}}},
    "labeling": {
        "config": '<View><Text name="t" value="$text"/><Choices name="tone" toName="t">'
        '<Choice value="good"/><Choice value="bad"/></Choices></View>',
        "overlap": 2,
    },
    "export": {"targets": ["tone"], "gates": {"tone": {"alpha": 0.6}}},
}
"""Bodies that stand as examples in the API's documents: they are taken as they are."""


UuidText = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
TimeText = Annotated[str, Field(description="RFC 3339, with zone", json_schema_extra={"format": "date-time"})]
ZuluTime = Annotated[
    datetime,
    PlainSerializer(lambda at: at.isoformat().replace("+00:00", "Z")),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A time in UTC that is written with a Z."""
WordText = Annotated[str, Field(pattern=f"^(?:{CONSENT_WORD.pattern})$", json_schema_extra={"format": "word"})]
"""A short word that is nobody's number: one that looks like a telephone's is refused all the same."""


class ConsentGiven(BaseModel):
    """What a person agreed to, under which version of the notice, and when."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [CONSENT]})

    granted: bool
    purposes: list[WordText] = Field(default=[], max_length=50)
    notice: WordText | Literal[""] = ""
    given_at: TimeText = Field(description="RFC 3339, with zone; not in the future")
    age_confirmed: bool | None = None


class ConsentStanding(BaseModel):
    granted: bool
    purposes: list[str]
    notice: str
    given_at: str


class ConsentOnRecord(ConsentStanding):
    received_at: str
    age_confirmed: bool | None


class HeldBack(BaseModel):
    """How much of a person's record an app's key does not see."""

    signals: int
    consents: int
    dead_letters: int
    detail: str = Field(description="what to do about it")


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
    held_back: HeldBack | None = Field(
        description="with an app's key, where somebody else speaks in this name, too: what came without its token, and is "
        "not shown"
    )


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

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [SIGNAL]})

    id: UuidText = Field(description="a UUID made by the app: the idempotency key")
    captured_at: TimeText
    payload: dict[str, Any] = Field(description="the project's fields")
    subject: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_NAME,
        description="the app's name for the person; kept as a keyed hash",
    )
    device: str | None = Field(default=None, min_length=1, max_length=MAX_NAME)
    age_ms: float | None = Field(
        default=None, description="how long ago by the monotonic clock, stamped at each attempt"
    )
    context: dict[str, Any] | None = None
    prediction: dict[str, Any] | None = None
    revision: int | None = None
    consent: ConsentGiven | None = None


class SignalBatch(BaseModel):
    """An envelope; one signal alone, or one a line (application/x-ndjson), is taken as well."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"consent": CONSENT, "signals": [SIGNAL]}]}
    )

    signals: list[SignalSent]
    consent: ConsentGiven | None = Field(default=None, description="holds for every subject of the batch")


class ValueDropped(BaseModel):
    pointer: str
    reason: Reason


class SignalResult(BaseModel):
    id: str | None
    status: Status
    retry: Retry
    item: str | None = None
    redactions: dict[str, int] | None = None
    dropped: list[ValueDropped] | None = Field(
        default=None,
        description="values that were not kept: undeclared, personal by the project's rule, not readable, or, at "
        "`/consent`, a consent that needs the person's token (`consent_unproven`); at most 20",
    )
    dropped_more: int | None = Field(default=None, description="how many more values were not kept")
    errors: list[Place] | None = Field(
        default=None, description="what is wrong with it, at most 20, and 200 in all results"
    )
    errors_more: int | None = Field(default=None, description="how many more mistakes it has than `errors` tells")


class SignalsAnswer(BaseModel):
    accepted: int
    duplicate: int
    replayed: int
    rejected: int
    errors_more: int | None = Field(
        default=None,
        description="mistakes of all signals that no result tells: the first of each signal comes before all",
    )
    results: list[SignalResult]


class ProjectPut(BaseModel):
    project: str
    revision: int
    breaks: list[str]
    not_in_effect: list[str] = Field(
        description="pointers to settings that are kept and that a later release acts upon"
    )
    instead: dict[str, str] = Field(description="for each of them, by its pointer, what is done instead")


class ProjectCounts(BaseModel):
    signals: int
    items: int
    ready: int
    dead_letters: int
    context_dropped: int = Field(description="context values of stored signals that could not be read and are null")
    tasks: int
    annotations: int


class ProjectRead(BaseModel):
    project: str
    revision: int
    file: dict[str, Any]
    counts: ProjectCounts


class ProjectFileSent(BaseModel):
    """A project file, as JSON or YAML."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [PROJECT]})

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
    status: ErasureState
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
    error: str | None = Field(
        default=None,
        description="for managers, while the status is failed: which step has failed three times, and why; it goes on being tried",
    )


class ErasurePage(BaseModel):
    erasures: list[ErasureRead]
    cursor: str | None


class DeadLetterRead(BaseModel):
    id: str
    signal: str | None
    reason: Reason
    pointer: str
    revision: int
    received_at: ZuluTime
    expires_at: ZuluTime
    can_replay: bool
    why_no_replay: str | None = Field(description="why nothing of it was kept that could be replayed")


class DeadLetterPage(BaseModel):
    dead_letters: list[DeadLetterRead]
    cursor: str | None


class ReplayAsked(BaseModel):
    """Which dead letters to try again; all of them where `ids` is left out."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{"dry_run": True}]})

    ids: list[UuidText] | None = Field(default=None, max_length=10_000)
    dry_run: bool = False


class ReplayAnswer(BaseModel):
    replayed: int
    still_rejected: int
