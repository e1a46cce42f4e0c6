"""One history for all domains: one head, the same tables as the models on both databases, up, down and up again."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect
from sqlmodel import SQLModel

from foundation.database import Database, open_database
from foundation.migrations import FOLDER, configuration, is_current, migrate, newest_revision
from tests.signals import empty


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


def _run(database: Database, target: str) -> None:
    config = configuration()
    with database.engine.connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        (command.upgrade if target == "head" else command.downgrade)(config, target)


@pytest.fixture(autouse=True)
def _models(app: object) -> None:
    """Composing the application imports every model."""
