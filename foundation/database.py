"""The engine, the types that behave alike on SQLite and PostgreSQL, and the unit of work that stands at every edge."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from time import monotonic
from typing import Any

import orjson
import structlog
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Engine,
    ForeignKey,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session, SQLModel

from foundation.disk import DiskFull, is_full
from foundation.errors import Unavailable

OLDEST_SAFE_SQLITE = (3, 51, 3)
"""Older ones can lose committed rows in WAL mode (sqlite.org/wal.html, the WAL-reset bug)."""
BUSY_TIMEOUT_S = 10.0
_WRITES = "writes"
IDLE_S = 1.0
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
SQLModel.metadata.naming_convention = NAMES
log = structlog.get_logger(__name__)


class UtcDateTime(TypeDecorator[datetime]):
    """A time that is always UTC: naive values are refused on the way in, UTC comes out on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without zone cannot be stored")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class JsonText(TypeDecorator[Any]):
    """JSON kept as text: jsonb costs PostgreSQL more a row than the decoding it would save."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else orjson.dumps(value).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        return None if value is None else orjson.loads(value)


BigSerial = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit number that counts up by itself; SQLite does so only for a column of type INTEGER."""


def project_key() -> Column[int]:
    """The first column of every domain's primary key: its rows are looked up, and can be partitioned, by project."""
    return Column(ForeignKey("projects.id"), primary_key=True, autoincrement=False)


class clock_ms(FunctionElement[int]):  # noqa: N801 - it reads as the SQL function it is
    """Milliseconds since 1970 by the database's clock: leases must not depend on the clock of any one process."""

    type = BigInteger()
    inherit_cache = True


@compiles(clock_ms, "postgresql")
def _clock_ms_postgresql(element: clock_ms, compiler: SQLCompiler, **_: Any) -> str:  # noqa: ARG001
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


@compiles(clock_ms, "sqlite")
def _clock_ms_sqlite(element: clock_ms, compiler: SQLCompiler, **_: Any) -> str:  # noqa: ARG001
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


@dataclass(frozen=True, slots=True)
class Database:
    """One engine and what is known of it."""

    engine: Engine

    @property
    def is_postgresql(self) -> bool:
        return self.engine.dialect.name == "postgresql"


def open_database(url: str, *, pool_size: int = 16) -> Database:
    """An engine with the settings on which the promise "acknowledged means stored" rests.

    SQLite: the `pysqlite3` wheel, WAL, synchronous FULL, foreign keys on, transactions begun by us. Both: statements are
    logged without their parameters, which may be personal.
    """
    if url.startswith("sqlite"):
        return Database(_sqlite(url))
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=5,
        hide_parameters=True,
        connect_args={"connect_timeout": 3, "options": "-c timezone=UTC"},
    )
    _test_when_idle(engine)
    return Database(engine)


def _test_when_idle(engine: Engine) -> None:
    """A connection that lay idle is tested before it is used; one that was used a moment ago is not: a round trip each time."""

    import psycopg

    @event.listens_for(engine, "checkin")
    def _note(_connection: Any, record: Any) -> None:
        record.info["used_at"] = monotonic()

    @event.listens_for(engine, "checkout")
    def _test(connection: Any, record: Any, _proxy: Any) -> None:
        idle_s = monotonic() - record.info.get("used_at", monotonic())
        if idle_s <= IDLE_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except psycopg.Error as error:
            raise InvalidatePoolError from error


def _sqlite(url: str) -> Engine:
    from pysqlite3 import dbapi2

    is_safe = dbapi2.sqlite_version_info >= OLDEST_SAFE_SQLITE
    journal = "WAL" if is_safe else "TRUNCATE"
    if not is_safe:
        log.warning("sqlite_too_old_for_wal", version=dbapi2.sqlite_version, journal=journal)
    engine = create_engine(
        url,
        module=dbapi2,
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        _set_journal(connection, journal, dbapi2.OperationalError)
        for pragma in (
            "synchronous=FULL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            # Keys are random: a batch touches pages all over the file, and each should be written back once for many batches.
            "cache_size=-64000",
            "wal_autocheckpoint=8000",
            # Else what was erased stays readable in the file for as long as nothing is written over it.
            "secure_delete=ON",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()

    queue = _WriterQueue()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # IMMEDIATE: a reader that later writes would otherwise fail at once where a neighbour wrote in between.
        mode = connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
        if mode == "IMMEDIATE" and not queue.enter(connection.info):
            raise OperationalError("BEGIN IMMEDIATE", None, dbapi2.OperationalError("database is locked"))
        connection.exec_driver_sql(f"BEGIN {mode}")

    @event.listens_for(engine, "checkin")
    def _end(_connection: Any, record: Any) -> None:
        queue.leave(record.info)

    return engine


class _WriterQueue:
    """Those of this process that write to one SQLite file, one after another.

    SQLite lets one write and has the others look again and again, ever more seldom: somebody may look for a second at a
    file that is free nearly all the time. Writers of other processes are still waited for in that way.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()

    def enter(self, connection: dict[Any, Any]) -> bool:
        """Waits for its turn, as long as it would wait for a writer elsewhere; whether it has it."""
        if not connection.get(_WRITES):
            connection[_WRITES] = self._turn.acquire(timeout=BUSY_TIMEOUT_S)
        return bool(connection[_WRITES])

    def leave(self, connection: dict[Any, Any]) -> None:
        if connection.pop(_WRITES, False):
            self._turn.release()


def _set_journal(connection: Any, journal: str, busy: type[Exception]) -> None:
    """The first change of a new file's journal needs the file alone, and fails at once where a neighbour opens it too."""
    from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random

    again = Retrying(
        retry=retry_if_exception_type(busy),
        stop=stop_after_delay(BUSY_TIMEOUT_S),
        wait=wait_random(0, 0.05),
        reraise=True,
    )
    again(lambda: connection.execute(f"PRAGMA journal_mode={journal}").fetchall())


@contextmanager
def glance(database: Database) -> Iterator[Session]:
    """Lone reads, each by itself: without a transaction's two round trips, which every batch would pay for.

    Raises:
        Unavailable: the database is locked or away.
    """
    options = {"isolation_level": "AUTOCOMMIT"} if database.is_postgresql else {"sqlite_begin": "DEFERRED"}
    with (
        failures_told(),
        database.engine.connect().execution_options(**options) as connection,
        Session(connection, expire_on_commit=False) as session,
    ):
        session.info["database"] = database
        yield session


@contextmanager
def unit_of_work(database: Database, *, read_only: bool = False) -> Iterator[Session]:
    """One transaction: committed when the block ends, rolled back when it fails; then what waited for the commit runs.

    Raises:
        Unavailable: the database is locked, full or away; nothing was stored.
    """
    waiting: list[Callable[[], object]] = []
    with failures_told():
        connection = database.engine.connect()
        if read_only:
            connection = connection.execution_options(sqlite_begin="DEFERRED")
        with connection, Session(connection, expire_on_commit=False) as session:
            session.info["after_commit"] = waiting
            session.info["database"] = database
            yield session
            session.commit()
            # A Session bound to a connection leaves the outer commit to the connection's own transaction.
            if connection.in_transaction():
                connection.commit()
    for act in waiting:
        act()


@contextmanager
def failures_told() -> Iterator[None]:
    """Raises Unavailable, or DiskFull, for what a database says that is locked, away or full."""
    try:
        yield
    except (OperationalError, PoolTimeout) as error:
        if is_full(error):
            raise DiskFull from error
        raise Unavailable("the database cannot take this right now: try again") from error
    except DBAPIError as error:
        if is_full(error):
            raise DiskFull from error
        if error.connection_invalidated:
            raise Unavailable("the database went away: try again") from error
        raise


def after_commit(session: Session, act: Callable[..., object], *arguments: object) -> None:
    """Runs `act(*arguments)` once the unit of work has committed, and never when it has not."""
    session.info["after_commit"].append(lambda: act(*arguments))


def insert_ignoring(session: Session, table: Any, rows: list[dict[str, Any]]) -> int:
    """Inserts rows, leaving out those whose key is there already; how many were new. The database decides the race."""
    if not rows:
        return 0
    return session.connection().execute(_insert_or_ignore(table, session.get_bind().dialect.name), rows).rowcount


@lru_cache
def _insert_or_ignore(table: Any, dialect: str) -> Any:
    from sqlalchemy.dialects import postgresql, sqlite

    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


def these(session: Session, ids: Collection[uuid.UUID]) -> Select[Any]:
    """Ids as a query, for `column.in_(…)`: one parameter, however many they are.

    A list of parameters costs more: PostgreSQL keeps the plan of a statement that comes often, and by it goes through the
    whole list for every row.
    """
    if session.get_bind().dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import ARRAY

        return select(func.unnest(bindparam(None, list(ids), ARRAY(Uuid))))
    listed = func.json_each(orjson.dumps([one.hex for one in ids]).decode())
    return select(listed.table_valued("value").c.value)


def refresh_statistics(database: Database, tables: Iterable[str]) -> None:
    """Tells PostgreSQL what its tables hold by now; SQLite plans by its indexes alone.

    Of a project that is newer than the statistics it expects no row, and a plan made for none takes the square of the
    time for many. Its own rounds come once a minute, and not at all while a table has grown by less than a tenth.
    """
    if not database.is_postgresql:
        return
    with unit_of_work(database) as session:
        for table in sorted(tables):
            session.connection().exec_driver_sql(f'ANALYZE (SKIP_LOCKED) "{table}"')


def empty_journal(database: Database) -> None:
    """Empties SQLite's journal, where what was deleted may still stand; while somebody else reads or writes, not."""
    if database.is_postgresql:
        return
    connection = database.engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout=200")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        cursor.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_S * 1000)}")
        cursor.close()
    finally:
        connection.close()


def utc_now() -> datetime:
    """The time for edges to pass down; below an edge a clock is an argument."""
    return datetime.now(UTC)
