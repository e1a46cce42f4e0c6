"""A person leaves. The request shuts the door at once; the rest is a row that each floor's worker finds and does its part of."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, func, update
from sqlmodel import Session, col, select

from collector.intake.identity import Names
from collector.models import (
    Claim,
    Consent,
    DeadLetter,
    Erasure,
    ErasureFloor,
    ErasureItem,
    ErasureState,
    Item,
    Project,
    Signal,
    Subject,
    Suppression,
)
from collector.project_lock import hold_alone
from collector.subjects.proof import held_token
from foundation.activity import record_activity
from foundation.database import insert_ignoring
from foundation.errors import NotFound
from foundation.failpoints import failpoint
from foundation.identifiers import random_uuid

FLOORS = ("collector", "labeling", "quality", "exports")
"""Who must have said that its part is done: each domain that holds something of a person, in the order they do it."""
BATCH = 1000


def request_erasure(session: Session, project_id: int, subject_id: uuid.UUID, *, actor: str, now: datetime) -> Erasure:
    """Shuts the door and writes the order; asked again before the worker has begun, the same order.

    Who has agreed anew in between gets another one: a version that is being built may hold what was sent since, and
    notices only that there are more orders than when it began.
    """
    hold_alone(session, project_id)
    row = {"project_id": project_id, "id": subject_id, "passes": False}
    is_new = insert_ignoring(session, Subject.__table__, [row]) == 1  # type: ignore[attr-defined]
    subject = session.exec(
        select(Subject).where(col(Subject.project_id) == project_id, col(Subject.id) == subject_id).with_for_update()
    ).one()
    has_come_back = subject.consent is not None
    held = was_ever_held(session, project_id, subject_id, is_known=not is_new)
    waiting = session.exec(
        select(Erasure).where(
            col(Erasure.project_id) == project_id,
            col(Erasure.subject_id) == subject_id,
            col(Erasure.state) == ErasureState.RECEIVED.value,
        )
    ).first()
    # Batches that were let in before held the lock we waited for: whatever they stored counts as before the order.
    newest = session.exec(
        select(func.max(Signal.received_at)).where(
            col(Signal.project_id) == project_id, col(Signal.subject_id) == subject_id
        )
    ).one()
    ordered_at = max(now, newest) if newest else now
    token_hash = held_token(session, project_id, subject_id)
    subject.erased_at, subject.passes, subject.passes_from = ordered_at, False, None
    subject.token_hash, subject.claim, subject.consent = None, Claim.FIRST.value, None
    session.add(subject)
    if waiting is not None and not has_come_back:
        waiting.requested_at, waiting.token_hash, waiting.held = ordered_at, token_hash, held
        session.add(waiting)
        return waiting
    session.connection().execute(update(Project).where(col(Project.id) == project_id).values(has_erasures=True))
    erasure = Erasure(
        project_id=project_id,
        id=random_uuid(),
        subject_id=subject_id,
        state=ErasureState.RECEIVED.value,
        held=held,
        token_hash=token_hash,
        requested_at=ordered_at,
    )
    session.add(erasure)
    record_activity(session, "erasure_requested", actor=actor, project_id=project_id, now=now, erasure=str(erasure.id))
    session.flush()
    return erasure


def was_ever_held(session: Session, project_id: int, subject_id: uuid.UUID, *, is_known: bool) -> bool:
    """Whether anything was ever held under a name: a receipt for a misspelled one must not pass for a receipt.

    Args:
        is_known: whether the person had a row before it was asked; only an erasure makes one for a name nobody ever sent.
    """
    for table in (Signal, Consent, DeadLetter):
        mine = exists().where(col(table.project_id) == project_id, col(table.subject_id) == subject_id)
        if session.connection().execute(select(mine)).scalar():
            return True
    if not is_known:
        return False
    earlier = session.exec(
        select(Erasure.held).where(col(Erasure.project_id) == project_id, col(Erasure.subject_id) == subject_id)
    ).all()
    return not earlier or any(held is not False for held in earlier)


def open_erasures(session: Session, floor: str) -> Sequence[Erasure]:
    """Erasures on which a floor still owes its part, and the floors below it have done theirs."""
    below = FLOORS[: FLOORS.index(floor)]
    statement = select(Erasure).where(
        col(Erasure.state).in_([ErasureState.RECEIVED, ErasureState.RUNNING]), ~_has_done(floor)
    )
    for lower in below:
        statement = statement.where(_has_done(lower))
    return session.exec(statement.order_by(col(Erasure.requested_at))).all()


def erase_signals(session: Session, erasure: Erasure, names: Names, *, now: datetime) -> None:
    """The collector's part, in the caller's transaction: signals, items nobody else sent, dead letters, consents.

    Only what was received before the order goes: a person who agreed anew since then has come back. Tombstones of the
    signals' ids stay, as keyed hashes, so that a resend is known.
    """
    project_id, subject_id = erasure.project_id, erasure.subject_id
    hold_alone(session, project_id)
    session.refresh(erasure, with_for_update=True)
    mine = (
        col(Signal.project_id) == project_id,
        col(Signal.subject_id) == subject_id,
        col(Signal.received_at) <= erasure.requested_at,
    )
    n_signals = 0
    touched: set[uuid.UUID] = set()
    while rows := session.connection().execute(select(Signal.id, Signal.item_id).where(*mine).limit(BATCH)).all():
        ids = [row[0] for row in rows]
        touched.update(row[1] for row in rows)
        tombs = [{"project_id": project_id, "signal_hmac": names.signal_hmac(known), "erased_at": now} for known in ids]
        insert_ignoring(session, Suppression.__table__, tombs)  # type: ignore[attr-defined]
        session.connection().execute(delete(Signal).where(*mine, col(Signal.id).in_(ids)))
        n_signals += len(ids)
    failpoint("erase.signals")
    removed = _remove_orphans(session, project_id, sorted(touched))
    for start in range(0, len(touched), BATCH):
        part = sorted(touched)[start : start + BATCH]
        rows_of_items = [
            {"project_id": project_id, "erasure_id": erasure.id, "item_id": item, "removed": item in removed}
            for item in part
        ]
        insert_ignoring(session, ErasureItem.__table__, rows_of_items)  # type: ignore[attr-defined]
    for table in (DeadLetter, Consent):
        session.connection().execute(
            delete(table).where(
                col(table.project_id) == project_id,
                col(table.subject_id) == subject_id,
                col(table.received_at) <= erasure.requested_at,
            )
        )
    floor_is_done(session, erasure, "collector", {"signals": n_signals, "items": len(removed)}, now=now)


def floor_is_done(session: Session, erasure: Erasure, floor: str, counts: dict[str, int], *, now: datetime) -> None:
    """A floor's word; when it was the last, the erasure is complete and its receipt stands in the activity log."""
    row = {"project_id": erasure.project_id, "erasure_id": erasure.id, "floor": floor, "counts": counts, "done_at": now}
    insert_ignoring(session, ErasureFloor.__table__, [row])  # type: ignore[attr-defined]
    done = _floors_done(session, erasure)
    is_complete = set(FLOORS) <= {row.floor for row in done}
    changed = session.connection().execute(
        update(Erasure)
        .where(
            col(Erasure.project_id) == erasure.project_id,
            col(Erasure.id) == erasure.id,
            col(Erasure.state) != ErasureState.COMPLETED.value,
        )
        .values(
            state=(ErasureState.COMPLETED if is_complete else ErasureState.RUNNING).value,
            completed_at=now if is_complete else None,
        )
    )
    if is_complete and changed.rowcount:
        record_activity(
            session,
            "erasure_completed",
            actor="system",
            project_id=erasure.project_id,
            now=now,
            erasure=str(erasure.id),
            held=erasure.held,
            counts=_sum_of(done),
        )


def read_erasure(session: Session, project_id: int, erasure_id: uuid.UUID) -> Erasure:
    erasure = session.get(Erasure, (project_id, erasure_id))
    if erasure is None:
        raise NotFound("there is no such erasure here")
    return erasure


def list_erasures(
    session: Session,
    project_id: int,
    *,
    limit: int,
    before: tuple[datetime, uuid.UUID] | None = None,
    state: ErasureState | None = None,
    subject_id: uuid.UUID | None = None,
) -> Sequence[Erasure]:
    """A page of erasures, the newest order first."""
    statement = select(Erasure).where(col(Erasure.project_id) == project_id)
    if state is not None:
        statement = statement.where(col(Erasure.state) == state.value)
    if subject_id is not None:
        statement = statement.where(col(Erasure.subject_id) == subject_id)
    if before is not None:
        at, last = before
        is_earlier = (col(Erasure.requested_at) < at) | ((col(Erasure.requested_at) == at) & (col(Erasure.id) < last))
        statement = statement.where(is_earlier)
    newest_first = (col(Erasure.requested_at).desc(), col(Erasure.id).desc())
    return session.exec(statement.order_by(*newest_first).limit(limit)).all()


def describe_erasure(session: Session, erasure: Erasure) -> dict[str, Any]:
    """An erasure as the API shows it; the receipt says whose data it was about, and what each floor did and when."""
    return _described(erasure, _floors_done(session, erasure))


def describe_erasures(session: Session, erasures: Sequence[Erasure]) -> list[dict[str, Any]]:
    """The same of at most some hundred erasures of one project, in one read."""
    done: dict[uuid.UUID, list[ErasureFloor]] = {erasure.id: [] for erasure in erasures}
    if erasures:
        rows = select(ErasureFloor).where(
            col(ErasureFloor.project_id) == erasures[0].project_id, col(ErasureFloor.erasure_id).in_(done)
        )
        for row in session.exec(rows):
            done[row.erasure_id].append(row)
    return [_described(erasure, done[erasure.id]) for erasure in erasures]


def _described(erasure: Erasure, done: Sequence[ErasureFloor]) -> dict[str, Any]:
    counts = {"signals": 0, "items": 0, "blobs": 0, "tasks": 0, "annotations": 0, "versions": 0, "downloads": 0}
    about = {"erasure": str(erasure.id), "subject": str(erasure.subject_id), "held": erasure.held}
    requested_at = erasure.requested_at.isoformat()
    receipt = None
    if erasure.state == ErasureState.COMPLETED:
        floors = {row.floor: {"done_at": row.done_at.isoformat(), **row.counts} for row in done}
        receipt = {**about, "requested_at": requested_at, "floors": floors}
    return {
        **about,
        "status": erasure.state,
        **counts,
        **_sum_of(done),
        "requested_at": requested_at,
        "completed_at": erasure.completed_at.isoformat() if erasure.completed_at else None,
        "receipt": receipt,
    }


def _remove_orphans(session: Session, project_id: int, items: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Items left without a signal. No batch brings one meanwhile: the project is held alone."""
    removed: set[uuid.UUID] = set()
    for start in range(0, len(items), BATCH):
        part = items[start : start + BATCH]
        alive = exists().where(col(Signal.project_id) == Item.project_id, col(Signal.item_id) == Item.id)
        orphans = session.exec(
            select(Item.id).where(col(Item.project_id) == project_id, col(Item.id).in_(part), ~alive)
        ).all()
        session.connection().execute(
            delete(Item).where(col(Item.project_id) == project_id, col(Item.id).in_(list(orphans)))
        )
        removed.update(orphans)
    return removed


def _has_done(floor: str) -> Any:
    return exists().where(
        col(ErasureFloor.project_id) == Erasure.project_id,
        col(ErasureFloor.erasure_id) == Erasure.id,
        col(ErasureFloor.floor) == floor,
    )


def _floors_done(session: Session, erasure: Erasure) -> Sequence[ErasureFloor]:
    return session.exec(
        select(ErasureFloor).where(
            col(ErasureFloor.project_id) == erasure.project_id, col(ErasureFloor.erasure_id) == erasure.id
        )
    ).all()


def _sum_of(done: Sequence[ErasureFloor]) -> dict[str, int]:
    total: dict[str, int] = {}
    for row in done:
        for name, number in row.counts.items():
            total[name] = total.get(name, 0) + int(number)
    return total
