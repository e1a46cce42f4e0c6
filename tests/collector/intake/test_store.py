"""What a batch asks the database costs the same however much is stored."""

from __future__ import annotations

from typing import Any

from flask import Flask
from sqlalchemy import event, text

from collector.models import Signal
from foundation.database import Database
from foundation.http.web import services_of
from tests.signals import Phone, make_signal

WHOLE_PROJECT = ("Seq Scan", "Cond: (project_id = 1)", "SCAN signals", "(project_id=?)")
COLUMNS = ", ".join(column.name for column in Signal.__table__.columns if column.name != "id")  # type: ignore[attr-defined]


def multiply_signals(database: Database) -> None:
    """Twenty thousand more, of which PostgreSQL has no statistics yet."""
    if database.is_postgresql:
        with database.engine.begin() as connection:
            made = f"SELECT gen_random_uuid(), {COLUMNS} FROM signals, generate_series(1, 200)"
            connection.execute(text(f"INSERT INTO signals (id, {COLUMNS}) {made}"))


class TestReading:
    def test_no_question_reads_a_whole_project(self, app: Flask, phone: Phone) -> None:
        phone.send(*(make_signal() for _ in range(100)))
        database = services_of(app).database
        multiply_signals(database)
        asked: list[tuple[str, Any]] = []

        def keep(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            if statement.startswith("SELECT") and ("signals" in statement or "items" in statement):
                asked.append((statement, parameters))

        event.listen(database.engine, "before_cursor_execute", keep)
        try:
            phone.send(*(make_signal() for _ in range(50)))
        finally:
            event.remove(database.engine, "before_cursor_execute", keep)

        explain = "EXPLAIN" if database.is_postgresql else "EXPLAIN QUERY PLAN"
        with database.engine.connect() as connection:
            plans = [str(connection.exec_driver_sql(f"{explain} {one}", given).all()) for one, given in asked]
        assert len(plans) == (1 if database.is_postgresql else 2)  # SQLite is asked for the items, too
        assert not [plan for plan in plans if any(sign in plan.replace("'1'::smallint", "1") for sign in WHOLE_PROJECT)]


class TestWhatTimeTells:
    def test_a_known_content_and_a_new_one_take_the_same_statements(self, app: Flask, phone: Phone) -> None:
        """An app must not learn whether somebody else sent a content, by the time of its answer neither."""
        engine = services_of(app).database.engine
        known, asked = {"text": "what somebody else sent"}, list[str]()
        phone.send(make_signal(subject="somebody else", payload=known))
        phone.send(make_signal())

        def statements_of(payload: dict[str, Any]) -> list[str]:
            asked.clear()
            phone.send(make_signal(payload=payload))
            return list(asked)

        def keep(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            asked.append(statement)

        event.listen(engine, "before_cursor_execute", keep)
        try:
            assert statements_of(known) == statements_of({"text": "what nobody sent"})
        finally:
            event.remove(engine, "before_cursor_execute", keep)
