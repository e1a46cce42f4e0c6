"""Processes of `tests.crash.workers` on a test's own installation, to be killed, stopped, or let run to their end."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil

from foundation.settings import Settings
from tests.api_server import environment_of
from tests.architecture.sources import ROOT

LEASE_S = 3
WITHIN_S = 60


def start(settings: Settings, folder: Path, *words: str, failpoints: str = "") -> subprocess.Popen[bytes]:
    """A program of `tests.crash.workers` with short leases."""
    environment = environment_of(settings, folder) | {"WINNOW_LEASE_S": str(LEASE_S)}
    if failpoints:
        environment["WINNOW_FAILPOINTS"] = failpoints
    return subprocess.Popen(
        [sys.executable, "-m", "tests.crash.workers", *words],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def run(settings: Settings, folder: Path, *words: str, failpoints: str = "") -> int:
    """The exit code of such a program, negative for the signal that killed it."""
    return start(settings, folder, *words, failpoints=failpoints).wait(WITHIN_S)


def wait_until_stopped(process: subprocess.Popen[bytes]) -> None:
    """Returns when a failpoint has stopped it."""
    deadline = time.monotonic() + WITHIN_S
    while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
