"""Who speaks for a person: their name is bound to a token that the app made, and whoever sends has it or has not.

An app's key sits in the app, so anybody has it. A name belongs to the token that came first with such a key, until the app's
own backend says otherwise. Where more than one speaks in a name, nobody reads by an app's key what came without the token:
who was first may be a squatter.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from hmac import compare_digest

from sqlalchemy import exists, func, update
from sqlmodel import Session, col, select

from collector.models import Claim, Consent, DeadLetter, Erasure, Signal, Subject
from foundation.activity import record_activity
from foundation.errors import Forbidden
from foundation.identifiers import hash_of_token


class TokenMismatch(Forbidden):
    title = "That is another subject's token"


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who sends a request. A key that sits in an app speaks for a person only by the token that their name is bound to."""

    is_app: bool
    token_hash: bytes | None = None

    def has_proven(self, held: bytes | None) -> bool:
        """Whether this speaks for the person whose token's hash is held; the comparison takes the same time either way."""
        if not self.is_app:
            return True
        return compare_digest(held or bytes(32), self.token_hash or bytes(31))

    def of_one(self, n_subjects: int) -> Speaker:
        """The same in a batch of so many people: a token speaks for one, and of several nobody knows for whom."""
        return self if n_subjects == 1 else replace(self, token_hash=None)


def speaker_of(*, is_app: bool, token: str | None) -> Speaker:
    return Speaker(is_app, hash_of_token(token) if token is not None else None)


def prove_token(held: bytes | None, token: str) -> None:
    """Raises TokenMismatch unless this token's hash is held; the comparison takes the same time either way."""
    if not compare_digest(held or bytes(32), hash_of_token(token)):
        raise TokenMismatch("this subject is bound to another token: send the one its first consent call was made with")


def own_or_claim(session: Session, project_id: int, subject_id: uuid.UUID, token: str, *, is_new: bool) -> None:
    """Binds a subject to the token its app made, or checks that it is the one it is bound to.

    Args:
        is_new: whether the person was not known before this request.

    Raises:
        TokenMismatch: the subject belongs to another token.
    """
    subject = _for_change(session, project_id, subject_id)
    if subject.token_hash is None:
        subject.token_hash = hash_of_token(token)
        subject.claim = claim_for(session, project_id, subject_id, subject.token_hash, is_new=is_new).value
        session.add(subject)
        session.flush()
    prove_token(subject.token_hash, token)


def vouch(session: Session, project_id: int, subject_id: uuid.UUID, token: str, *, actor: str, now: datetime) -> None:
    """Binds a subject to a token whatever it was bound to: whose name it is, the app's own backend knows."""
    subject = _for_change(session, project_id, subject_id)
    new = hash_of_token(token)
    if (subject.token_hash, subject.claim) == (new, Claim.VOUCHED):
        return
    subject.token_hash, subject.claim = new, Claim.VOUCHED.value
    session.add(subject)
    record_activity(session, "subject_vouched", actor=actor, project_id=project_id, now=now, subject=str(subject_id))
    session.flush()


def claim_for(session: Session, project_id: int, subject_id: uuid.UUID, token_hash: bytes, *, is_new: bool) -> Claim:
    """How sure it is that a name belongs to the token that is about to be bound: not at all where others used it before."""
    if is_new:
        return Claim.FIRST
    left_with = tokens_left_with(session, project_id, [subject_id]).get(subject_id)
    others_left = left_with is not None and not compare_digest(left_with, token_hash)
    return Claim.CONTESTED if others_left or _is_held_unproven(session, project_id, subject_id) else Claim.FIRST


def bind(session: Session, project_id: int, subject_id: uuid.UUID, token_hash: bytes, claim: Claim) -> None:
    """Binds a subject that is bound to no token, and whose row the caller holds for change."""
    of_subject = (col(Subject.project_id) == project_id, col(Subject.id) == subject_id)
    session.connection().execute(update(Subject).where(*of_subject).values(token_hash=token_hash, claim=claim.value))


def contest(session: Session, project_id: int, subjects: Collection[uuid.UUID]) -> None:
    """Remembers of bound subjects that somebody else speaks in their names; not where a backend has vouched."""
    session.connection().execute(
        update(Subject)
        .where(
            col(Subject.project_id) == project_id,
            col(Subject.id).in_(subjects),
            col(Subject.token_hash).is_not(None),
            col(Subject.claim) == Claim.FIRST.value,
        )
        .values(claim=Claim.CONTESTED.value)
    )


def held_token(session: Session, project_id: int, subject_id: uuid.UUID) -> bytes | None:
    """The hash of the token a person is bound to, or left with: a phone that lost the answer to an erasure asks again."""
    subject = session.get(Subject, (project_id, subject_id))
    if subject is not None and subject.token_hash is not None:
        return subject.token_hash
    return tokens_left_with(session, project_id, [subject_id]).get(subject_id)


def tokens_left_with(session: Session, project_id: int, subjects: Collection[uuid.UUID]) -> Mapping[uuid.UUID, bytes]:
    """The hashes of the tokens with which people were erased last; whoever had none is not among them."""
    rows = session.connection().execute(
        select(Erasure.subject_id, Erasure.token_hash)
        .where(col(Erasure.project_id) == project_id, col(Erasure.subject_id).in_(subjects))
        .order_by(col(Erasure.requested_at))
    )
    newest = {row.subject_id: row.token_hash for row in rows}
    return {subject: bytes(token_hash) for subject, token_hash in newest.items() if token_hash is not None}


@dataclass(frozen=True, slots=True)
class HeldBack:
    """How much is held in a contested name that came without its token: whoever asks by an app's key does not see it."""

    signals: int
    consents: int
    dead_letters: int

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "detail": HELD_BACK}


HELD_BACK = (
    "somebody else speaks in this name, too, so what came without its token is not shown: the app's own backend can say whose "
    "name it is, by PUT /subject/consent with this Winnow-Subject-Token, or ask with its own key"
)


def held_back_from(session: Session, project_id: int, subject_id: uuid.UUID, *, is_app: bool) -> HeldBack | None:
    """What a caller that has proven the token does not see of a person's record; None where they see all of it."""
    subject = session.get(Subject, (project_id, subject_id)) if is_app else None
    if subject is None or subject.claim != Claim.CONTESTED:
        return None
    return HeldBack(
        *(_count_unproven(session, table, project_id, subject_id) for table in (Signal, Consent, DeadLetter))
    )


def _count_unproven(
    session: Session, table: type[Signal | Consent | DeadLetter], project_id: int, subject_id: uuid.UUID
) -> int:
    mine = (col(table.project_id) == project_id, col(table.subject_id) == subject_id, ~col(table.proven))
    return int(session.connection().execute(select(func.count()).where(*mine)).scalar_one())


def _is_held_unproven(session: Session, project_id: int, subject_id: uuid.UUID) -> bool:
    for table, further in ((Signal, ()), (Consent, ()), (DeadLetter, (col(DeadLetter.body).is_not(None),))):
        of_subject = (col(table.project_id) == project_id, col(table.subject_id) == subject_id, ~col(table.proven))
        if session.connection().execute(select(exists().where(*of_subject, *further))).scalar():
            return True
    return False


def _for_change(session: Session, project_id: int, subject_id: uuid.UUID) -> Subject:
    return session.exec(
        select(Subject).where(col(Subject.project_id) == project_id, col(Subject.id) == subject_id).with_for_update()
    ).one()
