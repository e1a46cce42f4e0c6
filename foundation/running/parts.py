"""One part of a running system: a program in a process group of its own that never outlives who started it."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import psutil

from foundation.errors import Unavailable
from foundation.running.tether import tethered

LOOPBACK = "127.0.0.1"
LARGEST_LOG_BYTES = 10 << 20
POLL_S = 0.05
BELONGS_TO = "WINNOW_BELONGS_TO"
"""Carried in the environment of all that runs for a HOME, so that what a killed supervisor left can be found."""


@dataclass
class Part:
    """A program to run: started, asked whether it answers, ended with everything it has started itself.

    It must be started from a thread that lives on: Linux sends the signal of a dying parent when its thread ends.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    folder: Path | None = None
    port: int | None = None
    answers: Callable[[], bool] = lambda: True
    before_start: Callable[[], None] = lambda: None
    address: str = ""
    ends_with: signal.Signals = signal.SIGTERM
    when_orphaned: signal.Signals = signal.SIGTERM
    user: int = 0
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def ended_with(self) -> int | None:
        """The exit code, negative for a signal; None while it runs or before it ran."""
        return self._child.poll() if self._child else None

    def start(self) -> None:
        if self.port:
            wait_until(lambda: port_is_free(LOOPBACK, self.port or 0), timeout_s=5)
        self.before_start()
        with _opened(self.log) as log:
            self._child = subprocess.Popen(
                tethered(list(self.command), ending=self.when_orphaned, user=self.user),
                env=dict(self.environment),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def ask_to_end(self) -> None:
        if self.is_running and self._child:
            self._child.send_signal(self.ends_with)

    def end(self, *, patience_s: float = 5.0) -> None:
        """Asks, waits, then kills the whole group: a part that was killed itself may have left children."""
        if not self._child:
            return
        self.ask_to_end()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(patience_s)
        kill_group(self._child.pid)
        self._child.wait()

    def wait(self, timeout_s: float | None = None) -> int:
        """Waits until the program has ended by itself; answers its exit code."""
        if not self._child:
            raise ValueError(f"{self.name} was not started")
        return self._child.wait(timeout_s)

    def wait_until_it_answers(self, *, timeout_s: float) -> None:
        """Raises Unavailable, with the end of the log, when the part ends or does not answer in time."""
        if wait_until(lambda: not self.is_running or self.answers(), timeout_s=timeout_s) and self.is_running:
            return
        raise Unavailable(f"{self.name} does not answer; its log {self.log} ends: {self.last_words()}")

    def last_words(self, lines: int = 1) -> str:
        with suppress(OSError), self.log.open(errors="replace") as log:
            return "\n".join(deque((line.rstrip() for line in log if line.strip()), lines))
        return ""


@contextmanager
def running(part: Part, *, timeout_s: float) -> Iterator[Part]:
    """The part, started and answering, ended at the end."""
    part.start()
    try:
        part.wait_until_it_answers(timeout_s=timeout_s)
        yield part
    finally:
        part.end()


def kill_group(group: int, *, timeout_s: float = 5.0) -> None:
    """Kills every process of a group and waits until they are gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
        wait_until(lambda: not _has_members(group), timeout_s=timeout_s)


def kill_what_belongs_to(home: Path) -> list[int]:
    """Kills what a supervisor of this HOME left running when it was killed itself; answers the process ids."""
    left = what_belongs_to(home)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=5)
    return [process.pid for process in left]


def what_belongs_to(home: Path) -> list[psutil.Process]:
    """All running processes that were started for a HOME, but this one."""
    return [process for process in psutil.process_iter() if _belongs_to(process, home)]


def port_is_free(host: str, port: int) -> bool:
    with socket.socket(_family(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return not _listens(host, port)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def wait_until(holds: Callable[[], bool], *, timeout_s: float) -> bool:
    """Asks again and again until it holds; False when the time is over."""
    ends_at = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > ends_at:
            return False
        time.sleep(POLL_S)
    return True


def answers_http(url: str, *, timeout_s: float = 2.0) -> bool:
    """Whether a GET of our own loopback address is answered with 2xx."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or LOOPBACK, parts.port, timeout=timeout_s)
    try:
        connection.request("GET", parts.path or "/")
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _opened(log: Path) -> IO[bytes]:
    """The log to append to; where there is no room for one the part runs without."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if log.exists() and log.stat().st_size > LARGEST_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb")
    except OSError:
        return Path(os.devnull).open("wb")


def _listens(host: str, port: int) -> bool:
    # A server with SO_REUSEPORT lets others bind its port too: only a connection tells.
    with socket.socket(_family(host)) as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _has_members(group: int) -> bool:
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.Error):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                return True
    return False


def _belongs_to(found: psutil.Process, home: Path) -> bool:
    with suppress(psutil.Error, OSError):
        is_other = found.pid != os.getpid() and found.status() != psutil.STATUS_ZOMBIE
        return is_other and found.environ().get(BELONGS_TO) == str(home)
    return False
