"""A person leaves. The request shuts the door at once; the rest is owed, a step a domain (`foundation/steps.py`)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, func, update
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from collector.intake.identity import Names
from collector.items.settling import ITEM
from collector.models import (
    Claim,
    Consent,
    DeadLetter,
    Erasure,
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
from foundation.step_rows import Owed, StepRow, StepState
from foundation.steps import Effect, Standing, StepWork, forget, owe, steps_of

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
    waiting = _not_begun(session, project_id, subject_id)
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
    owe(session, ERASURE, project_id, str(erasure.id), now=now)
    return erasure


def _not_begun(session: Session, project_id: int, subject_id: uuid.UUID) -> Erasure | None:
    """The person's order that no worker has begun with."""
    of_person = (col(Erasure.project_id) == project_id, col(Erasure.subject_id) == subject_id)
    return session.exec(select(Erasure).where(*of_person, col(Erasure.state) == ErasureState.RECEIVED.value)).first()


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


def erase_signals(session: Session, erasure: Erasure, names: Names, *, now: datetime) -> dict[str, int]:
    """The collector's part, in the caller's transaction: signals, items nobody else sent, dead letters, consents. Counts them.

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
    return {"signals": n_signals, "items": len(removed)}


def note_standing(session: Session, owed: Owed, standing: Standing) -> None:
    """A step was done, or has failed too often: it goes on being tried, and a manager is told."""
    state = ErasureState.FAILED if standing is Standing.FAILING else ErasureState.RUNNING
    session.connection().execute(update(Erasure).where(*_is(owed)).values(state=state.value))


def complete_erasure(session: Session, owed: Owed, now: datetime) -> None:
    """Every step is done: the receipt stands in the activity log, too."""
    completed = {"state": ErasureState.COMPLETED.value, "completed_at": now}
    session.connection().execute(update(Erasure).where(*_is(owed)).values(**completed))
    erasure = session.exec(select(Erasure).where(*_is(owed))).one()
    record_activity(
        session,
        "erasure_completed",
        actor="system",
        project_id=owed.project_id,
        now=now,
        erasure=owed.of,
        held=erasure.held,
        counts=_sum_of(steps_of(session, ERASURE, owed.project_id, [owed.of])[owed.of]),
    )


ERASURE = Effect("erasure", completed=complete_erasure, moved=note_standing)


def read_erasure(session: Session, project_id: int, erasure_id: uuid.UUID) -> Erasure:
    erasure = session.get(Erasure, (project_id, erasure_id))
    if erasure is None:
        raise NotFound("there is no such erasure here")
    return erasure


def order_of(session: Session, step: StepWork) -> Erasure:
    """The erasure that a step is owed to."""
    return read_erasure(session, step.project_id, uuid.UUID(step.of))


def removed_items(erasure: Erasure) -> SelectOfScalar[uuid.UUID]:
    """The items that went with the person, in the order of their ids: nobody else had sent them."""
    of_order = (col(ErasureItem.project_id) == erasure.project_id, col(ErasureItem.erasure_id) == erasure.id)
    return select(ErasureItem.item_id).where(*of_order, col(ErasureItem.removed)).order_by(col(ErasureItem.item_id))


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


def describe_erasure(session: Session, erasure: Erasure, *, with_reason: bool = False) -> dict[str, Any]:
    """An erasure as the API shows it; the receipt says whose data it was about, and what each floor did and when.

    Args:
        with_reason: whether whoever asks may read why a step of it fails.
    """
    return describe_erasures(session, [erasure], with_reason=with_reason)[0]


def describe_erasures(
    session: Session, erasures: Sequence[Erasure], *, with_reason: bool = False
) -> list[dict[str, Any]]:
    """The same of at most some hundred erasures of one project, in one read."""
    if not erasures:
        return []
    steps = steps_of(session, ERASURE, erasures[0].project_id, [str(erasure.id) for erasure in erasures])
    return [
        _described(erasure, steps[str(erasure.id)])
        | (_reason_of(erasure, steps[str(erasure.id)]) if with_reason else {})
        for erasure in erasures
    ]


def _described(erasure: Erasure, steps: Sequence[StepRow]) -> dict[str, Any]:
    counts = {"signals": 0, "items": 0, "blobs": 0, "tasks": 0, "annotations": 0, "versions": 0, "downloads": 0}
    about = {"erasure": str(erasure.id), "subject": str(erasure.subject_id), "held": erasure.held}
    requested_at = erasure.requested_at.isoformat()
    receipt = None
    if erasure.state == ErasureState.COMPLETED:
        floors = {row.step: {"done_at": row.done_at.isoformat(), **row.facts} for row in steps if row.done_at}
        receipt = {**about, "requested_at": requested_at, "floors": floors}
    return {
        **about,
        "status": erasure.state,
        **counts,
        **_sum_of(steps),
        "requested_at": requested_at,
        "completed_at": erasure.completed_at.isoformat() if erasure.completed_at else None,
        "receipt": receipt,
    }


def _reason_of(erasure: Erasure, steps: Sequence[StepRow]) -> dict[str, str]:
    """Why it is shown as failed; empty while it is not."""
    failing = [f"{row.step}: {row.error}" for row in steps if row.is_failing]
    return {"error": "; ".join(failing)} if erasure.state == ErasureState.FAILED and failing else {}


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
        forget(session, ITEM, project_id, [str(item) for item in orphans])
        removed.update(orphans)
    return removed


def _is(owed: Owed) -> tuple[ColumnElement[bool], ...]:
    return col(Erasure.project_id) == owed.project_id, col(Erasure.id) == uuid.UUID(owed.of)


def _sum_of(steps: Sequence[StepRow]) -> dict[str, int]:
    total: dict[str, int] = {}
    for row in steps:
        if row.state == StepState.DONE:
            for name, number in row.facts.items():
                total[name] = total.get(name, 0) + int(number)
    return total
