"""When an item is ready: when no step is owed to it any more."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col

from collector.models import Item
from foundation.step_rows import Owed
from foundation.steps import Effect


def settle_item(session: Session, owed: Owed, now: datetime) -> None:  # noqa: ARG001
    """Every step of an item is done: it may be labelled and exported from now on."""
    of_item = (col(Item.project_id) == owed.project_id, col(Item.id) == uuid.UUID(owed.of))
    session.connection().execute(update(Item).where(*of_item).values(ready=True))


ITEM = Effect("item", completed=settle_item)
"""Whoever stores items asks `has_steps(ITEM)`: where nothing follows, they are ready at once, else `owe(session, ITEM, …)`."""
