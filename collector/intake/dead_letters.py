"""What was refused: kept scrubbed, shown, repaired by a new revision, replayed under its own id."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col, select

from collector.anonymization.scrub import scrub_texts
from collector.intake.context import kept_context
from collector.intake.fields import INT64, PayloadReader
from collector.intake.signals import KNOWN, Candidate
from collector.models import DeadLetter
from collector.project_file import ProjectFile
from foundation.identifiers import random_uuid

MAX_DEPTH = 8
MAX_PARTS = 2_000
LEFT_OUT = frozenset({"subject", "device", "consent"})
"""What a letter does not repeat: person and device are kept as keyed hashes beside it."""
SETTLED = "settled"
"""Where a body has the pseudonyms and derived conditions, which a replay cannot make anew from what was kept."""


def body_of(
    candidate: Candidate, file: ProjectFile, reader: PayloadReader, pseudonym: Callable[[object], str]
) -> dict[str, Any] | None:
    """A letter's body: what the project's rules keep of the signal, scrubbed, keys and refused values included."""
    sent = candidate.sent
    body = {name: value if name in KNOWN else None for name, value in sent.items() if name not in LEFT_OUT}
    body["payload"], pseudonyms = reader.kept(sent.get("payload"), pseudonym)
    body["context"], derived = kept_context(sent.get("context"), file, candidate.context)
    scrubbed: dict[str, Any] | None = scrub_value(body)
    return scrubbed and {**scrubbed, SETTLED: {"payload": pseudonyms, "context": derived}}


def letter_of(
    candidate: Candidate, project_id: int, *, revision: int, kept_for: timedelta, body: dict[str, Any] | None
) -> dict[str, Any]:
    """A dead letter's row."""
    fault = candidate.faults[0]
    return {
        "project_id": project_id,
        "id": random_uuid(),
        "signal_id": candidate.id,
        "source_hmac": candidate.source or bytes(16),
        "subject_id": candidate.subject_id,
        "device_hmac": candidate.device,
        "key_id": candidate.key_id,
        "reason": fault.reason,
        "pointer": fault.pointer,
        "revision": candidate.revision or revision,
        "sent_at": candidate.sent_at,
        "received_at": candidate.received_at,
        "expires_at": candidate.received_at + kept_for,
        "body": body,
    }


def scrub_value(value: Any) -> Any:
    """Any JSON value with every text in it scrubbed, keys and numbers too; what is too deep or too large is left out.

    >>> scrub_value({"mail bob@example.com": [4111111111111111]})
    {'mail <EMAIL_ADDRESS>': ['<CREDIT_CARD>']}
    """
    texts: list[str] = []
    parts = _collect(value, texts, 0)
    if len(texts) > MAX_PARTS:
        return None
    scrubbed = iter(
        [found.text if found.entities else text for text, found in zip(texts, scrub_texts(texts), strict=True)]
    )
    return _rebuild(parts, scrubbed)


@dataclass(frozen=True, slots=True)
class _Text:
    """Stands for the next scrubbed text; `number` is what the text was made from."""

    number: Any = None
    text: str = ""


def _collect(value: Any, texts: list[str], depth: int) -> Any:
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, str):
        texts.append(value.replace("\0", ""))
        return _Text()
    if isinstance(value, bool) or value is None or (isinstance(value, float) and not value.is_integer()):
        return value  # nobody's number has a fraction, but one measurement in two hundred reads like a phone's
    if isinstance(value, int | float):
        digits = str(int(value))  # 4111111111111111.0 is a card number too
        texts.append(digits)
        # JSON columns hold integers of 64 bits; a larger one is kept as its digits.
        return _Text(value, digits) if isinstance(value, float) or abs(value) < INT64 else _Text()
    if isinstance(value, dict):
        return [(_collect(str(key), texts, depth + 1), _collect(part, texts, depth + 1)) for key, part in value.items()]
    return tuple(_collect(part, texts, depth + 1) for part in value)


def _rebuild(parts: Any, scrubbed: Any) -> Any:
    if isinstance(parts, _Text):
        text = next(scrubbed)
        return parts.number if parts.number is not None and text == parts.text else text
    if isinstance(parts, list):
        return {_rebuild(key, scrubbed): _rebuild(part, scrubbed) for key, part in parts}
    if isinstance(parts, tuple):
        return [_rebuild(part, scrubbed) for part in parts]
    return parts


def list_letters(
    session: Session, project_id: int, *, limit: int, after: tuple[datetime, uuid.UUID] | None = None
) -> Sequence[DeadLetter]:
    """A page of dead letters, oldest first."""
    statement = select(DeadLetter).where(col(DeadLetter.project_id) == project_id)
    if after:
        at, last = after
        statement = statement.where(
            (col(DeadLetter.received_at) > at) | ((col(DeadLetter.received_at) == at) & (col(DeadLetter.id) > last))
        )
    return session.exec(statement.order_by(col(DeadLetter.received_at), col(DeadLetter.id)).limit(limit)).all()


def remove_letters(session: Session, project_id: int, ids: Sequence[uuid.UUID]) -> None:
    session.connection().execute(
        delete(DeadLetter).where(col(DeadLetter.project_id) == project_id, col(DeadLetter.id).in_(list(ids)))
    )


def expire_letters(session: Session, *, now: datetime) -> int:
    """Removes what is past its time; how many went."""
    gone = session.connection().execute(delete(DeadLetter).where(col(DeadLetter.expires_at) <= now))
    return int(gone.rowcount)
