"""A batch's way in: the one place where the steps stand in their order.

open each signal -> check it by its revision -> scrub all texts in one pass -> name the items -> judge by the past -> store at once
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlmodel import Session

from collector.anonymization.scrub import scrub_texts
from collector.intake import store
from collector.intake.dead_letters import body_of, letter_of
from collector.intake.event_time import ClockOffset, TimeQuality, next_offset
from collector.intake.fields import PayloadReader, reader_of
from collector.intake.identity import Names
from collector.intake.reading import SentBatch
from collector.intake.results import Result, Retry, Status
from collector.intake.signals import Candidate, Opening, fill, open_candidate, read_consent
from collector.project_file import ProjectFile
from collector.queries import CONTEXT_DROPPED, at_the_door, file_of
from collector.subjects.consent import (
    Lock,
    Standing,
    ensure_subjects,
    fault_of_standing,
    record_consent,
    standings_of,
)
from collector.subjects.cover import moment_of
from foundation.errors import Fault, InvalidBody
from foundation.failpoints import failpoint

Opened = Callable[[], AbstractContextManager[Session]]
LEAVES_NOTHING = frozenset({"erased", "consent_missing", "missing_field"})
"""Faults of a person: of a signal that nobody agreed to, or of somebody who left, no content is kept."""


@dataclass(frozen=True)
class Door:
    """All that a batch is judged by; read once, before the first signal."""

    project_id: int
    number: int
    file: ProjectFile
    file_of: Callable[[int], ProjectFile | None]
    names: Names
    is_ingest: bool
    has_erasures: bool
    readers: dict[int, PayloadReader] = field(default_factory=dict)

    def reader(self, number: int) -> tuple[ProjectFile, PayloadReader] | None:
        """A revision's file and its reader; None where there is no such revision."""
        file = self.file if number == self.number else self.file_of(number)
        if file is None:
            return None
        if number not in self.readers:
            self.readers[number] = reader_of(file, self.file)
        return file, self.readers[number]

    @cached_property
    def older(self) -> list[int]:
        """Older revisions, the newest first; of those that take the same signals only the newest."""
        newest_of: dict[Hashable, int] = {self.file.intake_rules: self.number}
        for number in range(self.number - 1, 0, -1):
            file = self.file_of(number)
            if file is not None:
                newest_of.setdefault(file.intake_rules, number)
        return list(newest_of.values())[1:]


def open_door(session: Session, project_id: int, names: Names, *, is_ingest: bool) -> Door:
    """The project as it stands now, and the older revisions an app may have been built for."""
    number, has_erasures = at_the_door(session, project_id)
    files = {revision: file_of(session, project_id, revision) for revision in range(1, number + 1)}
    return Door(project_id, number, files[number], files.get, names, is_ingest, has_erasures)


@dataclass(frozen=True, slots=True)
class Past:
    """What is stored already that decides a batch's fate; it grows with each signal of the batch."""

    standings: Mapping[uuid.UUID, Standing]
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
        standing = self.standings.get(candidate.subject_id) if candidate.subject_id else None
        return standing is not None and standing.is_shut_for(candidate.captured_at or candidate.received_at)


def open_batch(batch: SentBatch, opening: Opening) -> list[Candidate]:
    """Reads each signal's head; a consent in the envelope holds for every subject of the batch.

    Raises:
        InvalidBody: the envelope's consent is malformed.
    """
    faults: list[Fault] = []
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
) -> list[Result]:
    """The whole way: a glance at what the batch is judged by, no transaction while it is checked, one to write it."""
    with glance() as session:
        door = open_door(session, project_id, opening.names, is_ingest=is_ingest)
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
            results.append(_rejection(candidate))
    return Judged(results, rows)


def _kept(door: Door, candidate: Candidate) -> dict[str, Any] | None:
    """What a dead letter keeps of a signal; nothing where it was too large to be read, or no signal at all."""
    found = door.reader(candidate.revision or door.number)
    if not candidate.sent or found is None:
        return None
    file, reader = found
    return body_of(candidate, file, reader, door.names.pseudonym)


def write_batch(session: Session, project_id: int, judged: Judged) -> list[Result]:
    """Writes what was decided, in the caller's one transaction; the results as they hold once it commits."""
    lost = store.write(session, project_id, judged.rows)
    results = [_settled(result, lost, judged.rows) for result in judged.results]
    if unread := sum(dropped.is_of_context for result in results for dropped in result.dropped):
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
    newest_faults = _fill(door, candidate, door.number, offset)
    if newest_faults and not candidate.faults and door.older:
        if any(not _fill(door, candidate, number, offset) for number in door.older):
            return
        _fill(door, candidate, door.number, offset)
    candidate.faults.extend(newest_faults)


def _fill(door: Door, candidate: Candidate, number: int, offset: timedelta | None) -> list[Fault]:
    found = door.reader(number)
    if found is None:
        return [Fault("/revision", "wrong_value", "there is no such revision")]
    candidate.revision = number
    return fill(candidate, found[1], found[0], offset)


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
    standings = _record_consents(session, door, candidates)
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
        pairs={(c.subject_id, items[c.place]) for c in good if c.subject_id} if door.is_ingest else (),
        items=() if door.is_ingest else set(items.values()),
    )
    return Past(standings, stored.sources, stored.refused, suppressed, stored.seen)


def _record_consents(session: Session, door: Door, candidates: Sequence[Candidate]) -> dict[uuid.UUID, Standing]:
    """A person of whom nothing is kept gets no row."""
    privacy = door.file.privacy
    given_here = {(c.subject_id, c.consent) for c in candidates if c.subject_id and c.consent}
    known_here = {c.subject_id for c in candidates if c.subject_id and (c.consent or not c.faults)}
    everybody = {c.subject_id for c in candidates if c.subject_id}
    lock = Lock.FOR_CHANGE if given_here else Lock.AGAINST_ERASURE
    standings = standings_of(session, door.project_id, everybody, lock=lock)
    if new := known_here - standings.keys():
        all_new = ensure_subjects(session, door.project_id, new, privacy=privacy)
        standings |= {} if all_new else standings_of(session, door.project_id, new, lock=lock)
    for subject, given in sorted(given_here, key=lambda one: (one[0], one[1].given_at, not one[1].granted)):
        standings[subject] = record_consent(
            session,
            door.project_id,
            subject,
            given,
            privacy=privacy,
            now=candidates[0].received_at,
            may_lift=not door.is_ingest,
            standing=standings.get(subject),
        )
    return standings


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
    standing = past.standings.get(candidate.subject_id) if candidate.subject_id else None
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
    why = fault_of_standing(standing, door.file.privacy, moment)
    return Fault("/subject", "consent_missing", why) if why else None


def _content(door: Door, candidate: Candidate) -> dict[str, Any]:
    values = candidate.payload.values
    return {name: values[name] for name in door.file.identity if name in values}


def _take(door: Door, candidate: Candidate, item: uuid.UUID, past: Past) -> Result:
    """An app is told only what this person sent before; who holds a larger key, what anybody did."""
    mark = (candidate.subject_id if door.is_ingest else None, item)
    is_known = mark in past.seen and (mark[0] is not None or not door.is_ingest)
    past.seen.add(mark)
    if candidate.id:
        past.sources[candidate.id] = candidate.source
    status = Status.DUPLICATE if is_known else Status.ACCEPTED
    return _result(candidate, status, item=None if door.is_ingest else item)


def _result(candidate: Candidate, status: Status, *, item: uuid.UUID | None = None) -> Result:
    is_replay = status is Status.REPLAYED
    return Result(
        place=candidate.place,
        id=candidate.id,
        status=status,
        retry=Retry.NO,
        item=item,
        redactions={} if is_replay else candidate.redactions,
        dropped=() if is_replay else (*candidate.payload.dropped, *candidate.unread),
    )


def _rejection(candidate: Candidate) -> Result:
    # With any other fault no consent would help: the phone must not send it again and again.
    waits = all(fault.reason == "consent_missing" for fault in candidate.faults)
    retry = Retry.AFTER_CONSENT if waits else Retry.NO
    return Result(candidate.place, candidate.id, Status.REJECTED, retry, faults=tuple(candidate.faults))


def _settled(result: Result, lost: Mapping[uuid.UUID, bytes], rows: store.Rows) -> Result:
    """A neighbour may have stored the same id while we wrote: then ours is a replay, or a conflict."""
    if result.id is None or result.id not in lost or result.status is Status.REJECTED:
        return result
    if lost[result.id] == rows.source_of(result.id):
        return Result(result.place, result.id, Status.REPLAYED, Retry.NO)
    fault = Fault("/id", "id_conflict", "another signal with this id is stored: make a new id")
    return Result(result.place, result.id, Status.REJECTED, Retry.NO, faults=(fault,))
