"""What held when: which guidelines Label Studio showed, and which state a lead had given to whom."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session

from foundation.database import insert_ignoring
from labeling.models import ANNOTATOR_STATES, GUIDELINES_SHOWN, AnnotatorState


@dataclass(frozen=True, slots=True)
class Timeline:
    """Values, each from its moment on; before the first there is none."""

    moments: tuple[datetime, ...] = ()
    values: tuple[str | None, ...] = ()

    def at(self, moment: datetime) -> str | None:
        """What held at a moment; a value holds from its very moment on."""
        place = bisect_right(self.moments, moment)
        return self.values[place - 1] if place else None

    @property
    def newest(self) -> str | None:
        return self.values[-1] if self.values else None


NO_VALUE = Timeline()


def timeline_of(rows: Iterable[tuple[datetime, str | None]]) -> Timeline:
    """A timeline from moments in ascending order and what held from each on."""
    held = list(rows)
    return Timeline(tuple(moment for moment, _ in held), tuple(value for _, value in held))


def read_guidelines(session: Session, project_id: int) -> Timeline:
    """Which version of the guidelines Label Studio has shown since when."""
    rows = session.connection().execute(
        select(GUIDELINES_SHOWN.c.from_at, GUIDELINES_SHOWN.c.version)
        .where(GUIDELINES_SHOWN.c.project_id == project_id)
        .order_by(GUIDELINES_SHOWN.c.from_at)
    )
    return timeline_of((row.from_at, row.version) for row in rows)


def note_guidelines(session: Session, project_id: int, version: str | None, *, now: datetime) -> None:
    """Notes that Label Studio shows a version from now on, unless it is the one that was shown last."""
    if read_guidelines(session, project_id).newest != version:
        row = {"project_id": project_id, "from_at": now, "version": version}
        insert_ignoring(session, GUIDELINES_SHOWN, [row])


def read_states(session: Session, project_id: int) -> dict[int, Timeline]:
    """The states of those annotators, by their numbers, whose state was ever changed; all others are active."""
    rows = session.connection().execute(
        select(ANNOTATOR_STATES.c.annotator_no, ANNOTATOR_STATES.c.from_at, ANNOTATOR_STATES.c.state)
        .where(ANNOTATOR_STATES.c.project_id == project_id)
        .order_by(ANNOTATOR_STATES.c.annotator_no, ANNOTATOR_STATES.c.from_at)
    )
    held: dict[int, list[tuple[datetime, str | None]]] = {}
    for row in rows:
        held.setdefault(row.annotator_no, []).append((row.from_at, row.state))
    return {no: timeline_of(states) for no, states in held.items()}


def note_state(session: Session, project_id: int, annotator: int, state: AnnotatorState, *, now: datetime) -> None:
    """Notes that somebody is in a state from now on."""
    row = {"project_id": project_id, "annotator_no": annotator, "from_at": now, "state": state.value}
    insert_ignoring(session, ANNOTATOR_STATES, [row])
