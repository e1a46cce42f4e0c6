"""The gate: what a person agreed to goes on record, and what the record covers is kept beside it for whoever asks."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, insert, update
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from collector.models import Claim, Consent, Project, Subject
from collector.project_file import Privacy
from collector.subjects.cover import CLOSED, GRACE, Cover, Given, Recorded, cover_of, fault_of_terms, line_of
from foundation.database import JsonText, insert_ignoring


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a person at the door."""

    erased_at: datetime | None = None
    newest: Given | None = None
    cover: Cover = CLOSED
    token_hash: bytes | None = None
    claim: Claim = Claim.FIRST

    def is_shut_for(self, captured_at: datetime) -> bool:
        """After an erasure nothing captured before it comes back, and nothing new without a consent given since."""
        if self.erased_at is None:
            return False
        is_back = self.newest is not None and self.newest.granted
        return not is_back or captured_at <= self.erased_at


def fault_of_standing(standing: Standing | None, privacy: Privacy, moment: datetime) -> str | None:
    """Why a person's record does not cover a signal captured at a moment; None when it does. Missing means no."""
    known = standing or Standing(cover=Cover(passes=not privacy.consent_required))
    if known.cover.holds_for(moment):
        return None
    if known.newest is None:
        return "no consent of this subject is on record: send it in the envelope or by PUT /subject/consent first"
    if not known.newest.granted:
        return "consent was withdrawn"
    why = fault_of_terms(known.newest, privacy) if privacy.consent_required else None
    return why or "the consent was given after the signal was captured"


# Made once: every batch asks these, and making a statement costs more than the database takes to answer it.
_STANDINGS = (
    select_columns(
        col(Subject.id),
        col(Subject.erased_at),
        col(Subject.consent),
        col(Subject.passes),
        col(Subject.passes_from),
        col(Subject.token_hash),
        col(Subject.claim),
    )
    .where(col(Subject.project_id) == bindparam("of_project"), col(Subject.id).in_(bindparam("wanted", expanding=True)))
    .order_by(col(Subject.id))
)
_STANDINGS_FOR_CHANGE = _STANDINGS.with_for_update()
_NEWEST_SEQ = select(func.coalesce(func.max(Consent.seq), 0)).where(
    col(Consent.project_id) == bindparam("of_project"), col(Consent.subject_id) == bindparam("of_subject")
)
_ADD_CONSENT = insert(Consent).values(seq=_NEWEST_SEQ.scalar_subquery() + 1)
_SET_CONSENT = (
    update(Subject)
    .where(col(Subject.project_id) == bindparam("of_project"), col(Subject.id) == bindparam("wanted"))
    .values(
        passes=bindparam("now_passes"), passes_from=bindparam("now_from"), consent=bindparam("newest", type_=JsonText)
    )
)
_SET_COVER = (
    update(Subject)
    .where(col(Subject.project_id) == bindparam("of_project"), col(Subject.id) == bindparam("wanted"))
    .values(passes=bindparam("now_passes"), passes_from=bindparam("now_from"))
)


def standings_of(
    session: Session, project_id: int, subjects: Collection[uuid.UUID], *, for_change: bool = False
) -> dict[uuid.UUID, Standing]:
    """The standing of each known subject.

    Args:
        for_change: holds them until the transaction ends, as who records a consent has to; in their order, so that two of
            several people do not wait for each other in turn.
    """
    if not subjects:
        return {}
    statement = _STANDINGS_FOR_CHANGE if for_change else _STANDINGS
    rows = session.connection().execute(statement, {"of_project": project_id, "wanted": list(subjects)})
    return {
        row.id: Standing(
            row.erased_at,
            _given(row.consent),
            Cover(row.passes, row.passes_from if row.passes else None),
            bytes(row.token_hash) if row.token_hash is not None else None,
            Claim(row.claim),
        )
        for row in rows
    }


class GivenBy(NamedTuple):
    """A consent and who gave it; `proven`: it came with the person's token, or by a key that is in no app."""

    subject_id: uuid.UUID
    given: Given
    proven: bool


def record_consents(
    session: Session,
    project_id: int,
    consents: Sequence[GivenBy],
    standings: Mapping[uuid.UUID, Standing],
    *,
    privacy: Privacy,
    now: datetime,
    may_lift: bool,
) -> dict[uuid.UUID, Standing]:
    """Adds consents to the record, in the order given, and says how their people stand then; the same one again adds nothing.

    Args:
        standings: of these people, read for change; a person without one is new.
        may_lift: whether these may end a withdrawal. An envelope sent with an app's key may not: anybody has that key.
    """
    after = {one.subject_id: standings.get(one.subject_id, Standing()) for one in consents}
    earlier = [subject for subject, known in after.items() if known.newest is not None or known.erased_at is not None]
    records = records_of(session, project_id, earlier) if earlier else {}
    rows = []
    for subject_id, given, proven in consents:
        known, mine = after[subject_id], records.setdefault(subject_id, [])
        record = Recorded(given, now)
        is_known = known.newest == given or any(one.given == given for one in mine)
        if is_known or not _may_be_added(known, record, may_lift=may_lift):
            continue
        mine.append(record)
        rows.append(
            {
                **_row(project_id, subject_id, given, now),
                "proven": proven,
                "of_project": project_id,
                "of_subject": subject_id,
            }
        )
        stands = _standing_by(mine, privacy, known.erased_at)
        after[subject_id] = replace(stands, token_hash=known.token_hash, claim=known.claim)
    if rows:
        session.connection().execute(_ADD_CONSENT, rows)
        changed = sorted({row["of_subject"] for row in rows})
        session.connection().execute(_SET_CONSENT, [_kept_of(project_id, one, after[one]) for one in changed])
    return after


def _kept_of(project_id: int, subject_id: uuid.UUID, standing: Standing) -> dict[str, Any]:
    """What is kept with a person of how they stand."""
    return {
        "of_project": project_id,
        "wanted": subject_id,
        "now_passes": standing.cover.passes,
        "now_from": standing.cover.since,
        "newest": _stored(standing.newest),
    }


def records_of(
    session: Session, project_id: int, subjects: Sequence[uuid.UUID], *, only_proven: bool = False
) -> dict[uuid.UUID, list[Recorded]]:
    """Everything on record of at most some hundred people, or what came with their token, each as it was received."""
    of_people = select(Consent).where(col(Consent.project_id) == project_id, col(Consent.subject_id).in_(subjects))
    if only_proven:
        of_people = of_people.where(col(Consent.proven))
    rows = session.exec(of_people.order_by(col(Consent.subject_id), col(Consent.seq)))
    return {
        subject: [Recorded(_given_of(row), row.received_at) for row in mine]
        for subject, mine in groupby(rows, key=lambda row: row.subject_id)
    }


def ensure_subjects(session: Session, project_id: int, subjects: Iterable[uuid.UUID], *, privacy: Privacy) -> bool:
    """Rows for people seen for the first time; whether all of them are new, and so held by this transaction alone."""
    rows = [
        {"project_id": project_id, "id": subject, "passes": not privacy.consent_required}
        for subject in sorted(set(subjects))
    ]
    return insert_ignoring(session, Subject.__table__, rows) == len(rows)  # type: ignore[attr-defined]


def reconsider_subjects(session: Session, project: Project, privacy: Privacy) -> None:
    """After a change of the privacy section: what does each person's record cover now? Streams in batches."""
    project_id = project.id or 0
    last = uuid.UUID(int=0)
    while True:
        rows = session.exec(
            select(Subject)
            .where(col(Subject.project_id) == project_id, col(Subject.id) > last)
            .order_by(col(Subject.id))
            .limit(500)
        ).all()
        if not rows:
            return
        records = records_of(session, project_id, [row.id for row in rows])
        changes = []
        for row in rows:
            cover = _standing_by(records.get(row.id, []), privacy, row.erased_at).cover
            if (cover.passes, cover.since) != (row.passes, row.passes_from):
                now = {"now_passes": cover.passes, "now_from": cover.since}
                changes.append({"of_project": project_id, "wanted": row.id, **now})
        if changes:
            session.connection().execute(_SET_COVER, changes)
        last = rows[-1].id


def describe(given: Given) -> Mapping[str, Any]:
    """A consent as the API shows it."""
    return {
        "granted": given.granted,
        "purposes": list(given.purposes),
        "notice": given.notice,
        "given_at": given.given_at.isoformat(),
    }


def _may_be_added(known: Standing, record: Recorded, *, may_lift: bool) -> bool:
    """Whether a record may stand beside what is known: one from before an erasure may not, nor may anybody open a door."""
    if known.erased_at is not None and record.at <= known.erased_at:
        return False
    if may_lift or not record.given.granted:
        return True
    if known.newest is not None:
        return known.newest.granted
    # Stamped ahead, it may have been given before the erasure and be sent again.
    return known.erased_at is None or record.given.given_at <= record.received_at + GRACE


def _standing_by(records: Sequence[Recorded], privacy: Privacy, erased_at: datetime | None) -> Standing:
    line = line_of(records, erased_at=erased_at)
    newest = line.newest.given if line.newest else None
    return Standing(erased_at, newest, cover_of(line, privacy, erased_at=erased_at))


def _stored(given: Given | None) -> dict[str, Any] | None:
    return None if given is None else {**asdict(given), "given_at": given.given_at.isoformat()}


def _given_of(row: Consent) -> Given:
    return Given(row.granted, tuple(row.purposes), row.notice, row.given_at, row.age_confirmed)


def _given(stored: Mapping[str, Any] | None) -> Given | None:
    if stored is None:
        return None
    return Given(
        stored["granted"],
        tuple(stored["purposes"]),
        stored["notice"],
        datetime.fromisoformat(stored["given_at"]),
        stored["age_confirmed"],
    )


def _row(project_id: int, subject_id: uuid.UUID, given: Given, now: datetime) -> dict[str, Any]:
    return {
        "project_id": project_id,
        "subject_id": subject_id,
        "granted": given.granted,
        "purposes": list(given.purposes),
        "notice": given.notice,
        "given_at": given.given_at,
        "received_at": now,
        "age_confirmed": given.age_confirmed,
    }
