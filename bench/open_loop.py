"""Batches that are due at their times, whether or not earlier ones were answered (no coordinated omission).

One event loop holds all connections: a client of many threads would take the server's cores, and time its own threads.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.batches import fresh_batches

TIMEOUT_S = 60.0
_ACCEPTED = re.compile(rb'\{"accepted":([0-9]+)')
REFUSED = frozenset({429, 503})
BROKEN = 0
"""The status of a batch whose connection ended before its answer."""
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Waiting = asyncio.Queue[tuple[float, bytes] | None]
"""When each batch was due, and the batch."""


@dataclass
class Sent:
    """Answers by status, and the milliseconds of each: of what was refused from its sending, of all else from when it was due."""

    statuses: Counter[int] = field(default_factory=Counter)
    accepted: int = 0
    """Signals, by the answers: a batch that is answered with 200 may hold some that are refused."""
    late_ms: list[float] = field(default_factory=list)
    refused_ms: list[float] = field(default_factory=list)
    seconds: float = 0.0
    """Until the last answer."""

    def add(self, status: int, accepted: int, due: float, began: float) -> None:
        now = time.perf_counter()
        self.accepted += accepted
        self.statuses[status] += 1
        if status in REFUSED:
            self.refused_ms.append((now - began) * 1e3)
        else:
            self.late_ms.append((now - due) * 1e3)


@dataclass(frozen=True)
class Target:
    """Where batches go."""

    port: int
    path: str
    key: str

    def request(self, body: bytes) -> bytes:
        head = f"POST {self.path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.key}\r\n"
        return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def send_at_rate(target: Target, rate: float, seconds: float, *, connections: int) -> Sent:
    """So many batches a second, each by whichever connection is free first."""
    began = time.perf_counter()
    due = (began + number / rate for number in range(int(rate * seconds)))
    return asyncio.run(_send(target, zip(due, fresh_batches(), strict=False), asyncio.Queue(), connections))


def send_flat_out(target: Target, seconds: float, *, connections: int) -> Sent:
    """Each connection sends its next batch when it has the answer to the one before."""
    ends = time.perf_counter() + seconds
    due = itertools.takewhile(ends.__gt__, iter(time.perf_counter, None))
    return asyncio.run(_send(target, zip(due, fresh_batches(), strict=False), asyncio.Queue(1), connections))


def send_all(target: Target, batches: Iterable[bytes], *, connections: int) -> Sent:
    """These batches, as fast as they are answered."""
    due = iter(time.perf_counter, None)
    return asyncio.run(_send(target, zip(due, batches, strict=False), asyncio.Queue(1), connections))


def quantile(values: list[float], at: float) -> float:
    """The value below which a share of all lies; 0 where there is none."""
    return sorted(values)[min(len(values) - 1, int(len(values) * at))] if values else 0.0


async def _send(target: Target, batches: Iterable[tuple[float, bytes]], waiting: Waiting, connections: int) -> Sent:
    """`batches`: when each is due, and its body."""
    sent, began = Sent(), time.perf_counter()
    workers = [asyncio.create_task(_work(target, waiting, sent)) for _ in range(connections)]
    for at, body in batches:
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        await waiting.put((at, body))
    for _ in workers:
        await waiting.put(None)
    await asyncio.gather(*workers)
    sent.seconds = time.perf_counter() - began
    return sent


async def _work(target: Target, waiting: Waiting, sent: Sent) -> None:
    connection: Connection | None = None
    while (one := await waiting.get()) is not None:
        due, body = one
        began = time.perf_counter()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                connection = connection or await asyncio.open_connection("127.0.0.1", target.port)
                status, accepted = await _post(connection, target.request(body))
        except (OSError, EOFError, TimeoutError):
            status, accepted = BROKEN, 0
        sent.add(status, accepted, due, began)
        if status == BROKEN and connection is not None:
            connection[1].close()
            connection = None


async def _post(connection: Connection, request: bytes) -> tuple[int, int]:
    """The status, and how many signals were accepted, after the answer was read to its end."""
    reader, writer = connection
    writer.write(request)
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    accepted = _ACCEPTED.match(await reader.readexactly(length))
    return int(head[9:12]), int(accepted[1]) if accepted else 0
