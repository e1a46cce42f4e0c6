"""A project with something to label, a Label Studio, and people with accounts there: what sync tests play with."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import httpx
from pydantic import SecretStr
from sqlmodel import Session, col, select

from collector.models import Item, Project, Revision, Signal
from foundation.database import Database, insert_ignoring, unit_of_work, utc_now
from foundation.identifiers import random_uuid
from foundation.settings import Settings
from labeling.annotators import annotator_key
from labeling.drift import count_drift
from labeling.models import Annotation, Annotator, StudioProject, Task
from labeling.queries import CountedAnswer, counted_answers
from labeling.service import import_annotations
from labeling.studio.desk import sit_down
from labeling.studio.gateway import LabelStudio as Gateway
from labeling.studio.sync import Way, sync_project
from labeling.studio.verify import Difference, rebuild, verify_project
from labeling.wishes import ask_for_push

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
CONFIG = """<View><Text name="t" value="$text"/><Choices name="mood" toName="t">
<Choice value="good"/><Choice value="bad"/></Choices><Rating name="stars" toName="t" maxRating="5"/></View>"""


class Studio(Protocol):
    """A Label Studio, in memory or real."""

    def client(self, token: str | None = None) -> httpx.Client: ...

    def invite(self, email: str) -> str: ...


def mood(value: str, name: str = "mood") -> dict[str, Any]:
    return {"from_name": name, "to_name": "t", "type": "choices", "value": {"choices": [value]}}


def stars(value: int) -> dict[str, Any]:
    return {"from_name": "stars", "to_name": "t", "type": "rating", "value": {"rating": value}}


@dataclass
class Person:
    """An account of Label Studio and what one may do with it, which is everything."""

    client: httpx.Client
    id: int
    email: str

    def answer(self, task: int, *result: dict[str, Any], **more: Any) -> int:
        body = {"result": list(result) or [mood("good")], **more}
        response = self.client.post(f"/api/tasks/{task}/annotations/", json=body)
        assert response.status_code == 201, response.text[:200]
        return int(response.json()["id"])

    def skip(self, task: int) -> int:
        return self.answer(task, mood("good"), was_cancelled=True)

    def edit(self, annotation: int, *result: dict[str, Any], **more: Any) -> None:
        body = {**({"result": list(result)} if result else {}), **more}
        assert self.client.patch(f"/api/annotations/{annotation}/", json=body).status_code == 200

    def delete(self, annotation: int) -> None:
        assert self.client.delete(f"/api/annotations/{annotation}/").status_code == 204

    def spoil(self, task: int) -> None:
        """Writes an annotation that Label Studio stores and can show nobody."""
        self._send_junk("POST", f"/api/tasks/{task}/annotations/", b'{"result": [{"from_name": "\\ud800"}]}')

    def spoil_content(self, task: int) -> None:
        """As `spoil`, for what the task shows."""
        self._send_junk("PATCH", f"/api/tasks/{task}/", b'{"data": {"text": "\\ud800"}}')

    def _send_junk(self, method: str, path: str, content: bytes) -> None:
        self.client.request(method, path, content=content, headers={"Content-Type": "application/json"})

    def answer_all(self, project: int, *result: dict[str, Any]) -> int:
        """Answers what is handed out until nothing is; how many tasks that were."""
        n_answered = 0
        while (task := self.next_task(project)) is not None:
            self.answer(task, *result)
            n_answered += 1
        return n_answered

    def next_task(self, project: int) -> int | None:
        response = self.client.get(f"/api/projects/{project}/next")
        return int(response.json()["id"]) if response.status_code == 200 else None


@dataclass
class Workshop:
    """One project, synchronized with one Label Studio."""

    database: Database
    settings: Settings
    studio: Studio
    gateway: Gateway
    admin: httpx.Client
    project_id: int
    items: list[uuid.UUID]
    people: dict[str, Person] = field(default_factory=dict)

    def close(self) -> None:
        for client in (self.admin, *(person.client for person in self.people.values())):
            client.close()

    def person(self, name: str) -> Person:
        if name not in self.people:
            email = f"{name}-{uuid.uuid4().hex[:8]}@example.org"
            client = self.studio.client(self.studio.invite(email))
            number = client.get("/api/current-user/whoami").json()["id"]
            self.people[name] = Person(client, number, email)
        return self.people[name]

    def sync(self, *, only: Way | None = None) -> dict[str, Any]:
        with sit_down(self.database, self.gateway, self.settings, self.project_id, wait_s=1) as desk:
            return sync_project(desk, only=only)

    def ask_for_push(self) -> None:
        """What `POST /sync` and the command note before the sync itself."""
        with unit_of_work(self.database) as session:
            ask_for_push(session, self.project_id, now=utc_now())

    def hand_in(self, items: Iterable[uuid.UUID], *names: str, value: str = "good", **more: Any) -> None:
        """Labels made elsewhere: one of each person for each item."""
        lines = [
            {"item": str(item), "question": "mood", "annotator": name, "value": value, **more}
            for item in items
            for name in names
        ]
        with unit_of_work(self.database) as session:
            results = import_annotations(
                session, self.project_id, lines, key=annotator_key(self.settings), now=utc_now()
            )
        assert not [result for result in results if result.faults]

    def verify(self) -> list[Difference]:
        with sit_down(self.database, self.gateway, self.settings, self.project_id, wait_s=1) as desk:
            return verify_project(desk)

    def rebuild(self) -> list[Difference]:
        with sit_down(self.database, self.gateway, self.settings, self.project_id, wait_s=1) as desk:
            rebuild(desk)
            return verify_project(desk)

    @property
    def ls_project(self) -> int:
        with unit_of_work(self.database, read_only=True) as session:
            return session.get_one(StudioProject, self.project_id).ls_project or 0

    def tasks(self) -> list[Task]:
        with unit_of_work(self.database, read_only=True) as session:
            mine = select(Task).where(col(Task.project_id) == self.project_id)
            return list(session.exec(mine.order_by(col(Task.ls_task), col(Task.round))))

    def task_numbers(self) -> list[int]:
        return [task.ls_task for task in self.tasks() if task.state in {"live", "closed"} and task.ls_task]

    def listed(self) -> list[int]:
        """Ids of the tasks that are in Label Studio."""
        return [task.id or 0 for task in self.gateway.list_tasks(self.ls_project)]

    def rows(self) -> list[Annotation]:
        with unit_of_work(self.database, read_only=True) as session:
            mine = select(Annotation).where(col(Annotation.project_id) == self.project_id)
            return list(session.exec(mine.order_by(col(Annotation.seq))))

    def annotators(self) -> list[Annotator]:
        with unit_of_work(self.database, read_only=True) as session:
            return list(session.exec(select(Annotator).where(col(Annotator.project_id) == self.project_id)))

    def counted(self, question: str = "mood", upto_seq: int | None = None) -> list[CountedAnswer]:
        with unit_of_work(self.database, read_only=True) as session:
            return list(counted_answers(session, self.project_id, question, upto_seq=upto_seq))

    def values(self, question: str = "mood") -> list[Any]:
        """Values that count, sorted as texts."""
        return sorted((one.value for one in self.counted(question)), key=str)

    def drift(self) -> dict[str, int]:
        with unit_of_work(self.database, read_only=True) as session:
            return count_drift(session, self.project_id)

    def revise(self, **labeling: Any) -> None:
        """A new revision of the project file."""
        with unit_of_work(self.database) as session:
            project = session.get_one(Project, self.project_id)
            before = session.get_one(Revision, (self.project_id, project.revision)).body
            body = {**before, "labeling": {**before["labeling"], **labeling}}
            project.revision += 1
            session.add(project)
            session.add(_revision(self.project_id, project.revision, body))

    def withdraw(self, items: Iterable[uuid.UUID], *, hold: bool = True) -> None:
        """Takes items from use, or gives them back."""
        with unit_of_work(self.database) as session:
            for item in items:
                row = session.get_one(Item, (self.project_id, item))
                row.hold = hold
                session.add(row)


def make_workshop(
    database: Database,
    settings: Settings,
    studio: Studio,
    gateway: Gateway,
    *,
    n_items: int = 5,
    overlap: int = 2,
    backlog: int = 500,
    content: Callable[[int], dict[str, Any]] = lambda n: {"text": f"text {n}"},
) -> Workshop:
    labeling = {"config": CONFIG, "overlap": overlap, "choose": {"backlog": backlog}}
    name = f"p-{uuid.uuid4().hex[:12]}"
    body = {"project": name, "title": f"Title of {name}", "fields": {"text": {"kind": "text"}}, "labeling": labeling}
    with unit_of_work(database) as session:
        project = Project(name=name, revision=1, seed=7, consent_required=False, created_at=NOW)
        session.add(project)
        session.flush()
        project_id = project.id or 0
        session.add(_revision(project_id, 1, body))
        session.flush()
        items = add_items(session, project_id, [content(n) for n in range(n_items)])
    return Workshop(database, settings, studio, gateway, studio.client(), project_id, items)


def add_items(session: Session, project_id: int, contents: Iterable[dict[str, Any]]) -> list[uuid.UUID]:
    """Items, each with one signal."""
    ids, items, signals = [], [], []
    for content in contents:
        item = random_uuid()
        ids.append(item)
        items.append(Item(project_id=project_id, id=item, content=content, revision=1, scrub_hash="x", created_at=NOW))
        signals.append(bare_signal(project_id, item))
    for model, rows in ((Item, items), (Signal, signals)):
        insert_ignoring(session, model.__table__, [row.model_dump() for row in rows])  # type: ignore[attr-defined]
    return ids


def with_studio(settings: Settings, url: str, token: str) -> Settings:
    return settings.model_copy(update={"label_studio_url": url, "label_studio_token": SecretStr(token)})


def _revision(project_id: int, number: int, body: dict[str, Any]) -> Revision:
    return Revision(project_id=project_id, number=number, body=body, scrub_hash="x", created_at=NOW)


def bare_signal(project_id: int, item: uuid.UUID) -> Signal:
    """One more observation of an item, with nothing to it."""
    return Signal(
        project_id=project_id,
        id=random_uuid(),
        source_hmac=random_uuid().bytes,
        item_id=item,
        key_id=uuid.UUID(int=1),
        revision=1,
        captured_at=NOW,
        received_at=NOW,
        event_time=NOW,
        time_quality="raw",
        context={},
        extra={},
    )
