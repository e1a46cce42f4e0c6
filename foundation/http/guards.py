"""Who may call what: the one guard that every route passes, and the rooms of keys it lets in."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from sqlmodel import Session

from foundation.database import Database, glance
from foundation.errors import Forbidden, KeyRetired, NotFound, Unauthorized
from foundation.http.keys import Caller, Role, caller_of

Allowed = frozenset[Role]
WRITERS: Allowed = frozenset({Role.INGEST, Role.BACKEND, Role.MANAGE, Role.ADMIN})
READERS: Allowed = frozenset({Role.READ, Role.MANAGE, Role.ADMIN})
MANAGERS: Allowed = frozenset({Role.MANAGE, Role.ADMIN})
ANY_ROLE: Allowed = frozenset(Role)
FindProject = Callable[[Session, str], int | None]
NearProject = Callable[[Session, str], str]
"""A question that names the project of the nearest name; empty where none is near."""
NameProjects = Callable[[Session, Collection[int] | None], dict[int, str]]
"""The names of these projects, or of all, by their ids and in the order of the names."""
SCHEME = "Bearer "


@dataclass(frozen=True, slots=True)
class Admitted:
    """A caller who may make this call, and the project it concerns (none where the call has none or makes one)."""

    caller: Caller
    project_id: int | None


def admit(
    session: Session,
    authorization: str | None,
    *,
    allowed: Allowed,
    project: str | None,
    find_project: FindProject,
    near_project: NearProject = lambda session, name: "",  # noqa: ARG005
    may_be_missing: bool = False,
) -> Admitted:
    """Lets a call in or says why not: who are you (401), does it exist for you (404), may you (403), in this order.

    A key of another project gets the answer of a missing one, so that nobody learns which projects there are.
    """
    if not authorization or not authorization.startswith(SCHEME) or not authorization.isascii():
        raise Unauthorized("send `Authorization: Bearer <key>`")
    caller = caller_of(session, authorization.removeprefix(SCHEME))
    if project is None:
        return _if_allowed(caller, None, allowed)
    project_id = find_project(session, project)
    if project_id is None and may_be_missing and caller.role is Role.ADMIN:
        return Admitted(caller, None)
    if project_id is None and caller.role is Role.ADMIN:
        raise NotFound(f"{near_project(session, project)}there is no such project here")
    if project_id is None or caller.project_id not in {None, project_id}:
        raise NotFound("there is no such project here")
    return _if_allowed(caller, project_id, allowed)


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


def _if_allowed(caller: Caller, project_id: int | None, allowed: Allowed) -> Admitted:
    if caller.role not in allowed:
        roles = " or ".join(sorted(allowed))
        raise Forbidden(f"a key of role {caller.role} may not do this: it takes {roles}")
    return Admitted(caller, project_id)
