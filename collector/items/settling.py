"""When an item is ready: when no step is owed to it any more."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Session, col, select

from collector.models import Item
from foundation.step_rows import Owed
from foundation.steps import Effect


def settle_item(session: Session, owed: Owed, now: datetime) -> None:  # noqa: ARG001
    """Every step of an item is done: it may be labelled and exported from now on."""
    session.connection().execute(update(Item).where(*_is(owed)).values(ready=True))


def hold_item(session: Session, owed: Owed) -> None:
    """An erasure takes an item away and then what was owed to it: a step that ends comes to the item first, too."""
    session.connection().execute(select(Item.id).where(*_is(owed)).with_for_update(key_share=True))


ITEM = Effect("item", completed=settle_item, hold=hold_item)
"""Whoever stores items asks `has_steps(ITEM)`: where nothing follows, they are ready at once, else `owe(session, ITEM, …)`."""


def _is(owed: Owed) -> tuple[ColumnElement[bool], ...]:
    return col(Item.project_id) == owed.project_id, col(Item.id) == uuid.UUID(owed.of)
