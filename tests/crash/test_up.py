"""`winnow up` for real: whatever single process of it is killed, all parts answer again within a minute, and nothing stays behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from foundation.running.parts import (
    LOOPBACK,
    answers_http,
    free_port,
    kill_what_belongs_to,
    port_is_free,
    wait_until,
    what_belongs_to,
)
from tests.signals import project_body

ROOT = Path(__file__).parents[2]
SEEN_WITHIN_S = 45
"""30 s without a sign, and what a busy machine adds."""
PARTS = {"api": " granian ", "worker": " worker ", "scheduler": " beat ", "valkey": "valkey-server"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Running:
    supervisor: subprocess.Popen[bytes]
    home: Path
    port: int

    def is_ready(self) -> bool:
        return answers_http(f"http://{LOOPBACK}:{self.port}/readyz", timeout_s=10)

    def pids(self, part: str) -> list[int]:
        children = psutil.Process(self.supervisor.pid).children(recursive=True)
        return sorted(child.pid for child in children if PARTS[part] in f" {command_of(child)} ")


def command_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def start(home: Path) -> Running:
    port = free_port()
    log = (home.parent / f"{home.name}.log").open("wb")
    command = [sys.executable, "-m", "flask", "up", "--port", str(port), "--no-label-studio"]
    with log:
        started = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "WINNOW_HOME": str(home)}, stdout=log, stderr=log
        )
    return Running(started, home, port)


def end(running: Running) -> None:
    running.supervisor.kill()
    running.supervisor.wait()
    kill_what_belongs_to(running.home)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = start(tmp_path_factory.mktemp("up"))
    try:
        assert wait_until(running.is_ready, timeout_s=120), (
            running.home.parent / f"{running.home.name}.log"
        ).read_text()
        assert wait_until(lambda: len(running.pids("worker")) == 3, timeout_s=60)
        yield running
    finally:
        end(running)


@pytest.fixture
def two_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    for name, text in (("API_PROCESSES", "2"), ("INGEST_REQUESTS_PER_MINUTE", "30")):
        monkeypatch.setenv(f"WINNOW_{name}", text)
    running = start(tmp_path / "two")
    try:
        assert wait_until(running.is_ready, timeout_s=120)
        yield running
    finally:
        end(running)


class TestTwoProcesses:
    def test_they_count_together(self, two_processes: Running) -> None:
        """Each request on a connection of its own, so that both answer some of them."""
        environment = {**os.environ, "WINNOW_HOME": str(two_processes.home)}
        file = two_processes.home / "project.json"
        file.write_text(json.dumps(project_body(name="slang")))
        flask = [sys.executable, "-m", "flask"]
        subprocess.run(
            [*flask, "collector", "apply", str(file)], cwd=ROOT, env=environment, check=True, capture_output=True
        )
        make_key = [*flask, "keys", "create", "--role", "ingest", "--project", "slang"]
        key = subprocess.run(
            make_key, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

        def send() -> int:
            url = f"http://{LOOPBACK}:{two_processes.port}/v1/projects/slang/signals"
            headers = {"Authorization": f"Bearer {key}", "Connection": "close"}
            return httpx.post(url, json={"signals": []}, headers=headers).status_code

        with ThreadPoolExecutor(4) as pool:
            told = Counter(pool.map(lambda _: send(), range(60)))
        metrics = httpx.get(f"http://{LOOPBACK}:{two_processes.port}/metrics").text
        counted = re.findall(r'^winnow_requests_total{.*signals",status="(\d+)"} (\d+)', metrics, re.MULTILINE)

        assert len(two_processes.pids("api")) == 3
        assert set(told) == {200, 429}
        assert 30 <= told[200] <= 34  # two may count one hit
        assert {int(status): int(n) for status, n in counted} == told


class TestKillOne:
    @pytest.mark.parametrize(
        ("part", "which"),
        [("valkey", 0), ("api", 0), ("api", -1), ("worker", 0), ("worker", -1), ("scheduler", 0)],
        ids=["valkey", "api", "child of api", "worker", "child of worker", "scheduler"],
    )
    def test_all_parts_answer_again_within_a_minute(self, system, part, which):
        before = {name: len(system.pids(name)) for name in PARTS}
        killed = system.pids(part)[which]
        os.kill(killed, signal.SIGKILL)

        def is_whole() -> bool:
            now = {name: system.pids(name) for name in PARTS}
            as_before = {name: len(pids) for name, pids in now.items()} == before
            # One look for both: between two, what was killed is counted first and missing then.
            return as_before and killed not in now[part] and system.is_ready()

        assert wait_until(is_whole, timeout_s=60)

    @pytest.mark.parametrize("part", ["worker", "scheduler"])
    def test_a_part_that_is_stopped_is_seen_and_so_is_that_it_goes_on(self, system, part):
        assert wait_until(system.is_ready, timeout_s=60)
        stopped = system.pids(part)
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            assert wait_until(lambda: not system.is_ready(), timeout_s=SEEN_WITHIN_S)
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)

        assert wait_until(system.is_ready, timeout_s=60)

    def test_a_second_one_on_the_same_home_refuses(self, system):
        command = [sys.executable, "-m", "flask", "up", "--port", str(free_port()), "--no-label-studio"]
        environment = {**os.environ, "WINNOW_HOME": str(system.home)}
        second = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

        assert second.returncode == 1
        assert "another winnow up runs" in second.stderr
        assert system.is_ready()

    def test_home_is_for_its_owner_alone(self, system):
        assert system.home.stat().st_mode & 0o777 == 0o700
        assert all(path.stat().st_mode & 0o077 == 0 for path in system.home.rglob("*"))

    def test_no_secret_stands_in_an_argument(self, system):
        kept = [path.read_text().strip() for path in (system.home / "secrets").iterdir()]
        processes = [process for process in psutil.process_iter() if process.pid != os.getpid()]

        assert kept
        assert not any(secret in command_of(process) for process in processes for secret in kept)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_stays_behind(tmp_path, number):
    system = start(tmp_path / "home")
    try:
        assert wait_until(system.is_ready, timeout_s=120)
        valkey = int((system.home / "run" / "valkey_port").read_text())
        system.supervisor.send_signal(number)
        system.supervisor.wait(10)

        # A process that ends shows no environment any more, by which it is found, some time before it closes its sockets.
        assert wait_until(lambda: not what_belongs_to(system.home), timeout_s=15)
        assert wait_until(lambda: port_is_free(LOOPBACK, system.port), timeout_s=5)
        assert wait_until(lambda: port_is_free(LOOPBACK, valkey), timeout_s=5)
    finally:
        end(system)
