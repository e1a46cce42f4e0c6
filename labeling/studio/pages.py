"""Reads the tasks that changed, page by page, past whatever cannot be read: one person's junk must not stop the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from labeling.errors import StudioUnreadable
from labeling.studio.gateway import SHRINK, LabelStudio
from labeling.studio.rows import StudioTask

PAGE = 500


@dataclass(frozen=True, slots=True)
class Page:
    """Tasks with their annotations, and tasks whose annotations cannot be read: of these number and time alone.

    `upto`: the newest change in it.
    """

    tasks: tuple[StudioTask, ...]
    unreadable: tuple[StudioTask, ...]
    upto: datetime


def changed_pages(gateway: LabelStudio, project: int, since: datetime | None) -> Iterator[Page]:
    """Everything that changed at `since` or later, the oldest first; each change once, however rows move meanwhile.

    Raises:
        StudioUnreadable: not even the tasks' numbers can be listed.
    """
    seen: set[tuple[int, datetime]] = set()
    size = PAGE
    while True:
        try:
            tasks = gateway.changed_tasks(project, since, limit=size)
        except StudioUnreadable:
            if size > 1:
                size = max(1, size // SHRINK)
                continue
            tasks = gateway.changed_tasks_barely(project, since, limit=1)
            if not tasks:
                return
            since = tasks[0].updated_at
        else:
            yield from _fresh(tasks, seen)
            if len(tasks) < size:
                return
            is_one_moment = tasks[0].updated_at == tasks[-1].updated_at
            size, since = min(PAGE, size * SHRINK), tasks[-1].updated_at
            if not is_one_moment:
                continue
        # Label Studio's bulk actions give thousands of tasks one time: walk through them by their ids.
        yield from _at_one_moment(gateway, project, since, seen)
        since += timedelta(microseconds=1)


def _at_one_moment(
    gateway: LabelStudio, project: int, moment: datetime, seen: set[tuple[int, datetime]]
) -> Iterator[Page]:
    after, size = 0, 1
    while True:
        try:
            tasks = gateway.tasks_changed_at(project, moment, after=after, limit=size)
        except StudioUnreadable:
            if size > 1:
                size = max(1, size // SHRINK)
                continue
            first = gateway.task_changed_at_barely(project, moment, after=after)
            if first is None:
                return
            yield from _alone(gateway, project, first, seen)
            after = first.id
            continue
        yield from _fresh(tasks, seen)
        if len(tasks) < size:
            return
        after, size = tasks[-1].id, min(PAGE, size * SHRINK)


def _alone(gateway: LabelStudio, project: int, task: StudioTask, seen: set[tuple[int, datetime]]) -> Iterator[Page]:
    """One task by itself: it may be another one than the one that could not be read, which may have changed by now."""
    try:
        yield from _fresh(gateway.read_tasks(project, [task.id]), seen)
    except StudioUnreadable:
        yield Page((), (task,), task.updated_at)


def _fresh(tasks: list[StudioTask], seen: set[tuple[int, datetime]]) -> Iterator[Page]:
    fresh = tuple(task for task in tasks if (task.id, task.updated_at) not in seen)
    seen.update((task.id, task.updated_at) for task in fresh)
    if fresh:
        yield Page(fresh, (), max(task.updated_at for task in fresh))
