"""The people of a batch: who speaks for them, what they agree to, and of whom the caller learns nothing."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlmodel import Session

from collector.intake.signals import Candidate
from collector.models import Claim
from collector.project_file import Privacy
from collector.subjects.consent import Lock, Standing, ensure_subjects, record_consent, standings_of
from collector.subjects.cover import Cover
from collector.subjects.proof import Speaker, bind, claim_for, contest, tokens_left_with


@dataclass(frozen=True, slots=True)
class People:
    """How the people of a batch stand once its consents are recorded.

    `hidden`: those whose name is bound to a token that the caller has not sent.
    """

    standings: Mapping[uuid.UUID, Standing]
    hidden: frozenset[uuid.UUID]


def meet_people(
    session: Session, project_id: int, candidates: Sequence[Candidate], *, privacy: Privacy, speaker: Speaker
) -> People:
    """Records the consents of a batch; a person of whom nothing is kept gets no row.

    Consents that an app's key may not give are left out, and their candidates say so.
    """
    everybody = {c.subject_id for c in candidates if c.subject_id}
    speaker = speaker.of_one(len(everybody))
    has_consents = any(c.consent for c in candidates if c.subject_id)
    lock = Lock.FOR_CHANGE if has_consents or speaker.token_hash else Lock.AGAINST_ERASURE
    standings = standings_of(session, project_id, everybody, lock=lock)
    new = {c.subject_id for c in candidates if c.subject_id and (c.consent or not c.faults)} - standings.keys()
    if new:
        all_new = ensure_subjects(session, project_id, new, privacy=privacy)
        if not all_new:  # a neighbour was faster with one of them
            standings |= standings_of(session, project_id, new, lock=lock)
        unknown = Standing(cover=Cover(passes=not privacy.consent_required))
        standings = {**dict.fromkeys(new, unknown), **standings}
        new = new if all_new else set()
    hidden = frozenset[uuid.UUID]()
    if speaker.is_app:
        _claim(session, project_id, candidates, standings, speaker=speaker, new=new)
        hidden = _prove(session, project_id, candidates, standings, speaker)
    _record_consents(session, project_id, candidates, standings, privacy=privacy, may_lift=not speaker.is_app)
    return People(standings, hidden)


def _claim(
    session: Session,
    project_id: int,
    candidates: Sequence[Candidate],
    standings: dict[uuid.UUID, Standing],
    *,
    speaker: Speaker,
    new: set[uuid.UUID],
) -> None:
    """Binds the batch's one person to the token that came along, where their name is still free.

    One who was erased is free only for whoever brings a consent: their phone may send what it still holds.
    """
    for subject, standing in standings.items() if speaker.token_hash else ():
        is_back = standing.erased_at is None or any(c.consent for c in candidates if c.subject_id == subject)
        if standing.token_hash is None and speaker.token_hash and is_back:
            claim = claim_for(session, project_id, subject, speaker.token_hash, is_new=subject in new)
            bind(session, project_id, subject, speaker.token_hash, claim)
            standings[subject] = replace(standing, token_hash=speaker.token_hash, claim=claim)


def _prove(
    session: Session,
    project_id: int,
    candidates: Sequence[Candidate],
    standings: Mapping[uuid.UUID, Standing],
    speaker: Speaker,
) -> frozenset[uuid.UUID]:
    """Marks what came with its person's token, and leaves out consents that needed it; the people who are hidden."""
    erased = [one for one, known in standings.items() if known.erased_at is not None and known.token_hash is None]
    left_with = tokens_left_with(session, project_id, erased) if erased else {}
    held = {one: known.token_hash or left_with.get(one) for one, known in standings.items()}
    proven = {one for one, token_hash in held.items() if speaker.has_proven(token_hash)}
    doubted = set()
    for candidate in candidates:
        subject = candidate.subject_id
        candidate.proven = subject in proven
        standing = standings.get(subject) if subject else None
        if subject is None or standing is None or standing.token_hash is None or candidate.proven:
            continue
        candidate.is_consent_unproven = candidate.consent is not None
        is_other_consent = candidate.consent not in {None, standing.newest}
        if standing.claim is Claim.FIRST and (is_other_consent or speaker.token_hash):
            doubted.add(subject)
    if doubted:
        contest(session, project_id, sorted(doubted))
    return frozenset(one for one, token_hash in held.items() if token_hash is not None) - proven


def _record_consents(
    session: Session,
    project_id: int,
    candidates: Sequence[Candidate],
    standings: dict[uuid.UUID, Standing],
    *,
    privacy: Privacy,
    may_lift: bool,
) -> None:
    given_here = {
        (c.subject_id, c.consent, c.proven)
        for c in candidates
        if c.subject_id and c.consent and not c.is_consent_unproven
    }
    for subject, given, proven in sorted(given_here, key=lambda one: (one[0], one[1].given_at, not one[1].granted)):
        standings[subject] = record_consent(
            session,
            project_id,
            subject,
            given,
            privacy=privacy,
            now=candidates[0].received_at,
            may_lift=may_lift,
            proven=proven,
            standing=standings.get(subject),
        )
