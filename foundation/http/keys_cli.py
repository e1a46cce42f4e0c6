"""`winnow keys`: make, list and retire keys."""

from __future__ import annotations

import uuid

import click

from foundation.cli import PROJECTS, print_json, print_table, say, told_plainly
from foundation.projects import Projects

ROLES = ("ingest", "backend", "read", "manage", "admin")
SHOWN = ("id", "role", "project", "note", "retired_at")
"""What fits a terminal: an id is copied from here, so it has to stand in one piece."""
commands = click.Group("keys", help="Keys: create, list, retire.")


@commands.command()
@click.pass_context
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the key may do.")
@click.option("--project", help="The project the key belongs to; an admin key has none.")
@click.option("--note", default="", help="What the key is for, as a reminder.")
def create(context: click.Context, role: str, project: str | None, note: str) -> None:
    """Make a key and print it, alone, on stdout. It is shown this once.

    Example: winnow keys create --role ingest --project slang-sentiment
    """
    from foundation.database import unit_of_work, utc_now
    from foundation.errors import NotFound, UsageError
    from foundation.http.keys import Role, create_key
    from foundation.opening import opened_storage

    projects: Projects = context.meta[PROJECTS]()
    with told_plainly():
        if (role == "admin") == bool(project):
            raise UsageError("an admin key has no project; every other key needs --project")
        with opened_storage() as (_, database), unit_of_work(database) as session:
            project_id = None
            if project:
                project_id = projects.find(session, project)
                if project_id is None:
                    raise NotFound("there is no such project: apply its project file first")
            _, token = create_key(session, Role(role), project_id, now=utc_now(), note=note)
    click.echo(token)


@commands.command("list")
@click.pass_context
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def list_(context: click.Context, as_json: bool) -> None:
    """Show all keys; never the keys themselves, which are kept as hashes.

    Example: winnow keys list --json
    """
    from foundation.database import unit_of_work
    from foundation.http.keys import list_keys
    from foundation.opening import opened_storage

    projects: Projects = context.meta[PROJECTS]()
    with told_plainly(), opened_storage() as (_, database), unit_of_work(database, read_only=True) as session:
        keys = list_keys(session)
        names = projects.names(session, None)
    rows = [
        {
            "id": str(key.id),
            "role": key.role,
            "project": names.get(key.project_id) if key.project_id else None,
            "note": key.note,
            "created_at": key.created_at.isoformat(timespec="seconds"),
            "retired_at": key.retired_at.isoformat(timespec="seconds") if key.retired_at else None,
        }
        for key in keys
    ]
    if as_json:
        print_json(rows)
    else:
        print_table("Keys", [{name: row[name] for name in SHOWN} for row in rows])


@commands.command()
@click.argument("key_id", metavar="ID")
def retire(key_id: str) -> None:
    """Retire a key: from now on its calls are answered 403 `key_retired`.

    Example: winnow keys retire 5b1f0c9e-2d3a-4c57-9a83-1f0c7d9e2b44
    """
    from foundation.database import unit_of_work, utc_now
    from foundation.errors import UsageError
    from foundation.http.keys import retire_key
    from foundation.opening import opened_storage

    with told_plainly():
        try:
            wanted = uuid.UUID(key_id)
        except ValueError:
            raise UsageError("ID must be a key's id: `winnow keys list` shows them") from None
        with opened_storage() as (_, database), unit_of_work(database) as session:
            retire_key(session, wanted, now=utc_now())
    say("retired")
