"""One lock a project between those who let data in and those who take a person's out.

Batches hold it together; an erasure holds it alone while it shuts the door, and while it takes away. So a batch sees a
door that was shut before it, and an erasure all that was let in before; phones never wait for each other. On SQLite a
transaction that writes is alone anyway.
"""

from __future__ import annotations

from typing import Final

from sqlmodel import Session

from foundation.plain_sql import Statement, tell

_SPACE: Final = 0x7749_6E6E << 32
"""PostgreSQL has one space of such locks for all who use its database; projects' numbers are far below 2^32."""


_SHARED, _ALONE = (Statement(f"SELECT {name}(?)") for name in ("pg_advisory_xact_lock_shared", "pg_advisory_xact_lock"))


def hold_with_others(session: Session, project_id: int) -> None:
    """Until the transaction ends no erasure of the project begins; waits for one that is under way."""
    _hold(session, _SHARED, project_id)


def hold_alone(session: Session, project_id: int) -> None:
    """Until the transaction ends no batch of the project is stored; waits for those that are under way."""
    _hold(session, _ALONE, project_id)


def _hold(session: Session, lock: Statement, project_id: int) -> None:
    if session.get_bind().dialect.name == "postgresql":
        tell(session, lock, _SPACE + project_id)
