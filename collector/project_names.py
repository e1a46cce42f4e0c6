"""Projects by name and by id, without loading the tables' models: for every request, and for commands that start at once."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import BigInteger, String, bindparam, column, select, table
from sqlmodel import Session

from collector.project_file import NAME
from foundation.document.definitions import did_you_mean

MOST_NAMES = 1_000
"""So many names are looked at for a near one."""
PROJECTS = table("projects", column("id", BigInteger), column("name", String))
KNOWN = """
    SELECT name, id, revision, has_erasures,
        EXISTS (SELECT 1 FROM dead_letters WHERE dead_letters.project_id = projects.id) AS has_letters,
        EXISTS (SELECT 1 FROM device_clocks WHERE device_clocks.project_id = projects.id) AS has_clocks
    FROM projects
"""
"""What every call asks of its project: how it is found, then the fields of `queries.AtTheDoor`."""
# Made once: every request asks this, and making a statement costs more than the database takes to answer it.
_BY_NAME = select(PROJECTS.c.id).where(PROJECTS.c.name == bindparam("wanted"))


def find_project(session: Session, name: str) -> int | None:
    """A project's id by its name; None where there is none."""
    if not NAME.fullmatch(name):  # not asked for: PostgreSQL takes no text with a NUL, and paths may hold one
        return None
    return session.connection().execute(_BY_NAME, {"wanted": name}).scalar()


def name_projects(session: Session, ids: Collection[int] | None = None) -> dict[int, str]:
    """The names of these projects by their ids, in the order of the names; without `ids`, of all."""
    statement = select(PROJECTS.c.id, PROJECTS.c.name).order_by(PROJECTS.c.name)
    if ids is not None:
        statement = statement.where(PROJECTS.c.id.in_(ids))
    return {row.id: row.name for row in session.connection().execute(statement)}


def near_project(session: Session, name: str) -> str:
    """A question that names the project of the nearest name, for those who may see all; empty where none is near."""
    names = session.connection().execute(select(PROJECTS.c.name).order_by(PROJECTS.c.name).limit(MOST_NAMES))
    return did_you_mean(name, names.scalars().all())
