"""One signal, checked: who, when, what, under which conditions, or where it is wrong."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any

from collector.anonymization.scrub import scrub_text
from collector.intake.context import read_context
from collector.intake.event_time import EventTime, TimeQuality, event_time_of
from collector.intake.identity import MAX_NAME, Names
from collector.intake.payload import Payload, PayloadReader, safe_key
from collector.intake.predictions import read_prediction
from collector.intake.reading import Sent
from collector.intake.results import NOTHING_DROPPED, Drops
from collector.project_file import CONSENT_WORD, ProjectFile
from collector.subjects.consent import FUTURE_LIMIT
from collector.subjects.cover import Given
from collector.written_times import read_time
from foundation.errors import Fault, Faults

KNOWN = frozenset(
    {"id", "subject", "captured_at", "device", "age_ms", "payload", "context", "prediction", "revision", "consent"}
)
UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
NIL = uuid.UUID(int=0)
KNOWN_SAYS = f"allowed: {', '.join(sorted(KNOWN))}"
CONSENT_KEYS = ("granted", "purposes", "notice", "given_at", "age_confirmed")
MAX_AGE_MS = 10 * 366 * 86_400_000


@dataclass(slots=True)
class Candidate:
    """A signal on its way through the door, and what was found out about it so far."""

    place: int
    sent: Mapping[str, Any]
    received_at: datetime
    sent_at: datetime | None
    key_id: uuid.UUID
    source: bytes = b""
    id: uuid.UUID | None = None
    subject_id: uuid.UUID | None = None
    device: bytes | None = None
    captured_at: datetime | None = None
    age_ms: float | None = None
    time: EventTime | None = None
    consent: Given | None = None
    is_consent_unproven: bool = False
    """Whether its consent was left out, since who sent it did not prove that they speak for this person."""
    proven: bool = True
    """Whether it came from its person, as far as anybody knows: by their token, or by a key that is in no app."""
    revision: int = 0
    payload: Payload = field(default_factory=Payload)
    context: dict[str, Any] = field(default_factory=dict)
    unread: Drops = field(default_factory=lambda: NOTHING_DROPPED)
    """What of the context and the prediction could not be read."""
    prediction: dict[str, Any] | None = None
    redactions: dict[str, int] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)


@dataclass(frozen=True, slots=True)
class Opening:
    """What all signals of a request share while they are opened."""

    names: Names
    key_id: uuid.UUID
    received_at: datetime
    sent_at: datetime | None
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


def open_candidate(place: int, sent: Sent, opening: Opening) -> Candidate:
    """Reads what concerns the signal as such: id, subject, times, consent; not yet its payload.

    From here on the person and the device are keyed hashes.
    """
    value = sent.value
    found = Candidate(place, {}, opening.received_at, opening.sent_at, opening.key_id)
    if sent.fault or not isinstance(value, dict):
        found.faults.append(sent.fault or Fault("", "wrong_type", "a signal is an object"))
        return found
    found.id = read_id(value.get("id"), found.faults)
    if sent.size > opening.max_bytes:
        found.faults.append(Fault("", "too_large", f"a signal has at most {opening.max_bytes} bytes"))
        return found
    found.sent = value
    found.source = opening.names.source_hmac(_with_id_in_small_letters(value) if found.id else value)
    for key in value:
        if key not in KNOWN:
            found.faults.note(partial(_unknown, "", key, KNOWN_SAYS))
    if subject := _name(value.get("subject"), "/subject", found.faults):
        found.subject_id = opening.subject_id(subject)
    if device := _name(value.get("device"), "/device", found.faults):
        found.device = opening.device_hmac(device)
    found.captured_at = read_captured_at(value.get("captured_at"), found.faults)
    found.age_ms = read_age(value.get("age_ms"), found.faults)
    if value.get("consent") is not None:
        found.consent = read_consent(value["consent"], "/consent", found.faults, received_at=opening.received_at)
    return found


def _unknown(at: str, key: str, allowed: str) -> Fault:
    return Fault(f"{at}/{safe_key(key)}", "unknown_field", allowed)


def _with_id_in_small_letters(signal: Mapping[str, Any]) -> Mapping[str, Any]:
    """A UUID in capitals is the same UUID (RFC 9562, section 4), so the same signal."""
    written = signal["id"].lower()
    return signal if written == signal["id"] else {**signal, "id": written}


def fill(candidate: Candidate, reader: PayloadReader, file: ProjectFile, offset: timedelta | None) -> Faults:
    """Reads payload, time, context and prediction by one revision; the faults found are also what is answered.

    Those of the payload, the only ones that another revision may not find, stand in `candidate.payload.faults` too.
    """
    sent = candidate.sent
    candidate.payload = reader.read(sent.get("payload"))
    faults = Faults(candidate.payload.faults)
    if candidate.captured_at is not None:
        candidate.time = event_time_of(
            candidate.captured_at, candidate.received_at, age_ms=candidate.age_ms, offset=offset
        )
        if candidate.time.is_too_old(candidate.received_at):
            faults.append(Fault("/captured_at", "too_old", "the signal is more than 30 days old"))
    believable = candidate.time and candidate.time.quality is not TimeQuality.IMPLAUSIBLE
    event_time = candidate.time.at if candidate.time and believable else None
    candidate.context, candidate.unread, context_faults = read_context(sent.get("context"), file, event_time)
    faults.extend(context_faults)
    candidate.prediction = read_prediction(sent.get("prediction"), faults, candidate.unread)
    return faults


def read_id(value: Any, faults: Faults) -> uuid.UUID | None:
    """A signal's id, a UUID in its usual writing; upper case is read as lower case."""
    if value is None:
        faults.append(Fault("/id", "missing_field", "is required: a UUID made by the app"))
        return None
    if not isinstance(value, str) or not UUID_TEXT.fullmatch(value) or (found := uuid.UUID(value)) == NIL:
        faults.append(Fault("/id", "wrong_type", "must be a UUID such as 0199f0aa-7b1c-7000-8000-5d3e2f1a0b9c"))
        return None
    return found


def read_consent(value: Any, at: str, faults: Faults, *, received_at: datetime) -> Given | None:
    """A consent `{granted, purposes, notice, given_at, age_confirmed?}`; None, and faults, where it is wrong."""
    if not isinstance(value, dict):
        faults.append(Fault(at, "wrong_type", "must be an object with granted, purposes, notice and given_at"))
        return None
    before = faults.total
    for key in value:
        if key not in CONSENT_KEYS:
            faults.note(partial(_unknown, at, key, f"allowed: {', '.join(CONSENT_KEYS)}"))
    _check_flag(value, at, "granted", faults, required=True)
    _check_flag(value, at, "age_confirmed", faults, required=False)
    purposes = value.get("purposes", [])
    if not isinstance(purposes, list) or len(purposes) > 50 or not all(_is_word(word) for word in purposes):
        faults.append(Fault(f"{at}/purposes", "wrong_type", "must be a list of short words such as training"))
    notice = value.get("notice", "")
    if notice != "" and not _is_word(notice):
        faults.append(Fault(f"{at}/notice", "wrong_type", 'must be the notice\'s version as a text, such as "1"'))
    given_at = read_time(value.get("given_at"))
    if given_at is None:
        reason = "missing_field" if value.get("given_at") is None else "wrong_type"
        faults.append(Fault(f"{at}/given_at", reason, "must be a time with zone (RFC 3339)"))
    elif given_at > received_at + FUTURE_LIMIT:
        faults.append(Fault(f"{at}/given_at", "out_of_range", "must not lie in the future"))
    if faults.total > before or given_at is None:
        return None
    return Given(value["granted"], tuple(purposes), notice, given_at, value.get("age_confirmed"))


def _check_flag(value: Mapping[str, Any], at: str, name: str, faults: Faults, *, required: bool) -> None:
    if value.get(name) is None and not required:
        return
    if not isinstance(value.get(name), bool):
        reason = "missing_field" if value.get(name) is None else "wrong_type"
        faults.append(Fault(f"{at}/{name}", reason, "must be true or false"))


@lru_cache(maxsize=1024)
def _is_plain(word: str) -> bool:
    return not scrub_text(word).entities


def _is_word(value: Any) -> bool:
    """A short word that is nobody's number: purposes and notices are kept as they come."""
    return isinstance(value, str) and CONSENT_WORD.fullmatch(value) is not None and _is_plain(value)


def _name(value: Any, at: str, faults: Faults) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        faults.append(Fault(at, "wrong_type", "must be a text that is not empty"))
    elif len(value) > MAX_NAME:
        faults.append(Fault(at, "too_long", f"must have at most {MAX_NAME} characters"))
    elif "\0" in value:
        faults.append(Fault(at, "nul_character", "must not contain U+0000"))
    else:
        return value
    return None


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
