"""The API as a process of its own, run as `winnow up` runs it, and raw requests that no HTTP client would send."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from collector import queries
from foundation.database import open_database
from foundation.running.parts import LOOPBACK, Part, free_port, running
from foundation.running.processes import Up, parts_of
from foundation.settings import SECRETS, Settings
from tests.signals import Held, make_project

PLENTY = "1000000"
ANSWER_TIMEOUT_S = 30


@dataclass(frozen=True)
class Answer:
    """An HTTP answer as it came; status 0 where the connection closed without one."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass(frozen=True)
class ApiServer:
    part: Part
    url: str

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 0)

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        *,
        says_length: bool = True,
    ) -> Answer:
        """One request on a connection of its own."""
        given = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        if says_length and body:
            given.append(("Content-Length", str(len(body))))
        head = f"{method} {path} HTTP/1.1\r\nHost: winnow\r\nConnection: close\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in given)
        return self.send_bytes(head.encode("latin-1") + b"\r\n" + body)

    def send_bytes(self, request: bytes, *, ends_with: str = "wait") -> Answer:
        """Bytes as they are; `ends_with`: wait for the answer, `half-close` after the last byte, or `reset` at once."""
        with socket.create_connection(self.address, timeout=ANSWER_TIMEOUT_S) as connection:
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(request)
            if ends_with == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                return Answer(0, {}, b"")
            if ends_with == "half-close":
                connection.shutdown(socket.SHUT_WR)
            return _read_answer(connection)


@contextmanager
def running_api(settings: Settings, folder: Path, **environment: str) -> Iterator[ApiServer]:
    """The API on a migrated database; its log is `folder/api.log`."""
    server = api_server(settings, folder, **environment)
    with running(server.part, timeout_s=120):
        yield server


def api_server(settings: Settings, folder: Path, **environment: str) -> ApiServer:
    """The same, not started."""
    folder.mkdir(parents=True, exist_ok=True)
    shared = environment_of(settings, folder) | environment
    wanted = Up(home=folder, port=free_port(), label_studio=False, broker_url=shared["WINNOW_BROKER_URL"])
    part = next(part for part in parts_of(wanted, shared) if part.name == "api")
    part.log = folder / "api.log"
    return ApiServer(part, f"http://{LOOPBACK}:{wanted.port}")


def installation_on_sqlite(folder: Path, migrated: Path) -> tuple[Settings, Held]:
    """Settings of an installation in a folder, on a copy of a migrated file with a project in it."""
    path = folder / "winnow.sqlite3"
    shutil.copy(migrated, path)
    database = open_database(f"sqlite:///{path}")
    queries._FILES.clear()
    project = make_project(database)
    database.engine.dispose()
    secrets = {name: letter * 40 for name, letter in zip(SECRETS, "abc", strict=True)}
    return Settings.model_validate({"home": folder, "database_url": f"sqlite:///{path}", **secrets}), project


def environment_of(settings: Settings, folder: Path) -> dict[str, str]:
    """What a process needs to work on the same installation as this test."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return {
        **kept,
        "TMPDIR": str(temporary),
        "WINNOW_HOME": str(folder),
        "WINNOW_DATABASE_URL": settings.database,
        "WINNOW_BROKER_URL": settings.broker_url or "memory://",
        **{f"WINNOW_{name.upper()}": getattr(settings, name).get_secret_value() for name in SECRETS},
        **{f"WINNOW_{who}_REQUESTS_PER_MINUTE": PLENTY for who in ("INGEST", "SUBJECT", "PROJECT")},
        "WINNOW_LOG_LEVEL": "INFO",
    }


def _read_answer(connection: socket.socket) -> Answer:
    received = b""
    with suppress(ConnectionResetError, TimeoutError):
        while piece := connection.recv(65536):
            received += piece
            if _is_whole(received):
                break
    head, _, body = received.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 "):
        return Answer(0, {}, received)
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Answer(int(status.split(" ")[1]), headers, body)


def _is_whole(received: bytes) -> bool:
    head, _, body = received.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length: "):
            return len(body) >= int(line.removeprefix(b"content-length: "))
    return False
