"""Numbers given out one after another within a project, visible to others in their order."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlmodel import Session

from foundation.database import insert_ignoring
from labeling.models import COUNTERS

ANNOTATION = "annotation"
ANNOTATOR = "annotator"
PICK = "pick"
DRIFT = "drift"


def take_numbers(session: Session, project_id: int, name: str, how_many: int) -> int:
    """The first of `how_many` fresh numbers, from 1 on.

    The counter stays locked until the commit: whoever reads number n sees every row below n, now and for ever.
    """
    insert_ignoring(session, COUNTERS, [{"project_id": project_id, "name": name, "last": 0}])
    session.connection().execute(
        update(COUNTERS)
        .where(COUNTERS.c.project_id == project_id, COUNTERS.c.name == name)
        .values(last=COUNTERS.c.last + how_many)
    )
    return last_number(session, project_id, name) - how_many + 1


def lock_annotations(session: Session, project_id: int) -> None:
    """Waits until whoever writes annotations has committed, and keeps others from it until this commit."""
    take_numbers(session, project_id, ANNOTATION, 0)


def last_number(session: Session, project_id: int, name: str) -> int:
    """The last number given out; 0 where none was."""
    found = session.connection().execute(
        select(COUNTERS.c.last).where(COUNTERS.c.project_id == project_id, COUNTERS.c.name == name)
    )
    return int(found.scalar() or 0)
