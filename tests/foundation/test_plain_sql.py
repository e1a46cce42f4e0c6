"""Statements that go to the driver as they are: the same answers, and the same failures, as SQLAlchemy's."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.exc import OperationalError as SqlOperationalError
from sqlmodel import Session

from collector.models import DeviceClock, Project, Subject
from foundation.database import Database, glance, unit_of_work, utc_now
from foundation.errors import Unavailable
from foundation.plain_sql import Statement, ask, read_json, read_moment, read_uuid, tell

NOW = datetime(2026, 11, 22, 8, 0, 0, 120, tzinfo=UTC)
SUBJECTS = Statement("SELECT id, erased_at, consent FROM subjects WHERE project_id = ? AND id IN ?ids ORDER BY id")
CLOCKS = Statement("SELECT device_hmac, offset_ms FROM device_clocks WHERE project_id = ? AND device_hmac IN ?hashes")

OWN = Statement("SELECT pg_backend_pid()")


@pytest.fixture
def project_id(database: Database) -> int:
    with unit_of_work(database) as session:
        project = Project(name="p", revision=1, seed=1, consent_required=True, created_at=utc_now())
        session.add(project)
        session.flush()
        return project.id or 0


class TestAsk:
    def test_ids_moments_and_json_are_read_as_they_were_stored(self, database: Database, project_id: int) -> None:
        people = sorted(uuid4() for _ in range(3))
        with unit_of_work(database) as session:
            for one in people:
                session.add(Subject(project_id=project_id, id=one, erased_at=NOW, consent={"granted": True}))
        with glance(database) as session:
            rows = ask(session, SUBJECTS, project_id, {*people[:2], uuid4()})
            none = ask(session, SUBJECTS, project_id, [])

        read = [(read_uuid(one), read_moment(at), read_json(consent)) for one, at, consent in rows]
        assert read == [(one, NOW, {"granted": True}) for one in people[:2]]
        assert none == []

    def test_hashes_are_one_value_however_many(self, database: Database, project_id: int) -> None:
        hashes = [bytes([n, 0, 92, 255]) for n in range(4)]
        with unit_of_work(database) as session:
            for n, one in enumerate(hashes):
                session.add(DeviceClock(project_id=project_id, device_hmac=one, offset_ms=n, since=NOW))
        with glance(database) as session:
            rows = ask(session, CLOCKS, project_id, hashes[1:3])

        assert {bytes(known): offset for known, offset in rows} == {hashes[1]: 1, hashes[2]: 2}

    def test_who_listens_to_statements_hears_them(self, database: Database) -> None:
        heard: list[str] = []

        def keep(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            heard.append(statement)

        event.listen(database.engine, "before_cursor_execute", keep)
        try:
            with glance(database) as session:
                ask(session, Statement("SELECT 42"))
        finally:
            event.remove(database.engine, "before_cursor_execute", keep)

        assert "SELECT 42" in heard


class TestFailures:
    def test_what_breaks_a_rule_is_told_as_usual_and_without_its_values(
        self, database: Database, project_id: int
    ) -> None:
        add = Statement("INSERT INTO device_clocks (project_id, device_hmac, offset_ms, since) VALUES (?, ?, ?, ?)")
        with unit_of_work(database) as session:
            assert tell(session, add, project_id, b"a device", 1, NOW) == 1
        with pytest.raises(IntegrityError) as refused, unit_of_work(database) as session:
            tell(session, add, project_id, b"a device", 2, NOW)

        assert refused.value.params is None
        with glance(database) as session:
            assert ask(session, CLOCKS, project_id, [b"a device"])[0][1] == 1

    def test_a_statement_that_is_none_is_a_bug(self, database: Database) -> None:
        with pytest.raises((ProgrammingError, SqlOperationalError, Unavailable)), glance(database) as session:
            ask(session, Statement("SELECT nothing FROM nowhere"))

    def test_a_connection_that_breaks_is_told_and_not_used_again(self, database: Database) -> None:
        if not database.is_postgresql:
            pytest.skip("about PostgreSQL: SQLite has no connection that another one could end")
        with unit_of_work(database) as session:
            with pytest.raises(Unavailable):
                self.ended_by(session, database)

            pid = ask(session, OWN)[0][0]
        with unit_of_work(database) as first, unit_of_work(database) as second:
            assert {ask(one, OWN)[0][0] for one in (first, second)} >= {pid}

    def ended_by(self, session: Session, database: Database) -> None:
        with unit_of_work(database) as ended:
            ask(session, Statement("SELECT pg_terminate_backend(?, 5000)"), ask(ended, OWN)[0][0])
            ask(ended, OWN)
