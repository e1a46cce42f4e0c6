"""Who may call what: the one guard that every route passes, and the rooms of keys it lets in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlmodel import Session

from foundation.database import Database, glance
from foundation.errors import Forbidden, KeyRetired, NotFound, Unauthorized
from foundation.http.keys import KEY, KEY_COLUMNS, Caller, Role, caller_from, caller_of
from foundation.identifiers import hash_of_token
from foundation.plain_sql import Statement, ask
from foundation.projects import Projects

Allowed = frozenset[Role]
WRITERS: Allowed = frozenset({Role.INGEST, Role.BACKEND, Role.MANAGE, Role.ADMIN})
READERS: Allowed = frozenset({Role.READ, Role.MANAGE, Role.ADMIN})
MANAGERS: Allowed = frozenset({Role.MANAGE, Role.ADMIN})
ANY_ROLE: Allowed = frozenset(Role)
SCHEME = "Bearer "


@dataclass(frozen=True, slots=True)
class Admitted:
    """A caller who may make this call, and the project it concerns (none where the call has none or makes one).

    `facts`: what the project's own floor wants to know of it with every call (`Projects.known`).
    """

    caller: Caller
    project_id: int | None
    facts: tuple[Any, ...] = ()


def admit(
    session: Session,
    authorization: str | None,
    *,
    allowed: Allowed,
    project: str | None,
    projects: Projects,
    may_be_missing: bool = False,
) -> Admitted:
    """Lets a call in or says why not: who are you (401), does it exist for you (404), may you (403), in this order.

    A key of another project gets the answer of a missing one, so that nobody learns which projects there are.
    """
    if not authorization or not authorization.startswith(SCHEME) or not authorization.isascii():
        raise Unauthorized("send `Authorization: Bearer <key>`")
    token = authorization.removeprefix(SCHEME)
    if project is None:
        return _if_allowed(Admitted(caller_of(session, token), None), allowed)
    # PostgreSQL takes no text with a NUL, and a path may hold one.
    wanted = "" if "\0" in project else project
    keys = ask(session, _with_project(projects.known), wanted, hash_of_token(token))
    caller = caller_from(keys[0][:KEY_COLUMNS] if keys else None)
    _, project_id, *facts = keys[0][KEY_COLUMNS:]
    if project_id is None and may_be_missing and caller.role is Role.ADMIN:
        return Admitted(caller, None)
    if project_id is None and caller.role is Role.ADMIN:
        raise NotFound(f"{projects.near(session, project)}there is no such project here")
    if project_id is None or caller.project_id not in {None, project_id}:
        raise NotFound("there is no such project here")
    return _if_allowed(Admitted(caller, project_id, tuple(facts)), allowed)


@lru_cache
def _with_project(known: str) -> Statement:
    """A key and the project of a name, whether or not the one is for the other."""
    return Statement(
        f"SELECT {KEY}, known.* FROM keys LEFT JOIN ({known}) AS known ON known.name = ? "  # noqa: S608 - constants of ours
        "WHERE keys.token_hash = ?"
    )


def knows_key(database: Database, authorization: str) -> bool:
    """Whether a header names a key that may still be used: only for such a one much of a body is kept in memory.

    Raises:
        Unavailable: the database cannot say.
    """
    if not authorization.startswith(SCHEME) or not authorization.isascii():
        return False
    try:
        with glance(database) as session:
            caller_of(session, authorization.removeprefix(SCHEME))
    except (Unauthorized, KeyRetired):
        return False
    return True


def _if_allowed(admitted: Admitted, allowed: Allowed) -> Admitted:
    if admitted.caller.role not in allowed:
        roles = " or ".join(sorted(allowed))
        raise Forbidden(f"a key of role {admitted.caller.role} may not do this: it takes {roles}")
    return admitted
