"""Reads the tasks that changed, page by page, past whatever cannot be read: one person's junk must not stop the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from labeling.errors import StudioUnreadable
from labeling.studio.gateway import LabelStudio
from labeling.studio.rows import StudioTask

PAGE = 500
SHRINK = 5
MAX_UNREADABLE = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Tasks with their annotations, and tasks whose annotations cannot be read. `upto`: the newest change in it."""

    tasks: tuple[StudioTask, ...]
    unreadable: tuple[StudioTask, ...]
    upto: datetime


def changed_pages(gateway: LabelStudio, project: int, since: datetime | None) -> Iterator[Page]:
    """Everything that changed at `since` or later, the oldest first; each change once, however rows move meanwhile.

    Raises:
        StudioUnreadable: more tasks than a few cannot be read, or none can.
    """
    seen: set[tuple[int, datetime]] = set()
    unreadable: list[StudioTask] = []
    size = PAGE
    while True:
        try:
            tasks = gateway.changed_tasks(project, since, limit=size, without=[task.id for task in unreadable])
        except StudioUnreadable:
            if size > 1:
                size = max(1, size // SHRINK)
                continue
            bad = _unreadable(gateway, project, since, unreadable)
            unreadable.append(bad)
            size = PAGE
            yield Page((), (bad,), bad.updated_at)
            continue
        fresh = tuple(task for task in tasks if (task.id, task.updated_at) not in seen)
        seen.update((task.id, task.updated_at) for task in fresh)
        if fresh:
            yield Page(fresh, (), max(task.updated_at for task in fresh))
        if len(tasks) < size:
            if size >= PAGE or not tasks:
                return
            size = PAGE
            continue
        since = tasks[-1].updated_at
        if tasks[0].updated_at == since:
            # Label Studio's bulk actions give thousands of tasks one time: walk through them by their ids.
            yield from _at_one_moment(gateway, project, since, seen)
            since += timedelta(microseconds=1)


def _at_one_moment(
    gateway: LabelStudio, project: int, moment: datetime, seen: set[tuple[int, datetime]]
) -> Iterator[Page]:
    after, size = 0, PAGE
    while True:
        tasks = gateway.tasks_changed_at(project, moment, after=after, limit=size)
        fresh = tuple(task for task in tasks if (task.id, task.updated_at) not in seen)
        seen.update((task.id, task.updated_at) for task in fresh)
        if fresh:
            yield Page(fresh, (), moment)
        if len(tasks) < size:
            return
        after = tasks[-1].id


def _unreadable(gateway: LabelStudio, project: int, since: datetime | None, before: list[StudioTask]) -> StudioTask:
    """The one task that cannot be read with its annotations. Where it cannot be read without them, it is not its fault."""
    if len(before) >= MAX_UNREADABLE:
        raise StudioUnreadable("too many tasks cannot be read: Label Studio's log says why")
    found = gateway.changed_tasks_lightly(project, since, limit=1, without=[task.id for task in before])
    if not found:
        raise StudioUnreadable("Label Studio cannot list the tasks it has: its log says why")
    return found[0]
