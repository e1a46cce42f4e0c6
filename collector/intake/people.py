"""The people of a batch: who speaks for them, what they agree to, and of whom the caller learns nothing."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session

from collector.intake.heading import Heading, people_of
from collector.models import Claim
from collector.project_file import Privacy
from collector.subjects.consent import (
    GivenBy,
    Standing,
    enter_consents,
    first_standing,
    put_consents,
    put_subjects,
    record_consents,
    standings_of,
)
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
        if self.standing is None or self.standing.erased_at is None:
            return False
        return self.standing.is_shut_for(heading.captured_at or heading.arrival.received_at)

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
    if not headings:
        return People({}, speaker.is_app)
    everybody = people_of(headings)
    speaker = speaker.of_one(len(everybody))
    bringing = _bringing_consent(headings)
    standings = standings_of(session, project_id, everybody)
    unknown = everybody - standings.keys()
    if refused:
        unknown &= people_of([one for one in headings if one.consent or one.place not in refused])
    now = headings[0].arrival.received_at
    new = _enter(session, project_id, unknown, bringing, privacy=privacy, speaker=speaker, now=now)
    changing = {
        one.subject_id for one in headings if one.subject_id in standings and _may_change(one, standings, speaker)
    }
    # A neighbour may have been faster with one of the new ones.
    held = changing | (unknown - new.keys())
    standings |= standings_of(session, project_id, held, for_change=True)
    if speaker.is_app:
        _claim(session, project_id, headings, standings, speaker=speaker)
    people = _prove(session, project_id, headings, standings, speaker)
    given = _given_by(bringing, people)
    if given:
        may_lift = not speaker.is_app
        after = record_consents(session, project_id, given, standings, privacy=privacy, now=now, may_lift=may_lift)
        people |= {subject: people[subject]._replace(standing=standing) for subject, standing in after.items()}
    people |= {subject: _person(standing, speaker) for subject, standing in new.items()}
    return People(people, speaker.is_app)


def _enter(
    session: Session,
    project_id: int,
    unknown: Collection[uuid.UUID],
    bringing: Sequence[Heading],
    *,
    privacy: Privacy,
    speaker: Speaker,
    now: datetime,
) -> Standings:
    """Rows for people seen for the first time, with their first consents; how they stand. Who was there after all is left out."""
    if not unknown:
        return {}
    first = replace(first_standing(privacy), token_hash=speaker.token_hash if speaker.is_app else None)
    person = _person(first, speaker)
    given = _given_by(bringing, dict.fromkeys(unknown, person))
    added, after = enter_consents(
        given, dict.fromkeys(unknown, first), {}, privacy=privacy, now=now, may_lift=not speaker.is_app
    )
    standings = {**dict.fromkeys(unknown, first), **after}
    there = put_subjects(session, project_id, standings)
    put_consents(session, project_id, [one for one in added if one.subject_id not in there], now=now)
    return {subject: standing for subject, standing in standings.items() if subject not in there}


def _may_change(heading: Heading, standings: Standings, speaker: Speaker) -> bool:
    """Whether a known person's record may be another one after this signal: then nobody else may change it meanwhile."""
    standing = standings[heading.subject_id] if heading.subject_id else Standing()
    brings_another = heading.consent is not None and heading.consent != standing.newest
    return brings_another or (speaker.token_hash is not None and speaker.token_hash != standing.token_hash)


def _claim(
    session: Session, project_id: int, headings: Sequence[Heading], standings: Standings, *, speaker: Speaker
) -> None:
    """Binds the batch's one person to the token that came along, where their name is still free.

    One who was erased is free only for whoever brings a consent: their phone may send what it still holds.
    """
    for subject, standing in standings.items() if speaker.token_hash else ():
        is_back = standing.erased_at is None or any(one.consent for one in headings if one.subject_id == subject)
        if standing.token_hash is None and speaker.token_hash and is_back:
            claim = claim_for(session, project_id, subject, speaker.token_hash, is_new=False)
            bind(session, project_id, subject, speaker.token_hash, claim)
            standings[subject] = replace(standing, token_hash=speaker.token_hash, claim=claim)


def _prove(
    session: Session, project_id: int, headings: Sequence[Heading], standings: Standings, speaker: Speaker
) -> dict[uuid.UUID, Person]:
    """For whom the caller speaks; names in which somebody else speaks, too, are contested from now on."""
    if not speaker.is_app:
        return {subject: Person(standing) for subject, standing in standings.items()}
    erased = [one for one, known in standings.items() if known.erased_at is not None and known.token_hash is None]
    left_with = tokens_left_with(session, project_id, erased) if erased else {}
    people = {subject: _person(known, speaker, left_with.get(subject)) for subject, known in standings.items()}
    if doubted := set(_doubted(headings, people, speaker)):
        contest(session, project_id, sorted(doubted))
    return people


def _person(known: Standing, speaker: Speaker, left_with: bytes | None = None) -> Person:
    """`left_with`: the hash of the token of an erased person."""
    if not speaker.is_app:
        return Person(known)
    held = known.token_hash or left_with
    is_proven = speaker.has_proven(held)
    return Person(known, is_proven, held is not None and not is_proven, known.token_hash is not None)


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


def _bringing_consent(headings: Sequence[Heading]) -> list[Heading]:
    """The first signal of each person that brings a consent: a batch shares that of its envelope, and mostly has one person."""
    # By identity: comparing consents once a signal would cost more than all the rest.
    firsts = {(id(one.subject_id), id(one.consent), one.proven): one for one in reversed(headings)}
    return [one for one in firsts.values() if one.consent and one.subject_id]


def _given_by(bringing: Sequence[Heading], people: Mapping[uuid.UUID, Person]) -> list[GivenBy]:
    """The consents that these people gave in a batch; those that nobody may give for them are left out."""
    consents = []
    for heading in bringing:
        person = people.get(heading.subject_id) if heading.subject_id else None
        if person and heading.subject_id and heading.consent and not person.leaves_out_consent_of(heading):
            consents.append(GivenBy(heading.subject_id, heading.consent, person.has_proven(heading)))
    return sorted(consents, key=lambda one: (one.subject_id, one.given.given_at, not one.given.granted))
