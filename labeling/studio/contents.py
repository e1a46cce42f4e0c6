"""What a task shows: made from its item, and held against what Label Studio has, where anybody may write."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from collector.models import Item, Signal
from collector.queries import live_signal_passes, usable_items
from foundation.database import these
from labeling.project import LabelingSection
from labeling.studio.rows import StudioTask

ITEMS_AT_ONCE = 500


def contents_of(
    session: Session, project_id: int, items: Sequence[uuid.UUID], section: LabelingSection
) -> dict[uuid.UUID, dict[str, Any]]:
    """What annotators are to see of each item that may be used: the fields the configuration shows, and nothing else."""
    fields = section.configuration.fields
    usable = usable_items(project_id, among=these(session, items))
    rows = session.connection().execute(usable.add_columns(col(Item.content)))
    contents: dict[uuid.UUID, Mapping[str, Any]] = {row[0]: row[1] for row in rows}
    lacking = [item for item, content in contents.items() if not all(field in content for field in fields)]
    extras = _extras(session, project_id, lacking)
    return {
        item: {field: _shown(field, content, extras.get(item, {})) for field in fields}
        for item, content in contents.items()
    }


def changed_by_hand(
    session: Session, project_id: int, tasks: Iterable[tuple[StudioTask, uuid.UUID]], section: LabelingSection
) -> set[int]:
    """Numbers of the tasks that show another content than the item they are for: what makes an item never changes."""
    pairs, fields = list(tasks), section.configuration.fields
    found: set[int] = set()
    for start in range(0, len(pairs), ITEMS_AT_ONCE):
        part = pairs[start : start + ITEMS_AT_ONCE]
        rows = session.connection().execute(
            select(col(Item.id), col(Item.content)).where(
                col(Item.project_id) == project_id, col(Item.id).in_([item for _, item in part])
            )
        )
        made: dict[uuid.UUID, Mapping[str, Any]] = {row[0]: row[1] for row in rows}
        found.update(task.id for task, item in part if item in made and _differs(task.content, made[item], fields))
    return found


def _differs(there: Mapping[str, Any], made: Mapping[str, Any], fields: Sequence[str]) -> bool:
    return any(there.get(field) != _shown(field, made, {}) for field in fields if field in made)


def _extras(session: Session, project_id: int, items: Sequence[uuid.UUID]) -> dict[uuid.UUID, Mapping[str, Any]]:
    """The other fields of each item's earliest live signal: what is shown beside what makes the item."""
    if not items:
        return {}
    rows = session.connection().execute(
        select(col(Signal.item_id), col(Signal.extra))
        .where(col(Signal.project_id) == project_id, col(Signal.item_id).in_(items), live_signal_passes())
        .order_by(col(Signal.received_at).desc(), col(Signal.id).desc())
    )
    return {row[0]: row[1] for row in rows}


def _shown(field: str, content: Mapping[str, Any], extra: Mapping[str, Any]) -> Any:
    """A value, or nothing to see: Label Studio refuses a whole import when one task lacks a field."""
    value = content.get(field, extra.get(field))
    return "" if value is None else value
