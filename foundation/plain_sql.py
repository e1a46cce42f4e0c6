"""Statements that every batch makes, handed to the driver as they are written.

SQLAlchemy's way to the driver takes longer than PostgreSQL needs to answer them. They run on the connection of the session,
so they belong to its transaction, and what fails is told as SQLAlchemy tells it.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

WITHOUT_ZONE: Final = len("2026-11-22 08:26:18.123456")
Row = tuple[Any, ...]


class Statement:
    """A statement for both databases.

    Written with `?` for each value. `IN ?ids` and `IN ?hashes` take a list of UUIDs or of bytes as one value, so that the
    statement is the same however many they are; PostgreSQL takes an array to its index, where it might read a whole project
    for a list that is joined.

    >>> Statement("SELECT a FROM b WHERE c = ? AND d IN ?ids").sqlite
    'SELECT a FROM b WHERE c = ? AND d IN (SELECT value FROM json_each(?))'
    """

    __slots__ = ("postgresql", "sqlite")

    def __init__(self, text: str, *, only_postgresql: str = "") -> None:
        """`only_postgresql` is added there: a lock of rows, which SQLite has no word for and no need of."""
        self.postgresql = (
            (text + only_postgresql)
            .replace("IN ?ids", "= ANY (CAST(%s AS uuid[]))")
            .replace("IN ?hashes", "= ANY (CAST(%s AS bytea[]))")
            .replace("?", "%s")
        )
        self.sqlite = text.replace("IN ?ids", "IN (SELECT value FROM json_each(?))").replace(
            "IN ?hashes", "IN (SELECT unhex(value) FROM json_each(?))"
        )


def ask(session: Session, statement: Statement, *values: Any) -> list[Row]:
    """The rows of the answer, as the driver gives them: see `read_uuid`, `read_moment` and `read_json`."""
    rows: list[Row] = _run(session.connection(), statement, values).fetchall()
    return rows


def tell(session: Session, statement: Statement, *values: Any) -> int:
    """Runs a statement without an answer; how many rows it has changed."""
    return int(_run(session.connection(), statement, values).rowcount)


@contextmanager
def told_as_usual(connection: Connection, statement: str) -> Iterator[None]:
    """What the driver says is wrong, as SQLAlchemy says it; a connection that is broken is not used again.

    Raises:
        DBAPIError: or the one of its kinds that fits.
    """
    driver = connection.dialect.loaded_dbapi
    try:
        yield
    except driver.Error as error:
        is_broken = connection.dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
        told = DBAPIError.instance(
            statement, None, error, driver.Error, hide_parameters=True, connection_invalidated=is_broken
        )
        if is_broken:
            connection.invalidate(error)
        raise told from error


def read_uuid(value: Any) -> uuid.UUID:
    """An id out of a row; SQLite keeps its 32 digits."""
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)


def read_moment(value: Any) -> datetime:
    """A moment out of a row, in UTC; SQLite keeps it as text."""
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value.astimezone(UTC)


def read_json(value: str | None) -> Any:
    """What a column of JSON says; None where it is null."""
    return None if value is None else orjson.loads(value)


def write_moment(value: datetime) -> str:
    """A moment as SQLAlchemy keeps it in SQLite."""
    return value.astimezone(UTC).isoformat(" ", "microseconds")[:WITHOUT_ZONE]


def run(connection: Connection, statement: str, values: Sequence[Any]) -> Any:
    """The driver's cursor after a statement in the database's own words and forms of values."""
    with told_as_usual(connection, statement):
        cursor: Any = connection.connection.cursor()
        announce(connection, cursor, statement, values)
        cursor.execute(statement, values)
        return cursor


def announce(connection: Connection, cursor: Any, statement: str, values: Sequence[Any]) -> None:
    """Who listens to SQLAlchemy's statements hears of these, too."""
    for hear in connection.dispatch.before_cursor_execute:
        hear(connection, cursor, statement, values, None, False)


def _run(connection: Connection, statement: Statement, values: Sequence[Any]) -> Any:
    if connection.dialect.name == "postgresql":
        given = tuple([_array(one) if type(one) in _LISTS else one for one in values])
        return run(connection, statement.postgresql, given)
    return run(connection, statement.sqlite, tuple([_for_sqlite(one) for one in values]))


_LISTS: Final = frozenset({list, set, tuple, frozenset, type({}.keys())})


def _array(values: Collection[uuid.UUID] | Collection[bytes]) -> str:
    """A list as PostgreSQL writes its arrays."""
    return f"{{{','.join([one.hex if isinstance(one, uuid.UUID) else _BYTEA + one.hex() for one in values])}}}"


_BYTEA: Final = r"\\x"
"""A backslash, twice for the array's sake; the array's text is no literal."""


def _for_sqlite(value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return value.hex
    if isinstance(value, datetime):
        return write_moment(value)
    if type(value) in _LISTS:
        return orjson.dumps([one.hex if isinstance(one, uuid.UUID) else one.hex() for one in value]).decode()
    return value
