"""The reference client: how an app sends signals so that none is lost and none is doubled.

Copy it, or read it as a list of what an app in the field has to do:

1. Give each signal its id when it is captured, never when it is sent: sending again is then harmless (`replayed`).
2. Stamp `Winnow-Sent-At` at each attempt, with the device's own clock, however wrong: Winnow corrects it. Where the
   device has not been restarted since, stamp each signal's `age_ms` too, by the clock that only counts up.
3. Send whole bodies with a Content-Length, so that a connection that is cut is seen (`body_incomplete`).
4. Wait as `Retry-After` says, else longer each time, with some chance in it, so that not all phones return together.
5. Send the token that this person's name is bound to with each batch, and people's batches apart: then nobody else speaks
   for them. Make names at random (an install id): a name that can be guessed can be claimed first.
6. Compare the number of results with the number sent, and drop a signal from the queue only when its result says so.
"""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Any
from urllib.parse import quote

import httpx
import zstandard
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

Signal = dict[str, Any]
Result = dict[str, Any]

MAX_BATCH = 100
MAX_ATTEMPTS = 8
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 300.0
WAIT_AND_SEND_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class Packing(StrEnum):
    """How a body is packed on its way."""

    NONE = "identity"
    GZIP = "gzip"
    ZSTD = "zstd"


class KeyWasRetired(Exception):
    """The key in this app is void: the queue was dropped, and the app stops sending until it is updated."""


class NotTaken(Exception):
    """The server refused a whole request for a reason that sending again cannot cure: a mistake in the app."""


class TryLater(Exception):
    """All attempts failed in a way that may pass: the batch is still in the queue. `wait_s` is what the server asked for."""

    def __init__(self, why: str, wait_s: float | None = None) -> None:
        super().__init__(why)
        self.wait_s = wait_s


@dataclass
class Tally:
    """What became of what was sent. `sent` counts attempts, so a signal sent twice counts twice.

    `given_up`: rejected for good, and dropped from the queue.
    """

    sent: int = 0
    answers_lost: int = 0
    server_errors: int = 0
    given_up: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    redactions: Counter[str] = field(default_factory=Counter)

    def count(self, result: Result) -> None:
        self.statuses[result["status"]] += 1
        self.redactions.update(result.get("redactions", {}))
        if result["status"] == "rejected":
            # Of a batch that is all mistakes not each is told.
            self.reasons[result["errors"][0]["reason"] if result["errors"] else "not told"] += 1
            self.given_up += result["retry"] == "no"

    def add(self, other: Tally) -> None:
        self.sent += other.sent
        self.answers_lost += other.answers_lost
        self.server_errors += other.server_errors
        self.given_up += other.given_up
        self.statuses.update(other.statuses)
        self.reasons.update(other.reasons)
        self.redactions.update(other.redactions)


@dataclass
class SignalQueue:
    """Signals that wait on the phone. In an app they lie in its database, and survive its end.

    Args:
        client: has the server's address and the ingest key.
        project: the project's name.
        clock: the device's clock, in UTC; it may be wrong.
        age_ms: how long ago a signal was captured, by the clock that only counts up; None where that is not known.
        token: what only this app knows of its person: 32 random bytes as base64 or hex, made once. Without it anybody may
            send in their name.
        consent: goes along in each batch where the app has not recorded it by a call of its own.
        first_wait_s: the first pause after a failure; each further one doubles.
    """

    client: httpx.Client
    project: str
    packing: Packing = Packing.GZIP
    max_batch: int = MAX_BATCH
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    age_ms: Callable[[Signal], int] | None = None
    token: str | None = None
    consent: dict[str, Any] | None = None
    first_wait_s: float = FIRST_WAIT_S
    tally: Tally = field(default_factory=Tally)
    waiting: deque[Signal] = field(default_factory=deque)
    held_for_consent: list[Signal] = field(default_factory=list)

    def add(self, signals: Iterable[Signal]) -> None:
        self.waiting.extend(signals)

    def consent_was_recorded(self) -> None:
        """What was refused for want of consent may be sent again, under the same ids."""
        self.waiting.extend(self.held_for_consent)
        self.held_for_consent.clear()

    def flush(self) -> list[Result]:
        """Sends what waits, batch by batch; what the server wants later stays for the next flush.

        Raises:
            KeyWasRetired: the queue is empty now. NotTaken: the app sends what the server cannot read.
            TryLater: the server was not reached, or was too busy, in all attempts.
        """
        results: list[Result] = []
        later: list[Signal] = []
        while self.waiting:
            batch = list(islice(self.waiting, self.max_batch))
            answered = self._send(batch)
            for signal, result in zip(batch, answered, strict=True):
                self.waiting.popleft()
                later.extend(self._settle(signal, result))
            results.extend(answered)
        self.waiting.extend(later)
        return results

    def _settle(self, signal: Signal, result: Result) -> list[Signal]:
        """Drops the signal, or keeps it for the time its result names. Answers what to send at the next flush."""
        self.tally.count(result)
        if result["status"] == "rejected" and result["retry"] == "after_consent":
            self.held_for_consent.append(signal)
        return [signal] if result["status"] == "rejected" and result["retry"] in {"later", "after_blob"} else []

    def _send(self, batch: Sequence[Signal]) -> list[Result]:
        attempts = Retrying(
            retry=retry_if_exception_type(TryLater),
            stop=stop_after_attempt(MAX_ATTEMPTS),
            wait=self._pause,
            reraise=True,
        )
        results: list[Result] = attempts(self._attempt, batch)
        return results

    def _pause(self, state: RetryCallState) -> float:
        """Seconds until the next attempt: what the server asked for, or doubling, with up to a half of it by chance."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait_s if isinstance(error, TryLater) else None
        wait_s: float = self.first_wait_s * 2 ** (state.attempt_number - 1) if asked is None else asked
        return min(wait_s * random.uniform(1.0, 1.5), LONGEST_WAIT_S)

    def _attempt(self, batch: Sequence[Signal]) -> list[Result]:
        self.tally.sent += len(batch)
        body, headers = self._body_of(batch)
        try:
            response = self.client.post(f"/v1/projects/{self.project}/signals", content=body, headers=headers)
        except httpx.TransportError as error:
            # Nobody knows whether the batch was stored: send it again, the ids tell the server what it has.
            self.tally.answers_lost += 1
            raise TryLater(type(error).__name__) from error
        return self._read_answer(response, batch)

    def _body_of(self, batch: Sequence[Signal]) -> tuple[bytes, dict[str, str]]:
        if self.age_ms is not None:
            batch = [{**signal, "age_ms": self.age_ms(signal)} for signal in batch]
        if self.consent is None:
            media_type = "application/x-ndjson"
            body = b"".join(json.dumps(signal).encode() + b"\n" for signal in batch)
        else:
            media_type = "application/json"
            body = json.dumps({"consent": self.consent, "signals": list(batch)}).encode()
        headers = {"Content-Type": media_type, "Winnow-Sent-At": self.clock().isoformat(timespec="milliseconds")}
        if self.token is not None:
            headers["Winnow-Subject-Token"] = self.token
        if self.packing is Packing.GZIP:
            return gzip.compress(body), {**headers, "Content-Encoding": "gzip"}
        if self.packing is Packing.ZSTD:
            return zstandard.compress(body), {**headers, "Content-Encoding": "zstd"}
        return body, headers

    def _read_answer(self, response: httpx.Response, batch: Sequence[Signal]) -> list[Result]:
        if response.status_code == 200:
            results: list[Result] = response.json()["results"]
            if len(results) != len(batch):
                raise TryLater(f"{len(results)} results for {len(batch)} signals")
            return results
        problem = _problem_of(response)
        self.tally.server_errors += response.status_code == 500
        if response.status_code in WAIT_AND_SEND_AGAIN or problem.get("reason") == "body_incomplete":
            raise TryLater(f"status {response.status_code}", _retry_after_s(response))
        if response.status_code == 403 and problem.get("reason") == "key_retired":
            self.waiting.clear()
            self.held_for_consent.clear()
            raise KeyWasRetired(str(problem.get("detail", "")))
        raise NotTaken(f"status {response.status_code}: {problem.get('detail', 'no reason given')}")


def subject_header(name: str) -> str:
    """A person's name as the header Winnow-Subject carries it: as it is, or where it is not plain ASCII by RFC 8187.

    >>> subject_header("install-7f3c"), subject_header("Jürgen")
    ('install-7f3c', "UTF-8''J%C3%BCrgen")
    """
    is_plain = name.isascii() and name.isprintable() and name == name.strip()
    if is_plain and not name.lower().startswith("utf-8''"):
        return name
    return f"UTF-8''{quote(name, safe='')}"


def _problem_of(response: httpx.Response) -> dict[str, Any]:
    """The problem document (RFC 9457) of a refusal; empty where something before the server answered."""
    if "json" not in response.headers.get("Content-Type", ""):
        return {}
    body = response.json()
    return body if isinstance(body, dict) else {}


def _retry_after_s(response: httpx.Response) -> float | None:
    asked = response.headers.get("Retry-After", "")
    return float(asked) if asked.isdecimal() else None
