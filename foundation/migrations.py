"""Brings a database to the newest schema: one history for all domains, run on SQLite and PostgreSQL alike."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from foundation.database import Database

FOLDER = Path(__file__).resolve().parent.parent / "migrations"
LOCK = 0x57494E4E
"""PostgreSQL's advisory lock: of several processes that start at once, one migrates and the others wait."""


def configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return config


def migrate(database: Database) -> None:
    """Applies what is missing, in one transaction; does nothing where nothing is."""
    with database.engine.connect() as connection, connection.begin():
        if database.is_postgresql:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        if not is_current(connection):
            config = configuration()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def is_current(connection: Connection) -> bool:
    """Whether the database stands at the head of the history."""
    heads = set(ScriptDirectory.from_config(configuration()).get_heads())
    return set(MigrationContext.configure(connection).get_current_heads()) == heads
