"""Exports' part of an erasure: every version that holds something a person had sent is withdrawn, and its files are deleted."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, update
from sqlmodel import Session, col, select

from collector.models import Erasure
from collector.subjects.erasure import order_of, removed_items
from exports.inputs.snapshot import count_erasures
from exports.keeping.store import VersionStore
from exports.models import DOWNLOADS, SIDES, Version, VersionState, WithdrawnWhy
from exports.queries import versions_holding
from exports.service import succeed_withdrawn
from foundation.activity import record_activity
from foundation.database import Database, unit_of_work
from foundation.failpoints import failpoint
from foundation.steps import NotYet, StepWork


def follow_erasure(step: StepWork, store: VersionStore, *, now: datetime) -> None:
    """Downloads end with the first transaction; then the files go; then the step is done.

    Raises:
        NotYet: a build that began before the erasure must come to its end first.
    """
    database = step.runtime.database
    with unit_of_work(database) as session:
        erasure = order_of(session, step)
        if _is_awaited(session, erasure):
            raise NotYet("a build that began before this erasure must come to its end first")
        for version in versions_holding(session, erasure.project_id, erasure.id):
            withdraw(session, version, WithdrawnWhy.ERASURE, now=now)
        # A version that was cut while the order was on its way does not hold the person, and is there already.
        succeed_withdrawn(session, erasure.project_id)
    failpoint("erase.versions")
    remove_withdrawn_files(database, store, erasure.project_id)
    with unit_of_work(database) as session:
        held = [version.no for version in versions_holding(session, erasure.project_id, erasure.id)]
        counts = {"versions": len(held), "downloads": _count_downloads(session, erasure.project_id, held)}
        _forget_sides(session, erasure)
        step.done(session, counts)


def withdraw(session: Session, version: Version, why: WithdrawnWhy, *, now: datetime) -> None:
    """From now on the version's files are answered 410; withdrawn already: no change."""
    if version.state == VersionState.WITHDRAWN:
        return
    version.state, version.withdrawn_at, version.withdrawn_why = VersionState.WITHDRAWN.value, now, why.value
    session.add(version)
    session.flush()
    facts = {"version": version.name, "why": why.value}
    record_activity(session, "version_withdrawn", actor="system", project_id=version.project_id, now=now, **facts)


def remove_withdrawn_files(database: Database, store: VersionStore, project_id: int) -> None:
    """Deletes the files of withdrawn versions; the rows stay and say what became of them."""
    kept = select(Version).where(
        col(Version.project_id) == project_id,
        col(Version.state) == VersionState.WITHDRAWN.value,
        col(Version.storage).is_not(None),
    )
    with unit_of_work(database, read_only=True) as session:
        versions = session.exec(kept).all()
    for version in versions:
        store.remove(version.storage or "")
        of_version = (col(Version.project_id) == project_id, col(Version.no) == version.no)
        with unit_of_work(database) as session:
            session.connection().execute(update(Version).where(*of_version).values(storage=None))


def _is_awaited(session: Session, erasure: Erasure) -> bool:
    """Whether a build is under way whose inputs may still hold the person: it will notice, and begin anew."""
    begun = select(Version.no).where(
        col(Version.project_id) == erasure.project_id,
        col(Version.state) == VersionState.BUILDING.value,
        col(Version.erasures_seen) < count_erasures(session, erasure.project_id),
    )
    return session.exec(begun).first() is not None


def _count_downloads(session: Session, project_id: int, versions: list[int]) -> int:
    statement = select(func.count()).where(DOWNLOADS.c.project_id == project_id, DOWNLOADS.c.version_no.in_(versions))
    return int(session.exec(statement).one())


def _forget_sides(session: Session, erasure: Erasure) -> None:
    """An item that went with the person has no side any more."""
    went = SIDES.c.item_id.in_(removed_items(erasure))
    session.connection().execute(delete(SIDES).where(SIDES.c.project_id == erasure.project_id, went))
