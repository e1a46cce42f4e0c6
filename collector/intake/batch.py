"""A batch's way in: the one place where the steps stand in their order.

open each signal -> check it by its revision -> scrub all texts in one pass -> name the items -> judge by the past -> store at once
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from collector.anonymization.scrub import scrub_texts
from collector.intake import store
from collector.intake.dead_letters import body_of, letter_of
from collector.intake.door import Door, Opened, open_door
from collector.intake.event_time import ClockOffset, TimeQuality, next_offset
from collector.intake.people import People, meet_people
from collector.intake.reading import SentBatch
from collector.intake.results import NOTHING_DROPPED, Dropped, Drops, Result, Retry, Status
from collector.intake.signals import Candidate, Opening, fill, open_candidate, read_consent
from collector.queries import CONTEXT_DROPPED
from collector.subjects.consent import Standing, fault_of_standing
from collector.subjects.cover import moment_of
from collector.subjects.proof import speaker_of
from foundation.errors import Fault, Faults, InvalidBody
from foundation.failpoints import failpoint

LEAVES_NOTHING = frozenset({"erased", "consent_missing", "missing_field"})
"""Faults of a person: of a signal that nobody agreed to, or of somebody who left, no content is kept."""

TELLS_OF_A_PERSON = frozenset({"erased", "consent_missing"})
NOT_COVERED = Fault(
    "/subject",
    "consent_missing",
    "no consent on record covers this signal: send it by PUT /subject/consent, or in the envelope of a batch of this one "
    "person, with the Winnow-Subject-Token that this name is bound to",
)
"""All that a caller who has not sent the token of a name learns of why its signals are refused."""


@dataclass(frozen=True, slots=True)
class Past:
    """What is stored already that decides a batch's fate; it grows with each signal of the batch."""

    people: People
    sources: dict[uuid.UUID, bytes]
    refused: set[uuid.UUID]
    suppressed: set[bytes]
    seen: set[tuple[uuid.UUID | None, uuid.UUID]]

    def holds(self, candidate: Candidate) -> bool:
        """Whether this very signal is stored, to stay; what the rules say of it by now does not matter then."""
        is_stored = candidate.id is not None and self.sources.get(candidate.id) == candidate.source
        return is_stored and not self.is_shut_for(candidate)

    def is_shut_for(self, candidate: Candidate) -> bool:
        """Whether its person left: what is still stored of them is about to go."""
        standing = self.standing_of(candidate)
        return standing is not None and standing.is_shut_for(candidate.captured_at or candidate.received_at)

    def standing_of(self, candidate: Candidate) -> Standing | None:
        return self.people.standings.get(candidate.subject_id) if candidate.subject_id else None

    def is_hidden_from_caller(self, candidate: Candidate) -> bool:
        return candidate.subject_id in self.people.hidden


def open_batch(batch: SentBatch, opening: Opening) -> list[Candidate]:
    """Reads each signal's head; a consent in the envelope holds for every subject of the batch.

    Raises:
        InvalidBody: the envelope's consent is malformed.
    """
    faults = Faults()
    shared = None
    if batch.consent is not None:
        shared = read_consent(batch.consent, "/consent", faults, received_at=opening.received_at)
    if faults:
        raise InvalidBody("the envelope's consent is malformed: nothing of the batch was stored", faults=faults)
    candidates = [open_candidate(place, sent, opening) for place, sent in enumerate(batch.signals)]
    for candidate in candidates:
        candidate.consent = candidate.consent or shared
    return candidates


def take_in(
    glance: Opened,
    unit_of_work: Opened,
    project_id: int,
    opening: Opening,
    candidates: Sequence[Candidate],
    *,
    is_ingest: bool,
    token: str | None = None,
) -> list[Result]:
    """The whole way: a glance at what the batch is judged by, no transaction while it is checked, one to write it.

    Args:
        is_ingest: whether it came with a key that sits in an app.
        token: what came along to prove that such a key speaks for the batch's one person.
    """
    speaker = speaker_of(is_app=is_ingest, token=token)
    with glance() as session:
        door = open_door(session, project_id, opening.names, speaker=speaker, read=glance)
        known = store.known_clocks(session, project_id, {c.device for c in candidates if c.device})
    clocks = clocks_of(candidates, known, sent_at=opening.sent_at, received_at=opening.received_at)
    check_batch(door, candidates, clocks)
    with unit_of_work() as session:
        results = write_batch(session, project_id, judge_batch(session, door, candidates))
        store.keep_clocks(session, project_id, {d: clock for d, clock in clocks.items() if known.get(d) != clock})
    return results


def clocks_of(
    candidates: Iterable[Candidate],
    known: Mapping[bytes, ClockOffset],
    *,
    sent_at: datetime | None,
    received_at: datetime,
) -> dict[bytes, ClockOffset]:
    """The devices' clocks as they stand after this batch; unchanged where the phone did not say when it sent."""
    if sent_at is None:
        return dict(known)
    devices = {candidate.device for candidate in candidates if candidate.device is not None}
    return {device: next_offset(known.get(device), sent_at, received_at) for device in devices}


def check_batch(door: Door, candidates: Sequence[Candidate], clocks: Mapping[bytes, ClockOffset]) -> None:
    """Checks and anonymizes every signal, in memory."""
    for candidate in candidates:
        if candidate.sent:
            clock = clocks.get(candidate.device) if candidate.device else None
            unnamed = candidate.received_at - candidate.sent_at if candidate.sent_at else None
            _check(door, candidate, clock.offset if clock else unnamed)
    _anonymize(door, [candidate for candidate in candidates if not candidate.faults])


@dataclass(frozen=True, slots=True)
class Judged:
    """What is to become of each signal, and the rows that make it so."""

    results: list[Result]
    rows: store.Rows


def judge_batch(session: Session, door: Door, candidates: Sequence[Candidate]) -> Judged:
    """Decides each signal's fate by what is stored; consents are recorded on the way."""
    contents = {c.place: _content(door, c) for c in candidates if not c.faults}
    items = {place: door.names.item_id(content) for place, content in contents.items()}
    past = _past(session, door, candidates, items)
    scrub_hash = door.file.scrub_hash
    results = []
    rows = store.Rows()
    for candidate in candidates:
        if past.holds(candidate):
            results.append(_result(candidate, Status.REPLAYED))
            continue
        fault = _fault_of_past(door, candidate, past)
        if fault is None and not candidate.faults:
            item = items[candidate.place]
            rows.add(door.project_id, candidate, item, content=contents[candidate.place], scrub_hash=scrub_hash)
            results.append(_take(door, candidate, item, past))
            if candidate.id in past.refused:
                rows.answered.add(candidate.id)
        else:
            leaves_nothing = fault is not None and fault.reason in LEAVES_NOTHING
            candidate.faults.extend([fault] if fault else [])
            rows.letters.append(
                letter_of(
                    candidate,
                    door.project_id,
                    revision=door.number,
                    kept_for=timedelta(days=door.file.dead_letters_days),
                    body=None if leaves_nothing else _kept(door, candidate),
                )
            )
            results.append(_rejection(candidate, past))
    return Judged(results, rows)


def _kept(door: Door, candidate: Candidate) -> dict[str, Any] | None:
    """What a dead letter keeps of a signal; nothing where it was too large to be read, or no signal at all."""
    if not candidate.sent:
        return None
    file, reader = door.reader(candidate.revision or door.number)
    return body_of(candidate, file, reader, door.names.pseudonym)


def write_batch(session: Session, project_id: int, judged: Judged) -> list[Result]:
    """Writes what was decided, in the caller's one transaction; the results as they hold once it commits."""
    lost = store.write(session, project_id, judged.rows)
    results = [_settled(result, lost, judged.rows) for result in judged.results]
    if unread := sum(result.dropped.n_of_context for result in results):
        slot = next(iter(judged.rows.signals)).int
        store.count_up(session, project_id, CONTEXT_DROPPED, unread, slot=slot)
    failpoint("collector.before_commit")
    return results


def _check(door: Door, candidate: Candidate, offset: timedelta | None) -> None:
    """By the revision the app names, else by the newest that accepts the signal."""
    named = candidate.sent.get("revision")
    if named is not None:
        is_number = isinstance(named, int) and not isinstance(named, bool) and 0 < named <= door.number
        candidate.revision = named if is_number else door.number
        if not is_number:
            allowed = f"must be a revision of the project, 1 to {door.number}"
            candidate.faults.append(Fault("/revision", "wrong_value", allowed))
        candidate.faults.extend(_fill(door, candidate, candidate.revision, offset))
        return
    faults = _fill(door, candidate, door.number, offset)
    if not candidate.faults and (older := _older_revision_for(door, candidate, faults)):
        faults = _fill(door, candidate, older, offset)
    candidate.faults.extend(faults)


def _older_revision_for(door: Door, candidate: Candidate, faults: Faults) -> int | None:
    """The newest revision that takes a payload which the newest of all does not; none where more than that is wrong."""
    payload = candidate.sent.get("payload")
    is_payload_alone = faults.total == candidate.payload.faults.total
    if not faults or not is_payload_alone or not isinstance(payload, dict) or door.number == 1:
        return None
    return door.history.newest_accepting(payload)


def _fill(door: Door, candidate: Candidate, number: int, offset: timedelta | None) -> Faults:
    candidate.revision = number
    file, reader = door.reader(number)
    return fill(candidate, reader, file, offset)


def _anonymize(door: Door, candidates: Sequence[Candidate]) -> None:
    """One candidate pass over every text of the batch."""
    places = [(candidate, name) for candidate in candidates for name in candidate.payload.to_scrub]
    texts = [candidate.payload.values[name] for candidate, name in places]
    for (candidate, name), scrubbed in zip(places, scrub_texts(texts), strict=True):
        if scrubbed.entities:
            candidate.payload.values[name] = scrubbed.text
            for entity in scrubbed.entities:
                kind = str(entity.type)
                candidate.redactions[kind] = candidate.redactions.get(kind, 0) + 1
    for candidate in candidates:
        for name in candidate.payload.to_pseudonymize:
            candidate.payload.values[name] = door.names.pseudonym(candidate.payload.values[name])


def _past(session: Session, door: Door, candidates: Sequence[Candidate], items: Mapping[int, uuid.UUID]) -> Past:
    """Consents come before the signals they are for; then what is stored of these ids, people and contents."""
    people = meet_people(session, door.project_id, candidates, privacy=door.file.privacy, speaker=door.speaker)
    good = [candidate for candidate in candidates if not candidate.faults]
    ids = [candidate.id for candidate in candidates if candidate.id]
    suppressed: set[bytes] = set()
    if door.has_erasures:
        hmacs = [door.names.signal_hmac(known) for known in ids]
        suppressed = store.suppressed_among(session, door.project_id, hmacs)
    stored = store.look_up(
        session,
        door.project_id,
        ids,
        pairs={(c.subject_id, items[c.place]) for c in good if c.subject_id} if door.speaker.is_app else (),
        items=() if door.speaker.is_app else set(items.values()),
    )
    return Past(people, stored.sources, stored.refused, suppressed, stored.seen)


def _fault_of_past(door: Door, candidate: Candidate, past: Past) -> Fault | None:
    """What speaks against a signal apart from its form: its id is taken, it was erased, or its person has not agreed."""
    if past.suppressed and candidate.id and door.names.signal_hmac(candidate.id) in past.suppressed:
        return Fault("/id", "erased", "this signal was erased on request and does not come back")
    if past.is_shut_for(candidate):
        return Fault(
            "/subject", "erased", "this person's data was erased; a consent given since opens the door to new signals"
        )
    if candidate.id in past.sources and not candidate.faults:
        return Fault("/id", "id_conflict", "another signal with this id is stored: make a new id")
    # Of what could not be read nobody knows the person.
    if not candidate.sent:
        return None
    if candidate.subject_id is None and not door.file.privacy.consent_required:
        return None
    if candidate.subject_id is None and candidate.sent.get("subject") is None:
        return Fault("/subject", "missing_field", "is required: without a person no consent can ever cover this signal")
    # A clock that cannot be believed rejects nothing: the capture was no later than now, so the consent must not be either.
    is_believed = candidate.time is not None and candidate.time.quality is not TimeQuality.IMPLAUSIBLE
    captured_at = candidate.captured_at or candidate.received_at
    moment = moment_of(captured_at, candidate.received_at, is_believed=is_believed)
    why = fault_of_standing(past.standing_of(candidate), door.file.privacy, moment)
    return Fault("/subject", "consent_missing", why) if why else None


def _content(door: Door, candidate: Candidate) -> dict[str, Any]:
    values = candidate.payload.values
    return {name: values[name] for name in door.file.identity if name in values}


def _take(door: Door, candidate: Candidate, item: uuid.UUID, past: Past) -> Result:
    """An app is told only what this person sent before, if it speaks for them; who holds a larger key, what anybody did."""
    is_app = door.speaker.is_app
    mark = (candidate.subject_id if is_app else None, item)
    may_know = not is_app or (mark[0] is not None and not past.is_hidden_from_caller(candidate))
    is_known = may_know and mark in past.seen
    past.seen.add(mark)
    if candidate.id:
        past.sources[candidate.id] = candidate.source
    status = Status.DUPLICATE if is_known else Status.ACCEPTED
    return _result(candidate, status, item=None if is_app else item)


def _result(candidate: Candidate, status: Status, *, item: uuid.UUID | None = None) -> Result:
    dropped = _unproven(candidate)
    if status is not Status.REPLAYED and (candidate.payload.dropped or candidate.unread):
        dropped = Drops(dropped)
        dropped.extend(candidate.payload.dropped)
        dropped.extend(candidate.unread)
    return Result(
        place=candidate.place,
        id=candidate.id,
        status=status,
        retry=Retry.NO,
        item=item,
        redactions={} if status is Status.REPLAYED else candidate.redactions,
        dropped=dropped,
    )


def _unproven(candidate: Candidate) -> Drops:
    """The consent that was left out, if one was."""
    return Drops([Dropped("/consent", "consent_unproven")]) if candidate.is_consent_unproven else NOTHING_DROPPED


def _rejection(candidate: Candidate, past: Past) -> Result:
    faults = candidate.faults
    if past.is_hidden_from_caller(candidate):
        faults = Faults(NOT_COVERED if fault.reason in TELLS_OF_A_PERSON else fault for fault in faults)
        faults.more = candidate.faults.more
    # With any other fault no consent would help: the phone must not send it again and again.
    waits = all(fault.reason == "consent_missing" for fault in faults)
    retry = Retry.AFTER_CONSENT if waits else Retry.NO
    return Result(candidate.place, candidate.id, Status.REJECTED, retry, dropped=_unproven(candidate), faults=faults)


def _settled(result: Result, lost: Mapping[uuid.UUID, bytes], rows: store.Rows) -> Result:
    """A neighbour may have stored the same id while we wrote: then ours is a replay, or a conflict."""
    if result.id is None or result.id not in lost or result.status is Status.REJECTED:
        return result
    unproven = Drops(one for one in result.dropped if one.reason == "consent_unproven")
    if lost[result.id] == rows.source_of(result.id):
        return replace(result, status=Status.REPLAYED, redactions={}, dropped=unproven)
    fault = Fault("/id", "id_conflict", "another signal with this id is stored: make a new id")
    return Result(result.place, result.id, Status.REJECTED, Retry.NO, dropped=unproven, faults=Faults([fault]))
