"""A whole installation for tests of versions: the application, its database, and a worker that runs when told to."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlmodel import SQLModel, col, select

import wsgi
from foundation import queue
from foundation.database import Database, open_database, unit_of_work, utc_now
from foundation.jobs import Job
from foundation.keys import Role, create_key
from foundation.settings import load_settings, make_secrets

START = datetime(2026, 11, 22, 8, tzinfo=UTC)
CONFIG = (
    '<View><Text name="t" value="$text"/><Choices name="mood" toName="t">'
    '<Choice value="bad"/><Choice value="so-so"/><Choice value="good"/></Choices></View>'
)
WORDS = ("lol", "meh", "gr8", "ugh", "nice", "brb", "omg", "hmm", "yay", "nah", "wow", "duh")


def project_file(**changes: Any) -> dict[str, Any]:
    """A project of short texts with one question."""
    body: dict[str, Any] = {
        "project": "slang",
        "title": "Mood of slang",
        "purpose": "To see that versions hold.",
        "fields": {"text": {"kind": "text", "required": True}, "price": {"kind": "number", "unit": "EUR"}},
        "context": {"keep": ["os_name", "device_model", "battery"]},
        "privacy": {"consent": "required", "purposes": ["training"], "notices": {"1": {"en": "We use it."}}},
        "labeling": {"config": CONFIG},
        "export": {"targets": ["mood"], "split": {"train": 0.6, "validation": 0.2, "test": 0.2}},
    }
    return body | changes


@dataclass
class Rig:
    """One installation and what a test does with it."""

    home: Path
    database: Database
    client: Any
    key: str = ""
    sent: dict[str, str] = field(default_factory=dict)
    """Item by text."""
    erasure_id: str = ""

    @property
    def at(self) -> str:
        return "/v1/projects/slang"

    def call(self, method: str, path: str, *, key: str | None = None, **parts: Any) -> Any:
        headers = {"Authorization": f"Bearer {key or self.key}", **parts.pop("headers", {})}
        return self.client.open(path, method=method, headers=headers, buffered=True, **parts)

    def put(self, body: dict[str, Any]) -> Any:
        answer = self.call("PUT", self.at, json=body)
        assert answer.status_code in (200, 201), answer.json
        return answer.json

    def new_key(self, role: Role) -> str:
        with unit_of_work(self.database) as session:
            return create_key(session, role, 1, now=utc_now())[1]

    def send(self, texts: Sequence[str], *, subject: str = "anna", minute: int = 0, **context: Any) -> list[str]:
        """Sends texts as signals of one person who has consented; the items they make."""
        consent = {"granted": True, "purposes": ["training"], "notice": "1", "given_at": _at(-60)}
        signals = [
            {
                "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{subject}/{text}/{minute}")),
                "subject": subject,
                "captured_at": _at(minute),
                "payload": {"text": text, "price": float(len(text))},
                "context": {"os_name": "android", **context},
            }
            for text in texts
        ]
        answer = self.call("POST", f"{self.at}/signals", json={"consent": consent, "signals": signals})
        assert answer.status_code == 200, answer.json
        assert not answer.json["rejected"], answer.json
        items = [result["item"] for result in answer.json["results"]]
        self.sent.update(zip(texts, items, strict=True))
        return items

    def label(self, answers: dict[str, Sequence[str]], **facts: Any) -> None:
        """Hands in the answers that annotators gave to each text."""
        lines = [
            {"item": self.sent[text], "question": "mood", "annotator": f"rater-{place}", "value": value, **facts}
            for text, values in answers.items()
            for place, value in enumerate(values)
        ]
        answer = self.call("POST", f"{self.at}/annotations", json=lines)
        assert answer.status_code == 200, answer.json
        assert not answer.json["rejected"], answer.json

    def fill(self, texts: Sequence[str] = WORDS, *, people: int = 4) -> None:
        """Texts of several people, each with two answers that agree."""
        for place, word in enumerate(texts):
            self.send([word], subject=f"person-{place % people}", device_model=f"model-{place % 2}", battery=0.5)
        self.label({word: ["good" if place % 3 else "bad"] * 2 for place, word in enumerate(texts)})

    def ask(self, **wish: Any) -> dict[str, Any]:
        answer = self.call("POST", f"{self.at}/versions", json=wish)
        assert answer.status_code == 202, answer.json
        return dict(answer.json)

    def build(self, **wish: Any) -> dict[str, Any]:
        """Asks for a version and works until it is there; the job's result."""
        return self.work_on(self.ask(**wish)["job"])

    def work_on(self, job: str) -> dict[str, Any]:
        queue.run_job(job)
        with unit_of_work(self.database, read_only=True) as session:
            row = session.exec(select(Job).where(col(Job.id) == uuid.UUID(job))).one()
        assert row.state == "done", row.error
        return dict(row.result)

    def read(self, version: str) -> dict[str, Any]:
        answer = self.call("GET", f"{self.at}/versions/{version}")
        assert answer.status_code == 200, answer.json
        return dict(answer.json)

    def fetch(self, version: str, path: str) -> bytes:
        answer = self.call("GET", f"{self.at}/versions/{version}/files/{path}")
        assert answer.status_code == 200, answer.json
        return bytes(answer.data)

    def manifest(self, version: str) -> dict[str, Any]:
        return dict(json.loads(self.fetch(version, "manifest.json")))

    def rows(self, version: str) -> dict[str, dict[str, Any]]:
        """All rows of a version by item, with the side they stand on."""
        import pyarrow as pa
        from pyarrow import parquet

        found = {}
        for file in self.read(version)["files"]:
            if file["path"].endswith(".parquet"):
                side = file["path"].removeprefix("data/").split("-")[0]
                table = parquet.read_table(pa.BufferReader(self.fetch(version, file["path"])))
                found.update({row["item"]: row | {"side": side} for row in table.to_pylist()})
        return found

    def erase(self, subject: str) -> str:
        answer = self.call("DELETE", f"{self.at}/subject", headers={"Winnow-Subject": subject})
        assert answer.status_code == 202, answer.json
        self.erasure_id = str(answer.json["erasure"])
        return self.erasure_id

    def run_floors(self) -> None:
        """What the workers of all floors do about erasures, from the ground up."""
        for module, name in (
            ("collector.tasks", "erase"),
            ("labeling.tasks", "follow_erasures"),
            ("quality.tasks", "erase"),
            ("exports.tasks", "follow_erasures"),
        ):
            getattr(import_module(module), name)(queue.runtime())

    def erasure(self) -> dict[str, Any]:
        """How far the newest erasure is."""
        return dict(self.call("GET", f"{self.at}/erasures/{self.erasure_id}").json)

    @property
    def erasure_status(self) -> str:
        return str(self.erasure()["status"])


def _at(minute: int) -> str:
    return (utc_now().replace(second=0, microsecond=0) - timedelta(hours=3) + timedelta(minutes=minute)).isoformat()


def open_rig(home: Path, patch: pytest.MonkeyPatch, *, database_url: str = "") -> Rig:
    """An installation in a folder; the environment points at it."""
    patch.setenv("WINNOW_HOME", str(home))
    patch.setenv("WINNOW_DATABASE_URL", database_url)
    home.mkdir(parents=True, exist_ok=True)
    make_secrets(home)
    queue.runtime.cache_clear()
    settings = load_settings()
    database = open_database(settings.database)
    for name in wsgi.MODELS:
        import_module(name)
    SQLModel.metadata.create_all(database.engine)
    with unit_of_work(database) as session:
        _, key = create_key(session, Role.ADMIN, None, now=utc_now())
    return Rig(home, database, wsgi.create_app(settings).test_client(), key)


@pytest.fixture(params=["sqlite", "postgresql"])
def rig(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """An installation with the project of short texts, on each database."""
    url = "" if request.param == "sqlite" else fresh_database(request.getfixturevalue("postgres_url"))
    made = open_rig(tmp_path / "home", monkeypatch, database_url=url)
    made.put(project_file())
    yield made
    close_rig(made)


@pytest.fixture
def small_rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """The same on SQLite alone, for what no database decides."""
    made = open_rig(tmp_path / "home", monkeypatch)
    made.put(project_file())
    yield made
    close_rig(made)


def close_rig(rig: Rig) -> None:
    queue.runtime().database.engine.dispose()
    queue.runtime.cache_clear()
    rig.client.application.extensions["winnow"].database.engine.dispose()
    rig.database.engine.dispose()


def fresh_database(server: str) -> str:
    """A new database on a PostgreSQL server; its URL."""
    name = f"exports_{uuid.uuid4().hex[:12]}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return engine.url.set(database=name).render_as_string(hide_password=False)
