"""Intake over HTTP in batches of 100, everything on, beside two references in the same run.

    make bench ONLY=ingest

B is a trivial view that decodes a batch and COPYs eight columns into a table with one index. A writes rows it is given into
Winnow's own two tables, with all their columns and indexes: the least that intake can cost. PostgreSQL waits for the disk,
SQLite is FULL; each side holds 300,000 signals before anything is timed; one, four and eight connections, in turn. Whatever
stores in PostgreSQL is as many processes as `winnow up` would start: one a core, two at most.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg

from bench.batches import BATCH, fresh_batches
from bench.given_rows import rows_of
from bench.open_loop import Sent, Target, quantile, send_all
from bench.trivial_copy import TABLE
from foundation.running.parts import free_port
from foundation.shared_memory import FOR_METRICS, make_folder, remove_folder
from tests.servers import running_postgres

STORED: Final = int(os.environ.get("BENCH_INGEST_STORED", "300000"))
ROUND_S: Final = float(os.environ.get("BENCH_INGEST_ROUND_S", "6"))
ROUNDS: Final = 3
CONNECTIONS: Final = (1, 4, 8)
FILLED_BY: Final = 4
ROOT: Final = Path(__file__).resolve().parent.parent
PROCESSES: Final = min(2, os.cpu_count() or 1)
BUDGET: Final = {"postgresql_of_a": 0.7, "postgresql_of_b": 0.45, "sqlite_of_b": 0.22, "sqlite_p99_ms": 60}
PROJECT: Final[dict[str, Any]] = {
    "project": "bench",
    "fields": {"text": {"kind": "text", "required": True}, "price": {"kind": "number", "minimum": 0}},
    "context": {
        "keep": ["device_model", "os_name", "os_version", "app_version", "locale", "part_of_day", "network_quality"]
    },
    "privacy": {"consent": "required", "purposes": ["training"], "notices": {"1": {"en": "We use what you send."}}},
}


@dataclass
class Side:
    """A server that stores batches, and what was seen of it by number of connections."""

    target: Target
    pid: int
    rates: dict[int, list[float]]
    late_ms: dict[int, list[float]]
    takes_rows: bool = False
    speed: float = 2_000.0
    """Signals a second as last seen: it decides how many a round sends."""
    cpu_us: float = 0.0
    """Of the server's process, a signal, with one connection."""

    def batches(self) -> Iterator[bytes]:
        return map(rows_of, fresh_batches()) if self.takes_rows else fresh_batches()


def measure() -> dict[str, object]:
    """Signals a second of each side; medians of the rounds, and ratios."""
    with ExitStack() as stack:
        sides = _open_sides(stack)
        for side in sides.values():
            _send(side, STORED // BATCH, FILLED_BY)
        for number, connections in itertools.product(range(ROUNDS + 1), CONNECTIONS):
            for side in sides.values():
                _round(side, connections, is_warm=number > 0)
    rates = {name: {n: _median(of) for n, of in side.rates.items()} for name, side in sides.items()}
    return {
        "signals_per_s": {name: {str(n): round(rate) for n, rate in of.items()} for name, of in rates.items()},
        "ratios": {
            f"{ours}_of_{reference}": {str(n): round(rates[ours][n] / rates[reference][n], 3) for n in CONNECTIONS}
            for ours, reference in (("postgresql", "a"), ("postgresql", "b"), ("sqlite", "b"))
        },
        "p99_ms": {
            name: {str(n): round(quantile(late, 0.99), 1) for n, late in side.late_ms.items()}
            for name, side in sides.items()
        },
        "server_cpu_us_a_signal": {name: round(side.cpu_us, 1) for name, side in sides.items()},
        "budget": BUDGET,
        "stored_before": STORED,
        "batch": BATCH,
        "fsync": True,
        "processes": PROCESSES,
    }


def _open_sides(stack: ExitStack) -> dict[str, Side]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
    postgres = stack.enter_context(running_postgres(durable=True))
    urls = {name: postgres.rsplit("/", 1)[0] + f"/{name}" for name in ("copied", "given", "ours")}
    with psycopg.connect(postgres, autocommit=True) as connection:
        for name in urls:
            connection.execute(f"CREATE DATABASE {name}")
    with psycopg.connect(urls["copied"], autocommit=True) as connection:
        connection.execute(TABLE)
    _make_project(folder / "given", urls["given"])  # its tables, and the project that its rows belong to
    return {
        "b": _reference(stack, "bench.trivial_copy:app", urls["copied"]),
        "a": _reference(stack, "bench.given_rows:app", urls["given"], takes_rows=True),
        "postgresql": _ours(stack, folder / "postgresql", urls["ours"]),
        "sqlite": _ours(stack, folder / "sqlite", ""),
    }


def _reference(stack: ExitStack, application: str, url: str, *, takes_rows: bool = False) -> Side:
    port, pid = stack.enter_context(server(application, {"BENCH_DATABASE_URL": url}, processes=PROCESSES))
    return _side(Target(port, "/", ""), pid, takes_rows=takes_rows)


def _ours(stack: ExitStack, home: Path, url: str) -> Side:
    environment, key = _make_project(home, url)
    processes = PROCESSES if url else 1
    if processes > 1 and (folder := make_folder(home)):
        stack.callback(remove_folder, home)
        environment |= {FOR_METRICS: str(folder), "WINNOW_API_MEMORY_FOLDER": str(folder)}
    environment["WINNOW_API_PROCESSES"] = str(processes)
    port, pid = stack.enter_context(server("wsgi:front", environment, interface="asginl", processes=processes))
    return _side(Target(port, "/v1/projects/bench/signals", key), pid)


def _side(target: Target, pid: int, *, takes_rows: bool = False) -> Side:
    return Side(target, pid, {n: [] for n in CONNECTIONS}, {n: [] for n in CONNECTIONS}, takes_rows)


def _round(side: Side, connections: int, *, is_warm: bool) -> None:
    """As many batches as take some seconds by the last speed that was seen; made before the clock starts."""
    before = _cpu_s(side.pid)
    sent = _send(side, max(4 * connections, int(side.speed * ROUND_S) // BATCH), connections)
    signals = BATCH * sum(sent.statuses.values())
    side.speed = signals / sent.seconds
    if not is_warm:
        return
    side.rates[connections].append(side.speed)
    side.late_ms[connections] += sent.late_ms
    if connections == 1:
        side.cpu_us = (_cpu_s(side.pid) - before) * 1e6 / signals


def _send(side: Side, n: int, connections: int) -> Sent:
    sent = send_all(side.target, list(itertools.islice(side.batches(), n)), connections=connections)
    if sent.accepted != n * BATCH:
        raise RuntimeError(f"of {n * BATCH} signals {sent.accepted} were stored: {dict(sent.statuses)}")
    return sent


def _cpu_s(pid: int) -> float:
    """Seconds of the process and of its workers."""
    process = psutil.Process(pid)
    return sum(sum(one.cpu_times()[:2]) for one in (process, *process.children(recursive=True)))


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _make_project(home: Path, url: str) -> tuple[dict[str, str], str]:
    """An installation with the project; its environment and an app's key."""
    environment = {"WINNOW_HOME": str(home), "WINNOW_LOG_LEVEL": "WARNING", "WINNOW_BROKER_URL": "memory://"}
    environment |= {f"WINNOW_{who}_REQUESTS_PER_MINUTE": "1000000" for who in ("INGEST", "SUBJECT", "PROJECT")}
    if url:
        environment["WINNOW_DATABASE_URL"] = url
    file = home.with_suffix(".json")
    file.write_text(json.dumps(PROJECT))
    flask = [sys.executable, "-m", "flask"]
    for words in (["collector", "apply", str(file)], ["keys", "create", "--role", "ingest", "--project", "bench"]):
        done = subprocess.run(
            [*flask, *words], env={**os.environ, **environment}, cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True
        )
    return environment, done.stdout.strip()


@contextmanager
def server(
    target: str, environment: dict[str, str], *, interface: str = "wsgi", processes: int = 1
) -> Iterator[tuple[int, int]]:
    port = free_port()
    words = [
        "--interface",
        interface,
        "--http",
        "1",
        "--no-ws",
        "--workers",
        str(processes),
        "--log-level",
        "warning",
        *(["--blocking-threads", "64"] if interface == "wsgi" else []),
    ]
    command = [sys.executable, "-m", "granian", target, "--port", str(port), *words]
    process = subprocess.Popen(command, env={**os.environ, **environment}, cwd=ROOT)
    try:
        wait_for(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(10)


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        try:
            connection.connect()
        except OSError:
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
    raise RuntimeError("the server did not start")


if __name__ == "__main__":
    print(json.dumps(measure()))
