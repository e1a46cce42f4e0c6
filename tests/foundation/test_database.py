"""The engine, the types and the unit of work, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Timer
from time import sleep
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Uuid, select, text, type_coerce
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.pool import QueuePool
from sqlmodel import Session
from sqlmodel import select as select_rows

from collector.models import Project
from foundation.activity import ActivityHead
from foundation.database import (
    IDLE_S,
    OLDEST_SAFE_SQLITE,
    Database,
    after_commit,
    clock_ms,
    insert_ignoring,
    open_database,
    these,
    unit_of_work,
    utc_now,
)
from foundation.errors import Conflict, Unavailable
from foundation.jobs import Job
from tests.signals import rows_of


def project(name: str = "p", created_at: datetime | None = None) -> Project:
    return Project(name=name, revision=1, seed=1, consent_required=True, created_at=created_at or utc_now())


class TestUnitOfWork:
    def fail_after(self, database: Database, act: Callable[[Session], None]) -> None:
        with unit_of_work(database) as session:
            act(session)
            session.flush()
            raise Conflict("no")

    def test_what_ends_well_is_stored_and_what_fails_is_not(self, database: Database) -> None:
        with unit_of_work(database) as session:
            session.add(project("kept"))
        with pytest.raises(Conflict):
            self.fail_after(database, lambda session: session.add(project("lost")))

        assert rows_of(database)["projects"] == 1

    def test_what_waits_for_the_commit_runs_after_it_and_never_without(self, database: Database) -> None:
        seen: list[int] = []

        with unit_of_work(database) as session:
            session.add(project())
            after_commit(session, lambda: seen.append(rows_of(database)["projects"]))
            assert seen == []
        with pytest.raises(Conflict):
            self.fail_after(database, lambda session: after_commit(session, seen.append, 99))

        assert seen == [1]

    def test_a_broken_rule_of_a_table_is_no_unavailability(self, database: Database) -> None:
        with pytest.raises(IntegrityError), unit_of_work(database) as session:
            session.add_all([project("same"), project("same")])

    def test_a_server_that_is_away_is_unavailable(self) -> None:
        away = open_database("postgresql://nobody@127.0.0.1:9/none")

        with pytest.raises(Unavailable), unit_of_work(away) as session:
            session.connection()

    def test_a_pool_without_a_free_connection_is_unavailable(self, opened_database: Database) -> None:
        from sqlalchemy import create_engine

        url = opened_database.engine.url
        small = create_engine(
            url, module=opened_database.engine.dialect.dbapi, poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.1
        )  # fmt: skip
        with small.connect() as connection:
            connection.execute(text("SELECT 1"))
            with pytest.raises(Unavailable), unit_of_work(Database(small)) as session:
                session.connection()
        small.dispose()


class TestTypes:
    @settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.timezones()))  # noqa: DTZ001
    def test_a_time_comes_back_as_the_same_moment_in_utc(self, database: Database, moment: datetime) -> None:
        with unit_of_work(database) as session:
            job = Job(kind="k", created_at=moment)
            session.add(job)
        with unit_of_work(database, read_only=True) as session:
            read = session.get(Job, job.id)

        assert read is not None
        assert read.created_at == moment.astimezone(UTC)
        assert read.created_at.tzinfo is UTC

    def test_a_time_without_zone_is_refused(self, database: Database) -> None:
        with pytest.raises(StatementError), unit_of_work(database) as session:
            session.add(project(created_at=datetime(2026, 1, 1)))  # noqa: DTZ001

    @pytest.mark.parametrize("value", [None, {}, {"a": [1, 2.5, "ä", None, True]}, [], "text", 2**62])
    def test_json_comes_back_as_it_was(self, database: Database, value: object) -> None:
        with unit_of_work(database) as session:
            job = Job(kind="k", created_at=utc_now(), result=value)
            session.add(job)
        with unit_of_work(database, read_only=True) as session:
            read = session.get(Job, job.id)

        assert read is not None
        assert read.result == value

    def test_the_databases_clock_is_ours_give_or_take(self, database: Database) -> None:
        with unit_of_work(database, read_only=True) as session:
            told = session.connection().execute(select(clock_ms())).scalar_one()

        assert abs(told / 1000 - utc_now().timestamp()) < 5


class TestInserting:
    def test_what_is_there_is_left_as_it_is(self, database: Database) -> None:
        table = ActivityHead.__table__  # type: ignore[attr-defined]

        with unit_of_work(database) as session:
            insert_ignoring(session, table, [{"chain": 7, "hash": b"first"}])
            insert_ignoring(session, table, [{"chain": 7, "hash": b"second"}, {"chain": 8, "hash": b"new"}])
            insert_ignoring(session, table, [])
            held = {head.chain: head.hash for head in session.exec(select_rows(ActivityHead))}

        assert held == {7: b"first", 8: b"new"}


class TestThese:
    @pytest.mark.slow
    @pytest.mark.parametrize("n", [0, 1, 40_000])
    def test_as_many_ids_as_one_likes_are_one_parameter(self, database: Database, n: int) -> None:
        ids = [UUID(int=number << 64) for number in range(n)]

        with unit_of_work(database, read_only=True) as session:
            query = these(session, ids)
            (told,) = query.subquery().c
            found = session.connection().execute(select(type_coerce(told, Uuid))).scalars().all()

        assert sorted(found) == ids


class TestSqlite:
    def test_it_is_one_that_loses_no_commits_and_syncs_each(self, opened_database: Database) -> None:
        if opened_database.is_postgresql:
            pytest.skip("about SQLite")
        with opened_database.engine.connect() as connection:
            told = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys", "temp_store")
            }
            version = connection.exec_driver_sql("SELECT sqlite_version()").scalar_one()

        assert told == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "temp_store": 2}
        assert tuple(map(int, version.split("."))) >= OLDEST_SAFE_SQLITE

    def test_a_new_file_that_a_neighbour_holds_is_waited_for(self, tmp_path: Path) -> None:
        from pysqlite3 import dbapi2

        file = tmp_path / "new.sqlite3"
        neighbour = dbapi2.connect(str(file), isolation_level=None, check_same_thread=False)
        neighbour.execute("BEGIN IMMEDIATE")
        lets_go = Timer(0.3, neighbour.rollback)
        lets_go.start()

        database = open_database(f"sqlite:///{file}")
        with database.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        lets_go.join()
        neighbour.close()
        database.engine.dispose()


@contextmanager
def with_a_dead_connection(url: str) -> Iterator[tuple[Database, int]]:
    """A database whose only pooled connection was ended by the server, and the number of its backend there."""
    if url.startswith("sqlite"):
        pytest.skip("about PostgreSQL")
    database, other = open_database(url), open_database(url)
    with unit_of_work(database, read_only=True) as session:
        backend = session.connection().execute(text("SELECT pg_backend_pid()")).scalar_one()
    with unit_of_work(other) as session:
        session.connection().execute(text("SELECT pg_terminate_backend(:pid, 1000)"), {"pid": backend})
    yield database, backend
    for opened in (database, other):
        opened.engine.dispose()


class TestPostgresql:
    def test_a_connection_that_died_while_it_lay_idle_is_replaced(self, database_url: str) -> None:
        with with_a_dead_connection(database_url) as (database, backend):
            sleep(IDLE_S * 1.1)

            with unit_of_work(database, read_only=True) as session:
                assert session.connection().execute(text("SELECT pg_backend_pid()")).scalar_one() != backend

    def test_one_that_dies_under_load_is_a_pause_and_no_more(self, database_url: str) -> None:
        with with_a_dead_connection(database_url) as (database, _):
            with pytest.raises(Unavailable), unit_of_work(database) as session:
                session.connection().execute(text("SELECT 1"))
            with unit_of_work(database) as session:
                session.connection().execute(text("SELECT 1"))
