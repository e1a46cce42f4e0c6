"""A batch in one transaction: each table in one statement, its rows as one JSON parameter that the database takes apart.

That is the fastest way that can be repeated: a COPY fails as a whole when one id of the batch is stored already.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import bindparam, delete
from sqlmodel import Session, col, select

from collector.intake.event_time import ClockOffset
from collector.models import DeadLetter, DeviceClock, Suppression
from foundation.database import insert_ignoring
from foundation.failpoints import failpoint

if TYPE_CHECKING:
    from collector.intake.signals import Candidate

LOCK_TRIES = 5
SLOTS = 16
ITEM_COLUMNS = ("project_id", "id", "content", "revision", "scrub_hash", "ready", "hold", "created_at")
SIGNAL_COLUMNS = ("project_id", "id", "source_hmac", "subject_id", "device_hmac", "item_id", "key_id", "revision",
                  "captured_at", "sent_at", "received_at", "event_time", "time_quality", "context", "extra",
                  "prediction", "proven")  # fmt: skip
AMONG = {"postgresql": "= ANY (CAST(%s AS uuid[]))", "sqlite": "IN (SELECT value FROM json_each(?))"}
"""Ids as one parameter. PostgreSQL takes an array to its index; joined with a list it may read the whole project."""
MARK = {"postgresql": "%s", "sqlite": "?"}
STORED, REFUSED, SEEN = "stored", "refused", "seen"


def _for_both(statement: str) -> dict[str, str]:
    """A statement written with MARK and AMONG, for each database."""
    return {
        name: statement.replace("AMONG", AMONG[name]).replace("MARK", MARK[name]) for name in ("postgresql", "sqlite")
    }


_STORED = _for_both(
    f"SELECT '{STORED}', id, source_hmac, CAST(NULL AS uuid) FROM signals "  # noqa: S608
    "WHERE project_id = MARK AND id AMONG"
)
_REFUSED = _for_both(
    f"SELECT '{REFUSED}', signal_id, CAST(NULL AS bytea), CAST(NULL AS uuid) FROM dead_letters "  # noqa: S608
    "WHERE project_id = MARK AND signal_id AMONG"
)
_PAIRS = _for_both(
    f"SELECT DISTINCT '{SEEN}', subject_id, CAST(NULL AS bytea), item_id FROM signals "  # noqa: S608
    "WHERE project_id = MARK AND subject_id AMONG AND item_id AMONG"
)
_HOLD_ITEMS = f"SELECT 1 FROM items WHERE project_id = %s AND id {AMONG['postgresql']} ORDER BY id FOR KEY SHARE"  # noqa: S608
_ITEMS = _for_both(
    f"SELECT '{SEEN}', CAST(NULL AS uuid), CAST(NULL AS bytea), id FROM items "  # noqa: S608
    "WHERE project_id = MARK AND id AMONG"
)


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
            orjson.dumps(candidate.prediction).decode() if candidate.prediction else None, candidate.proven,
        )  # fmt: skip

    def source_of(self, signal_id: uuid.UUID) -> bytes | None:
        row = self.signals.get(signal_id)
        return row[2] if row else None


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of a batch: ids that are stored, with the hash of what was sent then, or refused; contents seen before."""

    sources: dict[uuid.UUID, bytes] = field(default_factory=dict)
    refused: set[uuid.UUID] = field(default_factory=set)
    seen: set[tuple[uuid.UUID | None, uuid.UUID]] = field(default_factory=set)
    """(subject, item); no subject where nobody asks who sent it."""


def write(session: Session, project_id: int, rows: Rows) -> dict[uuid.UUID, bytes]:
    """Writes items, signals and dead letters; the ids that a neighbour stored meanwhile, with their hashes."""
    lost: dict[uuid.UUID, bytes] = {}
    if rows.signals:
        _insert_items(session, project_id, rows)
        failpoint("collector.between_writes")
        new = _insert(session, "signals", SIGNAL_COLUMNS, [rows.signals[known] for known in _in_order(rows.signals)])
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


def look_up(
    session: Session,
    project_id: int,
    ids: Collection[uuid.UUID],
    *,
    pairs: Collection[tuple[uuid.UUID, uuid.UUID]] = (),
    items: Collection[uuid.UUID] = (),
) -> Stored:
    """What is known of these ids, of these pairs of (subject, item) and of these items, in one round trip."""
    dialect = session.get_bind().dialect.name
    parts: list[str] = []
    values: list[Any] = []
    for statement, *lists in (
        (_STORED, ids),
        (_REFUSED, ids),
        (_PAIRS, {subject for subject, _ in pairs}, {item for _, item in pairs}),
        (_ITEMS, items),
    ):
        if lists[0]:
            parts.append(statement[dialect])
            values += [project_id, *(_listed(one, dialect) for one in lists)]
    stored = Stored()
    if not parts:
        return stored
    for what, known, source, item in session.connection().exec_driver_sql(" UNION ALL ".join(parts), tuple(values)):
        if what == STORED:
            stored.sources[_uuid(known)] = bytes(source)
        elif what == REFUSED:
            stored.refused.add(_uuid(known))
        else:
            stored.seen.add((_uuid(known) if known else None, _uuid(item)))
    return stored


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


def _insert_items(session: Session, project_id: int, rows: Rows) -> None:
    """Items stay while this transaction lasts: an erasure that removes one of them waits for us, or we make it anew."""
    wanted = _in_order(rows.items)
    for _ in range(LOCK_TRIES):
        new = _insert(session, "items", ITEM_COLUMNS, [rows.items[item] for item in wanted])
        if len(new) == len(wanted):
            return
        held = session.connection().exec_driver_sql(_HOLD_ITEMS, (project_id, _listed(wanted, "postgresql")))
        if held.rowcount == len(wanted):
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
        return {row[1] for row in rows} if result.rowcount == len(rows) else {row[0] for row in result}
    marks = ", ".join("?" * len(columns))
    session.connection().exec_driver_sql(
        f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})",  # noqa: S608
        [tuple(map(_plain, row)) for row in rows],
    )
    return {row[1] for row in rows}


def _in_order(ids: Iterable[uuid.UUID]) -> list[uuid.UUID]:
    return sorted(ids, key=attrgetter("int"))


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
