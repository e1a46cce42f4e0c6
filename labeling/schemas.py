"""What labeling's calls take and answer, as models: they stand in /openapi.json."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from foundation.http.openapi import Place
from labeling.models import AnnotatorRole, AnnotatorState
from labeling.service import LineStatus

ANNOTATION: dict[str, Any] = {
    "signal": "0199f0aa-7b3c-4c1e-9d43-6a5f0c9b2e14",
    "question": "tone",
    "annotator": "kim@example.org",
    "value": "good",
}


class AnnotationSent(BaseModel):
    """One label made elsewhere. Name the item or the signal, one of them."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [ANNOTATION]})

    item: UUID | None = None
    signal: UUID | None = None
    question: str
    annotator: str
    value: str | float | int
    created_at: datetime | None = None
    lead_time_s: float | None = None
    selected_by: str | None = None


class AnnotationFate(BaseModel):
    """What became of the annotation at this place of the request, counted from 0."""

    index: int
    status: LineStatus
    errors: list[Place] | None = None
    errors_more: int | None = Field(default=None, description="how many more mistakes it has than `errors` tells")


class AnnotationsAnswer(BaseModel):
    accepted: int
    replayed: int
    rejected: int
    errors_more: int | None = Field(
        default=None,
        description="mistakes beyond the 200 that one answer tells, the first of each annotation before all",
    )
    results: list[AnnotationFate]


class JobAnswer(BaseModel):
    job: UUID


class AnnotatorRead(BaseModel):
    """Somebody who answers, and what was done so far. There is no name: it is kept as a keyed hash only."""

    annotator: int
    alias: str
    role: AnnotatorRole
    state: AnnotatorState
    annotations: int
    skips: int
    ignored: int
    mean_lead_time_s: float | None = None


class AnnotatorsAnswer(BaseModel):
    annotators: list[AnnotatorRead]


class AnnotatorPut(BaseModel):
    """What a lead may change; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"alias": "Kim", "state": "active"}]})

    alias: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$",
        json_schema_extra={"not": {"type": "string", "pattern": "^(annotator-)?[0-9]+$"}},
    )
    role: AnnotatorRole | None = None
    state: AnnotatorState | None = None


class DriftAnswer(BaseModel):
    """What Label Studio did behind our back: how often each kind, and the newest findings."""

    counts: dict[str, int]
    findings: list[dict[str, Any]]
    unanswerable: list[UUID]


class AnswerRead(BaseModel):
    """One answer: a value, or the regions of a control that is not measured. `counts`: now."""

    question: str
    value: Any
    counts: bool


class AnnotationRead(BaseModel):
    """One version of one person's annotation. `why_not` says why it did not count when it was seen.

    `annotator` is a number; `alias` is told to keys that may manage. `guidelines` is the version that it was given under.
    """

    annotation: int
    item: UUID
    annotator: int
    alias: str | None = None
    source: str
    why_not: str | None
    answers: list[AnswerRead]
    selected_by: str | None
    guidelines: str | None
    lead_time_s: float | None
    created_at: datetime
    received_at: datetime


class AnnotationsPage(BaseModel):
    annotations: list[AnnotationRead]
    cursor: str | None


class ValueCount(BaseModel):
    value: str | float | int
    n: int


class Voter(BaseModel):
    """Who said what: a number, and for keys that may manage the alias."""

    annotator: int
    alias: str | None = None
    value: str | float | int


class DisagreementRead(BaseModel):
    """An item whose people gave different answers to a question that count now; the value most gave comes first."""

    item: UUID
    question: str
    values: list[ValueCount]
    answers: list[Voter]


class DisagreementsPage(BaseModel):
    disagreements: list[DisagreementRead]
    cursor: str | None
