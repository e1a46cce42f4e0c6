"""What Label Studio tells, as types of ours. Whatever does not have the expected form is refused here."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from labeling.errors import StudioUnreadable
from labeling.project import BATCH, EXT_ID

MAX_LEAD_TIME_S = 30 * 86_400.0
MALFORMED = (KeyError, IndexError, TypeError, AttributeError, ValueError, OverflowError)
T = TypeVar("T")
LARGEST_NUMBER = 2**31 - 1
"""As large as Label Studio's own numbers can be, and as the columns hold that keep them here."""
FIRST_YEAR, LAST_YEAR = 2000, 2200
"""Times beyond these are no times of a change: neither filters nor steps of a microsecond could be trusted with them."""


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


def read_bare_task(row: Any) -> StudioTask:
    """One task of a list, with whatever was asked for beside number and time.

    Raises:
        StudioUnreadable: it is none.
    """
    return _or_unreadable(_task, row)


def read_task(row: Any) -> StudioTask:
    """One task of a list with its content.

    Raises:
        StudioUnreadable: it is none.
    """
    return _or_unreadable(_task_with_content, row)


def read_whole_task(row: Any) -> StudioTask:
    """One task of a list with its content and its annotations: one that shows none is not without any.

    Raises:
        StudioUnreadable: it is none, or an annotation's number stands in it twice.
    """
    return _or_unreadable(_whole_task, row)


def read_project(row: Any) -> StudioProjectState:
    """A project.

    Raises:
        StudioUnreadable: it is none.
    """
    try:
        return StudioProjectState(
            id=read_number(row["id"]),
            config=str(row["label_config"]),
            overlap=_count(row["maximum_annotations"]),
            n_tasks=_count(row.get("task_number")),
            instruction=str(row.get("expert_instruction") or "") if row.get("show_instruction") else "",
        )
    except MALFORMED as error:
        raise StudioUnreadable("Label Studio answered a project in a form that is not known") from error


def read_ids(raw: Any, expected: int) -> list[int]:
    """The ids of imported tasks, in the order sent.

    Raises:
        StudioUnreadable: it is not one id for each task.
    """
    ids = raw.get("task_ids") if isinstance(raw, dict) else None
    try:
        numbers = [read_number(one) for one in _listed(ids)]
    except MALFORMED:
        numbers = []
    if len(numbers) != expected or len(set(numbers)) != expected:
        raise StudioUnreadable("Label Studio did not name a task for each that was sent")
    return numbers


def read_users(raw: Any) -> dict[int, str]:
    """E-mails of the accounts by their numbers; what has no number is left out.

    Raises:
        StudioUnreadable: it is no list of accounts.
    """
    rows = raw.get("results") if isinstance(raw, dict) else raw
    if not isinstance(rows, list):
        raise StudioUnreadable("Label Studio answered something else than a list of users")
    found: dict[int, str] = {}
    for row in rows:
        number = or_none(lambda row: read_number(row["id"]), row)
        if number is not None:
            email = row.get("email")
            found[number] = email if isinstance(email, str) else ""
    return found


def read_projects(raw: Any, token: str) -> tuple[set[int], list[int], bool]:
    """A page of projects: the numbers of all, those in whose description the token stands, and whether more follow.

    Raises:
        StudioUnreadable: it is no list of projects, or the number of one with the token cannot be read.
    """
    rows = raw.get("results") if isinstance(raw, dict) else None
    if not isinstance(rows, list):
        raise StudioUnreadable("Label Studio answered something else than a list of projects")
    numbers: set[int] = set()
    found: list[int] = []
    for row in rows:
        number = or_none(lambda row: read_number(row["id"]), row)
        is_ours = isinstance(row, dict) and token in str(row.get("description") or "")
        if number is None:
            if is_ours:
                raise StudioUnreadable("Label Studio answered our project in a form that is not known")
            continue
        numbers.add(number)
        if is_ours:
            found.append(number)
    return numbers, found, bool(raw.get("next"))


def read_time(written: Any) -> datetime:
    """A time with zone, in UTC. Raises ValueError, TypeError or OverflowError where it is none."""
    given = datetime.fromisoformat(written)
    if given.tzinfo is None:
        raise ValueError("a time without zone")
    moment = given.astimezone(UTC)
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError("a time of another age")
    return moment


def write_time(value: datetime) -> str:
    """As Label Studio's filters take it, to the microsecond."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def or_none(read: Callable[[Any], T | None], row: Any) -> T | None:
    try:
        return read(row)
    except MALFORMED:
        return None


def _task(row: Any) -> StudioTask:
    return StudioTask(
        id=read_number(row["id"]),
        ext_id=read_ext_id(row.get("data")),
        updated_at=read_time(row["updated_at"]),
        updated_by=_updated_by(row.get("updated_by")),
        content=row["data"] if isinstance(row.get("data"), dict) else {},
        overlap=_count(row.get("overlap")) * (not _yes(row.get("is_labeled"))),
    )


def _task_with_content(row: Any) -> StudioTask:
    if not isinstance(row["data"], dict):
        raise TypeError("content is an object")
    return _task(row)


def _whole_task(row: Any) -> StudioTask:
    listed = tuple(_annotation(one) for one in _listed(row["annotations"]))
    if len({annotation.id for annotation in listed}) < len(listed):
        raise ValueError("a number that stands twice")
    return replace(_task_with_content(row), annotations=listed)


def _or_unreadable(read: Callable[[Any], StudioTask], row: Any) -> StudioTask:
    try:
        return read(row)
    except MALFORMED as error:
        raise StudioUnreadable("Label Studio answered a task in a form that is not known") from error


def _annotation(row: Any) -> StudioAnnotation:
    return StudioAnnotation(
        id=read_number(row["id"]),
        author=_user(row.get("completed_by")),
        updated_by=_user(row.get("updated_by")),
        cancelled=_yes(row.get("was_cancelled")),
        result=row.get("result"),
        created_at=read_time(row["created_at"]),
        updated_at=read_time(row["updated_at"]),
        lead_time_s=_lead_time(row.get("lead_time")),
    )


def read_number(raw: Any) -> int:
    """A number that stands for something: whole, from 1 on."""
    if _count(raw) == 0 or raw is None:
        raise ValueError("no number of anything")
    return int(raw)


def _count(raw: Any) -> int:
    """How many; none where nothing is said."""
    if raw is None:
        return 0
    if type(raw) is not int:
        raise TypeError("not a whole number")
    if not 0 <= raw <= LARGEST_NUMBER:
        raise ValueError("a number out of range")
    return raw


def _yes(raw: Any) -> bool:
    """Yes or no; no where nothing is said. A text such as "false" is neither."""
    if raw is not None and not isinstance(raw, bool):
        raise TypeError("neither true nor false")
    return raw is True


def _listed(raw: Any) -> list[Any]:
    if not isinstance(raw, list):
        raise TypeError("not a list")
    return raw


def _user(raw: Any) -> int | None:
    """A user's id, which comes as a number or as an object that has one; None where nobody is named."""
    if isinstance(raw, dict):
        raw = raw.get("id")
    return None if raw is None else read_number(raw)


def _updated_by(raw: Any) -> int | None:
    if isinstance(raw, list):
        raw = raw[0].get("user_id") if len(raw) == 1 and isinstance(raw[0], dict) else None
    return _user(raw)


def read_ext_id(content: Any) -> uuid.UUID | None:
    written = content.get(EXT_ID) if isinstance(content, dict) else None
    try:
        return uuid.UUID(written) if isinstance(written, str) and len(written) == 36 else None
    except ValueError:
        return None


def _lead_time(raw: Any) -> float | None:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not 0 <= raw <= MAX_LEAD_TIME_S:
        return None
    return float(raw)
