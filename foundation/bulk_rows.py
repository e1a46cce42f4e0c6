"""Many rows into one table, in one statement, in the form that each database reads with the least work.

PostgreSQL gets COPY's binary format and binary arrays (PostgreSQL manual: COPY, "Binary Format"; `array_recv`), SQLite values
as SQLAlchemy keeps them there. Rows are given a column at a time: most columns of a batch hold one value, which is then
written once.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import chain, repeat
from operator import attrgetter, is_
from typing import Any, Final

from sqlalchemy import Connection
from sqlmodel import Session

from foundation.plain_sql import Statement, announce, ask, read_uuid, run, told_as_usual, write_moment

Columns = Sequence[Sequence[Any]]
"""A list of values for each column of a table, all of one length; None is NULL."""

COPIED_FROM: Final = 20
"""So many rows are worth COPY's further round trip."""
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_length = struct.Struct(">i").pack
_int4 = struct.Struct(">ii").pack
_int8 = struct.Struct(">iq").pack
_array_header = struct.Struct(">iiIii").pack
_LENGTH_OF_UUID: Final = _length(16)


@dataclass(frozen=True, slots=True)
class Kind:
    """What a column holds.

    Attributes:
        encode: values, none of them None, each as its length and its bytes.
        oid, array_oid: PostgreSQL's numbers of the type and of its arrays (`pg_type`).
        plain: the same value as SQLite keeps it.
    """

    encode: Callable[[Iterable[Any]], list[bytes]]
    oid: int
    array_oid: int
    plain: Callable[[Any], Any] | None = None


def _uuids(values: Iterable[uuid.UUID]) -> list[bytes]:
    return [_LENGTH_OF_UUID + value.int.to_bytes(16) for value in values]


def _byte_strings(values: Iterable[bytes]) -> list[bytes]:
    return [_length(len(value)) + value for value in values]


def _texts(values: Iterable[str]) -> list[bytes]:
    return _byte_strings([value.encode() for value in values])


def _integers(values: Iterable[int]) -> list[bytes]:
    return [_int4(4, value) for value in values]


def _big_integers(values: Iterable[int]) -> list[bytes]:
    return [_int8(8, value) for value in values]


def _booleans(values: Iterable[bool]) -> list[bytes]:
    return [b"\0\0\0\1\1" if value else b"\0\0\0\1\0" for value in values]


def _moments(values: Iterable[datetime]) -> list[bytes]:
    return [_int8(8, (value - _EPOCH) // _MICROSECOND) for value in values]


UUID: Final = Kind(_uuids, 2950, 2951, attrgetter("hex"))
BYTES: Final = Kind(_byte_strings, 17, 1001)
TEXT: Final = Kind(_texts, 25, 1009)
JSON: Final = Kind(_byte_strings, 25, 1009, bytes.decode)
"""A text that is given as its bytes: written JSON."""
INTEGER: Final = Kind(_integers, 23, 1007)
BIG_INTEGER: Final = Kind(_big_integers, 20, 1016)
BOOLEAN: Final = Kind(_booleans, 16, 1000)
MOMENT: Final = Kind(_moments, 1184, 1185, write_moment)

_ARRAYS: Final[Mapping[int, type[bytes]]] = {
    kind.array_oid: type("BinaryArray", (bytes,), {})
    for kind in (UUID, BYTES, TEXT, INTEGER, BIG_INTEGER, BOOLEAN, MOMENT)
}
"""A class for each type of array, by which the driver knows it."""
_KNOWS_ARRAYS: Final = "knows_arrays"


@dataclass(frozen=True)
class Table:
    """A table whose rows are keyed by project and id, in this order; `columns` by name, of what kind each is."""

    name: str
    columns: Mapping[str, Kind]

    @cached_property
    def copy(self) -> str:
        return f"COPY {self.name} ({', '.join(self.columns)}) FROM STDIN (FORMAT BINARY)"

    @cached_property
    def insert_arrays(self) -> str:
        """For PostgreSQL: an array a column."""
        arrays = ", ".join(["%s"] * len(self.columns))
        return f"INSERT INTO {self.name} ({', '.join(self.columns)}) SELECT * FROM unnest({arrays})"  # noqa: S608

    @cached_property
    def insert_new(self) -> str:
        return f"{self.insert_arrays} ON CONFLICT DO NOTHING RETURNING id"

    @cached_property
    def update(self) -> str:
        """For PostgreSQL: the other columns of rows that are there."""
        values = ", ".join(f"{name} = new.{name}" for name in self.others)
        return (
            f"UPDATE {self.name} SET {values} FROM unnest({', '.join(['%s'] * len(self.columns))}) "  # noqa: S608
            f"AS new ({', '.join(self.columns)}) WHERE {self.name}.project_id = new.project_id AND {self.name}.id = new.id"
        )

    @cached_property
    def update_one(self) -> str:
        """For SQLite."""
        values = ", ".join(f"{name} = ?" for name in self.others)
        return f"UPDATE {self.name} SET {values} WHERE project_id = ? AND id = ?"  # noqa: S608

    @property
    def others(self) -> Sequence[str]:
        return list(self.columns)[2:]

    @cached_property
    def stored(self) -> Statement:
        return Statement(f"SELECT id FROM {self.name} WHERE project_id = ? AND id IN ?ids")  # noqa: S608

    def insert(self, verb: str) -> str:
        """For SQLite."""
        marks = ", ".join("?" * len(self.columns))
        return f"{verb} INTO {self.name} ({', '.join(self.columns)}) VALUES ({marks})"


def put_all(session: Session, table: Table, rows: Columns) -> None:
    """Stores rows none of which may be there already; the fastest way.

    Raises:
        IntegrityError: one is; the transaction is of no use any more.
    """
    if not rows[0]:
        return
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        _run_many(connection, table.insert("INSERT"), _plain(table, rows))
        return
    if len(rows[0]) < COPIED_FROM:
        run(connection, table.insert_arrays, _arrays(connection, table, rows))
        return
    document = copy_document(table, rows)
    with told_as_usual(connection, table.copy):
        cursor: Any = connection.connection.cursor()
        announce(connection, cursor, table.copy, ())
        with cursor.copy(table.copy) as copy:
            copy.write(document)


def put_new(session: Session, table: Table, rows: Columns) -> set[uuid.UUID]:
    """Stores the rows that are not there; the ids of those that were.

    SQLite's write lock is held since BEGIN IMMEDIATE: nobody can store an id between the look and the insertion.
    """
    ids: Sequence[uuid.UUID] = rows[1]
    if not ids:
        return set()
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        cursor = run(connection, table.insert_new, _arrays(connection, table, rows))
        return set() if cursor.rowcount == len(ids) else set(ids) - {row[0] for row in cursor}
    there = {read_uuid(known) for (known,) in ask(session, table.stored, rows[0][0], ids)}
    _run_many(connection, table.insert("INSERT OR IGNORE"), _plain(table, rows))
    return there


def change_all(session: Session, table: Table, rows: Columns) -> None:
    """Gives rows that are there the values of the columns behind project and id."""
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        run(connection, table.update, _arrays(connection, table, rows))
    else:
        _run_many(connection, table.update_one, [(*row[2:], *row[:2]) for row in _plain(table, rows)])


def copy_document(table: Table, rows: Columns) -> bytes:
    """Rows in COPY's binary format."""
    columns = [_encoded(kind, column) for kind, column in zip(table.columns.values(), rows, strict=True)]
    start = struct.pack(">h", len(columns))
    return b"".join([_HEADER, *chain.from_iterable(zip(repeat(start, len(rows[0])), *columns, strict=True)), _TRAILER])


def _arrays(connection: Connection, table: Table, rows: Columns) -> tuple[bytes, ...]:
    """Rows as PostgreSQL takes them: a binary array a column."""
    _know_arrays(connection)
    kinds = table.columns.values()
    return tuple([_ARRAYS[kind.array_oid](_array(kind, column)) for kind, column in zip(kinds, rows, strict=True)])


def _array(kind: Kind, column: Sequence[Any]) -> bytes:
    """A column as a binary array of one dimension, counted from 1; it may hold NULLs."""
    return _array_header(1, 1, kind.oid, len(column), 1) + b"".join(_encoded(kind, column))


def _encoded(kind: Kind, column: Sequence[Any]) -> Sequence[bytes]:
    first = column[0]
    if all(map(is_, column, repeat(first))):
        return [_NULL if first is None else kind.encode([first])[0]] * len(column)
    if any(map(is_, column, repeat(None))):
        return [_NULL if value is None else kind.encode([value])[0] for value in column]
    return kind.encode(column)


def _know_arrays(connection: Connection) -> None:
    """Tells the driver once for each of its connections how to hand over our arrays."""
    if _KNOWS_ARRAYS in connection.info:
        return
    from psycopg.adapt import Dumper
    from psycopg.pq import Format

    raw: Any = connection.connection
    for oid, array in _ARRAYS.items():
        binary = {"oid": oid, "format": Format.BINARY, "dump": lambda _, written: bytes(written)}
        raw.adapters.register_dumper(array, type("ArrayDumper", (Dumper,), binary))
    connection.info[_KNOWS_ARRAYS] = True


def _plain(table: Table, rows: Columns) -> list[tuple[Any, ...]]:
    """Rows as SQLAlchemy keeps them in SQLite, without its cost a value."""
    columns = [
        [None if value is None else kind.plain(value) for value in column] if kind.plain else column
        for kind, column in zip(table.columns.values(), rows, strict=True)
    ]
    return list(zip(*columns, strict=True))


def _run_many(connection: Connection, statement: str, values: Sequence[tuple[Any, ...]]) -> None:
    with told_as_usual(connection, statement):
        cursor: Any = connection.connection.cursor()
        announce(connection, cursor, statement, values)
        cursor.executemany(statement, values)
