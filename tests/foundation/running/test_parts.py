"""A part starts, answers, and never outlives who started it, its own children included."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from foundation.errors import Unavailable
from foundation.running.parts import (
    BELONGS_TO,
    LOOPBACK,
    Part,
    answers_http,
    free_port,
    kill_what_belongs_to,
    port_is_free,
    running,
    wait_until,
)

SERVER = """
import http.server, os, signal, subprocess, sys
port, stubborn = int(sys.argv[1]), sys.argv[2] == "stubborn"
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"])
if stubborn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("child", child.pid, flush=True)
http.server.HTTPServer(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
STARTER = """
import os, signal, sys
from pathlib import Path
from tests.foundation.running.test_parts import server
part = server(Path(sys.argv[1]), int(sys.argv[2]))
part.start()
part.wait_until_it_answers(timeout_s=20)
print(part.pid, flush=True)
signal.pause()
"""


def server(folder: Path, port: int, behaviour: str = "ordinary") -> Part:
    return Part(
        "server",
        [sys.executable, "-c", SERVER, str(port), behaviour],
        {**os.environ, BELONGS_TO: str(folder)},
        folder / "logs" / "server.log",
        folder=folder,
        port=port,
        answers=lambda: answers_http(f"http://{LOOPBACK}:{port}/"),
    )


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.mark.slow
class TestPart:
    @pytest.mark.parametrize("behaviour", ["ordinary", "stubborn"])
    def test_it_ends_with_its_children_and_frees_its_port(self, tmp_path, port, behaviour):
        with running(server(tmp_path, port, behaviour), timeout_s=20) as part:
            pid, child = part.pid, part.log.read_text().split()[1]
            part.ask_to_end()
            part.end(patience_s=0.2)

        assert pid
        assert is_gone(pid)
        assert is_gone(int(child))
        assert port_is_free(LOOPBACK, port)

    def test_children_of_a_killed_part_are_killed_too(self, tmp_path, port):
        with running(server(tmp_path, port), timeout_s=20) as part:
            child = int(part.log.read_text().split()[1])
            os.kill(part.pid, signal.SIGKILL)
            part.wait(10)
            part.end()

        assert part.ended_with == -signal.SIGKILL
        assert is_gone(child)

    def test_it_can_be_started_again_on_its_port(self, tmp_path, port):
        with running(server(tmp_path, port), timeout_s=20) as part:
            first = part.pid
            part.end()
            part.start()
            part.wait_until_it_answers(timeout_s=20)

            assert part.pid != first

    def test_one_that_ends_at_once_is_told_with_its_last_words(self, tmp_path):
        command = [sys.executable, "-c", "raise SystemExit('no disk')"]
        part = Part("broken", command, os.environ, tmp_path / "log", answers=lambda: False)

        with pytest.raises(Unavailable, match=r"broken does not answer.*no disk"), running(part, timeout_s=20):
            pass

    def test_its_log_is_for_its_owner_and_starts_anew_when_large(self, tmp_path):
        log = tmp_path / "logs" / "part.log"
        part = Part("part", [sys.executable, "-c", "print('hello')"], os.environ, log)
        part.start()
        part.wait(20)
        assert log.stat().st_mode & 0o777 == 0o600

        with log.open("r+b") as file:
            file.truncate(11 << 20)
        part.start()
        part.wait(20)
        assert log.read_text() == "hello\n"
        assert log.with_suffix(".log.1").stat().st_size == 11 << 20

    def test_secrets_are_seen_in_no_argument(self, tmp_path, port):
        part = server(tmp_path, port)
        part.environment = {**part.environment, "SECRET_KEY": "do-not-show"}
        with running(part, timeout_s=20):
            assert "do-not-show" not in " ".join(psutil.Process(part.pid).cmdline())

    def test_it_may_be_started_while_other_threads_run(self, tmp_path, port):
        stop = threading.Event()
        busy = [threading.Thread(target=stop.wait) for _ in range(5)]
        for thread in busy:
            thread.start()
        try:
            with running(server(tmp_path, port), timeout_s=20) as part:
                assert part.is_running
        finally:
            stop.set()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
class TestDeathOfTheStarter:
    @pytest.fixture
    def starter(self, tmp_path, port):
        starter = subprocess.Popen(
            [sys.executable, "-c", STARTER, str(tmp_path), str(port)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        )
        part = int(starter.stdout.readline())
        starter.kill()
        starter.wait()
        starter.stdout.close()
        yield part
        kill_what_belongs_to(tmp_path)

    def test_a_part_ends_when_its_starter_is_killed(self, starter, port):
        assert wait_until(lambda: is_gone(starter) and port_is_free(LOOPBACK, port), timeout_s=10)

    def test_what_it_left_is_found_by_the_home_it_belongs_to(self, starter, tmp_path):
        assert wait_until(lambda: is_gone(starter), timeout_s=10)

        left = kill_what_belongs_to(tmp_path)
        assert len(left) == 1
        assert all(is_gone(pid) for pid in left)
        assert kill_what_belongs_to(tmp_path) == []


class TestPorts:
    def test_a_port_that_is_listened_on_is_not_free(self, port):
        assert port_is_free(LOOPBACK, port)
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            taken.bind((LOOPBACK, port))
            taken.listen()

            assert not port_is_free(LOOPBACK, port)
