"""Reads the tasks that changed, page by page, past whatever cannot be read: one person's junk must not stop the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from labeling.errors import StudioUnreadable
from labeling.studio.gateway import REPEATS, SHRINK, LabelStudio
from labeling.studio.rows import StudioTask
from labeling.studio.task_rows import TaskRows, UnreadableTask

PAGE = 500
MOST_PASSED_OVER = 20 * PAGE
"""Rows in a row that tell neither their number nor their time, or nothing that was not told before."""
MOST_PAGES = 50_000
"""More than ten million tasks, page by page: a list that never ends is a lie."""


@dataclass(frozen=True, slots=True)
class Page:
    """Tasks with their annotations, and tasks that cannot be read: of these what could be told.

    `upto`: the newest change in it; None where none of its rows tells a time.
    """

    tasks: tuple[StudioTask, ...]
    unreadable: tuple[UnreadableTask, ...]
    upto: datetime | None


@dataclass(slots=True)
class _Walk:
    """How far a walk has come: what was seen at its edge, how many rows are asked for, how many are passed over."""

    gateway: LabelStudio
    project: int
    size: int = PAGE
    passed_over: int = 0
    seen: set[tuple[int, datetime]] = field(default_factory=set)
    n_pages: int = 0

    @property
    def page(self) -> int:
        return self.passed_over // self.size + 1

    def shrink(self) -> bool:
        """Asks for fewer rows; False where it is one already. A smaller size divides a larger one, so pages still fit."""
        if self.size == 1:
            return False
        self.size = max(1, self.size // SHRINK)
        return True

    def go_on(self) -> None:
        """Rows came that tell where to go on from."""
        self.size, self.passed_over = min(PAGE, self.size * SHRINK), 0

    def pass_over(self) -> None:
        """Nothing came that tells where to go on from: the next page of the same list may."""
        self.passed_over += self.size
        if self.passed_over > MOST_PASSED_OVER:
            raise StudioUnreadable(REPEATS)

    def fresh(self, rows: TaskRows) -> Iterator[Page]:
        """A page of what was not seen before; none where that is nothing."""
        self.n_pages += 1
        if self.n_pages > MOST_PAGES:
            raise StudioUnreadable(REPEATS)
        tasks = tuple(task for task in rows.tasks if (task.id, task.updated_at) not in self.seen)
        unreadable = tuple(row for row in rows.unreadable if _edge_of(row) not in self.seen)
        self.seen |= {(task.id, task.updated_at) for task in tasks}
        self.seen |= {(row.id, row.updated_at) for row in unreadable if row.id and row.updated_at}
        if tasks or unreadable:
            yield Page(tasks, unreadable, rows.times[-1] if rows.times else None)

    def forget_before(self, since: datetime) -> None:
        """What lies behind the edge is not asked for any more."""
        self.seen = {edge for edge in self.seen if edge[1] >= since}


def changed_pages(gateway: LabelStudio, project: int, since: datetime | None) -> Iterator[Page]:
    """Everything that changed at `since` or later, the oldest first; each change once, however rows move meanwhile.

    Raises:
        StudioUnreadable: not even the tasks' numbers can be listed, or the list goes round in circles.
    """
    walk = _Walk(gateway, project)
    while True:
        rows = _changed(walk, since)
        if rows is not None:
            yield from walk.fresh(rows)
            if rows.n_rows < walk.size:
                return
        told = rows or gateway.changed_tasks_barely(project, since, limit=1, page=walk.page)
        if told.n_rows == 0:
            return
        if not _leads_on(told, since):
            yield from () if rows else walk.fresh(_all_unreadable(told))
            walk.pass_over()
            continue
        if rows is not None:
            walk.go_on()
        is_one_moment = told.times[0] == told.times[-1]
        since = told.times[-1]
        walk.forget_before(since)
        if is_one_moment:
            # Label Studio's bulk actions give thousands of tasks one time: walk through them by their ids.
            size = walk.size
            yield from _at_one_moment(walk, since)
            walk.size, walk.passed_over = size, 0
            since += timedelta(microseconds=1)


def _changed(walk: _Walk, since: datetime | None) -> TaskRows | None:
    """As many rows as can be read at once; None where not even one can be."""
    while True:
        try:
            return walk.gateway.changed_tasks(walk.project, since, limit=walk.size, page=walk.page)
        except StudioUnreadable:
            if not walk.shrink():
                return None


def _leads_on(rows: TaskRows, since: datetime | None) -> bool:
    """Whether the rows tell of a later time than was asked for, or of this very moment alone."""
    if not rows.times:
        return False
    return since is None or rows.times[-1] > since or rows.times[0] == rows.times[-1] == since


def one_task(gateway: LabelStudio, project: int, number: int) -> Page:
    """One task, asked for by its number; none where it is not there."""
    try:
        rows = gateway.read_tasks(project, [number])
    except StudioUnreadable:
        rows = TaskRows(unreadable=(UnreadableTask(number),))
    return Page(rows.tasks, rows.unreadable, None)


def _at_one_moment(walk: _Walk, moment: datetime) -> Iterator[Page]:
    after = 0
    walk.size, walk.passed_over = 1, 0
    while True:
        try:
            rows = walk.gateway.tasks_changed_at(walk.project, moment, after=after, limit=walk.size, page=walk.page)
        except StudioUnreadable:
            if walk.shrink():
                continue
            rows = walk.gateway.task_changed_at_barely(walk.project, moment, after=after, page=walk.page)
            yield from _alone(walk, rows)
        else:
            yield from walk.fresh(rows)
        if rows.n_rows < walk.size:
            return
        if rows.numbers and rows.numbers[-1] > after:
            after = rows.numbers[-1]
            walk.go_on()
        else:
            walk.pass_over()


def _alone(walk: _Walk, rows: TaskRows) -> Iterator[Page]:
    """One task by itself: it may be another one than the one that could not be read, which may have changed by now."""
    try:
        alone = walk.gateway.read_tasks(walk.project, rows.numbers) if rows.numbers else _all_unreadable(rows)
    except StudioUnreadable:
        alone = _all_unreadable(rows)
    yield from walk.fresh(alone)


def _all_unreadable(rows: TaskRows) -> TaskRows:
    """Of what was listed barely nothing more is known."""
    named = (UnreadableTask(task.id, task.updated_at, task.ext_id) for task in rows.tasks)
    return TaskRows((), (*named, *rows.unreadable))


def _edge_of(row: UnreadableTask) -> tuple[int | None, datetime | None]:
    return (row.id, row.updated_at)
