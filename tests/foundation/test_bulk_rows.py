"""Rows that are written a column at a time are read by SQLAlchemy as if it had written them; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, MetaData, Text, Uuid, select
from sqlalchemy import Table as SqlTable
from sqlalchemy.exc import IntegrityError

from foundation.bulk_rows import (
    BIG_INTEGER,
    BOOLEAN,
    BYTES,
    COPIED_FROM,
    INTEGER,
    JSON,
    MOMENT,
    TEXT,
    Table,
    change_all,
    put_all,
    put_new,
)
from foundation.bulk_rows import UUID as UUID_KIND
from foundation.database import Database, JsonText, UtcDateTime, unit_of_work

PROBE = SqlTable(
    "bulk_probe",
    MetaData(),
    Column("project_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Uuid, primary_key=True),
    Column("hmac", LargeBinary),
    Column("said", Text),
    Column("n", Integer),
    Column("is_so", Boolean),
    Column("at", UtcDateTime),
    Column("body", JsonText),
)
TABLE = Table(
    "bulk_probe",
    {
        "project_id": BIG_INTEGER,
        "id": UUID_KIND,
        "hmac": BYTES,
        "said": TEXT,
        "n": INTEGER,
        "is_so": BOOLEAN,
        "at": MOMENT,
        "body": JSON,
    },
)
Row = tuple[Any, ...]
OF_ROW = (
    st.binary(max_size=4),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5) | st.sampled_from(['{"a\\', "NULL", ""]),
    st.integers(-(2**31), 2**31 - 1),
    st.booleans(),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from([b'{"a": [1, null]}', b"{}", '{"ü": "é\\\\"}'.encode()]),
)  # fmt: skip
rows_of_values = st.lists(st.tuples(*(st.none() | one for one in OF_ROW)), min_size=1, max_size=COPIED_FROM + 5)


@pytest.fixture
def probe(database: Database) -> Iterator[Database]:
    PROBE.drop(database.engine, checkfirst=True)
    PROBE.create(database.engine)
    yield database
    PROBE.drop(database.engine)


def keyed(values: list[Row]) -> list[Row]:
    return [(1, uuid4(), *row) for row in values]


def columns(rows: list[Row]) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True))


def read(database: Database) -> dict[UUID, Row]:
    import orjson

    with database.engine.connect() as connection:
        rows = connection.execute(select(PROBE)).all()
    return {row.id: (*row[:-1], None if row.body is None else orjson.dumps(row.body)) for row in rows}


def as_read(rows: list[Row]) -> dict[UUID, Row]:
    import orjson

    return {row[1]: (*row[:-1], None if row[-1] is None else orjson.dumps(orjson.loads(row[-1]))) for row in rows}


class TestPutAll:
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(rows_of_values)
    def test_what_was_written_is_read(self, probe: Database, values: list[Row]) -> None:
        rows = keyed(values)
        with unit_of_work(probe) as session:
            session.connection().execute(PROBE.delete())
            put_all(session, TABLE, columns(rows))

        assert read(probe) == as_read(rows)

    @pytest.mark.parametrize("n", [1, COPIED_FROM])
    def test_one_that_is_there_fails_all(self, probe: Database, n: int) -> None:
        rows = keyed([(None,) * len(OF_ROW)] * n)
        with unit_of_work(probe) as session:
            put_all(session, TABLE, columns(rows[-1:]))
        with pytest.raises(IntegrityError), unit_of_work(probe) as session:
            put_all(session, TABLE, columns(rows))

        assert len(read(probe)) == 1

    def test_nothing_is_nothing(self, probe: Database) -> None:
        with unit_of_work(probe) as session:
            put_all(session, TABLE, [[] for _ in TABLE.columns])
            assert put_new(session, TABLE, [[] for _ in TABLE.columns]) == set()


class TestPutNew:
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(rows_of_values, st.data())
    def test_what_is_there_stays_and_is_told(self, probe: Database, values: list[Row], data: st.DataObject) -> None:
        rows = keyed(values)
        there = data.draw(st.lists(st.sampled_from(rows), unique_by=lambda row: row[1]))
        before = [(*row[:2], b"before", *row[3:]) for row in there]
        with unit_of_work(probe) as session:
            session.connection().execute(PROBE.delete())
            if before:
                put_all(session, TABLE, columns(before))
            told = put_new(session, TABLE, columns(rows))

        assert told == {row[1] for row in there}
        assert read(probe) == as_read(rows) | as_read(before)


class TestChangeAll:
    def test_rows_get_the_values_of_the_other_columns(self, probe: Database) -> None:
        rows = keyed([(b"1", "a", 1, True, None, b"{}")] * 3)
        changed = [(*row[:2], None, f"b{n}", n, False, None, b"[]") for n, row in enumerate(rows[:2])]
        with unit_of_work(probe) as session:
            put_all(session, TABLE, columns(rows))
            change_all(session, TABLE, columns(changed))

        assert read(probe) == as_read(rows) | as_read(changed)
