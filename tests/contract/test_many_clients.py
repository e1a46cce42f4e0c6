"""A real server and hundreds of clients that are slow, large or idle: others are answered, and memory stays bounded."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from foundation.running.parts import wait_until
from tests.api_server import ApiServer, installation_on_sqlite, running_api
from tests.signals import Held, envelope, make_signal

pytestmark = pytest.mark.slow
DEADLINE_S = 4
SLOW, OTHERS, IDLE, ROUNDS = 500, 100, 50, 5
MEGABYTE = 1_000_000
LARGEST = 20 * MEGABYTE


@dataclass(frozen=True)
class Installation:
    """A running API on SQLite, and a project: what is measured here happens before any database is asked."""

    server: ApiServer
    project: Held

    @property
    def path(self) -> str:
        return f"{self.project.url}/signals"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.project.keys['ingest']}", "Content-Type": "application/json"}

    def connect(self) -> http.client.HTTPConnection:
        """A connection that is not opened again by itself: who is cut sees it."""
        connection = http.client.HTTPConnection(*self.server.address, timeout=60)
        connection.connect()
        connection.auto_open = 0
        return connection

    def post(self, connection: http.client.HTTPConnection, body: bytes, **headers: str) -> int:
        connection.request("POST", self.path, body, self.headers | headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def begin(self) -> socket.socket:
        """A request of which the body is owed."""
        lines = "".join(f"{name}: {text}\r\n" for name, text in self.headers.items())
        connection = socket.create_connection(self.server.address, timeout=30)
        connection.sendall(f"POST {self.path} HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: 5000\r\n\r\n".encode())
        return connection

    def memory_bytes(self, name: str) -> int:
        """Of all processes of the API: `VmRSS` now, `VmHWM` at the most so far (the sum of the peaks, from above)."""
        first = psutil.Process(self.server.part.pid)
        return sum(_memory_of(one.pid, name) for one in (first, *first.children(recursive=True)))


def _memory_of(pid: int, name: str) -> int:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


@contextmanager
def installed(folder: Path, migrated: Path, *, deadline_s: int) -> Iterator[Installation]:
    settings, project = installation_on_sqlite(folder, migrated)
    with running_api(settings, folder, WINNOW_BODY_DEADLINE_S=str(deadline_s), WINNOW_LOG_LEVEL="WARNING") as server:
        yield Installation(server, project)


@pytest.fixture
def hasty(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Installation]:
    with installed(tmp_path, migrated_sqlite, deadline_s=DEADLINE_S) as installation:
        yield installation


@pytest.fixture
def patient(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Installation]:
    with installed(tmp_path, migrated_sqlite, deadline_s=120) as installation:
        yield installation


def batch() -> bytes:
    return json.dumps(envelope(*(make_signal() for _ in range(5)))).encode()


class TestSlowSenders:
    def test_500_of_them_cost_100_others_nothing_and_idle_connections_stay(self, hasty: Installation) -> None:
        with ExitStack() as stack:
            idle = [stack.enter_context(closing(hasty.connect())) for _ in range(IDLE)]
            assert {hasty.post(connection, batch()) for connection in idle} == {200}
            slow = [stack.enter_context(hasty.begin()) for _ in range(SLOW)]
            told: Counter[bytes] = Counter()
            dribbling = threading.Thread(target=dribble, args=(slow, told))
            dribbling.start()

            with ThreadPoolExecutor(OTHERS) as others:
                statuses = Counter(status for found in others.map(self.sends, [hasty] * OTHERS) for status in found)
            dribbling.join(60)

            assert statuses == {200: OTHERS * ROUNDS}
            assert told == {b"HTTP/1.1 408": SLOW}
            assert {hasty.post(connection, batch()) for connection in idle} == {200}

    def sends(self, installation: Installation) -> list[int]:
        with closing(installation.connect()) as connection:
            return [installation.post(connection, batch()) for _ in range(ROUNDS)]


def dribble(connections: list[socket.socket], told: Counter[bytes]) -> None:
    """A byte a second on each, until it is answered."""
    left = list(connections)
    for connection in left:
        connection.setblocking(False)
    pause = threading.Event()
    ends_at = time.monotonic() + 50
    while left and time.monotonic() < ends_at:
        for connection in list(left):
            with suppress(BlockingIOError, ConnectionError):
                connection.send(b" ")
            with suppress(BlockingIOError):
                told[connection.recv(4000)[:12]] += 1
                left.remove(connection)
        pause.wait(1)


class TestMemory:
    def test_64_bodies_of_20_mb_at_once_stay_below_512_mb(self, patient: Installation) -> None:
        before = patient.memory_bytes("VmRSS")
        long_texts = json.dumps(envelope(*(make_signal(payload={"text": "x" * 39_500}) for _ in range(500)))).encode()
        lists = b'{"signals":[' + b"[]," * (LARGEST // 3 - 10) + b"[]]}"
        assert LARGEST * 0.95 < len(long_texts) <= LARGEST
        kinds = [(long_texts, {}), (lists, {}), (gzip.compress(lists), {"Content-Encoding": "gzip"})]

        with ThreadPoolExecutor(64) as clients:
            answers = Counter(clients.map(lambda number: self.sends(patient, *kinds[number % 3]), range(64)))

        assert answers.keys() <= {200, 413, 503}
        assert answers[200] + answers[413] > 0
        assert patient.memory_bytes("VmHWM") < 512 * MEGABYTE
        assert wait_until(lambda: patient.memory_bytes("VmRSS") < before + 60 * MEGABYTE, timeout_s=30)
        with closing(patient.connect()) as connection:
            assert patient.post(connection, batch()) == 200

    def sends(self, installation: Installation, body: bytes, headers: dict[str, str]) -> int:
        with closing(installation.connect()) as connection:
            return installation.post(connection, body, **headers)

    def test_small_bodies_get_through_while_large_ones_are_refused(self, patient: Installation) -> None:
        large = b'{"signals":[]' + b" " * (LARGEST - 100) + b"}"
        done = threading.Event()

        def flood() -> Counter[int]:
            seen: Counter[int] = Counter()
            while not done.is_set():
                seen[self.sends(patient, large, {})] += 1
            return seen

        with ThreadPoolExecutor(24) as clients:
            floods = [clients.submit(flood) for _ in range(24)]
            with closing(patient.connect()) as connection:
                small = Counter(patient.post(connection, batch()) for _ in range(20))
            done.set()
            answers = sum((flooding.result() for flooding in floods), Counter[int]())

        assert small == {200: 20}
        assert answers.keys() <= {200, 503}
