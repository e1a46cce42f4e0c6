"""What labeling's calls take and answer, as models: they stand in /openapi.json."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from foundation.openapi import Place
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


class AnnotationsAnswer(BaseModel):
    accepted: int
    replayed: int
    rejected: int
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

    alias: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$")
    role: AnnotatorRole | None = None
    state: AnnotatorState | None = None


class DriftAnswer(BaseModel):
    """What Label Studio did behind our back: how often each kind, and the newest findings."""

    counts: dict[str, int]
    findings: list[dict[str, Any]]
    unanswerable: list[UUID]
