"""The people of a batch: who speaks for them, what they agree to, and of whom the caller learns nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from sqlmodel import Session

from collector.intake.heading import Heading, people_of
from collector.models import Claim
from collector.project_file import Privacy
from collector.subjects.consent import GivenBy, Standing, ensure_subjects, record_consents, standings_of
from collector.subjects.cover import Cover
from collector.subjects.proof import Speaker, bind, claim_for, contest, tokens_left_with

Standings = dict[uuid.UUID, Standing]


class Person(NamedTuple):
    """How one person stands, and what the caller may do in their name.

    Attributes:
        is_proven: whether the caller speaks for them, as far as anybody knows; None where that is not asked of its key.
        is_hidden: whether the caller learns nothing of them: the name is another's, as far as anybody knows.
        is_bound: whether their name is bound to a token now.
    """

    standing: Standing | None = None
    is_proven: bool | None = None
    is_hidden: bool = False
    is_bound: bool = False

    def is_shut_for(self, heading: Heading) -> bool:
        """Whether the person left: what is still stored of them is about to go."""
        captured_at = heading.captured_at or heading.arrival.received_at
        return self.standing is not None and self.standing.is_shut_for(captured_at)

    def has_proven(self, heading: Heading) -> bool:
        """Whether a signal came from its person: by their token, or by a key that is in no app."""
        return heading.proven if self.is_proven is None else self.is_proven

    def leaves_out_consent_of(self, heading: Heading) -> bool:
        """Whether a signal came with a consent that only the holder of the name's token may give."""
        return self.is_bound and self.is_proven is False and heading.consent is not None


NOBODY, NOBODY_OF_AN_APP = Person(), Person(is_proven=False)


@dataclass(frozen=True, slots=True)
class People:
    """The people of a batch once its consents are recorded. `is_app`: whether its key sits in an app."""

    known: Mapping[uuid.UUID, Person]
    is_app: bool

    def of(self, heading: Heading) -> Person:
        """The person of a signal; nobody where it names none, or one of whom nothing is known."""
        nobody = NOBODY_OF_AN_APP if self.is_app else NOBODY
        return self.known.get(heading.subject_id, nobody) if heading.subject_id else nobody


def meet_people(
    session: Session,
    project_id: int,
    headings: Sequence[Heading],
    refused: frozenset[int],
    *,
    privacy: Privacy,
    speaker: Speaker,
) -> People:
    """Records the consents of a batch, before anything in it is judged.

    Consents that an app's key may not give are left out.

    Args:
        refused: the places of signals that are not taken whatever is known of their person; one of whom nothing else
            came, no consent either, gets no row.
    """
    everybody = people_of(headings)
    speaker = speaker.of_one(len(everybody))
    standings = standings_of(session, project_id, everybody)
    changing = {
        one.subject_id for one in headings if one.subject_id in standings and _may_change(one, standings, speaker)
    }
    new = people_of([one for one in headings if one.consent or one.place not in refused]) - standings.keys()
    is_new = not new or ensure_subjects(session, project_id, new, privacy=privacy)
    # A neighbour may have been faster with one of the new ones.
    held = changing if is_new else changing | new
    unknown = Standing(cover=Cover(passes=not privacy.consent_required))
    standings = {**dict.fromkeys(new, unknown), **standings}
    standings |= standings_of(session, project_id, held, for_change=True)
    new = new if is_new else set()
    proofs: Mapping[uuid.UUID, Person] = {}
    if speaker.is_app:
        _claim(session, project_id, headings, standings, speaker=speaker, new=new)
        proofs = _prove(session, project_id, headings, standings, speaker)
    people = People(proofs, speaker.is_app)
    standings |= _record_consents(session, project_id, headings, standings, people, privacy=privacy)
    stand = {one: proofs.get(one, NOBODY)._replace(standing=standing) for one, standing in standings.items()}
    return People(stand, speaker.is_app)


def _may_change(heading: Heading, standings: Standings, speaker: Speaker) -> bool:
    """Whether a known person's record may be another one after this signal: then nobody else may change it meanwhile."""
    standing = standings[heading.subject_id] if heading.subject_id else Standing()
    brings_another = heading.consent is not None and heading.consent != standing.newest
    return brings_another or (speaker.token_hash is not None and speaker.token_hash != standing.token_hash)


def _claim(
    session: Session,
    project_id: int,
    headings: Sequence[Heading],
    standings: Standings,
    *,
    speaker: Speaker,
    new: set[uuid.UUID],
) -> None:
    """Binds the batch's one person to the token that came along, where their name is still free.

    One who was erased is free only for whoever brings a consent: their phone may send what it still holds.
    """
    for subject, standing in standings.items() if speaker.token_hash else ():
        is_back = standing.erased_at is None or any(one.consent for one in headings if one.subject_id == subject)
        if standing.token_hash is None and speaker.token_hash and is_back:
            claim = claim_for(session, project_id, subject, speaker.token_hash, is_new=subject in new)
            bind(session, project_id, subject, speaker.token_hash, claim)
            standings[subject] = replace(standing, token_hash=speaker.token_hash, claim=claim)


def _prove(
    session: Session, project_id: int, headings: Sequence[Heading], standings: Standings, speaker: Speaker
) -> Mapping[uuid.UUID, Person]:
    """For whom an app's key speaks; names in which somebody else speaks, too, are contested from now on."""
    erased = [one for one, known in standings.items() if known.erased_at is not None and known.token_hash is None]
    left_with = tokens_left_with(session, project_id, erased) if erased else {}
    people = {}
    for subject, known in standings.items():
        held = known.token_hash or left_with.get(subject)
        is_proven = speaker.has_proven(held)
        is_hidden = held is not None and not is_proven
        people[subject] = Person(known, is_proven, is_hidden, known.token_hash is not None)
    if doubted := set(_doubted(headings, people, speaker)):
        contest(session, project_id, sorted(doubted))
    return people


def _doubted(headings: Sequence[Heading], people: Mapping[uuid.UUID, Person], speaker: Speaker) -> Iterator[uuid.UUID]:
    """Bound people in whose name somebody else brings another consent, or another token."""
    strangers = {
        subject: person.standing
        for subject, person in people.items()
        if person.is_bound and not person.is_proven and person.standing and person.standing.claim is Claim.FIRST
    }
    for heading in headings if strangers else ():
        standing = strangers.get(heading.subject_id) if heading.subject_id else None
        if standing and heading.subject_id:
            is_other_consent = heading.consent is not None and heading.consent != standing.newest
            if is_other_consent or speaker.token_hash:
                yield heading.subject_id


def _record_consents(
    session: Session,
    project_id: int,
    headings: Sequence[Heading],
    standings: Standings,
    people: People,
    *,
    privacy: Privacy,
) -> Standings:
    """How those stand who gave a consent in this batch."""
    # A batch shares the consent of its envelope: it is one object, and comparing it once a signal would cost more than the rest.
    bringing = {
        (one.subject_id, id(one.consent), one.proven): one for one in headings if one.subject_id and one.consent
    }
    consents = []
    for heading in bringing.values():
        person = people.of(heading)
        if heading.subject_id and heading.consent and not person.leaves_out_consent_of(heading):
            consents.append(GivenBy(heading.subject_id, heading.consent, person.has_proven(heading)))
    if not consents:
        return {}
    consents.sort(key=lambda one: (one.subject_id, one.given.given_at, not one.given.granted))
    now, may_lift = headings[0].arrival.received_at, not people.is_app
    return record_consents(session, project_id, consents, standings, privacy=privacy, now=now, may_lift=may_lift)
