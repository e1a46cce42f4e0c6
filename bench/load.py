"""Half an hour at 60 % of what intake reaches, then five times as much as it reaches, on a running system.

    make bench ONLY=load                        30 minutes, PostgreSQL with fsync, with erasures and builds beside
    BENCH_LOAD_MINUTES=2 make bench ONLY=load   shorter, for a look

Open loop: a batch's latency counts from when it was due, so a server that stands still is not kindly asked less meanwhile.
The client runs on the same machine and takes its share of it.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import socket
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psutil

from bench.batches import BATCH, fresh_batches
from bench.ingest import PROJECT
from bench.open_loop import TIMEOUT_S, Sent, Target, quantile, send_all, send_at_rate, send_flat_out
from tests.chaos.oracle import CONFIG, Oracle
from tests.chaos.world import World, running_world

MINUTES = float(os.environ.get("BENCH_LOAD_MINUTES", "30"))
STORED = int(os.environ.get("BENCH_LOAD_STORED", "300000"))
"""Before anything is timed: PostgreSQL has measured its tables by then, and plans for what they hold."""
FILLED_BY = 4
SHARE = 0.6
OVERLOAD = 5
OVERLOAD_S = 60.0
REACHED_WITHIN_S = 15.0
SLOW_SENDERS = 500
SLOW_S = 25.0
CONNECTIONS = 64
OVERLOAD_CONNECTIONS = 600
"""More than the server lets wait: where each waits for its answer, fewer would ask for no more than it can do."""
LABELLED = 2_000
ERASE_EVERY_S = 20.0
BUILD_EVERY_S = 120.0
SAMPLE_EVERY_S = 5.0
NORMAL_WITHIN_S = 30.0
BUDGET = {
    "p99_ms": 150,
    "slope_mb_per_10_min": 1,
    "goodput_share": 0.8,
    "refused_p99_ms": 20,
    "normal_after_s": 5,
}


def measure() -> dict[str, object]:
    """Latencies and memory at a steady load, and what becomes of a load that is far too high."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        running_world(
            Path(folder) / "world", Oracle.starting_now(1), database="postgresql", with_studio=False, durable=True
        ) as world,
    ):
        _make_project(world)
        target = Target(world.port, "/v1/projects/bench/signals", world.keys["bench"])
        send_all(target, itertools.islice(fresh_batches(), STORED // BATCH), connections=FILLED_BY)
        reached = _reached(target)
        steady, slope, beside = _steady(world, target, SHARE * reached)
        slow = _beside_slow_senders(world, target, SHARE * reached)
        overload = send_at_rate(target, OVERLOAD * reached, OVERLOAD_S, connections=OVERLOAD_CONNECTIONS)
        normal_s = _normal_after(world, quantile(steady.late_ms, 0.5))
    goodput = overload.statuses[200] / overload.seconds
    return {
        "reached_signals_s": round(reached * BATCH),
        "minutes": MINUTES,
        "stored_before": STORED,
        "steady": {
            "signals_s": round(SHARE * reached * BATCH),
            **{f"p{name}_ms": round(quantile(steady.late_ms, at), 1) for name, at in (("50", 0.5), ("99", 0.99), ("99.9", 0.999))},
            "answers": dict(steady.statuses),
            "accepted": steady.accepted,
            "slope_mb_per_10_min": round(slope, 2),
            "beside": dict(beside),
        },
        "slow_senders": slow,
        "overload": {
            "asked_signals_s": round(OVERLOAD * reached * BATCH),
            "goodput_share": round(goodput / reached, 2),
            "refused_p99_ms": round(quantile(overload.refused_ms, 0.99), 1),
            "answers": dict(overload.statuses),
            "normal_after_s": round(normal_s, 1),
        },
        "budget": BUDGET,
    }  # fmt: skip


def _make_project(world: World) -> None:
    """The project of the ingest benchmark with one question, and labels of its first signals, so that builds have rows."""
    body = {**PROJECT, "labeling": {"config": CONFIG, "push": "manual"}, "export": {"targets": ["mood"]}}
    _of_project(world, "PUT", "", json=body)
    made = world.command("keys", "create", "--role", "ingest", "--project", "bench")
    world.keys["bench"] = made.stdout.strip()
    connection, told = _connection(world), []
    for body_of_batch, _ in zip(fresh_batches(), range(LABELLED // BATCH), strict=False):
        _post(world, connection, body_of_batch)
        told += [
            {"signal": signal["id"], "question": "mood", "annotator": "a-lead", "value": "good"}
            for signal in json.loads(body_of_batch)["signals"]
        ]
    _of_project(world, "POST", "/annotations", json=told)


def _of_project(world: World, method: str, path: str, **parts: Any) -> Any:
    answer = world.call(method, f"/v1/projects/bench{path}", role="admin", **parts)
    answer.raise_for_status()
    return answer.json()


def _reached(target: Target) -> float:
    """Batches a second that are answered with 200 when four connections send as fast as they can."""
    sent = send_flat_out(target, REACHED_WITHIN_S, connections=4)
    return sent.statuses[200] / sent.seconds


def _steady(world: World, target: Target, rate: float) -> tuple[Sent, float, Counter[str]]:
    """The load for its minutes; the slope of the API's memory in MB per 10 minutes; what was done beside."""
    stop, samples, beside = threading.Event(), list[tuple[float, float]](), Counter[str]()
    helpers = [
        threading.Thread(target=_sample, args=(world, stop, samples), daemon=True),
        threading.Thread(target=_erase, args=(world, stop, beside), daemon=True),
        threading.Thread(target=_build, args=(world, stop, beside), daemon=True),
    ]
    for helper in helpers:
        helper.start()
    sent = send_at_rate(target, rate, MINUTES * 60, connections=CONNECTIONS)
    stop.set()
    settled = samples[len(samples) // 5 :]
    return sent, _slope(settled) * 600, beside


def _beside_slow_senders(world: World, target: Target, rate: float) -> dict[str, object]:
    """The same load over 500 connections, first alone, then beside 500 more that send a byte a second and never end."""
    alone = send_at_rate(target, rate, SLOW_S, connections=SLOW_SENDERS)
    stop, opened = threading.Event(), threading.Event()
    slow = threading.Thread(target=_crawl, args=(world, opened, stop), daemon=True)
    slow.start()
    opened.wait(TIMEOUT_S)
    beside = send_at_rate(target, rate, SLOW_S, connections=SLOW_SENDERS)
    stop.set()
    slow.join(TIMEOUT_S)
    return {
        "senders": SLOW_SENDERS,
        "p99_ms_without": round(quantile(alone.late_ms, 0.99), 1),
        "p99_ms": round(quantile(beside.late_ms, 0.99), 1),
        "answers": dict(beside.statuses),
    }


def _crawl(world: World, all_are_open: threading.Event, stop: threading.Event) -> None:
    head = f"POST /v1/projects/bench/signals HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {world.keys['bench']}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
    with ExitStack() as opened:
        connections = [
            opened.enter_context(socket.create_connection(("127.0.0.1", world.port), timeout=TIMEOUT_S))
            for _ in range(SLOW_SENDERS)
        ]
        for connection in connections:
            connection.sendall(head.encode())
        all_are_open.set()
        while not stop.wait(1):
            for connection in connections:
                with suppress(OSError):  # told 408 at its deadline, as it should be
                    connection.sendall(b"{")


def _normal_after(world: World, usual_ms: float) -> float:
    """Seconds until ten batches one after another take no longer than thrice the usual time."""
    began, made, connection = time.perf_counter(), fresh_batches(), _connection(world)
    quick = 0
    while quick < 10 and time.perf_counter() - began < NORMAL_WITHIN_S:
        at = time.perf_counter()
        status = _post(world, connection, next(made))
        quick = quick + 1 if status == 200 and (time.perf_counter() - at) * 1e3 < 3 * max(usual_ms, 1) else 0
    return time.perf_counter() - began


def _connection(world: World) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", world.port, timeout=TIMEOUT_S)


def _post(world: World, connection: http.client.HTTPConnection, body: bytes) -> int:
    """The status; 0 where the connection broke, which it does where the server says `Connection: close`."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {world.keys['bench']}"}
    try:
        connection.request("POST", "/v1/projects/bench/signals", body, headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return 0
    return answer.status


def _sample(world: World, stop: threading.Event, samples: list[tuple[float, float]]) -> None:
    while not stop.wait(SAMPLE_EVERY_S):
        with suppress(psutil.Error):
            resident = sum(psutil.Process(pid).memory_info().rss for pid in world.pids("api"))
            samples.append((time.monotonic(), resident / 1e6))


def _erase(world: World, stop: threading.Event, beside: Counter[str]) -> None:
    number = 0
    while not stop.wait(ERASE_EVERY_S):
        _of_project(world, "DELETE", "/subject", headers={"Winnow-Subject": f"nobody-{number}"})
        number += 1
        beside["erasures"] += 1


def _build(world: World, stop: threading.Event, beside: Counter[str]) -> None:
    while not stop.wait(min(BUILD_EVERY_S, MINUTES * 20)):
        job, row = _of_project(world, "POST", "/versions", json={"draft": True})["job"], {"status": ""}
        while row["status"] not in {"done", "failed"} and not stop.wait(1):
            row = world.call("GET", f"/v1/jobs/{job}", role="admin").json()
        beside[f"builds {row['status']}"] += 1


def _slope(samples: list[tuple[float, float]]) -> float:
    """MB a second by least squares."""
    if len(samples) < 3:
        return 0.0
    mean_t = sum(t for t, _ in samples) / len(samples)
    mean_m = sum(m for _, m in samples) / len(samples)
    spread = sum((t - mean_t) ** 2 for t, _ in samples)
    return sum((t - mean_t) * (m - mean_m) for t, m in samples) / spread


if __name__ == "__main__":
    print(json.dumps(measure()))
