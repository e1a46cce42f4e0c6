"""Who speaks with Label Studio about a project, and that it is one alone: a lease by the database's clock."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import or_, update
from sqlmodel import Session

from foundation.database import Database, clock_ms, unit_of_work, utc_now
from foundation.errors import Unavailable
from foundation.identifiers import random_uuid
from foundation.leases import LeaseLost, is_from_ahead
from foundation.progress import Progress, untold
from foundation.settings import Settings
from labeling.annotators import annotator_key
from labeling.models import STUDIO_PROJECTS, StudioProject
from labeling.studio.gateway import LabelStudio
from labeling.wishes import prepare_studio

WAIT_S = 45.0
"""Longer than a lease: whoever died holding it is waited out."""
LOOK_AGAIN_S = 0.2


@dataclass
class Lease:
    """Until when, by this process's own clock, nobody else can have taken over."""

    until: float

    @property
    def holds(self) -> bool:
        return time.monotonic() < self.until


@dataclass(frozen=True)
class Desk:
    """What every part of the sync is handed: the database, the door to Label Studio, the project, and the lease."""

    database: Database
    gateway: LabelStudio
    project_id: int
    key: bytes
    holder: uuid.UUID
    clock: Callable[[], datetime] = utc_now
    lease: Lease = field(default_factory=lambda: Lease(0.0))
    progress: Progress = untold

    def still_ours(self) -> None:
        """To be called before anything is written there or here.

        Raises:
            LeaseLost: somebody else speaks with Label Studio now.
        """
        if not self.lease.holds:
            raise LeaseLost(f"project {self.project_id}")

    def studio(self) -> StudioProject:
        with unit_of_work(self.database, read_only=True) as session:
            return session.get_one(StudioProject, self.project_id)


@contextmanager
def sit_down(
    database: Database,
    gateway: LabelStudio,
    settings: Settings,
    project_id: int,
    *,
    wait_s: float = WAIT_S,
    progress: Progress = untold,
) -> Iterator[Desk]:
    """Takes the project's lease, keeps it while the block runs, and gives it back.

    Raises:
        Unavailable: somebody else holds it for longer than `wait_s`.
    """
    desk = Desk(database, gateway, project_id, annotator_key(settings), random_uuid(), progress=progress)
    with unit_of_work(database) as session:
        prepare_studio(session, project_id, now=utc_now())
    _wait_for_lease(desk, settings.lease_s, wait_s)
    stop = threading.Event()
    keeper = threading.Thread(target=_keep, args=(desk, settings.lease_s, stop), daemon=True)
    keeper.start()
    try:
        yield desk
    finally:
        stop.set()
        keeper.join()
        with suppress(Unavailable), unit_of_work(database) as session:
            _write_lease(session, desk, until_ms=0)


def _wait_for_lease(desk: Desk, lease_s: int, wait_s: float) -> None:
    deadline, until_ms = time.monotonic() + wait_s, STUDIO_PROJECTS.c.lease_until_ms
    while True:
        asked_at = time.monotonic()
        with unit_of_work(desk.database) as session:
            taken = session.connection().execute(
                update(STUDIO_PROJECTS)
                .where(
                    STUDIO_PROJECTS.c.project_id == desk.project_id,
                    or_(STUDIO_PROJECTS.c.holder.is_(None), until_ms < clock_ms(), is_from_ahead(until_ms)),
                )
                .values(holder=desk.holder, lease_until_ms=clock_ms() + lease_s * 1000)
            )
        if taken.rowcount == 1:
            desk.lease.until = asked_at + lease_s
            return
        if time.monotonic() > deadline:
            raise Unavailable("another job speaks with Label Studio about this project: try again", retry_after_s=30)
        time.sleep(LOOK_AGAIN_S)


def _keep(desk: Desk, lease_s: int, stop: threading.Event) -> None:
    """Renews the lease thrice in its time; a renewal that fails lets it run out."""
    while not stop.wait(lease_s / 3):
        asked_at, kept = time.monotonic(), False
        with suppress(Unavailable), unit_of_work(desk.database) as session:
            kept = _write_lease(session, desk, until_ms=lease_s * 1000)
        if kept:
            desk.lease.until = asked_at + lease_s


def _write_lease(session: Session, desk: Desk, *, until_ms: int) -> bool:
    """Moves the end of our lease, or ends it (`until_ms` 0); False when it is not ours any more."""
    kept = session.connection().execute(
        update(STUDIO_PROJECTS)
        .where(STUDIO_PROJECTS.c.project_id == desk.project_id, STUDIO_PROJECTS.c.holder == desk.holder)
        .values(holder=desk.holder if until_ms else None, lease_until_ms=clock_ms() + until_ms if until_ms else 0)
    )
    return kept.rowcount == 1
