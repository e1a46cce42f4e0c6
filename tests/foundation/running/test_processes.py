"""The supervisor heals what dies and takes everything down; seen with small servers in place of the real parts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from foundation.running.parts import LOOPBACK, answers_http, free_port, kill_what_belongs_to, port_is_free, wait_until
from foundation.running.processes import Up, parts_of

ROOT = Path(__file__).parents[3]
SUPERVISE = """
import sys
from pathlib import Path
from foundation.running.processes import Supervisor
from tests.foundation.running.test_parts import server
home, ports = Path(sys.argv[1]), [int(port) for port in sys.argv[2:]]
parts = [server(home, port) for port in ports]
for part in parts:
    part.name, part.log = f"server-{part.port}", home / f"{part.port}.log"
Supervisor(parts, home / "up.log").run(announce=lambda: print("ready", flush=True))
"""
FOREVER = "import subprocess, sys; child = subprocess.Popen(sys.argv[1:]); print(child.pid, flush=True); child.wait()"


def answers(port: int) -> bool:
    return answers_http(f"http://{LOOPBACK}:{port}/")


def journal(home: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (home / "up.log").read_text().splitlines()]


@pytest.fixture
def ports() -> list[int]:
    return [free_port(), free_port()]


@pytest.fixture
def supervisor(tmp_path, ports) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", SUPERVISE, str(tmp_path), *(str(port) for port in ports)]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT)
    assert started.stdout
    assert started.stdout.readline() == b"ready\n"
    yield started
    started.kill()
    started.wait()
    started.stdout.close()
    kill_what_belongs_to(tmp_path)


def all_gone(home: Path, ports: list[int]) -> bool:
    return all(port_is_free(LOOPBACK, port) for port in ports) and not kill_what_belongs_to(home)


@pytest.mark.slow
class TestSupervisor:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    def test_it_takes_all_down_within_ten_seconds(self, supervisor, tmp_path, ports, number):
        supervisor.send_signal(number)

        assert supervisor.wait(10) == 0
        assert all_gone(tmp_path, ports)

    def test_a_part_that_is_killed_comes_back(self, supervisor, tmp_path, ports):
        killed = next(row["pid"] for row in journal(tmp_path) if row["event"] == "started")
        os.kill(int(str(killed)), signal.SIGKILL)
        assert wait_until(lambda: not psutil.pid_exists(int(str(killed))), timeout_s=10)

        assert wait_until(lambda: all(answers(port) for port in ports), timeout_s=20)
        assert any(row["event"] == "ended_unasked" and row["code"] == -9 for row in journal(tmp_path))

    def test_one_that_keeps_dying_is_started_at_growing_intervals(self, supervisor, tmp_path, ports):
        def pids() -> list[int]:
            rows = [
                row for row in journal(tmp_path) if row["event"] == "started" and row["part"] == f"server-{ports[0]}"
            ]
            return [int(str(row["pid"])) for row in rows]

        for times in (1, 2, 3):
            assert wait_until(lambda times=times: len(pids()) == times, timeout_s=20)
            os.kill(pids()[-1], signal.SIGKILL)
        assert wait_until(lambda: len(pids()) == 4, timeout_s=20)
        pauses = [row["pause_s"] for row in journal(tmp_path) if row["event"] == "ended_unasked"]
        assert pauses == [0.5, 1.0, 2.0]

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
    def test_nothing_holds_a_port_after_it_is_killed(self, supervisor, tmp_path, ports):
        supervisor.kill()

        assert wait_until(lambda: all(port_is_free(LOOPBACK, port) for port in ports), timeout_s=10)

    def test_it_ends_when_its_parent_dies(self, tmp_path, ports):
        command = [sys.executable, "-c", SUPERVISE, str(tmp_path), *(str(port) for port in ports)]
        parent = subprocess.Popen(
            [sys.executable, "-c", FOREVER, *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT
        )
        assert parent.stdout
        with parent.stdout:
            lines = {parent.stdout.readline(), parent.stdout.readline()}
        assert b"ready\n" in lines
        parent.kill()
        parent.wait()

        assert wait_until(lambda: all_gone(tmp_path, ports), timeout_s=10)


class TestParts:
    def test_they_know_the_servers_and_no_argument_holds_a_secret(self, tmp_path):
        (tmp_path / "run").mkdir()
        parts = {part.name: part for part in parts_of(Up(tmp_path), {"PATH": "/bin", "WINNOW_SEAL_KEY": "seal"})}

        assert list(parts) == ["valkey", "label-studio", "api", "worker", "scheduler"]
        assert parts["api"].environment["WINNOW_BROKER_URL"] == (tmp_path / "run" / "broker_url").read_text()
        assert (
            parts["api"].environment["WINNOW_LABEL_STUDIO_URL"] == (tmp_path / "run" / "label_studio_url").read_text()
        )
        kept = [path.read_text() for path in (tmp_path / "secrets").iterdir()]
        assert len(kept) == 4
        for part in parts.values():
            assert not any(secret in " ".join(part.command) for secret in kept)

    def test_label_studio_gets_no_secret_of_ours(self, tmp_path):
        environment = {"WINNOW_SEAL_KEY": "seal", "AWS_SECRET_ACCESS_KEY": "key", "HTTPS_PROXY": "http://proxy"}
        parts = {part.name: part for part in parts_of(Up(tmp_path), environment)}

        assert "HTTPS_PROXY" in parts["label-studio"].environment
        assert not {"WINNOW_SEAL_KEY", "AWS_SECRET_ACCESS_KEY"} & parts["label-studio"].environment.keys()

    def test_ports_stay_the_same_from_run_to_run(self, tmp_path):
        first, again = ({part.name: part.port for part in parts_of(Up(tmp_path), {})} for _ in range(2))

        assert first == again

    def test_servers_that_are_given_are_not_started(self, tmp_path):
        wanted = Up(tmp_path, label_studio_url="http://studio.example", broker_url="redis://broker.example/0")
        parts = {part.name: part for part in parts_of(wanted, {})}

        assert list(parts) == ["api", "worker", "scheduler"]
        assert parts["worker"].environment["WINNOW_BROKER_URL"] == "redis://broker.example/0"

    def test_without_label_studio_none_is_started(self, tmp_path):
        assert "label-studio" not in {part.name for part in parts_of(Up(tmp_path, label_studio=False), {})}
