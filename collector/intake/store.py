"""A batch in one transaction, written the fast way for each database: arrays for PostgreSQL, prepared rows for SQLite."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import delete
from sqlmodel import Session, col, select

from collector.intake.event_time import ClockOffset
from collector.models import DeadLetter, DeviceClock, Item, Signal, Suppression
from foundation.failpoints import failpoint

if TYPE_CHECKING:
    from collector.intake.signals import Candidate

ITEM_COLUMNS = ("id", "content", "revision", "scrub_hash", "created_at")
SIGNAL_COLUMNS = ("id", "source_hmac", "subject_id", "device_hmac", "item_id", "key_id", "revision", "captured_at",
                  "sent_at", "received_at", "event_time", "time_quality", "context", "extra", "prediction")  # fmt: skip
POSTGRESQL_TYPES = {
    "id": "uuid", "content": "text", "revision": "int", "scrub_hash": "text", "created_at": "timestamptz",
    "source_hmac": "bytea", "subject_id": "uuid", "device_hmac": "bytea", "item_id": "uuid", "key_id": "uuid",
    "captured_at": "timestamptz", "sent_at": "timestamptz", "received_at": "timestamptz", "event_time": "timestamptz",
    "time_quality": "text", "context": "text", "extra": "text", "prediction": "text",
}  # fmt: skip
LOCK_TRIES = 5


@dataclass(slots=True)
class Rows:
    """What a batch adds: tuples in the order of the columns above, and dead letters."""

    items: dict[uuid.UUID, tuple[Any, ...]] = field(default_factory=dict)
    signals: dict[uuid.UUID, tuple[Any, ...]] = field(default_factory=dict)
    letters: list[dict[str, Any]] = field(default_factory=list)

    def add(self, candidate: Candidate, item: uuid.UUID, *, content: Mapping[str, Any], scrub_hash: str) -> None:
        """One accepted signal, and its item where the batch has not named it yet."""
        if candidate.id is None or candidate.captured_at is None or candidate.time is None:
            raise ValueError("only a signal without faults can be stored")
        if item not in self.items:
            text = orjson.dumps(content).decode()
            self.items[item] = (item, text, candidate.revision, scrub_hash, candidate.received_at)
        extra = {name: value for name, value in candidate.payload.values.items() if name not in content}
        self.signals[candidate.id] = (
            candidate.id, candidate.source, candidate.subject_id, candidate.device, item, candidate.key_id,
            candidate.revision, candidate.captured_at, candidate.sent_at, candidate.received_at, candidate.time.at,
            candidate.time.quality.value, orjson.dumps(candidate.context).decode(), orjson.dumps(extra).decode(),
            orjson.dumps(candidate.prediction).decode() if candidate.prediction else None,
        )  # fmt: skip

    def source_of(self, signal_id: uuid.UUID) -> bytes | None:
        row = self.signals.get(signal_id)
        return row[1] if row else None


def write(session: Session, project_id: int, rows: Rows) -> dict[uuid.UUID, bytes]:
    """Writes items, signals and dead letters; the ids that a neighbour stored meanwhile, with their hashes."""
    lost: dict[uuid.UUID, bytes] = {}
    if rows.signals:
        if session.get_bind().dialect.name == "postgresql":
            _insert_items_and_lock(session, project_id, rows)
            failpoint("collector.between_writes")
            new = _insert_postgresql(session, "signals", SIGNAL_COLUMNS, project_id, sorted(rows.signals.values()))
            missing = rows.signals.keys() - new
            lost = stored_sources(session, project_id, missing)
        else:
            # The write lock is held since BEGIN IMMEDIATE: what was not there when we looked is not there now.
            _insert_sqlite(session, "items", ITEM_COLUMNS, project_id, rows.items.values())
            failpoint("collector.between_writes")
            _insert_sqlite(session, "signals", SIGNAL_COLUMNS, project_id, rows.signals.values())
        accepted = list(rows.signals)
        session.connection().execute(
            delete(DeadLetter).where(col(DeadLetter.project_id) == project_id, col(DeadLetter.signal_id).in_(accepted))
        )
    if rows.letters:
        _put_letters(session, project_id, rows.letters)
    return lost


def stored_sources(session: Session, project_id: int, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, bytes]:
    """Which of these signals are stored, with the hash of what was sent then."""
    wanted = list(ids)
    if not wanted:
        return {}
    rows = session.connection().execute(
        select(Signal.id, Signal.source_hmac).where(col(Signal.project_id) == project_id, col(Signal.id).in_(wanted))
    )
    return {row[0]: bytes(row[1]) for row in rows}


def pairs_seen(
    session: Session, project_id: int, pairs: set[tuple[uuid.UUID, uuid.UUID]]
) -> set[tuple[uuid.UUID | None, uuid.UUID]]:
    """Which (subject, item) have been seen before."""
    if not pairs:
        return set()
    rows = session.connection().execute(
        select(Signal.subject_id, Signal.item_id)
        .where(
            col(Signal.project_id) == project_id,
            col(Signal.subject_id).in_({subject for subject, _ in pairs}),
            col(Signal.item_id).in_({item for _, item in pairs}),
        )
        .distinct()
    )
    return {(row[0], row[1]) for row in rows}


def items_held(session: Session, project_id: int, items: set[uuid.UUID]) -> set[tuple[uuid.UUID | None, uuid.UUID]]:
    """Which items are held, whoever sent them; marked with no subject."""
    if not items:
        return set()
    rows = session.connection().execute(
        select(Item.id).where(col(Item.project_id) == project_id, col(Item.id).in_(items))
    )
    return {(None, row[0]) for row in rows}


def suppressed_among(session: Session, project_id: int, hmacs: Sequence[bytes]) -> set[bytes]:
    rows = session.exec(
        select(Suppression.signal_hmac).where(
            col(Suppression.project_id) == project_id, col(Suppression.signal_hmac).in_(hmacs)
        )
    )
    return {bytes(row) for row in rows}


def known_clocks(session: Session, project_id: int, devices: Iterable[bytes]) -> dict[bytes, ClockOffset]:
    wanted = list(devices)
    if not wanted:
        return {}
    rows = session.exec(
        select(DeviceClock).where(col(DeviceClock.project_id) == project_id, col(DeviceClock.device_hmac).in_(wanted))
    )
    return {bytes(row.device_hmac): ClockOffset(timedelta(milliseconds=row.offset_ms), row.since) for row in rows}


def keep_clocks(session: Session, project_id: int, clocks: Mapping[bytes, ClockOffset]) -> None:
    for device, clock in sorted(clocks.items()):
        row = DeviceClock(
            project_id=project_id,
            device_hmac=device,
            offset_ms=clock.offset // timedelta(milliseconds=1),
            since=clock.since,
        )
        session.merge(row)


def _insert_items_and_lock(session: Session, project_id: int, rows: Rows) -> None:
    """Items stay while this transaction lasts: an erasure that removes one of them waits for us, or we make it anew."""
    wanted = sorted(rows.items)
    for _ in range(LOCK_TRIES):
        _insert_postgresql(session, "items", ITEM_COLUMNS, project_id, [rows.items[item] for item in wanted])
        held = session.connection().exec_driver_sql(
            "SELECT id FROM items WHERE project_id = %s AND id = ANY(%s) ORDER BY id FOR KEY SHARE",
            (project_id, wanted),
        )
        if len(held.fetchall()) == len(wanted):
            return


def _insert_postgresql(
    session: Session, table: str, columns: Sequence[str], project_id: int, rows: Sequence[tuple[Any, ...]]
) -> set[uuid.UUID]:
    """One statement with an array a column; the ids that were new. Rows come sorted, so that no two writers deadlock."""
    arrays = ", ".join(f"%s::{POSTGRESQL_TYPES[name]}[]" for name in columns)
    names = ", ".join(columns)
    statement = (
        f"INSERT INTO {table} (project_id, {names}{_DEFAULTS[table][0]}) "  # noqa: S608 - names are constants of this module
        f"SELECT %s, {names}{_DEFAULTS[table][1]} FROM unnest({arrays}) AS new ({names}) "
        "ON CONFLICT DO NOTHING RETURNING id"
    )
    result = session.connection().exec_driver_sql(
        statement, (project_id, *(list(column) for column in zip(*rows, strict=True)))
    )
    return {row[0] for row in result}


def _insert_sqlite(
    session: Session, table: str, columns: Sequence[str], project_id: int, rows: Iterable[tuple[Any, ...]]
) -> None:
    marks = ", ".join("?" * len(columns))
    statement = (
        f"INSERT OR IGNORE INTO {table} (project_id, {', '.join(columns)}{_DEFAULTS[table][0]}) "  # noqa: S608
        f"VALUES (?, {marks}{_DEFAULTS[table][2]})"
    )
    plain = [(project_id, *(_plain(value) for value in row)) for row in rows]
    session.connection().exec_driver_sql(statement, plain)


_DEFAULTS = {"items": (", ready, hold", ", true, false", ", 1, 0"), "signals": ("", "", "")}


def _plain(value: Any) -> Any:
    """A value as SQLAlchemy stores it in SQLite, without its cost a value."""
    if isinstance(value, uuid.UUID):
        return value.hex
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return value


def _put_letters(session: Session, project_id: int, letters: Sequence[dict[str, Any]]) -> None:
    """A signal refused again replaces its older letter."""
    named = [letter["signal_id"] for letter in letters if letter["signal_id"] is not None]
    if named:
        session.connection().execute(
            delete(DeadLetter).where(col(DeadLetter.project_id) == project_id, col(DeadLetter.signal_id).in_(named))
        )
    newest: dict[Any, dict[str, Any]] = {}
    for letter in letters:
        newest[letter["signal_id"] or letter["id"]] = letter
    from foundation.database import insert_ignoring

    insert_ignoring(session, DeadLetter.__table__, list(newest.values()))  # type: ignore[attr-defined]
