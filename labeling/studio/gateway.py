"""The one door to Label Studio: every call we make there, by its name, with types of ours."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import orjson

from foundation.settings import Settings
from labeling.errors import StudioGone, StudioMissing, StudioRefused, StudioUnavailable, StudioUnreadable
from labeling.project import BATCH
from labeling.studio.rows import (
    NewTask,
    StudioProjectState,
    StudioTask,
    read_ids,
    read_project,
    read_projects,
    read_users,
    write_time,
)
from labeling.studio.task_rows import TaskRows, UnreadableTask, read_bare_tasks, read_tasks, read_whole_tasks
from labeling.studio.wire import Wire

if TYPE_CHECKING:
    import httpx

BARE = "id,updated_at"
LIGHT = "id,data,updated_at,overlap,is_labeled"
WHOLE = (
    "id,data,updated_at,updated_by,overlap,is_labeled,"
    "annotations,result,completed_by,was_cancelled,created_at,lead_time"
)
"""`include` cuts the annotations' own members, too: what stands in them has to be named here."""
LIGHT_ROWS = 2_000
PROJECT_ROWS = 500
IDS_AT_ONCE = 500
IDS_IN_ADDRESS = 200
"""A filter stands in the address, and servers refuse one of more than 4 KB."""
SHRINK = 5
LONGEST_TITLE = 50
SHORTEST_TITLE = 3


class LabelStudio:
    """One Label Studio, seen with one token. Reads are repeated where that may help; writes never are."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout_s: float = 60.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._wire = Wire(url, token, timeout_s, transport, sleep)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wire.close()

    def answers(self) -> bool:
        """Whether it is there at all."""
        try:
            self._wire.write("GET", "/health")
        except (StudioUnavailable, StudioRefused):
            return False
        return True

    def find_project(self, token: str) -> int | None:
        """The project in whose description the token stands; the oldest where there are several."""
        page, found, seen = 1, list[int](), set[int]()
        while True:
            listed = self._wire.read(
                "/api/projects/", page=page, page_size=PROJECT_ROWS, include="id,title,description"
            )
            numbers, with_token, more = read_projects(listed, token)
            found += with_token
            if not more:
                return min(found, default=None)
            if numbers <= seen:
                raise StudioUnreadable(REPEATS)
            seen |= numbers
            page += 1

    def create_project(self, *, title: str, description: str, config: str, overlap: int) -> int:
        """Makes a project. The overlap is set here, before the first import, and never again: a change of it would
        rewrite that of every task."""
        title = title[:LONGEST_TITLE] if len(title) >= SHORTEST_TITLE else f"{title} project"
        body = {"title": title, "description": description, "label_config": config, "maximum_annotations": overlap}
        return read_project(self._wire.write("POST", "/api/projects/", body=body)).id

    def read_project(self, project: int) -> StudioProjectState | None:
        """The project; None where it is gone."""
        try:
            state = read_project(self._wire.read(f"/api/projects/{project}/"))
        except StudioGone:
            return None
        if state.id != project:
            raise StudioUnreadable("Label Studio answered another project than was asked for")
        return state

    def change_config(self, project: int, config: str) -> None:
        self._wire.write("PATCH", f"/api/projects/{project}/", body={"label_config": config})

    def change_overlap(self, project: int, overlap: int) -> None:
        """Puts back what somebody changed: every task gets this overlap, also one that had been given another."""
        self._wire.write("PATCH", f"/api/projects/{project}/", body={"maximum_annotations": overlap})

    def change_instruction(self, project: int, instruction: str) -> None:
        """What annotators are shown before they begin, as HTML; empty: nothing."""
        body = {"expert_instruction": instruction, "show_instruction": bool(instruction)}
        self._wire.write("PATCH", f"/api/projects/{project}/", body=body)

    def import_tasks(self, project: int, tasks: Sequence[NewTask]) -> list[int]:
        """Imports tasks; their ids, in the same order. Nothing is imported when one of them is refused."""
        body = [task.body() for task in tasks]
        answer = self._wire.write("POST", f"/api/projects/{project}/import", body=body, return_task_ids="true")
        return read_ids(answer, len(tasks))

    def find_batch(self, project: int, batch: uuid.UUID) -> list[StudioTask]:
        """The tasks of one import, by the batch in their content; lowest id first.

        Raises:
            StudioUnreadable: one of them cannot be read.
        """
        wanted = _filter(f"data.{BATCH}", "equal", "String", str(batch))
        return [_readable(task) for task in self._by_id(project, [wanted])]

    def list_tasks(self, project: int) -> Iterator[StudioTask | UnreadableTask]:
        """Every task without its annotations, by id: rows do not slip from page to page while others delete.

        A task whose content Label Studio cannot show comes without our name, as one that is not ours.

        Raises:
            StudioUnreadable: the number of one of them cannot be read: whatever is missing may be that one.
        """
        return self._by_id(project, [])

    def changed_tasks(self, project: int, since: datetime | None, *, limit: int, page: int = 1) -> TaskRows:
        """Tasks with their annotations that changed at `since` or later, the oldest change first.

        Raises:
            StudioUnreadable: the answer as a whole cannot be read: ask for fewer.
        """
        return read_whole_tasks(self._changed(project, since, page_size=limit, page=page, include=WHOLE, fields="all"))

    def changed_tasks_barely(self, project: int, since: datetime | None, *, limit: int, page: int = 1) -> TaskRows:
        """As `changed_tasks`, numbers and times alone: what is left when neither annotations nor content can be read."""
        return read_bare_tasks(self._changed(project, since, page_size=limit, page=page, include=BARE))

    def tasks_changed_at(self, project: int, moment: datetime, *, after: int, limit: int, page: int = 1) -> TaskRows:
        """Tasks with their annotations that changed at this very moment and have a higher id than `after`, by id.

        Raises:
            StudioUnreadable: the answer as a whole cannot be read: ask for fewer.
        """
        query = _query([*_at(moment), _filter("id", "greater", "Number", after)], "tasks:id")
        return read_whole_tasks(self._list(project, query, include=WHOLE, fields="all", page_size=limit, page=page))

    def task_changed_at_barely(self, project: int, moment: datetime, *, after: int, page: int = 1) -> TaskRows:
        """The first of `tasks_changed_at`, number and time alone."""
        query = _query([*_at(moment), _filter("id", "greater", "Number", after)], "tasks:id")
        return read_bare_tasks(self._list(project, query, include=BARE, page_size=1, page=page))

    def find_tasks(self, project: int, ids: Collection[int]) -> list[StudioTask]:
        """Those of the tasks that are there, without their annotations.

        Raises:
            StudioUnreadable: one of them cannot be read.
        """
        found = [task for part in _parts(ids, IDS_IN_ADDRESS) for task in self._by_id(project, [_among(part)])]
        return [task for task in map(_readable, found) if task.id in ids]

    def read_tasks(self, project: int, ids: Collection[int]) -> TaskRows:
        """Those of the tasks that are there, with their annotations.

        Raises:
            StudioUnreadable: an answer as a whole cannot be read.
        """
        tasks: list[StudioTask] = []
        unreadable: list[UnreadableTask] = []
        for part in _parts(ids, IDS_IN_ADDRESS):
            query = _query([_among(part)], "tasks:id")
            answered = self._list(project, query, include=WHOLE, fields="all", page_size=len(part))
            rows = read_whole_tasks(answered)
            tasks += [task for task in rows.tasks if task.id in ids]
            unreadable += rows.unreadable
        return TaskRows(tuple(tasks), tuple(unreadable))

    def delete_tasks(self, project: int, ids: Collection[int]) -> None:
        """Deletes tasks with their annotations; those that are gone already do no harm."""
        for part in _parts(ids, IDS_AT_ONCE):
            selected = {"all": False, "included": part}
            self._wire.write(
                "POST", "/api/dm/actions", body={"selectedItems": selected}, id="delete_tasks", project=project
            )

    def ask_for_annotators(self, task: int, overlap: int) -> None:
        """Tells how many annotations a task is to have; 0: nobody is given it any more, and what it holds stays.

        The overlap alone neither brings a task back into the queue nor takes it out, and without an overlap of 0 one skip
        would bring it back.
        """
        body = {"overlap": overlap, "is_labeled": overlap == 0}
        self._wire.write("PATCH", f"/api/tasks/{task}/", body=body)

    def list_users(self) -> dict[int, str]:
        """E-mails of the accounts by their ids."""
        return read_users(self._wire.read("/api/users/"))

    def _by_id(self, project: int, filters: Sequence[dict[str, Any]]) -> Iterator[StudioTask | UnreadableTask]:
        after, size = 0, LIGHT_ROWS
        while True:
            query = _query([*filters, _filter("id", "greater", "Number", after)], "tasks:id")
            try:
                rows = read_tasks(self._list(project, query, include=LIGHT, page_size=size))
            except StudioUnreadable:
                if size > 1:
                    size = max(1, size // SHRINK)
                    continue
                rows = read_bare_tasks(self._list(project, query, include=BARE, page_size=size))
            if len(set(rows.numbers)) < rows.n_rows:
                raise StudioUnreadable("Label Studio lists a task whose number cannot be read, or is another's")
            yield from rows.tasks
            yield from rows.unreadable
            if rows.n_rows < size:
                return
            if rows.numbers[-1] <= after:
                raise StudioUnreadable(REPEATS)
            after, size = rows.numbers[-1], min(LIGHT_ROWS, size * SHRINK)

    def _changed(self, project: int, since: datetime | None, **parts: str | int) -> Any:
        filters = [_filter("updated_at", "greater_or_equal", "Datetime", write_time(since))] if since else []
        return self._list(project, _query(filters, "tasks:updated_at"), **parts)

    def _list(self, project: int, query: str, **parts: str | int) -> Any:
        """A list of tasks; a page past the end is 404 and so is a project that is gone, so the latter is looked for."""
        try:
            return self._wire.read("/api/tasks/", project=project, query=query, **parts)
        except StudioGone:
            if self.read_project(project) is None:
                raise StudioGone(PROJECT_GONE) from None
            return {"tasks": []}


REPEATS = "Label Studio answers the same page again and again"
PROJECT_GONE = (
    "the project is gone from Label Studio: restore Label Studio's backup, or accept the loss and begin anew with "
    "`winnow labeling verify P --rebuild`"
)


def open_label_studio(settings: Settings) -> LabelStudio:
    """The Label Studio of the settings; nothing is sent yet.

    Raises:
        StudioMissing: none is configured.
    """
    token = settings.label_studio_token.get_secret_value()
    if not settings.label_studio_url or not token:
        raise StudioMissing(
            "set WINNOW_LABEL_STUDIO_URL and WINNOW_LABEL_STUDIO_TOKEN, or start everything with `winnow up`"
        )
    return LabelStudio(settings.label_studio_url, token, timeout_s=settings.label_studio_timeout_s)


def _readable(task: StudioTask | UnreadableTask) -> StudioTask:
    if isinstance(task, UnreadableTask):
        raise StudioUnreadable("Label Studio lists a task in a form that is not known")
    return task


def _at(moment: datetime) -> list[dict[str, Any]]:
    at = write_time(moment)
    edges = ("greater_or_equal", "less_or_equal")
    return [_filter("updated_at", edge, "Datetime", at) for edge in edges]


def _among(ids: Sequence[int]) -> dict[str, Any]:
    return _filter("id", "in_list", "List", list(ids))


def _parts(ids: Collection[int], size: int) -> list[list[int]]:
    wanted = sorted(ids)
    return [wanted[start : start + size] for start in range(0, len(wanted), size)]


def _filter(column: str, operator: str, kind: str, value: Any) -> dict[str, Any]:
    return {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind, "value": value}


def _query(filters: Sequence[dict[str, Any]], order: str) -> str:
    wanted = {"filters": {"conjunction": "and", "items": list(filters)}, "ordering": [order]}
    return orjson.dumps(wanted).decode()
