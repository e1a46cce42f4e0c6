"""A whole installation for tests of versions: the application, its database, and a worker that runs when told to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import update
from sqlmodel import SQLModel, col, select

from collector.queries import find_project
from exports.tasks import clear_builds
from foundation import queue
from foundation.database import Database, unit_of_work, utc_now
from foundation.http.keys import Role, create_key
from foundation.http.web import services_of
from foundation.jobs import Job
from foundation.settings import Settings, load_settings, make_secrets
from foundation.tasks import follow_steps
from tests.steps import do_free
from tests.steps import end_pauses as end_step_pauses
from wsgi import create_app, worker

worker().loader.import_default_modules()
"""A job's function is found by its name, whichever test comes first."""
ROOT = Path(__file__).resolve().parents[2]
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
        # A few words of a few people may fall on one side: most tests ask for no rows on the others.
        "export": {
            "targets": ["mood"],
            "split": {"train": 0.6, "validation": 0.2, "test": 0.2},
            "gates": {"min_rows": 0},
        },
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

    @property
    def project_id(self) -> int:
        with unit_of_work(self.database, read_only=True) as session:
            return find_project(session, "slang") or 0

    def put(self, body: dict[str, Any]) -> Any:
        answer = self.call("PUT", self.at, json=body)
        assert answer.status_code in (200, 201), answer.json
        return answer.json

    def new_key(self, role: Role) -> str:
        with unit_of_work(self.database) as session:
            return create_key(session, role, self.project_id, now=utc_now())[1]

    def send(
        self, texts: Sequence[str], *, subject: str = "anna", minute: int = 0, given: int = -60, **context: Any
    ) -> list[str]:
        """Sends texts as signals of one person who has consented, captured at a minute from three hours ago; their items."""
        consent = {"granted": True, "purposes": ["training"], "notice": "1", "given_at": _at(given)}
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
        for person in range(people):
            self.send(texts[person::people], subject=f"person-{person}", device_model=f"model-{person % 2}")
        self.label({word: ["good" if place % 3 else "bad"] * 2 for place, word in enumerate(texts)})

    def ask(self, **wish: Any) -> dict[str, Any]:
        answer = self.call("POST", f"{self.at}/versions", json=wish)
        assert answer.status_code == 202, answer.json
        return dict(answer.json)

    def build(self, **wish: Any) -> dict[str, Any]:
        """Asks for a version and works until it is there; the job's result."""
        return self.work_on(self.ask(**wish)["job"])

    def work_on(self, job: str) -> dict[str, Any]:
        self.end_pauses()
        queue.run_job(job)
        with unit_of_work(self.database, read_only=True) as session:
            row = session.exec(select(Job).where(col(Job.id) == uuid.UUID(job))).one()
        assert row.state == "done", row.error
        return dict(row.result)

    def end_pauses(self) -> None:
        """As if the time between two attempts had passed."""
        with unit_of_work(self.database) as session:
            session.connection().execute(update(Job).where(col(Job.state) == "queued").values(lease_until_ms=0))

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

    def run_floor(self, floor: str) -> None:
        """What a worker does about the part of one floor."""
        do_free(queue.runtime(), floor)

    def run_floors(self) -> None:
        """What a worker does about erasures, from the ground up, and about builds that came to nothing."""
        end_step_pauses(self.database)
        clear_builds(queue.runtime())
        follow_steps(queue.runtime())

    def erasure(self) -> dict[str, Any]:
        """How far the newest erasure is."""
        return dict(self.call("GET", f"{self.at}/erasures/{self.erasure_id}").json)

    @property
    def erasure_status(self) -> str:
        return str(self.erasure()["status"])


def _at(minute: int) -> str:
    return (utc_now().replace(second=0, microsecond=0) - timedelta(hours=3) + timedelta(minutes=minute)).isoformat()


def rig_of(settings: Settings, client: FlaskClient, database: Database, patch: pytest.MonkeyPatch) -> Rig:
    """What a test does with an application; a worker in this process works on the same installation."""
    for name in ("home", "database_url", "secret_key", "pseudonym_key", "seal_key"):
        value = getattr(settings, name)
        patch.setenv(f"WINNOW_{name.upper()}", value.get_secret_value() if isinstance(value, SecretStr) else str(value))
    queue.runtime.cache_clear()
    shutil.rmtree(settings.home / "versions", ignore_errors=True)
    with unit_of_work(database) as session:
        _, key = create_key(session, Role.ADMIN, None, now=utc_now())
    return Rig(settings.home, database, client, key)


def open_rig(home: Path, migrated: Path, patch: pytest.MonkeyPatch) -> Rig:
    """An installation of its own in a folder, on SQLite; `migrated` is the file its database begins as."""
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(migrated, home / "winnow.sqlite3")
    make_secrets(home)
    patch.setenv("WINNOW_HOME", str(home))
    patch.delenv("WINNOW_DATABASE_URL", raising=False)
    settings = load_settings()
    app = create_app(settings)
    return rig_of(settings, app.test_client(), services_of(app).database, patch)


def copy_database(rig: Rig, path: Path) -> Path:
    """The rig's SQLite database as it is now, in a file of its own."""
    raw = rig.database.engine.raw_connection()
    try:
        raw.driver_connection.execute("VACUUM INTO ?", (str(path),))  # type: ignore[union-attr]
    finally:
        raw.close()
    return path


def copy_rows(source: Database, target: Database) -> None:
    """Every row of a project into another database, whatever engine that is."""
    of_installation = {"activity", "activity_heads", "jobs", "keys"}
    with source.engine.connect() as reading, target.engine.begin() as writing:
        for table in SQLModel.metadata.sorted_tables:
            rows = [dict(row) for row in reading.execute(table.select()).mappings()]
            if rows and table.name not in of_installation:
                writing.execute(table.insert(), rows)


def worker_process(job: str, *, failpoints: str = "") -> subprocess.Popen[bytes]:
    """A process of its own that does one job of the installation that the environment names."""
    return _process("from foundation.queue import run_job; import exports.tasks; run_job(sys.argv[1])", job, failpoints)


def erasing_process(*, failpoints: str) -> subprocess.Popen[bytes]:
    """A process of its own that does what is owed to the erasures that wait."""
    program = (
        "from wsgi import worker; worker(); from foundation.queue import runtime;"
        "from foundation.tasks import follow_steps; follow_steps(runtime())"
    )
    return _process(program, "", failpoints)


def _process(program: str, argument: str, failpoints: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "WINNOW_FAILPOINTS": failpoints}
    return subprocess.Popen([sys.executable, "-c", f"import sys; {program}", argument], env=environment, cwd=ROOT)


def close_rig(rig: Rig) -> None:
    queue.runtime().database.engine.dispose()
    queue.runtime.cache_clear()
    rig.database.engine.dispose()
