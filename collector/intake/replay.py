"""Dead letters once more, against the newest revision: each keeps its id, and what is still refused stays where it is."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, select

from collector.intake.batch import Prepared, admit, prepare
from collector.intake.dead_letters import LEFT_OUT, SETTLED, remove_letters
from collector.intake.door import Door, Opened
from collector.intake.heading import KNOWN, Arrival, Heading, devices_of, read_age, read_captured_at, read_id
from collector.intake.reading import Settled
from collector.intake.results import Status
from collector.intake.store import known_clocks
from collector.models import DeadLetter
from foundation.errors import Fault, Faults

BATCH = 500


@dataclass(frozen=True, slots=True)
class Replayed:
    replayed: int
    still_rejected: int


def replay_letters(
    glance: Opened,
    unit_of_work: Opened,
    door: Door,
    *,
    ids: Sequence[uuid.UUID] | None = None,
    dry_run: bool = False,
) -> Replayed:
    """Tries the letters named, or all; a dry run does the same and takes it back.

    A page of them at a time, and each is checked and scrubbed while no transaction is open: nobody waits for a hundred
    thousand of them. What was replayed stays so when a later page fails.
    """
    with glance() as session:
        replayed, refused = 0, _count_without_body(session, door.project_id, ids)
        letters = _page(session, door.project_id, uuid.UUID(int=0), ids)
    while letters:
        headings = [_heading(place, letter) for place, letter in enumerate(letters)]
        with glance() as session:
            clocks = known_clocks(session, door.project_id, devices_of(headings))
        batch = prepare(door, headings, clocks)
        with unit_of_work() as session:
            taken = _take(session, batch, letters, dry_run=dry_run)
        replayed += taken
        refused += len(letters) - taken
        with glance() as session:
            letters = _page(session, door.project_id, letters[-1].id, ids)
    return Replayed(replayed, refused)


def _take(session: Session, batch: Prepared, letters: Sequence[DeadLetter], *, dry_run: bool) -> int:
    """Stores what may be stored by now, and removes its letters; how many."""
    savepoint = session.begin_nested()
    results = admit(session, batch, boldly=False).results
    taken = [letters[result.place].id for result in results if result.status is not Status.REJECTED]
    remove_letters(session, batch.door.project_id, taken)
    if dry_run:
        savepoint.rollback()
    else:
        savepoint.commit()
    return len(taken)


def _page(session: Session, project_id: int, last: uuid.UUID, ids: Sequence[uuid.UUID] | None) -> Sequence[DeadLetter]:
    """Letters with a body; the others were refused for want of consent and hold nothing to replay."""
    statement = select(DeadLetter).where(
        col(DeadLetter.project_id) == project_id, col(DeadLetter.id) > last, col(DeadLetter.body).is_not(None)
    )
    if ids is not None:
        statement = statement.where(col(DeadLetter.id).in_(list(ids)))
    return session.exec(statement.order_by(col(DeadLetter.id)).limit(BATCH)).all()


def _count_without_body(session: Session, project_id: int, ids: Sequence[uuid.UUID] | None) -> int:
    """They stay refused: only their phone can send them again, once there is a consent."""
    statement = select(func.count()).where(col(DeadLetter.project_id) == project_id, col(DeadLetter.body).is_(None))
    if ids is not None:
        statement = statement.where(col(DeadLetter.id).in_(list(ids)))
    return int(session.exec(statement).one())


def _heading(place: int, letter: DeadLetter) -> Heading:
    """The signal as the letter kept it; the revision it was built for gave way to the newest."""
    sent = {name: value for name, value in letter.body.items() if name not in {"revision", SETTLED}}
    for member, values in letter.body.get(SETTLED, {}).items():
        if values:
            sent[member] = (sent.get(member) or {}) | {name: Settled(value) for name, value in values.items()}
    faults = Faults()
    # Not from the body: the scrub takes the digits at the end of some UUIDs for a phone number.
    signal_id = letter.signal_id or read_id(sent.get("id"), faults)
    for name in sent:
        if name not in KNOWN:
            faults.append(Fault(f"/{name}", "unknown_field", "is not a member of a signal"))
        elif name in LEFT_OUT:
            faults.append(Fault(f"/{name}", "wrong_type", "could not be read when the signal came"))
    return Heading(
        place,
        Arrival(letter.key_id, letter.received_at, letter.sent_at),
        sent,
        signal_id,
        letter.source_hmac,
        letter.subject_id,
        letter.device_hmac,
        read_captured_at(sent.get("captured_at"), faults),
        read_age(sent.get("age_ms"), faults),
        proven=letter.proven,
        faults=faults,
    )
