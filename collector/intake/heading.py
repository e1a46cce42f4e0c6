"""The head of a signal: its id, who sent it and when, what its person agreed to; not yet what it says."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from collector.intake.identity import MAX_NAME, Names
from collector.intake.payload import safe_key
from collector.intake.reading import Sent, SentBatch
from collector.intake.results import NOTHING_WRONG
from collector.subjects.consent_document import read_consent
from collector.subjects.cover import Given
from collector.written_times import read_time
from foundation.errors import Fault, Faults, InvalidBody

KNOWN: Final = frozenset(
    {"id", "subject", "captured_at", "device", "age_ms", "payload", "context", "prediction", "revision", "consent"}
)
KNOWN_SAYS: Final = f"allowed: {', '.join(sorted(KNOWN))}"
UUID_TEXT: Final = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
UUIDS_IN_SMALL_LETTERS: Final = re.compile(r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})*")
UUID_CHARS: Final = 36
NIL: Final = uuid.UUID(int=0)
USUAL: Final = KNOWN - {"age_ms", "consent"}
MAX_AGE_MS: Final = 10 * 366 * 86_400_000


class Arrival(NamedTuple):
    """When a signal came to the door for the first time, and by which key; `sent_at` by the phone's clock, if it said so."""

    key_id: uuid.UUID
    received_at: datetime
    sent_at: datetime | None


class Heading(NamedTuple):
    """What is known of a signal before its payload is read; person and device are keyed hashes from here on.

    A tuple, as are the stages after it: a batch makes hundreds, and a frozen class costs three times as much.

    Attributes:
        place: among the signals of its batch, from 0.
        sent: the signal as it came; empty where it could not be read.
        source: the hash of what was sent, by which a replay is told from another signal with its id.
        consent: what came with it, or in its batch's envelope.
        proven: whether it came from its person, as far as was known when it came.
        faults: what is wrong so far.
    """

    place: int
    arrival: Arrival
    sent: Mapping[str, Any]
    id: uuid.UUID | None
    source: bytes = b""
    subject_id: uuid.UUID | None = None
    device: bytes | None = None
    captured_at: datetime | None = None
    age_ms: float | None = None
    consent: Given | None = None
    proven: bool = True
    faults: Faults = NOTHING_WRONG


@dataclass(frozen=True, slots=True)
class Opening:
    """What all signals of a request share while their heads are read."""

    names: Names
    arrival: Arrival
    max_bytes: int
    subjects: dict[str, uuid.UUID] = field(default_factory=dict)
    devices: dict[str, bytes] = field(default_factory=dict)

    def subject_id(self, subject: str) -> uuid.UUID:
        """A batch is mostly of one person: hashed once."""
        if subject not in self.subjects:
            self.subjects[subject] = self.names.subject_id(subject)
        return self.subjects[subject]

    def device_hmac(self, device: str) -> bytes:
        if device not in self.devices:
            self.devices[device] = self.names.device_hmac(device)
        return self.devices[device]


def read_headings(batch: SentBatch, opening: Opening) -> list[Heading]:
    """The head of each signal; a consent in the envelope holds for every person of the batch who sent none along.

    Raises:
        InvalidBody: the envelope's consent is malformed.
    """
    faults = Faults()
    shared = None
    if batch.consent is not None:
        shared = read_consent(batch.consent, "/consent", faults, received_at=opening.arrival.received_at)
    if faults:
        raise InvalidBody("the envelope's consent is malformed: nothing of the batch was stored", faults=faults)
    usual = _read_usual(batch.signals, opening, shared)
    return [usual.get(place) or read_heading(place, sent, opening, shared) for place, sent in enumerate(batch.signals)]


def _read_usual(signals: Sequence[Sent], opening: Opening, shared: Given | None) -> dict[int, Heading]:
    """By place, the heads of signals with which nothing is out of the ordinary: the same as `read_heading` of each, sooner."""
    values = {place: sent.value for place, sent in enumerate(signals) if _is_usual(sent, opening.max_bytes)}
    ids = [value["id"] for value in values.values()]
    if not UUIDS_IN_SMALL_LETTERS.fullmatch("".join(ids)):
        return {}
    moments = [read_time(value.get("captured_at")) for value in values.values()]
    sources = opening.names.source_hmacs(values.values())
    arrival, subject_id, device_hmac = opening.arrival, opening.subject_id, opening.device_hmac
    headings = {}
    for (place, value), signal_id, source, captured_at in zip(
        values.items(), msgspec.convert(ids, list[uuid.UUID]), sources, moments, strict=True
    ):
        subject, device = value.get("subject"), value.get("device")
        if captured_at is not None and signal_id != NIL and _is_name(subject) and _is_name(device):
            headings[place] = Heading(
                place,
                arrival,
                value,
                signal_id,
                source,
                subject_id(subject) if subject else None,
                device_hmac(device) if device else None,
                captured_at,
                None,
                shared,
            )
    return headings


def _is_usual(sent: Sent, max_bytes: int) -> bool:
    """Whether a signal has the members that most have, and an id that may be one."""
    value = sent.value
    if type(value) is not dict or sent.size > max_bytes or not value.keys() <= USUAL:
        return False
    written = value.get("id")
    return type(written) is str and len(written) == UUID_CHARS


def _is_name(value: Any) -> bool:
    return value is None or (type(value) is str and 0 < len(value) <= MAX_NAME and "\0" not in value)


def read_heading(place: int, sent: Sent, opening: Opening, shared: Given | None = None) -> Heading:
    """Reads what concerns the signal as such. `shared`: the consent of its envelope."""
    value, arrival = sent.value, opening.arrival
    if sent.fault or not isinstance(value, dict):
        unread = Faults([sent.fault or Fault("", "wrong_type", "a signal is an object")])
        return Heading(place, arrival, {}, None, consent=shared, faults=unread)
    faults = Faults()
    signal_id = read_id(value.get("id"), faults)
    if sent.size > opening.max_bytes:
        faults.append(Fault("", "too_large", f"a signal has at most {opening.max_bytes} bytes"))
        return Heading(place, arrival, {}, signal_id, consent=shared, faults=faults)
    if not value.keys() <= KNOWN:
        _tell_unknown(value, faults)
    subject, device = _name(value, "subject", faults), _name(value, "device", faults)
    captured_at = read_captured_at(value.get("captured_at"), faults)
    age_ms = read_age(value.get("age_ms"), faults)
    consent = None
    if value.get("consent") is not None:
        consent = read_consent(value["consent"], "/consent", faults, received_at=arrival.received_at)
    return Heading(
        place,
        arrival,
        value,
        signal_id,
        opening.names.source_hmac(_with_id_in_small_letters(value) if signal_id else value),
        opening.subject_id(subject) if subject else None,
        opening.device_hmac(device) if device else None,
        captured_at,
        age_ms,
        consent or shared,
        faults=faults or NOTHING_WRONG,
    )


def read_id(value: Any, faults: Faults) -> uuid.UUID | None:
    """A signal's id, a UUID in its usual writing; upper case is read as lower case."""
    if value is None:
        faults.append(Fault("/id", "missing_field", "is required: a UUID made by the app"))
        return None
    if not isinstance(value, str) or not UUID_TEXT.fullmatch(value) or (found := uuid.UUID(value)) == NIL:
        faults.append(Fault("/id", "wrong_type", "must be a UUID such as 0199f0aa-7b1c-7000-8000-5d3e2f1a0b9c"))
        return None
    return found


def read_captured_at(value: Any, faults: Faults) -> datetime | None:
    at = read_time(value)
    if at is None:
        reason = "missing_field" if value is None else "wrong_type"
        faults.append(
            Fault("/captured_at", reason, "must be a time with zone (RFC 3339), such as 2026-11-22T08:26:18.123+01:00")
        )
    return at


def read_age(value: Any, faults: Faults) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        faults.append(Fault("/age_ms", "wrong_type", "must be a number of milliseconds"))
    elif not 0 <= value <= MAX_AGE_MS:
        faults.append(Fault("/age_ms", "out_of_range", f"must be from 0 to {MAX_AGE_MS}"))
    else:
        return value
    return None


def people_of(headings: Sequence[Heading]) -> set[uuid.UUID]:
    return {heading.subject_id for heading in headings if heading.subject_id}


def devices_of(headings: Sequence[Heading]) -> set[bytes]:
    return {heading.device for heading in headings if heading.device}


def _tell_unknown(signal: Mapping[str, Any], faults: Faults) -> None:
    for key in signal:
        if key not in KNOWN:
            faults.note(partial(_unknown, key))


def _unknown(key: str) -> Fault:
    return Fault(f"/{safe_key(key)}", "unknown_field", KNOWN_SAYS)


def _with_id_in_small_letters(signal: Mapping[str, Any]) -> Mapping[str, Any]:
    """A UUID in capitals is the same UUID (RFC 9562, section 4), so the same signal."""
    written = signal["id"].lower()
    return signal if written == signal["id"] else {**signal, "id": written}


def _name(signal: Mapping[str, Any], member: str, faults: Faults) -> str | None:
    value = signal.get(member)
    if value is None:
        return None
    at = f"/{member}"
    if not isinstance(value, str) or not value:
        faults.append(Fault(at, "wrong_type", "must be a text that is not empty"))
    elif len(value) > MAX_NAME:
        faults.append(Fault(at, "too_long", f"must have at most {MAX_NAME} characters"))
    elif "\0" in value:
        faults.append(Fault(at, "nul_character", "must not contain U+0000"))
    else:
        return value
    return None
