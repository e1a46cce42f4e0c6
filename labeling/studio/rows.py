"""What Label Studio tells, as types of ours. Whatever does not have the expected form is refused here."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from labeling.errors import StudioUnreadable

EXT_ID = "ext_id"
BATCH = "ext_batch"
OWN_FIELDS = (EXT_ID, BATCH)
"""What Winnow adds to a task's content: names that no field shown to annotators may have."""
MAX_LEAD_TIME_S = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class StudioAnnotation:
    """One annotation as it is now. `author`: whose it claims to be; `updated_by`: who wrote it last, which cannot be forged."""

    id: int
    author: int | None
    updated_by: int | None
    cancelled: bool
    result: Any
    created_at: datetime
    updated_at: datetime
    lead_time_s: float | None


@dataclass(frozen=True, slots=True)
class StudioTask:
    """One task. `ext_id` is None where it is none of ours; `annotations` is empty where they were not asked for."""

    id: int
    ext_id: uuid.UUID | None
    updated_at: datetime
    updated_by: int | None
    annotations: tuple[StudioAnnotation, ...] = ()
    overlap: int = 0
    """How many annotations it is handed out for; 0 where nobody is given it any more."""
    content: Mapping[str, Any] = field(default_factory=dict)
    """What annotators see."""


@dataclass(frozen=True, slots=True)
class StudioProjectState:
    """A project as Label Studio has it."""

    id: int
    config: str
    overlap: int
    n_tasks: int
    instruction: str = ""
    """HTML that annotators are shown before they begin; empty where they are shown none."""


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to import: what annotators see, and our name for it."""

    ext_id: uuid.UUID
    batch: uuid.UUID
    content: Mapping[str, Any]

    def body(self) -> dict[str, Any]:
        return {"data": {**self.content, EXT_ID: str(self.ext_id), BATCH: str(self.batch)}}


def read_tasks(raw: Any) -> list[StudioTask]:
    """The tasks of a list.

    Raises:
        StudioUnreadable: it is no list of tasks.
    """
    rows = raw.get("tasks") if isinstance(raw, dict) else None
    if not isinstance(rows, list):
        raise StudioUnreadable("Label Studio answered something else than a list of tasks")
    return [read_task(row) for row in rows]


def read_task(row: Any) -> StudioTask:
    """One task of a list.

    Raises:
        StudioUnreadable: it is none.
    """
    try:
        listed = row.get("annotations") or []
        return StudioTask(
            id=_whole(row["id"]),
            ext_id=_ext_id(row.get("data")),
            updated_at=read_time(row["updated_at"]),
            updated_by=_updated_by(row.get("updated_by")),
            annotations=tuple(_annotation(one) for one in listed),
            content=row["data"] if isinstance(row.get("data"), dict) else {},
            overlap=0 if row.get("is_labeled") else _whole(row.get("overlap") or 0),
        )
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise StudioUnreadable("Label Studio answered a task in a form that is not known") from error


def read_project(row: Any) -> StudioProjectState:
    """A project.

    Raises:
        StudioUnreadable: it is none.
    """
    try:
        return StudioProjectState(
            id=_whole(row["id"]),
            config=str(row["label_config"]),
            overlap=_whole(row["maximum_annotations"]),
            n_tasks=_whole(row.get("task_number") or 0),
            instruction=str(row.get("expert_instruction") or "") if row.get("show_instruction") else "",
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise StudioUnreadable("Label Studio answered a project in a form that is not known") from error


def read_ids(raw: Any, expected: int) -> list[int]:
    """The ids of imported tasks, in the order sent.

    Raises:
        StudioUnreadable: it is not one id for each task.
    """
    ids = raw.get("task_ids") if isinstance(raw, dict) else None
    if not isinstance(ids, list) or len(ids) != expected or not all(type(one) is int for one in ids):
        raise StudioUnreadable("Label Studio did not name a task for each that was sent")
    return ids


def read_time(written: Any) -> datetime:
    """A time with zone, in UTC. Raises ValueError or TypeError where it is none."""
    given = datetime.fromisoformat(written)
    if given.tzinfo is None:
        raise ValueError("a time without zone")
    return given.astimezone(UTC)


def write_time(value: datetime) -> str:
    """As Label Studio's filters take it, to the microsecond."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _annotation(row: Any) -> StudioAnnotation:
    return StudioAnnotation(
        id=_whole(row["id"]),
        author=_user(row.get("completed_by")),
        updated_by=_user(row.get("updated_by")),
        cancelled=bool(row.get("was_cancelled")),
        result=row.get("result"),
        created_at=read_time(row["created_at"]),
        updated_at=read_time(row["updated_at"]),
        lead_time_s=_lead_time(row.get("lead_time")),
    )


def _whole(raw: Any) -> int:
    if type(raw) is not int:
        raise TypeError("not a whole number")
    return raw


def _user(raw: Any) -> int | None:
    """A user's id, which comes as a number or as an object that has one."""
    if isinstance(raw, dict):
        raw = raw.get("id")
    return raw if type(raw) is int else None


def _updated_by(raw: Any) -> int | None:
    if isinstance(raw, list):
        raw = raw[0].get("user_id") if len(raw) == 1 and isinstance(raw[0], dict) else None
    return _user(raw)


def _ext_id(content: Any) -> uuid.UUID | None:
    written = content.get(EXT_ID) if isinstance(content, dict) else None
    try:
        return uuid.UUID(written) if isinstance(written, str) and len(written) == 36 else None
    except ValueError:
        return None


def _lead_time(raw: Any) -> float | None:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not 0 <= raw <= MAX_LEAD_TIME_S:
        return None
    return float(raw)
