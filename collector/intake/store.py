"""A batch in one transaction, each table in one statement.

Signals are mostly new, so nobody asks first whether they are stored: PostgreSQL gets them by COPY, which fails as a whole
where one is. Then, and where it is known before, they go the way that can be repeated.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import orjson
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from collector.intake.event_time import ClockOffset
from collector.intake.fate import Fate
from collector.models import DeadLetter, Suppression
from foundation.bulk_rows import BIG_INTEGER, BOOLEAN, BYTES, INTEGER, JSON, MOMENT, TEXT, UUID, Table, put_all, put_new
from foundation.database import insert_ignoring
from foundation.failpoints import failpoint
from foundation.plain_sql import Statement, ask, read_moment, read_uuid, tell

SLOTS = 16
ITEMS: Final = Table(
    "items",
    {
        "project_id": BIG_INTEGER,
        "id": UUID,
        "content": JSON,
        "revision": INTEGER,
        "scrub_hash": TEXT,
        "ready": BOOLEAN,
        "hold": BOOLEAN,
        "created_at": MOMENT,
    },
)
SIGNALS: Final = Table(
    "signals",
    {
        "project_id": BIG_INTEGER,
        "id": UUID,
        "source_hmac": BYTES,
        "subject_id": UUID,
        "device_hmac": BYTES,
        "item_id": UUID,
        "key_id": UUID,
        "revision": INTEGER,
        "captured_at": MOMENT,
        "sent_at": MOMENT,
        "received_at": MOMENT,
        "event_time": MOMENT,
        "time_quality": TEXT,
        "context": JSON,
        "extra": JSON,
        "prediction": JSON,
        "proven": BOOLEAN,
    },
)
_STORED: Final = Statement("SELECT id, source_hmac FROM signals WHERE project_id = ? AND id IN ?ids")
_PAIRS: Final = Statement(
    "SELECT DISTINCT subject_id, item_id FROM signals WHERE project_id = ? AND subject_id IN ?ids AND item_id IN ?ids"
)
_CLOCKS: Final = Statement(
    "SELECT device_hmac, offset_ms, since FROM device_clocks WHERE project_id = ? AND device_hmac IN ?hashes"
)
_FORGET_LETTERS: Final = Statement("DELETE FROM dead_letters WHERE project_id = ? AND signal_id IN ?ids")
_KEEP_CLOCK: Final = Statement(
    "INSERT INTO device_clocks (project_id, device_hmac, offset_ms, since) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (project_id, device_hmac) DO UPDATE SET offset_ms = excluded.offset_ms, since = excluded.since"
)
_COUNT_UP: Final = Statement(
    "INSERT INTO counters (project_id, name, slot, n) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (project_id, name, slot) DO UPDATE SET n = counters.n + excluded.n"
)


ID: Final = 1
"""Where the id stands in a row of either table."""
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """What a batch adds, in the order of the columns above; sorted by id, so that no two writers deadlock."""

    items: Sequence[Row]
    signals: Sequence[Row]


class IdTaken(Exception):
    """A signal with one of the batch's ids is stored: nothing of the batch is, and it has to be looked at more carefully."""


def rows_of(project_id: int, scrub_hash: str, fates: Iterable[Fate], *, are_ready: bool) -> Rows:
    """The rows of signals that are taken, and of their items. `are_ready`: whether no step is owed to a new item."""
    items: dict[uuid.UUID, Row] = {}
    signals: list[Row] = []
    for fate in fates:
        one, heading, clean = fate.checked, fate.checked.heading, fate.clean
        if clean is None:
            continue
        if one.time is None:
            raise ValueError("only a signal without faults can be stored")
        key_id, received_at, sent_at = heading.arrival
        if clean.item not in items:
            items[clean.item] = (
                project_id,
                clean.item,
                orjson.dumps(clean.content),
                one.revision,
                scrub_hash,
                are_ready,
                False,
                received_at,
            )
        signals.append((
            project_id, heading.id, heading.source, heading.subject_id, heading.device, clean.item, key_id, one.revision,
            heading.captured_at, sent_at, received_at, one.time.at, one.time.quality.value,
            orjson.dumps(one.context), orjson.dumps(clean.extra),
            orjson.dumps(one.prediction) if one.prediction else None, fate.person.has_proven(heading),
        ))  # fmt: skip
    return Rows(sorted(items.values(), key=_by_id), sorted(signals, key=_by_id))


def put_items(session: Session, rows: Rows) -> set[uuid.UUID]:
    """Stores the items that are not there; the ids of those that were."""
    there = put_new(session, ITEMS, list(zip(*rows.items, strict=True))) if rows.items else set()
    failpoint("collector.between_writes")
    return there


def put_signals_boldly(session: Session, rows: Rows) -> None:
    """Stores the signals, none of which is thought to be there; the fastest way.

    Raises:
        IdTaken: one of them is; the transaction is of no use any more.
    """
    if not rows.signals:
        return
    try:
        put_all(session, SIGNALS, list(zip(*rows.signals, strict=True)))
    except IntegrityError as error:
        raise IdTaken from error


def put_signals(session: Session, project_id: int, rows: Rows) -> dict[uuid.UUID, bytes]:
    """Stores the signals that are not there; the ids of those that are, with the hashes of what was sent then."""
    there = put_new(session, SIGNALS, list(zip(*rows.signals, strict=True))) if rows.signals else set()
    return sources_of(session, project_id, there)


def sources_of(session: Session, project_id: int, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, bytes]:
    """Of these ids those that are stored, with the hash of what was sent then."""
    rows = ask(session, _STORED, project_id, ids) if ids else ()
    return {read_uuid(known): bytes(source) for known, source in rows}


def pairs_among(
    session: Session, project_id: int, subjects: Collection[uuid.UUID], items: Collection[uuid.UUID]
) -> set[tuple[uuid.UUID, uuid.UUID]]:
    """Which of these people sent which of these items before, as (subject, item)."""
    return {
        (read_uuid(subject), read_uuid(item)) for subject, item in ask(session, _PAIRS, project_id, subjects, items)
    }


def suppressed_among(session: Session, project_id: int, hmacs: Sequence[bytes]) -> set[bytes]:
    rows = session.exec(
        select(Suppression.signal_hmac).where(
            col(Suppression.project_id) == project_id, col(Suppression.signal_hmac).in_(hmacs)
        )
    )
    return {bytes(row) for row in rows}


def known_clocks(session: Session, project_id: int, devices: Collection[bytes]) -> dict[bytes, ClockOffset]:
    """What is known of the clocks of these devices."""
    rows = ask(session, _CLOCKS, project_id, devices) if devices else ()
    return {
        bytes(device): ClockOffset(timedelta(milliseconds=offset_ms), read_moment(since))
        for device, offset_ms, since in rows
    }


def keep_clocks(session: Session, project_id: int, clocks: Mapping[bytes, ClockOffset]) -> None:
    """One row a device, of which a batch has few; of two requests at once the later one counts."""
    for device, clock in sorted(clocks.items()):
        tell(session, _KEEP_CLOCK, project_id, device, clock.offset // timedelta(milliseconds=1), clock.since)


def count_up(session: Session, project_id: int, name: str, n: int, *, slot: int) -> None:
    """Adds to a counter of the project, in one of its slots: who adds in another does not wait for us."""
    tell(session, _COUNT_UP, project_id, name, slot % SLOTS, n)


def forget_letters(session: Session, project_id: int, ids: Collection[uuid.UUID]) -> None:
    """Signals that were refused once and are taken now have no dead letter any more."""
    if ids:
        tell(session, _FORGET_LETTERS, project_id, ids)


def _by_id(row: Row) -> int:
    number: int = row[ID].int
    return number


def put_letters(session: Session, project_id: int, letters: Sequence[dict[str, Any]]) -> None:
    """Stores dead letters; a signal refused again replaces its older one."""
    if not letters:
        return
    named = [letter["signal_id"] for letter in letters if letter["signal_id"] is not None]
    if named:
        session.connection().execute(
            delete(DeadLetter).where(col(DeadLetter.project_id) == project_id, col(DeadLetter.signal_id).in_(named))
        )
    newest: dict[Any, dict[str, Any]] = {}
    for letter in letters:
        newest[letter["signal_id"] or letter["id"]] = letter
    insert_ignoring(session, DeadLetter.__table__, list(newest.values()))  # type: ignore[attr-defined]
