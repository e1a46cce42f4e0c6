"""Rows and projects for tests: what is sent, what is stored, and who may call."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import orjson
from flask.testing import FlaskClient
from sqlalchemy import inspect, text
from sqlmodel import SQLModel
from werkzeug.test import TestResponse

from collector.project import parse_project
from collector.queries import find_project
from collector.service import put_project
from foundation.database import Database, unit_of_work, utc_now
from foundation.http.keys import Role, create_key, retire_key
from wsgi import sections

SUBJECT = "install-7f3c"
TOKEN = "t" * 43
CONSENT = {"granted": True, "purposes": ["training"], "notice": "1", "given_at": "2026-01-01T00:00:00Z"}


def project_body(name: str = "slang", **changes: Any) -> dict[str, Any]:
    """A project with a field of every kind; changes replace whole sections."""
    return {
        "project": name,
        "fields": {
            "text": {"kind": "text", "required": True, "max_chars": 2000, "pii": "scrub"},
            "price": {"kind": "number", "unit": "EUR", "minimum": 0, "maximum": 1000},
            "stars": {"kind": "integer"},
            "store": {"kind": "category", "values": ["food", "fuel", "other", "café"]},
            "paid": {"kind": "boolean"},
            "bought_at": {"kind": "datetime"},
            "member": {"kind": "text", "pii": "pseudonymize"},
            "secret": {"kind": "text", "pii": "drop"},
        },
        "identity": ["text"],
        "context": {
            "keep": [
                *("device_model", "os_name", "os_version", "app_version", "locale", "timezone", "network_type"),
                *("rtt_ms", "battery", "charging", "location", "part_of_day", "weekday", "network_quality"),
                *("device_family", "os_major"),
            ],
            "attributes": ["age_band"],
        },
        "privacy": {"consent": "required", "purposes": ["training"], "notices": {"1": {"en": "We use it"}}},
        **changes,
    }


def make_signal(**changes: Any) -> dict[str, Any]:
    """A signal that the project above accepts, with a new id and a text of its own; `None` leaves a member out."""
    signal_id = str(uuid.uuid4())
    sent = {
        "id": signal_id,
        "subject": SUBJECT,
        "captured_at": (utc_now() - timedelta(minutes=1)).isoformat(),
        "payload": {"text": f"words of {signal_id[:8]}"},
        **changes,
    }
    return {name: value for name, value in sent.items() if value is not None}


def envelope(*signals: Mapping[str, Any], consent: Mapping[str, Any] | None = CONSENT) -> dict[str, Any]:
    return {"signals": list(signals), **({"consent": consent} if consent else {})}


def ndjson(*signals: Mapping[str, Any]) -> bytes:
    return b"".join(orjson.dumps(signal) + b"\n" for signal in signals)


@dataclass(frozen=True)
class Held:
    """A project that exists, and a key of each role for it."""

    name: str
    id: int
    keys: Mapping[str, str]
    url: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", f"/v1/projects/{self.name}")


def make_project(database: Database, name: str = "slang", **changes: Any) -> Held:
    """A project as `PUT` makes it, with a key of each role; `retired` is an ingest key that was retired."""
    now = utc_now()
    with unit_of_work(database) as session:
        checked = parse_project(project_body(name, **changes), sections())
        put_project(session, name, checked, sections=sections(), actor="test", now=now)
        project_id = find_project(session, name) or 0
        keys = {}
        for role in Role:
            _, keys[role.value] = create_key(session, role, None if role is Role.ADMIN else project_id, now=now)
        gone, keys["retired"] = create_key(session, Role.INGEST, project_id, now=now)
        retire_key(session, gone.id, now=now)
    return Held(name, project_id, keys)


def revise(database: Database, held: Held, **changes: Any) -> None:
    with unit_of_work(database) as session:
        checked = parse_project(project_body(held.name, **changes), sections())
        put_project(session, held.name, checked, sections=sections(), actor="test", now=utc_now())


def rows_of(database: Database) -> dict[str, int]:
    """How many rows each table holds."""
    counted = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in tables_of(database))
    with unit_of_work(database, read_only=True) as session:
        return {str(name): int(rows) for name, rows in session.connection().execute(text(counted))}


@cache
def tables_of(database: Database) -> list[str]:
    """The tables that the migrations made, those that refer to others first."""
    made = set(inspect(database.engine).get_table_names())
    return [table.name for table in reversed(SQLModel.metadata.sorted_tables) if table.name in made]


def empty(database: Database) -> None:
    """Removes every row."""
    names = tables_of(database)
    with database.engine.begin() as connection:
        if database.is_postgresql:
            connection.execute(text(f"TRUNCATE {', '.join(names)} RESTART IDENTITY CASCADE"))
        else:
            for name in names:
                connection.execute(text(f"DELETE FROM {name}"))


@dataclass(frozen=True)
class Phone:
    """Calls one project with one key."""

    client: FlaskClient
    held: Held
    role: str = "ingest"

    def call(self, method: str, path: str, **request: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.held.keys[self.role]}", **request.pop("headers", {})}
        return self.client.open(f"{self.held.url}{path}", method=method, headers=headers, **request)

    def send(self, *signals: Mapping[str, Any], consent: Mapping[str, Any] | None = CONSENT, **headers: str) -> Any:
        """Posts an envelope; the answer's JSON, which must be a 200."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.call("POST", "/signals", json=envelope(*signals, consent=consent), headers=named)
        assert answer.status_code == 200, answer.text
        return answer.json

    def send_one(self, signal: Mapping[str, Any], **options: Any) -> dict[str, Any]:
        result: dict[str, Any] = self.send(signal, **options)["results"][0]
        return result

    def as_role(self, role: str) -> Phone:
        return Phone(self.client, self.held, role)


def days_ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()
