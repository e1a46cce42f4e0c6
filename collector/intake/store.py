"""A batch in one transaction: each table in one statement, its rows as one JSON parameter that the database takes apart.

That is the fastest way that can be repeated: a COPY fails as a whole when one id of the batch is stored already.
"""

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
from collector.models import DeadLetter, DeviceClock, Suppression
from foundation.database import insert_ignoring
from foundation.failpoints import failpoint

if TYPE_CHECKING:
    from collector.intake.signals import Candidate

LOCK_TRIES = 5
ITEM_COLUMNS = ("project_id", "id", "content", "revision", "scrub_hash", "ready", "hold", "created_at")
SIGNAL_COLUMNS = ("project_id", "id", "source_hmac", "subject_id", "device_hmac", "item_id", "key_id", "revision",
                  "captured_at", "sent_at", "received_at", "event_time", "time_quality", "context", "extra",
                  "prediction")  # fmt: skip
AMONG = {"postgresql": "= ANY (CAST(%s AS uuid[]))", "sqlite": "IN (SELECT value FROM json_each(?))"}
"""Ids as one parameter. PostgreSQL takes an array to its index; joined with a list it may read the whole project."""
MARK = {"postgresql": "%s", "sqlite": "?"}


@dataclass(slots=True)
class Rows:
    """What a batch adds: tuples in the order of the columns above, and dead letters."""

    items: dict[uuid.UUID, tuple[Any, ...]] = field(default_factory=dict)
    signals: dict[uuid.UUID, tuple[Any, ...]] = field(default_factory=dict)
    letters: list[dict[str, Any]] = field(default_factory=list)
    answered: set[uuid.UUID] = field(default_factory=set)
    """Ids that were refused before and are taken now: their dead letters go."""

    def add(
        self, project_id: int, candidate: Candidate, item: uuid.UUID, *, content: Mapping[str, Any], scrub_hash: str
    ) -> None:
        """One accepted signal, and its item where the batch has not named it yet."""
        if candidate.id is None or candidate.captured_at is None or candidate.time is None:
            raise ValueError("only a signal without faults can be stored")
        if item not in self.items:
            text = orjson.dumps(content).decode()
            self.items[item] = (
                project_id, item, text, candidate.revision, scrub_hash, True, False, candidate.received_at,
            )  # fmt: skip
        extra = {name: value for name, value in candidate.payload.values.items() if name not in content}
        self.signals[candidate.id] = (
            project_id, candidate.id, candidate.source, candidate.subject_id, candidate.device, item, candidate.key_id,
            candidate.revision, candidate.captured_at, candidate.sent_at, candidate.received_at, candidate.time.at,
            candidate.time.quality.value, orjson.dumps(candidate.context).decode(), orjson.dumps(extra).decode(),
            orjson.dumps(candidate.prediction).decode() if candidate.prediction else None,
        )  # fmt: skip

    def source_of(self, signal_id: uuid.UUID) -> bytes | None:
        row = self.signals.get(signal_id)
        return row[2] if row else None


@dataclass(frozen=True, slots=True)
class Stored:
    """Which ids of a batch are known: stored, with the hash of what was sent then, or refused."""

    sources: dict[uuid.UUID, bytes]
    refused: set[uuid.UUID]


def write(session: Session, project_id: int, rows: Rows) -> dict[uuid.UUID, bytes]:
    """Writes items, signals and dead letters; the ids that a neighbour stored meanwhile, with their hashes."""
    lost: dict[uuid.UUID, bytes] = {}
    if rows.signals:
        _insert_items(session, project_id, rows)
        failpoint("collector.between_writes")
        new = _insert(session, "signals", SIGNAL_COLUMNS, [rows.signals[known] for known in sorted(rows.signals)])
        if len(new) < len(rows.signals):
            lost = look_up(session, project_id, rows.signals.keys() - new).sources
    if rows.answered:
        session.connection().execute(
            delete(DeadLetter).where(
                col(DeadLetter.project_id) == project_id, col(DeadLetter.signal_id).in_(rows.answered)
            )
        )
    if rows.letters:
        _put_letters(session, project_id, rows.letters)
    return lost


def look_up(session: Session, project_id: int, ids: Iterable[uuid.UUID]) -> Stored:
    """What is known of these ids, in one round trip."""
    wanted = list(ids)
    if not wanted:
        return Stored({}, set())
    dialect = session.get_bind().dialect.name
    among, mark = AMONG[dialect], MARK[dialect]
    rows = session.connection().exec_driver_sql(
        f"SELECT id, source_hmac FROM signals WHERE project_id = {mark} AND id {among} UNION ALL "  # noqa: S608
        f"SELECT signal_id, NULL FROM dead_letters WHERE project_id = {mark} AND signal_id {among}",
        (project_id, _listed(wanted, dialect), project_id, _listed(wanted, dialect)),
    )
    stored = Stored({}, set())
    for known, source in rows:
        if source is None:
            stored.refused.add(_uuid(known))
        else:
            stored.sources[_uuid(known)] = bytes(source)
    return stored


def pairs_seen(
    session: Session, project_id: int, pairs: set[tuple[uuid.UUID, uuid.UUID]]
) -> set[tuple[uuid.UUID | None, uuid.UUID]]:
    """Which (subject, item) have been seen before."""
    if not pairs:
        return set()
    dialect = session.get_bind().dialect.name
    among, mark = AMONG[dialect], MARK[dialect]
    rows = session.connection().exec_driver_sql(
        "SELECT DISTINCT subject_id, item_id FROM signals "  # noqa: S608
        f"WHERE project_id = {mark} AND subject_id {among} AND item_id {among}",
        (
            project_id,
            _listed({subject for subject, _ in pairs}, dialect),
            _listed({item for _, item in pairs}, dialect),
        ),
    )
    return {(_uuid(row[0]), _uuid(row[1])) for row in rows}


def items_held(
    session: Session, project_id: int, items: Iterable[uuid.UUID], *, lock: str = ""
) -> set[tuple[uuid.UUID | None, uuid.UUID]]:
    """Which items are held, whoever sent them; marked with no subject."""
    wanted = list(items)
    if not wanted:
        return set()
    dialect = session.get_bind().dialect.name
    rows = session.connection().exec_driver_sql(
        f"SELECT id FROM items WHERE project_id = {MARK[dialect]} AND id {AMONG[dialect]} {lock}",  # noqa: S608
        (project_id, _listed(wanted, dialect)),
    )
    return {(None, _uuid(row[0])) for row in rows}


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
    """One row a device; of two requests at once the later one counts."""
    if not clocks:
        return
    mark = MARK[session.get_bind().dialect.name]
    values = ", ".join([f"({mark}, {mark}, {mark}, {mark})"] * len(clocks))
    parameters: list[Any] = []
    for device, clock in sorted(clocks.items()):
        since = _plain(clock.since) if mark == "?" else clock.since
        parameters += [project_id, device, clock.offset // timedelta(milliseconds=1), since]
    session.connection().exec_driver_sql(
        f"INSERT INTO device_clocks (project_id, device_hmac, offset_ms, since) VALUES {values} "  # noqa: S608
        "ON CONFLICT (project_id, device_hmac) DO UPDATE SET offset_ms = excluded.offset_ms, since = excluded.since",
        tuple(parameters),
    )


def _insert_items(session: Session, project_id: int, rows: Rows) -> None:
    """Items stay while this transaction lasts: an erasure that removes one of them waits for us, or we make it anew."""
    wanted = sorted(rows.items)
    for _ in range(LOCK_TRIES):
        new = _insert(session, "items", ITEM_COLUMNS, [rows.items[item] for item in wanted])
        if len(new) == len(wanted):
            return
        held = items_held(session, project_id, wanted, lock="ORDER BY id FOR KEY SHARE")
        if len(held) == len(wanted):
            return


def _insert(session: Session, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> set[uuid.UUID]:
    """Inserts what is not there; the ids that were new. Rows come sorted, so that no two writers deadlock.

    SQLite's write lock is held since BEGIN IMMEDIATE: nobody can have stored an id since we looked, nor remove an item.
    """
    names = ", ".join(columns)
    if session.get_bind().dialect.name == "postgresql":
        document = orjson.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=_bytea).decode()
        result = session.connection().exec_driver_sql(
            f"INSERT INTO {table} ({names}) SELECT {names} "  # noqa: S608 - names are constants of this module
            f"FROM json_populate_recordset(NULL::{table}, %s) ON CONFLICT DO NOTHING RETURNING id",
            (document,),
        )
        return {row[0] for row in result}
    marks = ", ".join("?" * len(columns))
    session.connection().exec_driver_sql(
        f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})",  # noqa: S608
        [tuple(map(_plain, row)) for row in rows],
    )
    return {row[1] for row in rows}


def _listed(ids: Iterable[uuid.UUID], dialect: str) -> str:
    hexes = [known.hex for known in ids]
    return orjson.dumps(hexes).decode() if dialect == "sqlite" else f"{{{','.join(hexes)}}}"


def _uuid(value: Any) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)


def _bytea(value: Any) -> str:
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    raise TypeError


def _plain(value: Any) -> Any:
    """A value as SQLAlchemy stores it in SQLite, without its cost a value."""
    if isinstance(value, uuid.UUID):
        return value.hex
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
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
    insert_ignoring(session, DeadLetter.__table__, list(newest.values()))  # type: ignore[attr-defined]
