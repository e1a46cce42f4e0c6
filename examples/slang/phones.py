"""Sends what the simulated phones hold, each by the reference client and over its own connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from examples.phone import NotTaken, Signal, SignalQueue, Tally, subject_header
from examples.slang.fleet import ConsentCall, SimulatedPhone
from examples.slang.memory import Memory
from examples.slang.mishaps import LossyTransport

PROJECT = "slang-sentiment"
AT_ONCE = 4
MAX_BATCH = 50
TIMEOUT_S = 60.0
AGREED_BEFORE = timedelta(days=4)
FIRST_WAIT_S = 0.1


@dataclass
class Sent:
    """What became of it all. `still_on_phones`: signals that wait for a consent that never comes."""

    tally: Tally = field(default_factory=Tally)
    still_on_phones: int = 0


def send_all(
    phones: Sequence[SimulatedPhone], *, url: str, key: str, memory: Memory, on_sent: Callable[[int], None]
) -> Sent:
    """Sends everything, a few phones at a time; `on_sent` hears how many signals another phone has settled."""
    whole = Sent()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for phone, queue in zip(phones, pool.map(lambda phone: _send(phone, url, key, memory), phones), strict=True):
            whole.tally.add(queue.tally)
            whole.still_on_phones += len(queue.waiting) + len(queue.held_for_consent)
            on_sent(len(phone.signals) + len(phone.mended))
    return whole


def _send(phone: SimulatedPhone, url: str, key: str, memory: Memory) -> SignalQueue:
    transport = LossyTransport() if phone.is_lossy else httpx.HTTPTransport()
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, transport=transport, timeout=TIMEOUT_S) as client:
        queue = SignalQueue(
            client,
            PROJECT,
            packing=phone.packing,
            max_batch=MAX_BATCH,
            clock=lambda: _now_on(phone),
            age_ms=(lambda signal: _age_ms(phone, signal)) if phone.has_run_through else None,
            token=memory.token(phone.subject),
            first_wait_s=FIRST_WAIT_S,
        )
        agreed = _consent_of(phone, memory)
        if phone.consent is ConsentCall.WITH_THE_BATCH:
            queue.consent = agreed
        if phone.consent is ConsentCall.OF_ITS_OWN:
            _record_consent(client, phone, agreed, memory)
        queue.add(phone.signals)
        queue.flush()
        if phone.consent is ConsentCall.LATE:
            _record_consent(client, phone, agreed, memory)
            queue.consent_was_recorded()
            queue.flush()
        queue.add(phone.mended)
        queue.flush()
    return queue


def _now_on(phone: SimulatedPhone) -> datetime:
    return datetime.now(UTC) + phone.clock_error


def _age_ms(phone: SimulatedPhone, signal: Signal) -> int:
    """A real phone subtracts two readings of its monotonic clock; here the known error does the same."""
    return round((_now_on(phone) - datetime.fromisoformat(signal["captured_at"])) / timedelta(milliseconds=1))


def _consent_of(phone: SimulatedPhone, memory: Memory) -> dict[str, Any]:
    """What the person agreed to when the app was installed, at the time the phone's clock showed then."""
    given_at = memory.began_at - AGREED_BEFORE + phone.clock_error
    return {"granted": True, "purposes": ["training"], "notice": "1", "given_at": given_at.isoformat()}


def _record_consent(client: httpx.Client, phone: SimulatedPhone, agreed: dict[str, Any], memory: Memory) -> None:
    headers = {"Winnow-Subject": subject_header(phone.subject), "Winnow-Subject-Token": memory.token(phone.subject)}
    response = client.put(f"/v1/projects/{PROJECT}/subject/consent", json=agreed, headers=headers)
    if not response.is_success:
        raise NotTaken(f"consent was answered with status {response.status_code}: {response.text}")
