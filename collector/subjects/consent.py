"""The gate: whose signals may be taken, decided by the newest consent a person gave."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, func, insert, update
from sqlmodel import Session, col, select

from collector.models import Consent, Project, Subject
from collector.project_file import Privacy
from foundation.database import JsonText, insert_ignoring
from foundation.errors import Forbidden
from foundation.identifiers import hash_of_token

GRACE = timedelta(minutes=5)
"""How much later than the capture a consent may be stamped: two clocks of one phone are never quite equal."""
FUTURE_LIMIT = timedelta(hours=25)


@dataclass(frozen=True, slots=True)
class Given:
    """A consent as somebody gave it."""

    granted: bool
    purposes: tuple[str, ...]
    notice: str
    given_at: datetime
    age_confirmed: bool | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a person at the door."""

    erased_at: datetime | None = None
    newest: Given | None = None

    def is_shut_for(self, captured_at: datetime) -> bool:
        """After an erasure nothing captured before it comes back, and nothing new without a consent given since."""
        if self.erased_at is None:
            return False
        is_back = self.newest is not None and self.newest.granted and self.newest.given_at > self.erased_at
        return not is_back or captured_at <= self.erased_at


class TokenMismatch(Forbidden):
    title = "That is another subject's token"


def fault_of_consent(given: Given | None, privacy: Privacy, captured_at: datetime) -> str | None:
    """Why the newest consent does not cover a signal; None when it does. Missing means no."""
    if given is None:
        return "no consent of this subject is on record: send it in the envelope or by PUT /subject/consent first"
    why = fault_of_terms(given, privacy)
    if why is None and given.given_at > captured_at + GRACE:
        why = "the consent was given after the signal was captured"
    return why


def fault_of_terms(given: Given, privacy: Privacy) -> str | None:
    """Why a consent does not meet what the project asks for, whenever it was given."""
    if not given.granted:
        return "consent was withdrawn"
    if not set(privacy.purposes) <= set(given.purposes):
        return f"the consent does not cover {', '.join(sorted(set(privacy.purposes) - set(given.purposes)))}"
    if privacy.accept_notices and given.notice not in privacy.accept_notices:
        return f"the notice must be one of {', '.join(privacy.accept_notices)}"
    return None


def passes(given: Given | None, privacy: Privacy) -> bool:
    """Whether a person's stored signals may be used: no withdrawal, and consent where the project asks for it."""
    if given is None:
        return not privacy.consent_required
    if not privacy.consent_required:
        return given.granted
    return fault_of_terms(given, privacy) is None


class Lock(StrEnum):
    """How the rows of people are held until the transaction ends."""

    AGAINST_ERASURE = "share"
    FOR_CHANGE = "update"


# Made once: every batch asks these, and making a statement costs more than the database takes to answer it.
_STANDINGS = {
    lock: select(Subject.id, Subject.erased_at, Subject.consent)
    .where(col(Subject.project_id) == bindparam("of_project"), col(Subject.id).in_(bindparam("wanted", expanding=True)))
    .order_by(col(Subject.id))
    .with_for_update(read=lock is Lock.AGAINST_ERASURE)
    for lock in Lock
}
_NEWEST_SEQ = select(func.coalesce(func.max(Consent.seq), 0)).where(
    col(Consent.project_id) == bindparam("of_project"), col(Consent.subject_id) == bindparam("of_subject")
)
_ADD_CONSENT = insert(Consent).values(seq=_NEWEST_SEQ.scalar_subquery() + 1)
_SET_CONSENT = (
    update(Subject)
    .where(col(Subject.project_id) == bindparam("of_project"), col(Subject.id) == bindparam("wanted"))
    .values(passes=bindparam("now_passes"), consent=bindparam("newest", type_=JsonText))
)


def standings_of(
    session: Session, project_id: int, subjects: Iterable[uuid.UUID], *, lock: Lock
) -> dict[uuid.UUID, Standing]:
    """The standing of each known subject.

    Who may record a consent locks for change from the start: two who read first and both write then would deadlock.
    """
    wanted = list(subjects)
    if not wanted:
        return {}
    rows = session.connection().execute(_STANDINGS[lock], {"of_project": project_id, "wanted": wanted})
    return {subject: Standing(erased_at, _given(consent)) for subject, erased_at, consent in rows}


def record_consent(
    session: Session,
    project_id: int,
    subject_id: uuid.UUID,
    given: Given,
    *,
    privacy: Privacy,
    now: datetime,
    may_lift: bool,
    standing: Standing | None,
) -> Standing:
    """Adds a consent to the record and says how the person stands then; the same one again adds nothing.

    Args:
        may_lift: whether this may end a withdrawal. An envelope sent with an app's key may not: anybody has that key.
    """
    known = standing or Standing()
    if known.newest == given:
        return known
    lifts = given.granted and known.newest is not None and not known.newest.granted
    if lifts and not may_lift:
        return known
    if known.erased_at is not None and given.given_at <= known.erased_at:
        return known
    row = _row(project_id, subject_id, given, now)
    session.connection().execute(_ADD_CONSENT, {**row, "of_project": project_id, "of_subject": subject_id})
    if known.newest is not None and known.newest.given_at > given.given_at:
        return known
    session.connection().execute(
        _SET_CONSENT,
        {
            "of_project": project_id,
            "wanted": subject_id,
            "now_passes": passes(given, privacy),
            "newest": _stored(given),
        },
    )
    return Standing(known.erased_at, given)


def ensure_subjects(session: Session, project_id: int, subjects: Iterable[uuid.UUID], *, privacy: Privacy) -> bool:
    """Rows for people seen for the first time; whether all of them are new, and so held by this transaction alone."""
    rows = [
        {"project_id": project_id, "id": subject, "passes": passes(None, privacy)} for subject in sorted(set(subjects))
    ]
    return insert_ignoring(session, Subject.__table__, rows) == len(rows)  # type: ignore[attr-defined]


def own_or_claim(session: Session, project_id: int, subject_id: uuid.UUID, token: str) -> None:
    """Binds a subject to the token its app made, or checks that it is the one it is bound to.

    Raises:
        TokenMismatch: the subject belongs to another token.
    """
    subject = session.exec(
        select(Subject).where(col(Subject.project_id) == project_id, col(Subject.id) == subject_id).with_for_update()
    ).one()
    if subject.token_hash is None:
        subject.token_hash = hash_of_token(token)
        session.add(subject)
        session.flush()
    prove_token(subject.token_hash, token)


def prove_token(held: bytes | None, token: str) -> None:
    """Raises TokenMismatch unless this token's hash is held; the comparison takes the same time either way."""
    from hmac import compare_digest

    if not compare_digest(held or bytes(32), hash_of_token(token)):
        raise TokenMismatch("this subject is bound to another token: send the one its first consent call was made with")


def reconsider_subjects(session: Session, project: Project, privacy: Privacy) -> None:
    """After a change of the privacy section: who passes now? Streams in batches, one update for each verdict."""
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
        for verdict in (True, False):
            same = [row.id for row in rows if _may_be_used(row, privacy) is verdict]
            session.connection().execute(
                update(Subject)
                .where(col(Subject.project_id) == project_id, col(Subject.id).in_(same))
                .values(passes=verdict)
            )
        last = rows[-1].id


def describe(given: Given) -> Mapping[str, Any]:
    """A consent as the API shows it."""
    return {
        "granted": given.granted,
        "purposes": list(given.purposes),
        "notice": given.notice,
        "given_at": given.given_at.isoformat(),
    }


def _may_be_used(subject: Subject, privacy: Privacy) -> bool:
    standing = Standing(subject.erased_at, _given(subject.consent))
    return passes(standing.newest, privacy) and not (subject.erased_at and standing.newest is None)


def _stored(given: Given) -> dict[str, Any]:
    return {**asdict(given), "given_at": given.given_at.isoformat()}


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
