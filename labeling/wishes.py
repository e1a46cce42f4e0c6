"""What is asked of the sync, kept as a row until it is done: a wish outlives the job that was to fulfil it."""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session

from foundation.database import insert_ignoring
from labeling.models import STUDIO_PROJECTS, StudioProject, StudioState

ASKED = "asked"
"""The argument of a sync that somebody waits for, beside those that the schedule makes."""


def prepare_studio(session: Session, project_id: int, *, now: datetime) -> None:
    """Makes the row that says how a project stands with Label Studio, where there is none yet."""
    row = StudioProject(project_id=project_id, token=fresh_token(), state=StudioState.INTENT.value, created_at=now)
    insert_ignoring(session, STUDIO_PROJECTS, [row.model_dump()])


def fresh_token() -> str:
    """What a new project in Label Studio is found again by."""
    return secrets.token_hex(16)


def ask_for_push(session: Session, project_id: int, *, now: datetime) -> None:
    """Notes that somebody wants items to go out, also of a project that waits for it (`labeling.push: manual`)."""
    prepare_studio(session, project_id, now=now)
    session.connection().execute(
        update(STUDIO_PROJECTS).where(STUDIO_PROJECTS.c.project_id == project_id).values(push_asked_at=now)
    )
