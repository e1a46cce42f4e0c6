"""Brings a database to the newest schema: one history for all domains, run on SQLite and PostgreSQL alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from foundation.database import Database, failures_told

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).resolve().parent.parent / "migrations"
LOCK = 0x57494E4E
"""PostgreSQL's advisory lock: of several processes that start at once, one migrates and the others wait."""


def configuration() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return config


def migrate(database: Database) -> None:
    """Applies what is missing, in one transaction; does nothing where nothing is.

    Raises:
        Unavailable: the database is locked, full or away.
    """
    with failures_told(), database.engine.connect() as connection, connection.begin():
        if database.is_postgresql:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        if not is_current(connection):
            from alembic import command

            config = configuration()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def is_current(connection: Connection) -> bool:
    """Whether the database stands at the head of the history. Asked by every command, so without Alembic, which loads slowly."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    return set(connection.execute(text("SELECT version_num FROM alembic_version")).scalars()) == {newest_revision()}


def newest_revision() -> str:
    """The head of the history: revisions are numbered, and a file is named `<revision>_<what it does>.py`."""
    return max(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*_*.py"))
