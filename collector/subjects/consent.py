"""The gate: what a person agreed to goes on record, and what the record covers is kept beside it for whoever asks."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import bindparam, update
from sqlmodel import Session, col, select

from collector.models import Claim, Consent, Project, Subject
from collector.project_file import Privacy
from collector.subjects.cover import CLOSED, GRACE, Cover, Given, Recorded, cover_of, fault_of_terms, line_of
from foundation.bulk_rows import (
    BIG_INTEGER,
    BOOLEAN,
    BYTES,
    INTEGER,
    JSON,
    MOMENT,
    TEXT,
    UUID,
    Table,
    change_all,
    put_all,
    put_new,
)
from foundation.plain_sql import Statement, ask, read_json, read_moment, read_uuid


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


_STANDING = (
    "SELECT id, erased_at, consent, passes, passes_from, token_hash, claim FROM subjects "
    "WHERE project_id = ? AND id IN ?ids"
)
_STANDINGS: Final = Statement(_STANDING)
_STANDINGS_FOR_CHANGE: Final = Statement(f"{_STANDING} ORDER BY id", only_postgresql=" FOR UPDATE")
_NEWEST_SEQ: Final = Statement(
    "SELECT subject_id, max(seq) FROM consents WHERE project_id = ? AND subject_id IN ?ids GROUP BY subject_id"
)
SUBJECTS: Final = Table(
    "subjects",
    {
        "project_id": BIG_INTEGER,
        "id": UUID,
        "passes": BOOLEAN,
        "passes_from": MOMENT,
        "consent": JSON,
        "token_hash": BYTES,
        "claim": TEXT,
    },
)
CONSENTS: Final = Table(
    "consents",
    {
        "project_id": BIG_INTEGER,
        "subject_id": UUID,
        "seq": INTEGER,
        "granted": BOOLEAN,
        "purposes": JSON,
        "notice": TEXT,
        "given_at": MOMENT,
        "received_at": MOMENT,
        "age_confirmed": BOOLEAN,
        "proven": BOOLEAN,
    },
)
COVERS: Final = Table(
    "subjects",
    {"project_id": BIG_INTEGER, "id": UUID, "passes": BOOLEAN, "passes_from": MOMENT, "consent": JSON},
)
"""What is kept with a person of how they stand."""
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
    rows = ask(session, _STANDINGS_FOR_CHANGE if for_change else _STANDINGS, project_id, subjects)
    return {
        read_uuid(subject): Standing(
            erased_at and read_moment(erased_at),
            _given(read_json(consent)),
            Cover(bool(passes), read_moment(since) if passes and since else None),
            bytes(token_hash) if token_hash is not None else None,
            Claim(claim),
        )
        for subject, erased_at, consent, passes, since, token_hash, claim in rows
    }


NOTHING_BEFORE: Final[Mapping[uuid.UUID, int]] = {}


class GivenBy(NamedTuple):
    """A consent and who gave it; `proven`: it came with the person's token, or by a key that is in no app."""

    subject_id: uuid.UUID
    given: Given
    proven: bool


class Entered(NamedTuple):
    """What consents make of a record: those that stand in it now, and how their people stand after them."""

    added: Sequence[GivenBy]
    after: Mapping[uuid.UUID, Standing]


def enter_consents(
    consents: Sequence[GivenBy],
    standings: Mapping[uuid.UUID, Standing],
    records: Mapping[uuid.UUID, Sequence[Recorded]],
    *,
    privacy: Privacy,
    now: datetime,
    may_lift: bool,
) -> Entered:
    """Adds consents to records, in the order given; the same one again adds nothing.

    Args:
        standings: of these people, before.
        records: all that is on record of them.
        may_lift: whether these may end a withdrawal. An envelope sent with an app's key may not: anybody has that key.
    """
    after = {one.subject_id: standings[one.subject_id] for one in consents}
    entered = {subject: list(records.get(subject, ())) for subject in after}
    added = []
    for one in consents:
        known, mine = after[one.subject_id], entered[one.subject_id]
        record = Recorded(one.given, now)
        is_known = known.newest == one.given or any(earlier.given == one.given for earlier in mine)
        if is_known or not _may_be_added(known, record, may_lift=may_lift):
            continue
        mine.append(record)
        added.append(one)
        stands = _standing_by(mine, privacy, known.erased_at)
        after[one.subject_id] = replace(stands, token_hash=known.token_hash, claim=known.claim)
    return Entered(added, after)


def record_consents(
    session: Session,
    project_id: int,
    consents: Sequence[GivenBy],
    standings: Mapping[uuid.UUID, Standing],
    *,
    privacy: Privacy,
    now: datetime,
    may_lift: bool,
) -> Mapping[uuid.UUID, Standing]:
    """The same for people who are known, on record; how they stand then. Their rows are held for change."""
    earlier = {
        one.subject_id
        for one in consents
        if (known := standings[one.subject_id]).newest is not None or known.erased_at is not None
    }
    records = records_of(session, project_id, sorted(earlier)) if earlier else {}
    added, after = enter_consents(consents, standings, records, privacy=privacy, now=now, may_lift=may_lift)
    if added:
        newest = ask(session, _NEWEST_SEQ, project_id, earlier) if earlier else ()
        put_consents(session, project_id, added, {read_uuid(subject): seq for subject, seq in newest}, now=now)
        changed = sorted({one.subject_id for one in added})
        rows = [(project_id, subject, *_kept_of(after[subject])) for subject in changed]
        change_all(session, COVERS, list(zip(*rows, strict=True)))
    return after


def put_subjects(session: Session, project_id: int, standings: Mapping[uuid.UUID, Standing]) -> set[uuid.UUID]:
    """Rows for people seen for the first time, as they stand; those that somebody else was faster with are left out, and told.

    Who is new is held by this transaction alone.
    """
    rows = [
        (project_id, subject, *_kept_of(stands), stands.token_hash, stands.claim.value)
        for subject, stands in sorted(standings.items())
    ]
    return put_new(session, SUBJECTS, list(zip(*rows, strict=True))) if rows else set()


def put_consents(
    session: Session,
    project_id: int,
    added: Sequence[GivenBy],
    newest_seq: Mapping[uuid.UUID, int] = NOTHING_BEFORE,
    *,
    now: datetime,
) -> None:
    """Each behind the newest of its person, whose row is held."""
    numbers, rows = dict(newest_seq), []
    for subject_id, given, proven in added:
        numbers[subject_id] = numbers.get(subject_id, 0) + 1
        terms = (
            given.granted,
            orjson.dumps(given.purposes),
            given.notice,
            given.given_at,
            now,
            given.age_confirmed,
            proven,
        )
        rows.append((project_id, subject_id, numbers[subject_id], *terms))
    if rows:
        put_all(session, CONSENTS, list(zip(*rows, strict=True)))


def _kept_of(standing: Standing) -> tuple[bool, datetime | None, bytes | None]:
    """What is kept with a person of how they stand, in the order of COVERS."""
    return standing.cover.passes, standing.cover.since, _stored(standing.newest)


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


def first_standing(privacy: Privacy) -> Standing:
    """Of somebody of whom nothing is on record."""
    return Standing(cover=Cover(passes=not privacy.consent_required))


def ensure_subject(session: Session, project_id: int, subject_id: uuid.UUID, *, privacy: Privacy) -> bool:
    """A row for a person; whether there was none before."""
    return not put_subjects(session, project_id, {subject_id: first_standing(privacy)})


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


def _stored(given: Given | None) -> bytes | None:
    if given is None:
        return None
    stored = {
        "granted": given.granted,
        "purposes": given.purposes,
        "notice": given.notice,
        "given_at": given.given_at.isoformat(),
        "age_confirmed": given.age_confirmed,
    }
    return orjson.dumps(stored)


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
