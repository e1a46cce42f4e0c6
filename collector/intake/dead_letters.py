"""What was refused: kept scrubbed, shown, repaired by a new revision, replayed under its own id."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog
from sqlalchemy import delete
from sqlmodel import Session, col, select

from collector.anonymization.scrub import scrub_texts
from collector.fields.kind import INT64
from collector.intake.checking import Checked
from collector.intake.context import kept_context
from collector.intake.heading import KNOWN, Heading
from collector.intake.payload import PayloadReader
from collector.intake.reading import UNKEPT
from collector.models import DeadLetter
from collector.project_file import ProjectFile
from foundation.errors import Faults
from foundation.identifiers import random_uuid

MAX_DEPTH = 8
MAX_PARTS = 2_000
LEFT_OUT = frozenset({"subject", "device", "consent"})
"""What a letter does not repeat: person and device are kept as keyed hashes beside it."""
SETTLED = "settled"
"""Where a body has the pseudonyms and derived conditions, which a replay cannot make anew from what was kept."""


def body_of(
    checked: Checked, file: ProjectFile, reader: PayloadReader, pseudonym: Callable[[object], str]
) -> dict[str, Any] | None:
    """A letter's body; None where none can be made: what is refused may be anything, and must not fail its batch."""
    try:
        body = _body_of(checked, file, reader, pseudonym)
        orjson.dumps(body)
    except (TypeError, ValueError, ArithmeticError, LookupError, RecursionError):
        structlog.get_logger().exception("letter_without_body")
        return None
    return body


def _body_of(
    checked: Checked, file: ProjectFile, reader: PayloadReader, pseudonym: Callable[[object], str]
) -> dict[str, Any] | None:
    """What the project's rules keep of the signal, scrubbed, keys and refused values included."""
    sent = checked.heading.sent
    body = {name: value if name in KNOWN else None for name, value in sent.items() if name not in LEFT_OUT}
    body["payload"], pseudonyms = reader.kept(sent.get("payload"), pseudonym)
    body["context"], derived = kept_context(sent.get("context"), file, checked.context)
    scrubbed: dict[str, Any] | None = scrub_value(body)
    if scrubbed is None:
        return None
    return {
        **scrubbed,
        **_without_a_name(checked.heading),
        SETTLED: {"payload": pseudonyms, "context": derived},
    }


def _without_a_name(heading: Heading) -> dict[str, Any]:
    """What names nobody once it is read, as it was read: the scrub would take some of it for somebody's number.

    Whom it is from, where that could not be read, stands as a mark: the replay refuses it as the door did.
    """
    read: dict[str, Any] = {}
    if heading.captured_at is not None:
        read["captured_at"] = heading.captured_at.isoformat()
    if heading.age_ms is not None:
        read["age_ms"] = heading.age_ms
    for name, found in (("subject", heading.subject_id), ("device", heading.device)):
        if found is None and heading.sent.get(name) is not None:
            read[name] = UNKEPT
    return read


def letter_of(
    checked: Checked,
    faults: Faults,
    project_id: int,
    *,
    revision: int,
    kept_for: timedelta,
    proven: bool,
    body: dict[str, Any] | None,
) -> dict[str, Any]:
    """A dead letter's row; it names the first of the faults. `revision`: the newest, where the signal was read by none."""
    heading, fault = checked.heading, faults[0]
    return {
        "project_id": project_id,
        "id": random_uuid(),
        "signal_id": heading.id,
        "source_hmac": heading.source or bytes(16),
        "subject_id": heading.subject_id,
        "device_hmac": heading.device,
        "key_id": heading.arrival.key_id,
        "reason": fault.reason,
        "pointer": fault.pointer,
        "revision": checked.revision or revision,
        "sent_at": heading.arrival.sent_at,
        "received_at": heading.arrival.received_at,
        "expires_at": heading.arrival.received_at + kept_for,
        "proven": proven,
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
    """Stands for the next scrubbed text; `number` is what the text was made from.

    A text that held a NUL has one again behind it: what it hid is scrubbed, and a replay refuses it as the door did.
    """

    number: Any = None
    text: str = ""
    tail: str = ""


def _collect(value: Any, texts: list[str], depth: int) -> Any:
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, str):
        return _collect_text(value, texts)
    if isinstance(value, bool) or value is None or (isinstance(value, float) and not value.is_integer()):
        return value  # nobody's number has a fraction, but one measurement in two hundred reads like a phone's
    if isinstance(value, int | float):
        digits = str(int(value))  # 4111111111111111.0 is a card number too
        texts.append(digits)
        return _Text(_fit_for_json(value), digits)
    if isinstance(value, dict):
        # Keys are kept at any depth: without them two parts would become one.
        return [(_collect_text(key, texts), _collect(part, texts, depth + 1)) for key, part in value.items()]
    return tuple(_collect(part, texts, depth + 1) for part in value)


def _collect_text(text: str, texts: list[str]) -> _Text:
    plain = text.replace("\0", "")
    texts.append(plain)
    return _Text(tail="" if plain == text else "\0")


def _fit_for_json(number: float) -> float | None:
    """JSON columns hold integers of 64 bits: a larger one is kept as the door reads it, or, where no float holds it, as its digits."""
    if isinstance(number, float) or -INT64 <= number < INT64:
        return number
    try:
        return float(number)
    except OverflowError:
        return None


def _rebuild(parts: Any, scrubbed: Iterator[str]) -> Any:
    if isinstance(parts, _Text):
        text = next(scrubbed)
        return parts.number if parts.number is not None and text == parts.text else text + parts.tail
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


def why_no_replay(letter: DeadLetter) -> str | None:
    """What speaks against a replay whatever the rules say by now; None where a letter can be tried."""
    if letter.body is not None:
        return None
    if letter.pointer == "/subject":
        return "nothing is kept of a signal without consent: its phone sends it again once there is one"
    if letter.reason in {"not_json", "too_large", "wrong_type"}:
        return "it could not be read as a signal, so nothing of it was kept"
    return "nothing of it was kept: it was erased, nobody had agreed to it, or no scrub could be sure of it"


def remove_letters(session: Session, project_id: int, ids: Sequence[uuid.UUID]) -> None:
    session.connection().execute(
        delete(DeadLetter).where(col(DeadLetter.project_id) == project_id, col(DeadLetter.id).in_(list(ids)))
    )


def expire_letters(session: Session, *, now: datetime) -> int:
    """Removes what is past its time; how many went."""
    gone = session.connection().execute(delete(DeadLetter).where(col(DeadLetter.expires_at) <= now))
    return int(gone.rowcount)
