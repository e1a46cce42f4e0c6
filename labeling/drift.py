"""What Label Studio did behind our back, kept for the report: what, where and when, and no content."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlmodel import Session

from labeling.counters import DRIFT, take_numbers
from labeling.models import DRIFTS, DriftKind

NEWEST = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as we left it."""

    kind: DriftKind
    ext_id: uuid.UUID | None = None
    ls_id: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def report_drift(session: Session, project_id: int, findings: Sequence[Finding], *, now: datetime) -> None:
    """Adds findings to the record."""
    if not findings:
        return
    first = take_numbers(session, project_id, DRIFT, len(findings))
    rows = [
        {
            "project_id": project_id,
            "seq": first + place,
            "kind": finding.kind.value,
            "ext_id": finding.ext_id,
            "ls_id": finding.ls_id,
            "facts": finding.facts,
            "at": now,
        }
        for place, finding in enumerate(findings)
    ]
    session.connection().execute(insert(DRIFTS), rows)


def report_new_drift(session: Session, project_id: int, findings: Sequence[Finding], *, now: datetime) -> None:
    """As `report_drift`, leaving out what the record has already: for states that last."""
    kinds = {finding.kind.value for finding in findings}
    known = session.connection().execute(
        select(DRIFTS.c.kind, DRIFTS.c.ext_id, DRIFTS.c.ls_id).where(
            DRIFTS.c.project_id == project_id, DRIFTS.c.kind.in_(kinds)
        )
    )
    seen = {tuple(row) for row in known}
    fresh = [one for one in findings if (one.kind.value, one.ext_id, one.ls_id) not in seen]
    report_drift(session, project_id, fresh, now=now)


def report_lasting(session: Session, project_id: int, finding: Finding, *, now: datetime) -> None:
    """As `report_drift`, unless the newest of its kind says the same: a sync that stops finds it again each time."""
    newest = session.connection().execute(
        select(DRIFTS.c.facts)
        .where(DRIFTS.c.project_id == project_id, DRIFTS.c.kind == finding.kind.value)
        .order_by(DRIFTS.c.seq.desc())
        .limit(1)
    )
    if newest.scalar() != finding.facts:
        report_drift(session, project_id, [finding], now=now)


def count_drift(session: Session, project_id: int) -> dict[str, int]:
    """How often each kind of drift was found."""
    rows = session.connection().execute(
        select(DRIFTS.c.kind, func.count()).where(DRIFTS.c.project_id == project_id).group_by(DRIFTS.c.kind)
    )
    return {kind: int(n) for kind, n in rows}


def list_drift(session: Session, project_id: int, *, newest: int = NEWEST) -> list[dict[str, Any]]:
    """The newest findings, the newest first."""
    rows = session.connection().execute(
        select(DRIFTS).where(DRIFTS.c.project_id == project_id).order_by(DRIFTS.c.seq.desc()).limit(newest)
    )
    return [
        {"kind": row.kind, "task": row.ext_id, "ls_id": row.ls_id, "facts": row.facts, "at": row.at} for row in rows
    ]
