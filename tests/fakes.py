"""A Label Studio in memory, for speed. It passes the contract tests that the real one passes (tests/contract)."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx

FIELD = re.compile(r'value="\$(\w+)"')
Answer = tuple[int, Any]


@dataclass
class FakeTask:
    id: int
    project: int
    data: dict[str, Any]
    overlap: int
    updated_at: datetime
    updated_by: int | None = None
    is_labeled: bool = False


@dataclass
class FakeAnnotation:
    id: int
    task: int
    completed_by: int | None
    updated_by: int | None
    result: Any
    was_cancelled: bool
    lead_time: float | None
    created_at: datetime
    updated_at: datetime


@dataclass
class FakeLabelStudio:
    """State, and the calls that Winnow and annotators make. Whoever has an account may do anything, as in the real one."""

    users: dict[int, str] = field(default_factory=lambda: {1: "admin@example.com"})
    tokens: dict[str, int] = field(default_factory=dict)
    projects: dict[int, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[int, FakeTask] = field(default_factory=dict)
    annotations: dict[int, FakeAnnotation] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    interfere: Callable[[httpx.Request], httpx.Response | None] | None = None
    """What a test puts in the way: an answer instead of the true one, or an error raised."""
    _now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    _last_annotation: int = 0
    _last_project: int = 0

    def __post_init__(self) -> None:
        self.admin_token = self.token_of(1)

    def token_of(self, user: int) -> str:
        token = secrets.token_hex(20)
        self.tokens[token] = user
        return token

    def invite(self, email: str) -> str:
        user = max(self.users) + 1
        self.users[user] = email
        return self.token_of(user)

    def client(self, token: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Token {token or self.admin_token}"}
        return httpx.Client(base_url="http://studio.test", headers=headers, transport=self.transport)

    def refuse_imports(self, status: int) -> None:
        """Until `interfere` is taken away again."""
        self.interfere = lambda request: httpx.Response(status) if request.url.path.endswith("/import") else None

    def lose_answer_to_import(self, *, made: int = 1) -> None:
        """Makes the next import, so many times over, and cuts the connection before anybody hears of it."""

        def lose(request: httpx.Request) -> httpx.Response | None:
            if not request.url.path.endswith("/import"):
                return None
            self.interfere = None
            for _ in range(made):
                self._answer(request)
            raise httpx.ReadError("cut")

        self.interfere = lose

    @property
    def transport(self) -> httpx.BaseTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.calls.append((request.method, request.url.path))
        if self.interfere is not None:
            given = self.interfere(request)
            if given is not None:
                return given
        if request.url.path == "/health":
            return httpx.Response(200, json={"status": "UP"})
        user = self._user(request)
        if user is None:
            return httpx.Response(401, json={"id": secrets.token_hex(16), "detail": "Invalid token."})
        query = {name: values[-1] for name, values in parse_qs(request.url.query.decode()).items()}
        body = json.loads(request.content) if request.content else None
        status, answer = self._route(request.method, request.url.path, query, body, user)
        if answer is None:
            return httpx.Response(status)
        # A lone surrogate is stored and kills every list it stands in: as in the real one.
        try:
            content = json.dumps(answer, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return httpx.Response(500, text="<!doctype html><html>Uh oh</html>")
        return httpx.Response(status, content=content, headers={"Content-Type": "application/json"})

    def _user(self, request: httpx.Request) -> int | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return self.tokens.get(token) if scheme in {"Token", "Bearer"} else None

    def _route(self, method: str, path: str, query: dict[str, str], body: Any, user: int) -> Answer:
        parts = [part for part in path.split("/") if part][1:]
        match parts:
            case ["users"]:
                return 200, [{"id": number, "email": email} for number, email in self.users.items()]
            case ["current-user", "whoami"]:
                return 200, {"id": user, "email": self.users[user]}
            case ["projects"]:
                return self._projects(query) if method == "GET" else self._create_project(body)
            case ["projects", number]:
                return self._project(method, int(number), body)
            case ["projects", number, "import"]:
                return self._import(int(number), body)
            case ["projects", number, "next"]:
                return self._next(int(number), user)
            case ["tasks"]:
                return self._list(query)
            case ["tasks", number]:
                return self._task(method, int(number), body, user)
            case ["tasks", number, "annotations"]:
                return self._annotate(int(number), query, body, user)
            case ["annotations", number]:
                return self._annotation(method, int(number), body, user)
            case ["dm", "actions"]:
                return self._action(query, body, user)
            case _:
                return 404, {"detail": "Not found."}

    def _tick(self) -> datetime:
        self._now = max(self._now + timedelta(microseconds=1), datetime.now(UTC))
        return self._now

    def _projects(self, query: dict[str, str]) -> Answer:
        size, page = int(query["page_size"]), int(query.get("page", 1))
        rows = [self._shown_project(number) for number in sorted(self.projects, reverse=True)]
        part = rows[(page - 1) * size : page * size]
        return 200, {"count": len(rows), "next": "more" if page * size < len(rows) else None, "results": part}

    def _create_project(self, body: Any) -> Answer:
        if not 3 <= len(body["title"]) <= 50:
            return 400, {"id": secrets.token_hex(16), "validation_errors": {"title": ["wrong length"]}}
        self._last_project += 1
        self.projects[self._last_project] = {
            "description": "",
            "maximum_annotations": 1,
            "expert_instruction": "",
            "show_instruction": False,
            **body,
        }
        return 201, self._shown_project(self._last_project)

    def _shown_project(self, number: int) -> dict[str, Any]:
        n_tasks = sum(1 for task in self.tasks.values() if task.project == number)
        return {"id": number, **self.projects[number], "task_number": n_tasks}

    def _project(self, method: str, number: int, body: Any) -> Answer:
        if number not in self.projects:
            return 404, {"detail": "No Project matches the given query."}
        if method == "DELETE":
            for task in [task.id for task in self.tasks.values() if task.project == number]:
                self._delete_task(task)
            del self.projects[number]
            return 204, None
        if method == "PATCH":
            if "label_config" in body and self._orphans(number, body["label_config"]):
                return 400, {"validation_errors": {"label_config": ["1 with from_name=s"]}}
            self.projects[number] |= body
            if "maximum_annotations" in body:
                self._spread_overlap(number, body["maximum_annotations"])
        return 200, self._shown_project(number)

    def _spread_overlap(self, number: int, overlap: int) -> None:
        """Tasks with an overlap of one or none keep it while others have more: they are taken for a cohort."""
        tasks = [one for one in self.tasks.values() if one.project == number]
        cohort = [task for task in tasks if task.overlap > 1] if overlap > 1 else []
        for task in cohort or tasks:
            task.overlap = overlap
            task.is_labeled = self._is_full(task)

    def _orphans(self, number: int, config: str) -> bool:
        results = [
            one.result for one in self.annotations.values() if self.tasks[one.task].project == number and one.result
        ]
        names = {region.get("from_name") for result in results for region in result if isinstance(region, dict)}
        return any(f'name="{name}"' not in config for name in names)

    def _import(self, project: int, rows: list[dict[str, Any]]) -> Answer:
        if project not in self.projects:
            return 404, {"detail": "No Project matches the given query."}
        needed = set(FIELD.findall(self.projects[project]["label_config"]))
        if any(not needed <= row["data"].keys() for row in rows):
            return 400, {"id": secrets.token_hex(16), "validation_errors": {"non_field_errors": ["missing field"]}}
        ids = []
        for row in rows:
            # As on SQLite: the next number after the last one that is there, so numbers of deleted tasks come again.
            number = max(self.tasks, default=0) + 1
            overlap = self.projects[project]["maximum_annotations"]
            self.tasks[number] = FakeTask(number, project, row["data"], overlap, self._tick())
            for given in row.get("annotations", []):
                self._store(number, given.get("completed_by"), None, given["result"], {})
            ids.append(number)
        return 201, {"task_count": len(ids), "task_ids": ids}

    def _next(self, project: int, user: int) -> Answer:
        for task in sorted(self.tasks.values(), key=lambda one: (-len(self._of(one.id)), one.id)):
            mine = any(one.completed_by == user for one in self._of(task.id))
            done = sum(1 for one in self._of(task.id) if not one.was_cancelled)
            if task.project == project and not mine and done < task.overlap and not task.is_labeled:
                return 200, {"id": task.id, "data": task.data, "overlap": task.overlap}
        return 404, {"detail": "There are still some tasks to complete"}

    def _of(self, task: int) -> list[FakeAnnotation]:
        return [one for one in self.annotations.values() if one.task == task]

    def _list(self, query: dict[str, str]) -> Answer:
        project = int(query["project"])
        if project not in self.projects:
            return 404, {"detail": "No Project matches the given query."}
        wanted = json.loads(query.get("query", "{}"))
        rows = [task for task in self.tasks.values() if task.project == project]
        for one in wanted.get("filters", {}).get("items", []):
            rows = [task for task in rows if _holds(task, one)]
        order = wanted.get("ordering", ["tasks:id"])[0]
        rows.sort(key=lambda task: (task.updated_at, task.id) if order.endswith("updated_at") else (task.id,))
        size, page = int(query.get("page_size", 100)), int(query.get("page", 1))
        part = rows[(page - 1) * size : page * size]
        if not part and page > 1:
            return 404, {"detail": "Invalid page."}
        include = query["include"].split(",")
        return 200, {"total": len(rows), "tasks": [self._shown_task(task, include, query) for task in part]}

    def _shown_task(self, task: FakeTask, include: list[str], query: dict[str, str]) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": task.id,
            "data": task.data,
            "updated_at": _stamp(task.updated_at),
            "updated_by": [{"user_id": task.updated_by}] if task.updated_by else [],
            "overlap": task.overlap,
            "is_labeled": task.is_labeled,
        }
        if query.get("fields") == "all":
            shown["annotations"] = [_cut(_shown_annotation(one), include) for one in self._of(task.id)]
        return _cut(shown, include)

    def _task(self, method: str, number: int, body: Any, user: int) -> Answer:
        task = self.tasks.get(number)
        if task is None:
            return 404, {"detail": "No Task matches the given query."}
        if method == "DELETE":
            self._delete_task(number)
            return 204, None
        for name in ("overlap", "is_labeled", "data", "updated_by"):
            if name in body:
                setattr(task, name, body[name])
        task.updated_at = self._tick()
        return 200, {"id": number, "overlap": task.overlap}

    def _annotate(self, number: int, query: dict[str, str], body: Any, user: int) -> Answer:
        if number not in self.tasks:
            return 404, {"detail": "No Task matches the given query."}
        body = {**body, "was_cancelled": body.get("was_cancelled") or query.get("was_cancelled") == "1"}
        one = self._store(number, body.get("completed_by", user), user, body["result"], body)
        task = self.tasks[number]
        self._touch(number, user)
        task.is_labeled = self._is_full(task)
        return 201, _shown_annotation(one)

    def _is_full(self, task: FakeTask) -> bool:
        return sum(1 for given in self._of(task.id) if not given.was_cancelled) >= task.overlap

    def _store(
        self, task: int, author: int | None, writer: int | None, result: Any, more: dict[str, Any]
    ) -> FakeAnnotation:
        self._last_annotation += 1
        now = self._tick()
        cancelled, lead_time = bool(more.get("was_cancelled")), more.get("lead_time")
        one = FakeAnnotation(self._last_annotation, task, author, writer, result, cancelled, lead_time, now, now)
        self.annotations[one.id] = one
        return one

    def _annotation(self, method: str, number: int, body: Any, user: int) -> Answer:
        one = self.annotations.get(number)
        if one is None:
            return 404, {"detail": "No Annotation matches the given query."}
        if method == "DELETE":
            del self.annotations[number]
            self._touch(one.task, user)
            self.tasks[one.task].is_labeled = False
            return 204, None
        for name in ("result", "completed_by", "was_cancelled", "lead_time"):
            if name in body:
                setattr(one, name, body[name])
        one.updated_by, one.updated_at = user, self._tick()
        self._touch(one.task, user)
        return 200, _shown_annotation(one)

    def _action(self, query: dict[str, str], body: Any, user: int) -> Answer:
        project = int(query["project"])
        if project not in self.projects:
            return 404, {"detail": "No Project matches the given query."}
        chosen = [one for one in body["selectedItems"]["included"] if one in self.tasks]
        chosen = [one for one in chosen if self.tasks[one].project == project]
        if query["id"] == "delete_tasks":
            for number in chosen:
                self._delete_task(number)
        if query["id"] == "delete_tasks_annotations":
            now = self._tick()
            for number in chosen:
                for one in self._of(number):
                    del self.annotations[one.id]
                self.tasks[number].updated_at, self.tasks[number].updated_by = now, user
        return 200, {"processed_items": len(chosen)}

    def _touch(self, task: int, user: int) -> None:
        self.tasks[task].updated_at, self.tasks[task].updated_by = self._tick(), user

    def _delete_task(self, number: int) -> None:
        for one in self._of(number):
            del self.annotations[one.id]
        del self.tasks[number]


def _holds(task: FakeTask, one: dict[str, Any]) -> bool:
    column, value = one["filter"].removeprefix("filter:tasks:"), one["value"]
    held: Any = task.data.get(column[5:]) if column.startswith("data.") else getattr(task, column)
    if one["type"] == "Datetime":
        value = datetime.fromisoformat(value)
    match one["operator"]:
        case "equal":
            return bool(held == value)
        case "not_equal":
            return bool(held != value)
        case "greater":
            return bool(held > value)
        case "greater_or_equal":
            return bool(held >= value)
        case "less_or_equal":
            return bool(held <= value)
        case "in_list":
            return held in value
    raise ValueError(one["operator"])


def _cut(shown: dict[str, Any], include: list[str]) -> dict[str, Any]:
    """`include` cuts the members of annotations as well as those of tasks."""
    return {name: value for name, value in shown.items() if name in include}


def _shown_annotation(one: FakeAnnotation) -> dict[str, Any]:
    return {
        "id": one.id,
        "completed_by": one.completed_by,
        "updated_by": one.updated_by,
        "result": one.result,
        "was_cancelled": one.was_cancelled,
        "lead_time": one.lead_time,
        "created_at": _stamp(one.created_at),
        "updated_at": _stamp(one.updated_at),
    }


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
