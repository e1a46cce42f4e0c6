"""One history for all domains: one head, the same tables as the models on both databases, up, down and up again."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import BigInteger, Boolean, Column, MetaData, String, Table, Uuid, inspect, select
from sqlmodel import SQLModel

from collector.subjects.erasure import ERASURE, describe_erasure, read_erasure
from foundation.database import Database, JsonText, UtcDateTime, open_database, unit_of_work
from foundation.migrations import FOLDER, configuration, is_current, migrate, newest_revision
from foundation.queue import Runtime
from foundation.settings import Settings
from foundation.step_rows import StepRow
from foundation.steps import steps_of
from foundation.tasks import free_steps
from tests.signals import empty, make_project
from tests.steps import close_free

AT = datetime(2026, 11, 1, 12, 0, 0, 250_000, tzinfo=UTC)
COUNTS = {"collector": {"signals": 7}, "labeling": {"tasks": 2}, "quality": {}, "exports": {"versions": 1}}
OLD = ASKED, BEGUN, ENDED = [uuid.UUID(f"0a1b2c3d-0000-4000-8000-00000000000{number}") for number in range(3)]
ERASURES = Table(
    "erasures",
    MetaData(),
    Column("project_id", BigInteger),
    Column("id", Uuid),
    Column("subject_id", Uuid),
    Column("state", String),
    Column("held", Boolean),
    Column("requested_at", UtcDateTime),
    Column("completed_at", UtcDateTime),
)
FLOORS = Table(
    "erasure_floors",
    MetaData(),
    Column("project_id", BigInteger),
    Column("erasure_id", Uuid),
    Column("floor", String),
    Column("counts", JsonText),
    Column("done_at", UtcDateTime),
)


class TestHistory:
    def test_it_has_one_head_and_the_file_beside_it_says_so(self) -> None:
        script = ScriptDirectory.from_config(configuration())

        assert len(script.get_heads()) == 1
        head = FOLDER / "versions" / "head"
        if head.exists():
            revision = script.get_current_head() or ""
            assert (
                Path(script.get_revision(revision).path).stem == head.read_text().strip()
                or revision in head.read_text()
            )

    def test_the_head_is_known_from_the_names_of_the_files(self) -> None:
        assert newest_revision() == ScriptDirectory.from_config(configuration()).get_current_head()

    def test_the_tables_are_those_of_the_models(self, opened_database: Database) -> None:
        with opened_database.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": False})
            differences = compare_metadata(context, SQLModel.metadata)

        assert differences == []

    def test_the_project_comes_first_in_every_key(self) -> None:
        alone = {"projects", "keys", "page_sessions", "jobs", "heartbeats", "activity", "activity_heads"}

        others = {
            table.name: [column.name for column in table.primary_key.columns]
            for table in SQLModel.metadata.sorted_tables
            if table.name not in alone
        }

        assert not {name: key for name, key in others.items() if key[0] != "project_id"}

    def test_migrating_again_changes_nothing(self, opened_database: Database) -> None:
        migrate(opened_database)

        with opened_database.engine.connect() as connection:
            assert is_current(connection)

    def test_it_goes_down_and_up_again(self, database_url: str, opened_database: Database) -> None:
        empty(opened_database)
        before = sorted(inspect(opened_database.engine).get_table_names())

        _run(opened_database, "base")
        with opened_database.engine.connect() as connection:
            assert not is_current(connection)
        left = set(inspect(opened_database.engine).get_table_names())
        _run(opened_database, "head")

        assert left <= {"alembic_version", "sqlite_sequence"}
        assert sorted(inspect(opened_database.engine).get_table_names()) == before


class TestErasuresOfTheReleaseBefore:
    """Before steps were rows, each floor that had done its part had a row in a table of erasures."""

    def test_what_was_done_stays_done_and_the_rest_is_owed(self, opened_database: Database, settings: Settings) -> None:
        project = _old_erasures(opened_database)

        _run(opened_database, "head")

        with unit_of_work(opened_database, read_only=True) as session:
            found = steps_of(session, ERASURE, project, [str(one) for one in OLD])
            shown = {one: describe_erasure(session, read_erasure(session, project, one)) for one in OLD}
        states = {uuid.UUID(of): [row.state for row in sorted(rows, key=_floor)] for of, rows in found.items()}
        assert states == {
            ASKED: ["owed", "waiting", "waiting", "waiting"],
            BEGUN: ["done", "done", "owed", "waiting"],
            ENDED: ["done"] * 4,
        }
        assert [shown[one]["status"] for one in OLD] == ["received", "running", "completed"]
        assert (shown[BEGUN]["signals"], shown[BEGUN]["tasks"], shown[BEGUN]["receipt"]) == (7, 2, None)
        assert shown[ENDED]["receipt"]["floors"] == {
            floor: {"done_at": AT.isoformat(), **COUNTS[floor]} for floor in sorted(COUNTS)
        }
        here = Runtime(settings, opened_database)
        assert {(row.of, row.step) for row in free_steps(here)} == {(str(ASKED), "collector"), (str(BEGUN), "quality")}
        for floor in COUNTS:
            close_free(here, floor)
        with unit_of_work(opened_database, read_only=True) as session:
            assert {read_erasure(session, project, one).state for one in OLD} == {"completed"}

    def test_going_back_keeps_what_was_done(self, opened_database: Database) -> None:
        _old_erasures(opened_database)
        with opened_database.engine.connect() as connection:
            before = connection.execute(FLOORS.select().order_by(*FLOORS.c)).all()

        _run(opened_database, "head")
        with unit_of_work(opened_database) as session:
            session.connection().execute(ERASURES.update().where(ERASURES.c.id == BEGUN).values(state="failed"))
        _run(opened_database, "0009")

        with opened_database.engine.connect() as connection:
            assert connection.execute(FLOORS.select().order_by(*FLOORS.c)).all() == before
            states = connection.execute(select(ERASURES.c.id, ERASURES.c.state))
            assert dict(states.all()) == {ASKED: "received", BEGUN: "running", ENDED: "completed"}
        _run(opened_database, "head")


class TestNewInstallation:
    def test_a_database_without_tables_is_not_current(self, tmp_path: Path) -> None:
        database = open_database(f"sqlite:///{tmp_path / 'new.sqlite3'}")

        with database.engine.connect() as connection:
            assert not is_current(connection)
        database.engine.dispose()

    def test_two_processes_that_migrate_at_once_do_it_once(self, tmp_path: Path) -> None:
        from concurrent.futures import ThreadPoolExecutor

        url = f"sqlite:///{tmp_path / 'new.sqlite3'}"
        databases = [open_database(url) for _ in range(3)]

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(migrate, databases))

        assert "signals" in inspect(databases[0].engine).get_table_names()
        for database in databases:
            database.engine.dispose()


def _old_erasures(database: Database) -> int:
    """A database of the release before with three erasures: asked for, begun, and ended; its project."""
    empty(database)
    project = make_project(database).id
    _run(database, "0009")
    floors = {BEGUN: ("collector", "labeling"), ENDED: tuple(COUNTS)}
    with database.engine.begin() as connection:
        for one, state in zip(OLD, ("received", "running", "completed"), strict=True):
            ended = AT if one == ENDED else None
            row = {"project_id": project, "id": one, "subject_id": one, "state": state, "held": True}
            connection.execute(ERASURES.insert().values(**row, requested_at=AT, completed_at=ended))
            for floor in floors.get(one, ()):
                done = {"project_id": project, "erasure_id": one, "floor": floor, "counts": COUNTS[floor]}
                connection.execute(FLOORS.insert().values(**done, done_at=AT))
    return project


def _floor(row: StepRow) -> int:
    return list(COUNTS).index(row.step)


def _run(database: Database, target: str) -> None:
    config = configuration()
    with database.engine.connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        (command.upgrade if target == "head" else command.downgrade)(config, target)


@pytest.fixture(autouse=True)
def _models(app: object) -> None:
    """Composing the application imports every model."""
