"""A list of tasks as Label Studio tells it, row by row: one that cannot be read takes no other with it."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labeling.errors import StudioUnreadable
from labeling.studio.rows import (
    StudioTask,
    or_none,
    read_bare_task,
    read_ext_id,
    read_number,
    read_task,
    read_time,
    read_whole_task,
)


@dataclass(frozen=True, slots=True)
class UnreadableTask:
    """What could be told of a task that cannot be read; each is None where not even that could."""

    id: int | None = None
    updated_at: datetime | None = None
    ext_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class TaskRows:
    """One answer's tasks: those that can be read, and the others. One that cannot be read takes no other with it."""

    tasks: tuple[StudioTask, ...] = ()
    unreadable: tuple[UnreadableTask, ...] = ()

    @property
    def n_rows(self) -> int:
        return len(self.tasks) + len(self.unreadable)

    @property
    def times(self) -> list[datetime]:
        """Of every row that tells its time, readable or not, in rising order."""
        known = [row.updated_at for row in self.unreadable if row.updated_at is not None]
        return sorted([*known, *(task.updated_at for task in self.tasks)])

    @property
    def numbers(self) -> list[int]:
        """Of every row that tells its number, in rising order."""
        known = [row.id for row in self.unreadable if row.id is not None]
        return sorted([*known, *(task.id for task in self.tasks)])


def read_bare_tasks(raw: Any) -> TaskRows:
    """The tasks of a list that was asked for numbers and times alone.

    Raises:
        StudioUnreadable: it is no list of tasks.
    """
    return _read_rows(raw, read_bare_task)


def read_tasks(raw: Any) -> TaskRows:
    """As `read_bare_tasks`, for a list with contents and without annotations."""
    return _read_rows(raw, read_task)


def read_whole_tasks(raw: Any) -> TaskRows:
    """As `read_bare_tasks`, for a list with contents and annotations."""
    return _read_rows(raw, read_whole_task)


def _read_rows(raw: Any, read: Callable[[Any], StudioTask]) -> TaskRows:
    rows = raw.get("tasks") if isinstance(raw, dict) else None
    if not isinstance(rows, list):
        raise StudioUnreadable("Label Studio answered something else than a list of tasks")
    tasks: list[StudioTask] = []
    unreadable: list[UnreadableTask] = []
    for row in rows:
        try:
            tasks.append(read(row))
        except StudioUnreadable:
            unreadable.append(_salvaged(row))
    return _without_doubles(tasks, unreadable)


def _without_doubles(tasks: Sequence[StudioTask], unreadable: Sequence[UnreadableTask]) -> TaskRows:
    """A task that stands twice in one answer tells two tales of itself: neither is believed."""
    times = Counter((task.id, task.ext_id) for task in tasks)
    times.update((row.id, row.ext_id) for row in unreadable if row.id is not None)
    doubled = {task.id: task for task in tasks if times[task.id, task.ext_id] > 1}
    return TaskRows(
        tuple(task for task in tasks if times[task.id, task.ext_id] == 1),
        (*unreadable, *(UnreadableTask(task.id, task.updated_at, task.ext_id) for task in doubled.values())),
    )


def _salvaged(row: Any) -> UnreadableTask:
    return UnreadableTask(
        or_none(lambda row: read_number(row["id"]), row),
        or_none(lambda row: read_time(row["updated_at"]), row),
        or_none(lambda row: read_ext_id(row["data"]), row),
    )
