"""`winnow up` on a file system that fills: intake stops before, reads go on, it starts while full, and comes back by itself."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from foundation.running.parts import LOOPBACK, free_port, kill_what_belongs_to, wait_until
from tests.architecture.sources import ROOT
from tests.signals import envelope, make_signal, project_body

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SIZE_MB, MARK_BYTES = 192, 48_000_000
DROPPED = "winnow_dropped_log_lines_total "
NEW_NAMES = ["unshare", "--user", "--map-root-user", "--mount"]


@dataclass
class SmallDisk:
    """A file system of its own, in a namespace that a sleeping process keeps, and the system that runs on it."""

    holder: subprocess.Popen[bytes]
    folder: Path
    port: int = field(default_factory=free_port)
    up: subprocess.Popen[bytes] | None = None

    @property
    def seen_from_here(self) -> Path:
        return Path(f"/proc/{self.holder.pid}/root{self.folder}")

    def start(self) -> None:
        inside = ["nsenter", "-t", str(self.holder.pid), "--user", "--mount", "--preserve-credentials", f"--wd={ROOT}"]
        command = [sys.executable, "-m", "flask", "up", "--port", str(self.port), "--no-label-studio"]
        environment = {**os.environ, "WINNOW_HOME": str(self.folder), "WINNOW_MIN_FREE_BYTES": str(MARK_BYTES)}
        self.up = subprocess.Popen(
            [*inside, *command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def stop(self) -> None:
        if self.up:
            self.up.send_signal(signal.SIGTERM)
            self.up.wait(60)

    def fill(self, *, leave_bytes: int) -> None:
        """Puts a file into the way that leaves so much room."""
        room = os.statvfs(self.seen_from_here)
        with (self.seen_from_here / "filler").open("ab") as filler:
            try:
                filler.write(bytes(max(room.f_bavail * room.f_frsize - leave_bytes, 0)))
            except OSError:
                return

    def make_room(self) -> None:
        (self.seen_from_here / "filler").unlink()

    def ask(self, method: str, path: str, key: str = "", **request: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        headers |= request.pop("headers", {})  # type: ignore[arg-type]
        url = f"http://{LOOPBACK}:{self.port}{path}"
        return httpx.request(method, url, headers=headers, timeout=30, **request)  # type: ignore[arg-type]

    def status(self, path: str) -> int:
        try:
            return self.ask("GET", path).status_code
        except httpx.TransportError:
            return 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "home"
    folder.mkdir()
    mounted = f"mount -t tmpfs -o size={SIZE_MB}m none {folder} && echo ready && exec sleep 100000"
    if not shutil.which("unshare") or not shutil.which("nsenter"):
        pytest.skip("needs namespaces")
    holder = subprocess.Popen([*NEW_NAMES, "sh", "-c", mounted], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert holder.stdout is not None
    try:
        if holder.stdout.readline() != b"ready\n":
            pytest.skip("a file system of one's own is not allowed here")
        small = SmallDisk(holder, folder)
        try:
            yield small
        finally:
            if small.up and small.up.poll() is None:
                small.up.kill()
                small.up.wait()
            kill_what_belongs_to(folder)
    finally:
        holder.stdout.close()
        holder.kill()
        holder.wait()


def test_intake_stops_before_reads_go_on_and_all_comes_back(disk: SmallDisk) -> None:
    disk.start()
    assert wait_until(lambda: disk.status("/readyz") == 200, timeout_s=120)
    key = (disk.seen_from_here / "secrets" / "admin_key").read_text().strip()
    at = "/v1/projects/slang"
    assert disk.ask("PUT", at, key, json=project_body("slang")).status_code == 201
    send = lambda: disk.ask("POST", f"{at}/signals", key, json=envelope(make_signal()))  # noqa: E731
    assert send().json()["accepted"] == 1

    disk.fill(leave_bytes=MARK_BYTES // 2)
    assert wait_until(lambda: send().status_code == 503, timeout_s=10)
    assert send().json()["reason"] == "disk_full"
    ready = disk.ask("GET", "/readyz", key)
    assert (ready.status_code, ready.json()["parts"]["disk"], ready.json()["parts"]["database"]) == (503, False, True)
    erased = disk.ask("DELETE", f"{at}/subject", key, headers={"Winnow-Subject": "install-7f3c"})
    assert erased.status_code == 202

    disk.fill(leave_bytes=0)
    answers = [disk.ask("GET", path, key).status_code for path in ("/healthz", at, f"{at}/items", "/metrics") * 20]
    assert set(answers) == {200}
    counted = next(line for line in disk.ask("GET", "/metrics").text.splitlines() if line.startswith(DROPPED))
    assert float(counted.split()[1]) > 0
    assert {send().status_code for _ in range(20)} == {503}
    assert disk.ask("GET", "/readyz").status_code == 503

    disk.stop()
    disk.start()
    assert wait_until(lambda: disk.status("/healthz") == 200, timeout_s=120)
    assert send().status_code == 503

    disk.make_room()
    assert wait_until(lambda: disk.status("/readyz") == 200, timeout_s=180)
    later = disk.ask("POST", f"{at}/signals", key, json=envelope(make_signal(subject="another")))
    assert later.json()["accepted"] == 1
    erasure = f"{at}/erasures/{erased.json()['erasure']}"
    assert wait_until(lambda: disk.ask("GET", erasure, key).json()["status"] == "completed", timeout_s=60)


def test_a_read_only_home_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    bound = f"mount -t tmpfs -o ro none {tmp_path}/home && exec {sys.executable} -m flask up --no-label-studio"
    told = subprocess.run(
        [*NEW_NAMES, "sh", "-c", bound],
        cwd=ROOT,
        env={**os.environ, "WINNOW_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if told.returncode not in {1, 2}:
        pytest.skip("a file system of one's own is not allowed here")

    assert "cannot be written (Read-only file system)" in told.stderr
    assert len(told.stderr.splitlines()) == 1
    assert told.returncode == 2
