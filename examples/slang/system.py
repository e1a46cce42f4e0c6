"""Starts Winnow as its operator would, makes keys by command, and takes everything down again, whatever happened."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
START_WITHIN_S = 600.0
STOP_WITHIN_S = 60.0
TELL_EVERY_S = 30.0
LOG = "demo-up.log"
LOG_TAIL_CHARS = 2_000


class DidNotStart(Exception):
    """`winnow up` ended, or did not become ready in time."""


class CommandFailed(Exception):
    """A command that had to succeed did not."""


@dataclass(frozen=True, slots=True)
class System:
    """A running Winnow: where it answers, and its HOME."""

    url: str
    home: Path

    def make_key(self, role: str, project: str | None = None) -> str:
        """A new key by `winnow keys create`, which prints the key alone on stdout."""
        of_project = ["--project", project] if project else []
        made = self.run_command("keys", "create", "--role", role, *of_project)
        if made.returncode:
            raise CommandFailed(f"`winnow keys create` ended with exit code {made.returncode}: {made.stderr.strip()}")
        return made.stdout.strip()

    def run_command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "flask", *arguments],
            cwd=ROOT,
            env=_environment(self.home),
            check=False,
            capture_output=True,
            text=True,
        )

    @property
    def label_studio_url(self) -> str:
        return _given_or_kept("WINNOW_LABEL_STUDIO_URL", self.home / "run" / "label_studio_url")

    @property
    def label_studio_token(self) -> str:
        """The operator's own token, with which people are invited."""
        return _given_or_kept("WINNOW_LABEL_STUDIO_TOKEN", self.home / "secrets" / "label_studio_token")


@contextmanager
def running_system(home: Path, say: Callable[[str], None]) -> Iterator[System]:
    """Winnow on a free port with this HOME; stopped at the end of the block, also on Ctrl-C and on failure.

    `say` hears now and then which part is still awaited.

    Raises:
        DidNotStart: with the last lines that it logged.
    """
    home.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    with (home / LOG).open("wb") as log:
        launcher = subprocess.Popen(
            [sys.executable, "-m", "flask", "up", "--host", HOST, "--port", str(port)],
            cwd=ROOT,
            env=_environment(home),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C must reach this process alone: it then takes the system down in its order.
            start_new_session=True,
        )
        try:
            system = System(f"http://{HOST}:{port}", home)
            _wait_until_ready(launcher, system, say)
            yield system
        finally:
            _stop(launcher)


def _wait_until_ready(launcher: subprocess.Popen[bytes], system: System, say: Callable[[str], None]) -> None:
    began = told_at = time.monotonic()
    while (awaited := _awaited(system)) is not None:
        now = time.monotonic()
        if launcher.poll() is not None:
            raise DidNotStart(f"`winnow up` ended with exit code {launcher.returncode}:\n{_tail(system.home)}")
        if now - began > START_WITHIN_S:
            raise DidNotStart(f"{awaited} after {START_WITHIN_S:.0f} s:\n{_tail(system.home)}")
        if now - told_at > TELL_EVERY_S:
            say(f"{awaited} yet")
            told_at = now
        time.sleep(0.5)


def _awaited(system: System) -> str | None:
    """What is not there yet, in words; None when everything answers."""
    try:
        answer = httpx.get(f"{system.url}/readyz", timeout=5.0)
    except httpx.TransportError:
        return "no answer from: api"
    return None if answer.status_code == 200 else str(answer.json().get("detail", "not ready"))


def _stop(launcher: subprocess.Popen[bytes]) -> None:
    """SIGTERM, then patience: the launcher ends its parts one by one. Only what hangs is killed, with all it started."""
    if launcher.poll() is not None:
        return
    launcher.send_signal(signal.SIGTERM)
    try:
        launcher.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        os.killpg(launcher.pid, signal.SIGKILL)
        launcher.wait()


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "WINNOW_HOME": str(home)}


def _given_or_kept(variable: str, path: Path) -> str:
    return os.environ.get(variable) or path.read_text().strip()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _tail(home: Path) -> str:
    return (home / LOG).read_text(errors="replace")[-LOG_TAIL_CHARS:]
