"""The embedded system: starts every part as a process of its own, starts again what dies, takes all down together."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from foundation.cli import say
from foundation.disk import DiskFull, free_bytes, is_full
from foundation.errors import Conflict, DomainError, UsageError
from foundation.http.front import IDLE_S
from foundation.running.embedded import ROOT, LabelStudioServer, Valkey
from foundation.running.label_studio_start import is_installed
from foundation.running.parts import (
    BELONGS_TO,
    LOOPBACK,
    Part,
    answers_http,
    free_port,
    kill_group,
    kill_what_belongs_to,
    port_is_free,
    wait_until,
)
from foundation.settings import keep_secret, load_settings
from foundation.shared_memory import FOR_METRICS, make_folder, remove_folder

FIRST_START = "starting; this first time Label Studio takes some minutes to install"
CONNECTIONS = 8192
"""So many may be open at once: one that is idle or slow holds nothing else. Further ones wait to be accepted."""
CONNECTION_BUFFER_BYTES = 65_536
"""What the server reads ahead of each, at most; a request's head has to fit into it."""
MALLOC = {"MALLOC_ARENA_MAX": "4", "MALLOC_MMAP_THRESHOLD_": "262144", "MALLOC_TRIM_THRESHOLD_": "262144"}
"""Large bodies go back to the system when they were answered, instead of staying with the thread that held them."""
WORKERS = 2
API_PROCESSES = "WINNOW_API_PROCESSES"
LOOK_EVERY_S = 0.2
PREPARE_AGAIN_S = 2.0
NEARLY_NOTHING_BYTES = 1_000_000
NEED_TABLES = ("worker", "scheduler")
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
RAN_WELL_S = 60.0
SETTLED_S = 3.0
"""A part without a port cannot be asked: it runs well when it has not ended by then."""
EVERYWHERE = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - what to ask when the API listens on every address
NOT_FOR_LABEL_STUDIO = ("WINNOW_", "AWS_", "PGPASS", "DJANGO_", "LABEL_STUDIO_", "HEARTEX_")


@dataclass(frozen=True)
class Up:
    """What to run: HOME, where the API listens, and which servers exist already."""

    home: Path
    host: str = "127.0.0.1"
    port: int = 8000
    label_studio: bool = True
    label_studio_url: str | None = None
    broker_url: str | None = None


def up(wanted: Up, environment: Mapping[str, str], *, prepare: Callable[[], None] = lambda: None) -> int:
    """Runs the system in the foreground until SIGTERM, Ctrl-C, or the death of who started it; answers the exit code.

    Args:
        wanted: what to run.
        environment: handed to every part, with the addresses of the embedded servers added.
        prepare: done first, alone on this HOME: secrets and migrations.

    Raises:
        Conflict: another one runs on this HOME.
        UsageError: the API's port is taken, or HOME cannot be written.
        DiskFull: there is no room to make what a first start needs.
    """
    os.umask(0o077)
    _own(wanted.home)
    with _alone_in(wanted.home):
        if left := kill_what_belongs_to(wanted.home):
            say(f"ended {len(left)} processes that an earlier run had left")
        # The port of what was just killed is free a moment later: the kernel closes its sockets last.
        if not wait_until(lambda: port_is_free(wanted.host, wanted.port), timeout_s=2):
            raise UsageError(f"port {wanted.port} on {wanted.host} is taken: choose another one with --port")
        prepared = _Prepared(wanted.home, prepare)
        prepared.try_now()
        with _addresses_kept(wanted.home):
            say("starting" if not wanted.label_studio or wanted.label_studio_url or is_installed() else FIRST_START)
            parts, journal = parts_of(wanted, environment), wanted.home / "logs" / "up.log"
            supervisor = Supervisor(parts, journal, may_start=prepared.lets_start)
            supervisor.run(ready=lambda: answers_http(_api(wanted, "/readyz")), announce=lambda: _tell_where(wanted))
            remove_folder(wanted.home)
    return 0


def parts_of(wanted: Up, environment: Mapping[str, str]) -> list[Part]:
    """The parts in the order in which they start; they end in the reverse one."""
    run, logs = wanted.home / "run", wanted.home / "logs"
    shared = {**environment, "WINNOW_HOME": str(wanted.home), BELONGS_TO: str(wanted.home)}
    parts = []
    if not wanted.broker_url:
        password = keep_secret(_secrets(wanted) / "valkey_password", os.urandom(24).hex())
        valkey = Valkey(wanted.home / "valkey", _kept_port(run, "valkey"), password)
        parts.append(valkey.part(logs / "valkey.log", {BELONGS_TO: str(wanted.home)}))
        _write_private(run / "broker_url", valkey.url)
    shared["WINNOW_BROKER_URL"] = wanted.broker_url or valkey.url
    if wanted.label_studio and not wanted.label_studio_url:
        studio = LabelStudioServer.at(
            wanted.home / "label-studio", secrets_folder=_secrets(wanted), port=_kept_port(run, "label_studio")
        )
        theirs = {name: text for name, text in shared.items() if not name.startswith(NOT_FOR_LABEL_STUDIO)}
        theirs |= {name: shared[name] for name in ("WINNOW_LABEL_STUDIO_VENV", BELONGS_TO) if name in shared}
        parts.append(studio.part(logs / "label-studio.log", theirs))
        _write_private(run / "label_studio_url", studio.url)
        shared |= {"WINNOW_LABEL_STUDIO_URL": studio.url, "WINNOW_LABEL_STUDIO_TOKEN": studio.token}
    return [*parts, *_own_parts(wanted, shared)]


def _own_parts(wanted: Up, environment: Mapping[str, str]) -> list[Part]:
    logs, celery = wanted.home / "logs", [sys.executable, "-m", "celery", "--app", "wsgi:celery_app", "--quiet"]
    worker = [*celery, "worker", "--pool", "prefork", "--concurrency", str(WORKERS), "--hostname", "worker@winnow"]
    worker += ["--without-mingle", "--without-gossip"]
    scheduler = [*celery, "beat", "--scheduler", "foundation.running.scheduler:BeatingScheduler", "--pidfile", ""]
    return [
        _api_part(wanted, environment),
        # Orphaned, it does not finish its tasks first: their leases run out and others take them. Its children go with it.
        Part("worker", worker, environment, logs / "worker.log", ROOT, when_orphaned=signal.SIGKILL),
        Part("scheduler", scheduler, environment, logs / "scheduler.log", ROOT),
    ]


def _api_part(wanted: Up, environment: Mapping[str, str]) -> Part:
    shared = _shared_by_the_api(wanted, environment)
    command = [
        *(sys.executable, "-m", "granian", "wsgi:front", "--interface", "asginl", "--http", "1", "--no-ws"),
        *("--host", wanted.host, "--port", str(wanted.port), "--workers", shared[API_PROCESSES]),
        *("--backpressure", str(CONNECTIONS), "--http1-buffer-size", str(CONNECTION_BUFFER_BYTES)),
        *("--http1-header-read-timeout", str(IDLE_S * 1000)),
        *("--workers-kill-timeout", "4", "--log-level", "warning"),
    ]
    return Part(
        "api",
        command,
        {**MALLOC, **environment, **shared},
        wanted.home / "logs" / "api.log",
        folder=ROOT,
        port=wanted.port,
        answers=lambda: answers_http(_api(wanted, "/healthz")),
        address=_api(wanted),
    )


def _shared_by_the_api(wanted: Up, environment: Mapping[str, str]) -> dict[str, str]:
    """How many processes answer requests, and where they count together; one alone needs no such place."""
    n_processes = load_settings(environment).processes_of_the_api(os.cpu_count() or 1)
    folder = make_folder(wanted.home) if n_processes > 1 else None
    if folder is None:
        return {API_PROCESSES: "1"}
    return {API_PROCESSES: str(n_processes), "WINNOW_API_MEMORY_FOLDER": str(folder), FOR_METRICS: str(folder)}


@dataclass
class _Prepared:
    """What is done before the parts run: on a full disk again and again, and until then only what needs it not may start."""

    home: Path
    prepare: Callable[[], None]
    is_done: bool = False
    again_at: float = 0.0

    def try_now(self) -> None:
        """Raises what `prepare` raises, but that the disk is full where it has been done in an earlier run."""
        try:
            self.prepare()
        except (DomainError, OSError) as error:
            # A database that cannot make its files does not always say why.
            if not is_full(error) and free_bytes(self.home) > NEARLY_NOTHING_BYTES:
                raise
            if not any((self.home / "secrets").glob("*")):
                raise DiskFull(
                    f"there is no room in {self.home} for what a first start makes: make room first"
                ) from error
            if not self.again_at:
                say("there is no room left: the API starts, the worker and the scheduler when there is some again")
            self.again_at = time.monotonic() + PREPARE_AGAIN_S
        else:
            self.is_done = True

    def lets_start(self, part: str) -> bool:
        if not self.is_done and time.monotonic() >= self.again_at:
            self.try_now()
        return self.is_done or part not in NEED_TABLES


@dataclass
class _Watched:
    part: Part
    quick_ends: int = 0
    started_at: float = 0.0
    starts_at: float | None = 0.0
    has_answered: bool = False


@dataclass
class Supervisor:
    """Keeps parts running until it is told to stop."""

    parts: Sequence[Part]
    journal: Path
    may_start: Callable[[str], bool] = lambda _: True
    _stop: threading.Event = field(default_factory=threading.Event, init=False)

    def run(self, *, ready: Callable[[], bool] = lambda: True, announce: Callable[[], None] = lambda: None) -> None:
        """Announces once that all is ready. Returns when all parts have ended, after SIGTERM, SIGINT, SIGHUP or the death of the parent.

        The parent is watched by its id, not by the signal Linux sends when a parent dies: that one also comes when only
        the thread ended that had started this process.
        """
        parent = os.getppid()
        watched = [_Watched(part) for part in self.parts]
        announced = False
        with _signals_set(self._stop):
            try:
                while not self._stop.is_set() and os.getppid() == parent:
                    for one in watched:
                        self._tend(one)
                    if not announced and all(one.has_answered for one in watched) and ready():
                        announced = True
                        announce()
                    self._stop.wait(LOOK_EVERY_S)
            finally:
                self._note("ending")
                end_all(self.parts)
                self._note("ended")

    def _tend(self, one: _Watched) -> None:
        now = time.monotonic()
        if one.part.is_running:
            has_settled = one.part.port or now - one.started_at > SETTLED_S
            if has_settled and not one.has_answered and one.part.answers():
                one.has_answered = True
                say(f"{one.part.name} runs {one.part.address}".rstrip())
                self._note("answers", part=one.part.name, after_s=round(now - one.started_at, 1))
        elif one.starts_at is None:
            self._plan_restart(one, now)
        elif now >= one.starts_at and self.may_start(one.part.name):
            self._start(one)

    def _start(self, one: _Watched) -> None:
        one.started_at, one.starts_at, one.has_answered = time.monotonic(), None, False
        try:
            one.part.start()
        except OSError as error:
            self._note("not_started", part=one.part.name, why=type(error).__name__)
        else:
            self._note("started", part=one.part.name, pid=one.part.pid)

    def _plan_restart(self, one: _Watched, now: float) -> None:
        one.quick_ends = 0 if now - one.started_at > RAN_WELL_S else one.quick_ends + 1
        pause_s = min(FIRST_PAUSE_S * 2 ** max(one.quick_ends - 1, 0), LONGEST_PAUSE_S)
        one.starts_at = now + pause_s
        if one.part.pid:
            kill_group(one.part.pid)
        say(f"{one.part.name} ended with {one.part.ended_with}, starts again in {pause_s:g} s; its log: {one.part.log}")
        if (one.part.ended_with or 0) > 0 and (words := one.part.last_words()):
            say(f"  {words[:500]}")
        self._note("ended_unasked", part=one.part.name, code=one.part.ended_with, pause_s=pause_s)

    def _note(self, event: str, **facts: object) -> None:
        line = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": event, **facts}
        with suppress(OSError):  # no part may fall because its supervisor has no room for a line
            self.journal.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(self.journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
                file.write(json.dumps(line) + "\n")


def end_all(parts: Sequence[Part]) -> None:
    """Ends the parts within 10 s: first those that use the servers, then the servers, then by force."""
    servers = {"valkey", "label-studio"}
    for names_are_servers, patience_s in ((False, 5.0), (True, 3.0)):
        asked = [part for part in parts if (part.name in servers) is names_are_servers]
        for part in asked:
            part.ask_to_end()
        wait_until(lambda asked=asked: not any(part.is_running for part in asked), timeout_s=patience_s)  # type: ignore[misc]
        for part in asked:
            part.end(patience_s=0)


@contextmanager
def _signals_set(stop: threading.Event) -> Iterator[None]:
    asked = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in asked}
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)


def _own(home: Path) -> None:
    """Makes HOME, for its owner alone.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise UsageError(f"{home} cannot be written ({why}): set WINNOW_HOME to a folder of your own") from error


@contextmanager
def _alone_in(home: Path) -> Iterator[None]:
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(f"another winnow up runs on {home}: end it, or set WINNOW_HOME to another folder") from error
        yield


@contextmanager
def _addresses_kept(home: Path) -> Iterator[None]:
    """While the system runs, HOME/run names its servers, so that commands in another terminal find them."""
    run = home / "run"
    run.mkdir(exist_ok=True, mode=0o700)
    names = ("broker_url", "label_studio_url")
    for name in names:
        (run / name).unlink(missing_ok=True)
    try:
        yield
    finally:
        for name in names:
            (run / name).unlink(missing_ok=True)


def _kept_port(run: Path, name: str) -> int:
    """The port of an earlier run while it is free: annotators keep their bookmarks."""
    remembered = run / f"{name}_port"
    if remembered.is_file() and (text := remembered.read_text()).isdigit() and port_is_free(LOOPBACK, int(text)):
        return int(text)
    port = free_port()
    _write_private(remembered, str(port))
    return port


def _write_private(path: Path, text: str) -> None:
    """A note for commands in other terminals; the parts are told by their environment, and run without it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
    except OSError as error:
        if not is_full(error):
            raise
        say(f"there is no room for {path}: commands in another terminal may not find this system")
        with suppress(OSError):
            path.unlink()


def _secrets(wanted: Up) -> Path:
    folder = wanted.home / "secrets"
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder


def _api(wanted: Up, path: str = "") -> str:
    host = EVERYWHERE.get(wanted.host, wanted.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{wanted.port}{path}"


def _tell_where(wanted: Up) -> None:
    run = wanted.home / "run"
    lines = [f"API and pages  {_api(wanted)}/", f"API, described {_api(wanted)}/docs"]
    if (studio := run / "label_studio_url").is_file():
        lines.append(
            f"Label Studio   {studio.read_text()}/  (password in {_secrets(wanted) / 'label_studio_password'})"
        )
    elif wanted.label_studio_url:
        lines.append(f"Label Studio   {wanted.label_studio_url}")
    if (key := _secrets(wanted) / "admin_key").is_file():
        lines.append(f"admin key in   {key}")
    with suppress(OSError):
        sys.stdout.write("\n".join([*lines, "ready; Ctrl-C ends it", ""]))
        sys.stdout.flush()
