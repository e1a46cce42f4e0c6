"""Whether every part answers: asked side by side and within a bound, by one thread a part however many want to know."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog

from foundation.database import Database, unit_of_work
from foundation.disk import has_space
from foundation.heartbeats import SCHEDULER, WORKER, silences_s
from foundation.settings import Settings

log = structlog.get_logger(__name__)
WITHIN_S = 1.5
"""Of the 2 s in which `/readyz` answers, what the parts have together."""
ANSWER_HOLDS_S = 1.0
LARGEST_ANSWER_BYTES = 4096
SILENT_AFTER_S = 20.0

Answers = Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class Check:
    """What is asked, and of which parts it tells."""

    parts: Sequence[str]
    ask: Callable[[], Answers]


class SharedCheck:
    """A check that runs once at a time; whoever asks meanwhile, or within a second after it, gets its answer.

    A part that hangs holds one thread, not one for each call.
    """

    def __init__(self, check: Check) -> None:
        self.check = check
        self._lock = threading.Lock()
        self._answer: Future[Answers] | None = None
        self._begun_at = 0.0

    def begin(self) -> Future[Answers]:
        with self._lock:
            age_s = time.monotonic() - self._begun_at
            if self._answer is None or (self._answer.done() and age_s > ANSWER_HOLDS_S):
                self._answer, self._begun_at = Future(), time.monotonic()
                threading.Thread(target=self._run, args=(self._answer,), daemon=True).start()
            return self._answer

    @property
    def hangs(self) -> bool:
        """Whether it has been running for so long that nobody needs to wait for it any more."""
        answer = self._answer
        return answer is not None and not answer.done() and time.monotonic() - self._begun_at > WITHIN_S

    def _run(self, answer: Future[Answers]) -> None:
        try:
            answer.set_result(self.check.ask())
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the part, it does not answer
            log.warning("part_does_not_answer", parts=list(self.check.parts), why=type(error).__name__)
            answer.set_result({})


class Readiness:
    """The parts of one installation."""

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = [SharedCheck(check) for check in checks]

    def look(self, *, within_s: float = WITHIN_S) -> dict[str, bool]:
        """Which parts answer; what has not answered in time does not."""
        asked = {one: one.begin() for one in self._checks}
        wait([answer for one, answer in asked.items() if not one.hangs], timeout=within_s)
        found: dict[str, bool] = {}
        for one, answer in asked.items():
            told = answer.result() if answer.done() else {}
            found |= {part: told.get(part, False) for part in one.check.parts}
        return found


def checks_of(settings: Settings, database: Database) -> list[Check]:
    """What an installation needs so that it can do all it promises."""
    return [
        Check(["database", WORKER, SCHEDULER], lambda: _seen_in(database, SILENT_AFTER_S + 2 * settings.sweep_every_s)),
        Check(["broker"], lambda: {"broker": broker_answers(settings)}),
        Check(["label_studio"], lambda: {"label_studio": label_studio_answers(settings)}),
        Check(["disk"], lambda: {"disk": has_space(settings)}),
    ]


def _seen_in(database: Database, silent_after_s: float) -> Answers:
    with unit_of_work(database, read_only=True) as session:
        silences = silences_s(session)
    beats = {part: silences.get(part, silent_after_s) < silent_after_s for part in (WORKER, SCHEDULER)}
    return {"database": True, **beats}


def broker_answers(settings: Settings) -> bool:
    """Whether the broker takes a connection; true where none is configured, since the sweep does without."""
    if not settings.broker_url:
        return True
    from kombu import Connection

    timeouts = {"socket_timeout": WITHIN_S, "socket_connect_timeout": WITHIN_S}
    options = timeouts if settings.broker_url.startswith("redis") else {}
    try:
        with Connection(  # type: ignore[no-untyped-call]
            settings.broker_url, connect_timeout=WITHIN_S, transport_options=options
        ) as connection:
            connection.ensure_connection(max_retries=1, timeout=WITHIN_S)
    except Exception:  # noqa: BLE001 - each transport raises its own
        return False
    return True


def label_studio_answers(settings: Settings) -> bool:
    """Whether Label Studio is up; true where none is configured."""
    if not settings.label_studio_url:
        return True
    return status_of(f"{settings.label_studio_url.rstrip('/')}/health", within_s=WITHIN_S) == 200


def status_of(url: str, *, within_s: float) -> int | None:
    """The status that a GET is answered with; None where none came in time.

    Only the first line is read, and the deadline is for all of it: a server that sends a byte a second is not there.
    """
    ends_at = time.monotonic() + within_s
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    request = (
        f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\nConnection: close\r\n\r\n"
    )
    try:
        with ExitStack() as opened:
            link = opened.enter_context(socket.create_connection((parts.hostname or "", port), timeout=within_s))
            if parts.scheme == "https":
                link = opened.enter_context(
                    ssl.create_default_context().wrap_socket(link, server_hostname=parts.hostname)
                )
            link.sendall(request.encode())
            line = _first_line(link, ends_at)
    except (OSError, ValueError):
        return None
    words = line.split()
    return int(words[1]) if len(words) > 1 and words[0].startswith(b"HTTP/") and words[1].isdigit() else None


def _first_line(link: socket.socket, ends_at: float) -> bytes:
    got = b""
    while b"\n" not in got and len(got) < LARGEST_ANSWER_BYTES:
        link.settimeout(max(ends_at - time.monotonic(), 0.001))
        piece = link.recv(LARGEST_ANSWER_BYTES)
        if not piece:
            break
        got += piece
    return got.partition(b"\n")[0]
