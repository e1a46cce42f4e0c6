"""A batch in one transaction, each table in one statement.

Signals are mostly new, so nobody asks first whether they are stored: PostgreSQL gets them by COPY, which fails as a whole
where one is. Then, and where it is known before, they go the way that can be repeated.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Final

import orjson
from sqlalchemy import Connection, bindparam, delete
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Session, col, select

from collector.intake.event_time import ClockOffset
from collector.intake.fate import Fate
from collector.models import DeadLetter, DeviceClock, Suppression
from foundation.binary_copy import (
    Encoder,
    big_integer,
    boolean,
    encode_rows,
    integer,
    moment,
    raw_bytes,
    text,
    uuid_bytes,
)
from foundation.database import insert_ignoring
from foundation.failpoints import failpoint

SLOTS = 16
ITEM_COLUMNS: Final[Mapping[str, Encoder]] = {
    "project_id": big_integer,
    "id": uuid_bytes,
    "content": text,
    "revision": integer,
    "scrub_hash": text,
    "ready": boolean,
    "hold": boolean,
    "created_at": moment,
}
SIGNAL_COLUMNS: Final[Mapping[str, Encoder]] = {
    "project_id": big_integer,
    "id": uuid_bytes,
    "source_hmac": raw_bytes,
    "subject_id": uuid_bytes,
    "device_hmac": raw_bytes,
    "item_id": uuid_bytes,
    "key_id": uuid_bytes,
    "revision": integer,
    "captured_at": moment,
    "sent_at": moment,
    "received_at": moment,
    "event_time": moment,
    "time_quality": text,
    "context": text,
    "extra": text,
    "prediction": text,
    "proven": boolean,
}
"""The columns of a row, and how PostgreSQL's COPY reads each."""
COPY_SIGNALS = f"COPY signals ({', '.join(SIGNAL_COLUMNS)}) FROM STDIN (FORMAT BINARY)"
ID = 1
WITHOUT_ZONE = len("2026-11-22 08:26:18.123456")
AMONG = {"postgresql": "= ANY (CAST(%s AS uuid[]))", "sqlite": "IN (SELECT value FROM json_each(?))"}
"""Ids as one parameter. PostgreSQL takes an array to its index; joined with a list it may read the whole project."""
MARK = {"postgresql": "%s", "sqlite": "?"}


def _plain(value: datetime) -> str:
    """A moment as SQLAlchemy stores it in SQLite, without its cost a value."""
    return value.astimezone(UTC).isoformat(" ", "microseconds")[:WITHOUT_ZONE]


_WRITERS: Final[Mapping[Encoder, Callable[[Any], str]]] = {uuid_bytes: attrgetter("hex"), moment: _plain}
"""What SQLite does not take as it is, by how PostgreSQL gets it."""


def _for_both(statement: str) -> dict[str, str]:
    """A statement written with MARK and AMONG, for each database."""
    return {
        name: statement.replace("AMONG", AMONG[name]).replace("MARK", MARK[name]) for name in ("postgresql", "sqlite")
    }


_STORED = _for_both("SELECT id, source_hmac FROM signals WHERE project_id = MARK AND id AMONG")
_PAIRS = _for_both(
    "SELECT DISTINCT subject_id, item_id FROM signals WHERE project_id = MARK AND subject_id AMONG AND item_id AMONG"
)
_FORGET_LETTERS = _for_both("DELETE FROM dead_letters WHERE project_id = MARK AND signal_id AMONG")
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
            content = orjson.dumps(clean.content).decode()
            items[clean.item] = (
                project_id,
                clean.item,
                content,
                one.revision,
                scrub_hash,
                are_ready,
                False,
                received_at,
            )
        signals.append((
            project_id, heading.id, heading.source, heading.subject_id, heading.device, clean.item, key_id, one.revision,
            heading.captured_at, sent_at, received_at, one.time.at, one.time.quality.value,
            orjson.dumps(one.context).decode(), orjson.dumps(clean.extra).decode(),
            orjson.dumps(one.prediction).decode() if one.prediction else None, fate.person.has_proven(heading),
        ))  # fmt: skip
    return Rows(sorted(items.values(), key=_by_id), sorted(signals, key=_by_id))


def put_items(session: Session, rows: Rows) -> set[uuid.UUID]:
    """Stores the items that are not there; the ids of those that were."""
    there = _insert(session, "items", ITEM_COLUMNS, rows.items)
    failpoint("collector.between_writes")
    return there


def put_signals_boldly(session: Session, rows: Rows) -> None:
    """Stores the signals, none of which is thought to be there; the fastest way.

    Raises:
        IdTaken: one of them is; the transaction is of no use any more.
    """
    if not rows.signals:
        return
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        _copy(connection, rows.signals)
        return
    try:
        _insert_plain(connection, "INSERT", "signals", SIGNAL_COLUMNS, rows.signals)
    except IntegrityError as error:
        raise IdTaken from error


def put_signals(session: Session, project_id: int, rows: Rows) -> dict[uuid.UUID, bytes]:
    """Stores the signals that are not there; the ids of those that are, with the hashes of what was sent then."""
    return sources_of(session, project_id, _insert(session, "signals", SIGNAL_COLUMNS, rows.signals))


def sources_of(session: Session, project_id: int, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, bytes]:
    """Of these ids those that are stored, with the hash of what was sent then."""
    rows = _ask(session, _STORED, project_id, ids) if ids else ()
    return {_uuid(known): bytes(source) for known, source in rows}


def pairs_among(
    session: Session, project_id: int, subjects: Collection[uuid.UUID], items: Collection[uuid.UUID]
) -> set[tuple[uuid.UUID, uuid.UUID]]:
    """Which of these people sent which of these items before, as (subject, item)."""
    return {(_uuid(subject), _uuid(item)) for subject, item in _ask(session, _PAIRS, project_id, subjects, items)}


def _ask(
    session: Session, statement: Mapping[str, str], project_id: int, *lists: Collection[uuid.UUID]
) -> Iterable[Any]:
    dialect = session.get_bind().dialect.name
    parameters = (project_id, *(_listed(one, dialect) for one in lists))
    return session.connection().exec_driver_sql(statement[dialect], parameters)


def suppressed_among(session: Session, project_id: int, hmacs: Sequence[bytes]) -> set[bytes]:
    rows = session.exec(
        select(Suppression.signal_hmac).where(
            col(Suppression.project_id) == project_id, col(Suppression.signal_hmac).in_(hmacs)
        )
    )
    return {bytes(row) for row in rows}


_CLOCKS = select(DeviceClock.device_hmac, DeviceClock.offset_ms, DeviceClock.since).where(
    col(DeviceClock.project_id) == bindparam("of_project"),
    col(DeviceClock.device_hmac).in_(bindparam("devices", expanding=True)),
)


def known_clocks(session: Session, project_id: int, devices: Iterable[bytes]) -> dict[bytes, ClockOffset]:
    wanted = list(devices)
    if not wanted:
        return {}
    rows = session.connection().execute(_CLOCKS, {"of_project": project_id, "devices": wanted})
    return {bytes(device): ClockOffset(timedelta(milliseconds=offset_ms), since) for device, offset_ms, since in rows}


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


def count_up(session: Session, project_id: int, name: str, n: int, *, slot: int) -> None:
    """Adds to a counter of the project, in one of its slots: who adds in another does not wait for us."""
    mark = MARK[session.get_bind().dialect.name]
    session.connection().exec_driver_sql(
        f"INSERT INTO counters (project_id, name, slot, n) VALUES ({mark}, {mark}, {mark}, {mark}) "  # noqa: S608
        "ON CONFLICT (project_id, name, slot) DO UPDATE SET n = counters.n + excluded.n",
        (project_id, name, slot % SLOTS, n),
    )


def forget_letters(session: Session, project_id: int, ids: Collection[uuid.UUID]) -> None:
    """Signals that were refused once and are taken now have no dead letter any more."""
    if ids:
        _ask(session, _FORGET_LETTERS, project_id, ids)


def _insert(session: Session, table: str, columns: Mapping[str, Encoder], rows: Sequence[Row]) -> set[uuid.UUID]:
    """Inserts what is not there; the ids of what is.

    The rows are one parameter, a JSON document that PostgreSQL takes apart. SQLite's write lock is held since BEGIN
    IMMEDIATE: nobody can store an id between this look and the insertion.
    """
    if not rows:
        return set()
    connection, names = session.connection(), ", ".join(columns)
    if connection.dialect.name == "postgresql":
        document = orjson.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=_bytea).decode()
        result = connection.exec_driver_sql(
            f"INSERT INTO {table} ({names}) SELECT {names} "  # noqa: S608 - names are constants of this module
            f"FROM json_populate_recordset(NULL::{table}, %s) ON CONFLICT DO NOTHING RETURNING id",
            (document,),
        )
        if result.rowcount == len(rows):
            return set()
        return {row[ID] for row in rows} - {row[0] for row in result}
    asked = f"SELECT id FROM {table} WHERE project_id = ? AND id {AMONG['sqlite']}"  # noqa: S608
    listed = _listed([row[ID] for row in rows], "sqlite")
    there = {_uuid(known) for (known,) in connection.exec_driver_sql(asked, (rows[0][0], listed))}
    _insert_plain(connection, "INSERT OR IGNORE", table, columns, rows)
    return there


def _insert_plain(
    connection: Connection, verb: str, table: str, columns: Mapping[str, Encoder], rows: Iterable[Row]
) -> None:
    """SQLite's way: as SQLAlchemy stores values there, without its cost a value."""
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    writers = [_WRITERS.get(encoder) for encoder in columns.values()]
    connection.exec_driver_sql(
        f"{verb} INTO {table} ({names}) VALUES ({marks})",
        [
            tuple([write(one) if write and one is not None else one for write, one in zip(writers, row, strict=True)])
            for row in rows
        ],
    )


def _copy(connection: Connection, signals: Iterable[Row]) -> None:
    import psycopg
    from psycopg.errors import UniqueViolation

    document = encode_rows(signals, list(SIGNAL_COLUMNS.values()))
    try:
        with connection.connection.cursor() as cursor, cursor.copy(COPY_SIGNALS) as copy:  # type: ignore[attr-defined]
            copy.write(document)
    except UniqueViolation as error:
        raise IdTaken from error
    except psycopg.Error as error:
        raise DBAPIError.instance(COPY_SIGNALS, None, error, psycopg.Error, hide_parameters=True) from error


def _by_id(row: Row) -> int:
    number: int = row[ID].int
    return number


def _listed(ids: Iterable[uuid.UUID], dialect: str) -> str:
    hexes = [known.hex for known in ids]
    return orjson.dumps(hexes).decode() if dialect == "sqlite" else f"{{{','.join(hexes)}}}"


def _uuid(value: Any) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)


def _bytea(value: Any) -> str:
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    raise TypeError


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
