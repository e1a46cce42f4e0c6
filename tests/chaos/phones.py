"""Phones that send without end until they are stopped: each batch again and again until it is answered."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Container
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
import orjson

from tests.chaos.oracle import PROJECT, Oracle

BATCH = 20
PHONES = 3
PAUSE_S = 0.3
AGAIN_S = 0.1
PATIENCE_S = 10.0
MAY_PASS = frozenset({408, 429, 502, 503, 504})
STORED = frozenset({"accepted", "duplicate", "replayed"})


@dataclass
class Fleet:
    """Several phones in threads of their own.

    Attributes:
        issued: how many numbers were given out, from 0.
        acknowledged: numbers whose fate the server has told.
        strange: answers that no fault may cause.
        erased: people of whom nothing more is expected.
    """

    oracle: Oracle
    url: str
    key: str
    erased: Container[str] = ()
    acknowledged: set[int] = field(default_factory=set)
    strange: list[str] = field(default_factory=list)
    failures: int = 0
    issued: int = 0
    _numbers: Any = field(default_factory=count, repr=False)
    _stop: threading.Event = field(default_factory=threading.Event, repr=False)
    _threads: list[threading.Thread] = field(default_factory=list, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def start(self) -> None:
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(PHONES)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """A batch on its way may stay unanswered: then nobody knows its fate."""
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE_S)

    def _send(self) -> None:
        with httpx.Client(base_url=self.url, timeout=PATIENCE_S) as client:
            while not self._stop.is_set():
                with self._lock:
                    numbers = [next(self._numbers) for _ in range(BATCH)]
                    self.issued += BATCH
                while not self._stop.is_set() and not self._try(client, numbers):
                    self._stop.wait(AGAIN_S)
                self._stop.wait(PAUSE_S)

    def _try(self, client: httpx.Client, numbers: list[int]) -> bool:
        """Whether the batch is settled."""
        try:
            answer = send(client, self.key, self.oracle, numbers)
        except httpx.TransportError:
            self.failures += 1
            return False
        if answer.status_code == 200:
            self._settle(numbers, answer.json()["results"])
            return True
        self.failures += 1
        if answer.status_code not in MAY_PASS and "body_incomplete" not in answer.text:
            self.strange.append(f"status {answer.status_code}: {answer.text[:200]}")
        return False

    def _settle(self, numbers: list[int], results: list[dict[str, Any]]) -> None:
        if len(results) != len(numbers):
            self.strange.append(f"{len(results)} results for {len(numbers)} signals")
        for number, result in zip(numbers, results, strict=False):
            if result["id"] != self.oracle.id_of(number):
                self.strange.append(f"the result of {number} names another signal")
            is_gone = self.oracle.person_of(number) in self.erased
            if not is_gone and (result["status"] in STORED) is self.oracle.is_wrong(number):
                self.strange.append(f"{number}: {result}")
        self.acknowledged.update(numbers)


def send(client: httpx.Client, key: str, oracle: Oracle, numbers: list[int]) -> httpx.Response:
    """One batch, once."""
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
    }
    body = gzip.compress(orjson.dumps(oracle.envelope(numbers)), 1)
    return client.post(f"/v1/projects/{PROJECT}/signals", content=body, headers=headers)
