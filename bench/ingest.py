"""Intake over HTTP in batches of 100, everything on, beside a trivial view that COPYs the same columns."""

from __future__ import annotations

import http.client
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from foundation.running.parts import free_port
from tests.servers import running_postgres

BATCH = 100
BATCHES = 150
ROUNDS = 3
ROOT = Path(__file__).resolve().parent.parent
WORDS = [
    "so",
    "the",
    "phone",
    "said",
    "it",
    "was",
    "fine",
    "but",
    "lol",
    "who",
    "knows",
    "gr8",
    "stuff",
    "really",
    "nice",
    "day",
    "out",
    "there",
    "today",
    "we",
    "think",
    "maybe",
]
PROJECT = {
    "project": "bench",
    "fields": {"text": {"kind": "text", "required": True}, "price": {"kind": "number", "minimum": 0}},
    "context": {
        "keep": ["device_model", "os_name", "os_version", "app_version", "locale", "part_of_day", "network_quality"]
    },
    "privacy": {"consent": "required", "purposes": ["training"], "notices": {"1": {"en": "We use what you send."}}},
}


def measure() -> dict[str, object]:
    """Signals a second of the trivial view and of ours on both databases, round by round in turn; medians and ratios."""
    rates: dict[str, list[float]] = {"copy": [], "postgresql": [], "sqlite": []}
    with (
        running_postgres() as url,
        tempfile.TemporaryDirectory() as folder,
        trivial(url) as copy,
        ours(url, Path(folder) / "p") as on_postgresql,
        ours("", Path(folder) / "s") as on_sqlite,
    ):
        for number in range(ROUNDS + 1):
            for name, (port, path, key) in (("copy", copy), ("postgresql", on_postgresql), ("sqlite", on_sqlite)):
                rate = send(port, path, key, seed=number)
                if number:  # the first round warms up
                    rates[name].append(rate)
    middle = {name: sorted(found)[len(found) // 2] for name, found in rates.items()}
    return {
        "signals_per_s": {name: round(rate) for name, rate in middle.items()},
        "ratio_postgresql": round(middle["postgresql"] / middle["copy"], 3),
        "ratio_sqlite": round(middle["sqlite"] / middle["copy"], 3),
        "budget": {"postgresql": 0.6, "sqlite": 0.45},
        "batch": BATCH,
        "batches": BATCHES,
    }


def bodies(seed: int) -> list[bytes]:
    """Batches as phones send them: one person each, one text in twenty with an e-mail address in it."""
    chance = random.Random(f"{seed}-{secrets.token_hex(4)}")
    made = []
    for batch in range(BATCHES):
        now = datetime.now(UTC).isoformat()
        consent = {"granted": True, "purposes": ["training"], "notice": "1", "given_at": now}
        person = f"install-{chance.randrange(10**9)}"
        made.append(
            json.dumps(
                {"consent": consent, "signals": [signal(chance, person, now, batch * BATCH + i) for i in range(BATCH)]}
            ).encode()
        )
    return made


def signal(chance: random.Random, person: str, now: str, number: int) -> dict[str, object]:
    text = " ".join(chance.choices(WORDS, k=30))
    if number % 20 == 0:
        text += f" write to someone{number}@example.com"
    return {
        "id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "subject": person,
        "device": person,
        "captured_at": now,
        "payload": {"text": text, "price": number / 4},
        "context": {
            "device_model": "SM-S911B", "os_name": "android", "os_version": "15", "app_version": "3.2.1",
            "locale": "de-DE", "timezone": "Europe/Berlin", "network_type": "cellular", "rtt_ms": 240,
            "downlink_kbps": 900, "battery": 0.4, "charging": False,
        },
    }  # fmt: skip


def send(port: int, path: str, key: str, *, seed: int) -> float:
    """Posts one round over one connection; signals a second."""
    made = bodies(seed)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    began = time.perf_counter()
    for body in made:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        document = json.loads(answer.read())
        if document.get("accepted") != BATCH:
            raise RuntimeError(f"not all was accepted: {answer.status} {document.get('detail')}")
    return BATCHES * BATCH / (time.perf_counter() - began)


@contextmanager
def trivial(url: str) -> Iterator[tuple[int, str, str]]:
    with server("bench.trivial_copy:app", {"BENCH_DATABASE_URL": url}) as port:
        yield port, "/", ""


@contextmanager
def ours(url: str, home: Path) -> Iterator[tuple[int, str, str]]:
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
    with server("wsgi:front", environment, interface="asginl") as port:
        yield port, "/v1/projects/bench/signals", done.stdout.strip()


@contextmanager
def server(target: str, environment: dict[str, str], *, interface: str = "wsgi") -> Iterator[int]:
    port = free_port()
    words = [
        "--interface",
        interface,
        "--http",
        "1",
        "--no-ws",
        "--workers",
        "1",
        "--log-level",
        "warning",
        *(["--blocking-threads", "64"] if interface == "wsgi" else []),
    ]
    command = [sys.executable, "-m", "granian", target, "--port", str(port), *words]
    process = subprocess.Popen(command, env={**os.environ, **environment}, cwd=ROOT)
    try:
        wait_for(port)
        yield port
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
