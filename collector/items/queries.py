"""What is held, to look at: the projects, the items of one, the signals of an item."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import Text, and_, func, type_coerce
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Session, col, select

from collector.models import Item, Project, Signal
from collector.queries import live_signal_passes, usable_items
from foundation.errors import NotFound

MAX_SEARCH_CHARS = 200
ESCAPE = "\\"


class ItemState(StrEnum):
    """Why a version may use an item, or may not; the first that applies."""

    HELD = "held"
    WAITING = "waiting"
    READY = "ready"
    WITHOUT_CONSENT = "without_consent"


@dataclass(frozen=True, slots=True)
class SeenItem:
    """An item, its state, and how many signals carry it."""

    item: Item
    state: ItemState
    n_signals: int


def list_projects(session: Session, *, only: int | None, after: str, limit: int) -> Sequence[Project]:
    """Projects by name; `only`: the one that a key belongs to."""
    statement = select(Project).where(col(Project.name) > after).order_by(col(Project.name)).limit(limit)
    return session.exec(statement if only is None else statement.where(col(Project.id) == only)).all()


def list_items(
    session: Session,
    project_id: int,
    *,
    state: ItemState | None = None,
    text: str = "",
    after: uuid.UUID | None = None,
    limit: int,
) -> list[SeenItem]:
    """Items by id. `text` is looked for in the contents, without regard to the case of A to Z."""
    statement = select(Item).where(col(Item.project_id) == project_id).order_by(col(Item.id)).limit(limit)
    if after is not None:
        statement = statement.where(col(Item.id) > after)
    if state is not None:
        statement = statement.where(_has_state(project_id, state))
    if text:
        statement = statement.where(_content_has(text))
    return _seen(session, project_id, session.exec(statement).all())


def read_item(session: Session, project_id: int, item_id: uuid.UUID) -> SeenItem:
    """Raises NotFound where the project has no such item."""
    item = session.get(Item, (project_id, item_id))
    if item is None:
        raise NotFound("there is no such item here")
    return _seen(session, project_id, [item])[0]


def list_signals(
    session: Session, project_id: int, item_id: uuid.UUID, *, after: uuid.UUID | None, limit: int
) -> list[tuple[Signal, bool]]:
    """The signals that carry an item, by id, each with whether its person's consent lets it count."""
    statement = (
        select(Signal, live_signal_passes())
        .where(col(Signal.project_id) == project_id, col(Signal.item_id) == item_id)
        .order_by(col(Signal.id))
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(col(Signal.id) > after)
    return [(signal, bool(counts)) for signal, counts in session.exec(statement)]


def _has_state(project_id: int, state: ItemState) -> ColumnElement[bool]:
    if state is ItemState.HELD:
        return and_(col(Item.hold))
    if state is ItemState.WAITING:
        return and_(~col(Item.hold), ~col(Item.ready))
    is_usable = col(Item.id).in_(usable_items(project_id))
    return is_usable if state is ItemState.READY else and_(~col(Item.hold), col(Item.ready), ~is_usable)


def _content_has(text: str) -> ColumnElement[bool]:
    """Whether a stored content has a text somewhere: contents are JSON, so the text is looked for as JSON writes it."""
    written = orjson.dumps(text)[1:-1].decode()
    for special in (ESCAPE, "%", "_"):
        written = written.replace(special, ESCAPE + special)
    return func.lower(type_coerce(col(Item.content), Text)).like(func.lower(f"%{written}%"), escape=ESCAPE)


def _seen(session: Session, project_id: int, items: Sequence[Item]) -> list[SeenItem]:
    ids = [item.id for item in items]
    among = select(Item.id).where(col(Item.project_id) == project_id, col(Item.id).in_(ids))
    usable = set(session.connection().execute(usable_items(project_id, among=among)).scalars())
    n_signals = _count_signals(session, project_id, ids)
    return [SeenItem(item, _state_of(item, usable), n_signals.get(item.id, 0)) for item in items]


def _state_of(item: Item, usable: Collection[uuid.UUID]) -> ItemState:
    if item.hold:
        return ItemState.HELD
    if not item.ready:
        return ItemState.WAITING
    return ItemState.READY if item.id in usable else ItemState.WITHOUT_CONSENT


def _count_signals(session: Session, project_id: int, items: Sequence[uuid.UUID]) -> dict[Any, int]:
    statement = (
        select(Signal.item_id, func.count())
        .where(col(Signal.project_id) == project_id, col(Signal.item_id).in_(items))
        .group_by(col(Signal.item_id))
    )
    return {item: int(n) for item, n in session.exec(statement)}
