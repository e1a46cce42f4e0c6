"""A batch's way in, in stages; each returns what the next one needs, and none changes what it was given.

heading (who, when, id) -> checked by the first revision that fits -> clean -> fate, by what is stored -> rows -> result

`prepare` does what needs no transaction, `admit` the rest in one.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from sqlmodel import Session

from collector.intake import store
from collector.intake.checking import Checked, check_signals
from collector.intake.cleaning import Clean, clean_signals
from collector.intake.dead_letters import body_of, letter_of
from collector.intake.door import Door, door_of
from collector.intake.event_time import ClockOffset, next_offset
from collector.intake.fate import ID_TAKEN, Fate, Past, judge
from collector.intake.heading import Arrival, Heading, Opening, devices_of
from collector.intake.people import People, meet_people
from collector.intake.results import NOTHING_DROPPED, Dropped, Drops, Result, Retry, Status, together
from collector.intake.views import Mark, View, view_of
from collector.items.settling import ITEM
from collector.project_lock import hold_with_others
from collector.queries import CONTEXT_DROPPED, AtTheDoor, file_at
from collector.subjects.proof import Speaker
from foundation.database import Database, glance, unit_of_work
from foundation.errors import Faults
from foundation.failpoints import failpoint
from foundation.steps import has_steps, owe


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch that was checked and anonymized, in memory.

    Attributes:
        checked: in the order sent; cleaned: by place, those without a fault.
    """

    door: Door
    checked: Sequence[Checked]
    cleaned: Mapping[int, Clean]

    @property
    def headings(self) -> list[Heading]:
        return [one.heading for one in self.checked]

    @property
    def refused(self) -> frozenset[int]:
        """The places of those that are wrong whoever sent them."""
        return frozenset(one.heading.place for one in self.checked if one.faults)


class Admitted(NamedTuple):
    """What became of a batch: results in the order sent, and what was refused."""

    results: list[Result]
    refused: list[Fate]


def take_in(
    database: Database,
    project_id: int,
    found: AtTheDoor,
    opening: Opening,
    headings: Sequence[Heading],
    *,
    speaker: Speaker,
) -> list[Result]:
    """The whole way: what the batch is judged by, no transaction while it is checked, one to write it."""
    read = partial(glance, database)
    file = file_at(database, project_id, found.revision)
    door = door_of(found, file, project_id, opening.names, speaker=speaker, read=read)
    known: Mapping[bytes, ClockOffset] = {}
    if found.has_clocks:
        with read() as session:
            known = store.known_clocks(session, project_id, devices_of(headings))
    clocks = clocks_of(headings, known, opening.arrival)
    changed = {device: clock for device, clock in clocks.items() if known.get(device) != clock}
    batch = prepare(door, headings, clocks)
    write = partial(_write, database, batch, changed)
    try:
        return write(boldly=True)
    except store.IdTaken:
        return write(boldly=False)


def clocks_of(
    headings: Sequence[Heading], known: Mapping[bytes, ClockOffset], arrival: Arrival
) -> Mapping[bytes, ClockOffset]:
    """The devices' clocks as they stand after this batch; unchanged where the phone did not say when it sent."""
    if arrival.sent_at is None:
        return known
    sent_at, received_at = arrival.sent_at, arrival.received_at
    return {device: next_offset(known.get(device), sent_at, received_at) for device in devices_of(headings)}


def prepare(door: Door, headings: Sequence[Heading], clocks: Mapping[bytes, ClockOffset]) -> Prepared:
    """Checks and anonymizes every signal."""
    checked = check_signals(door, headings, clocks)
    cleaned = clean_signals(door, [one for one in checked if not one.faults])
    return Prepared(door, checked, {clean.checked.heading.place: clean for clean in cleaned})


def admit(session: Session, batch: Prepared, *, boldly: bool) -> Admitted:
    """Decides each signal's fate by what is stored, and stores what is taken, in the caller's one transaction.

    Args:
        boldly: whether the signals are thought to be new; where one is not, nothing of the batch holds.

    Raises:
        IdTaken: one is not, and the transaction has to be begun anew.
    """
    door = batch.door
    hold_with_others(session, door.project_id)
    people = meet_people(
        session, door.project_id, batch.headings, batch.refused, privacy=door.file.privacy, speaker=door.speaker
    )
    fates = _fates(session, batch, people, looks_first=not boldly)
    are_ready = not has_steps(ITEM)
    rows = store.rows_of(door.project_id, door.file.scrub_hash, fates, are_ready=are_ready)
    view = view_of(people)
    there = store.put_items(session, rows)
    if not are_ready:
        _owe_steps(session, batch, [row[store.ID] for row in rows.items if row[store.ID] not in there])
    marks = [view.mark_of(fate) for fate in fates]
    seen = _seen(session, door, marks, there=there)
    lost: Mapping[uuid.UUID, bytes] = {}
    if boldly:
        store.put_signals_boldly(session, rows)
    else:
        lost = store.put_signals(session, door.project_id, rows)
    if door.has_letters:
        store.forget_letters(session, door.project_id, [row[store.ID] for row in rows.signals])
    results = list(_results(fates, marks, view, seen, lost))
    if unread := sum(result.dropped.n_of_context for result in results if result.dropped):
        store.count_up(session, door.project_id, CONTEXT_DROPPED, unread, slot=rows.signals[0][store.ID].int)
    failpoint("collector.before_commit")
    return Admitted(results, [fate for fate in fates if fate.status is Status.REJECTED])


def _write(database: Database, batch: Prepared, clocks: Mapping[bytes, ClockOffset], *, boldly: bool) -> list[Result]:
    with unit_of_work(database) as session:
        admitted = admit(session, batch, boldly=boldly)
        letters = [_letter(batch.door, fate) for fate in admitted.refused]
        store.put_letters(session, batch.door.project_id, letters)
        store.keep_clocks(session, batch.door.project_id, clocks)
    return admitted.results


def _fates(session: Session, batch: Prepared, people: People, *, looks_first: bool) -> list[Fate]:
    """Whether a signal is stored already is asked where one is refused, for a replay of it is not; else storing it will tell."""
    door = batch.door
    ids = [heading.id for heading in batch.headings if heading.id]
    suppressed = frozenset[bytes]()
    if door.has_erasures:
        hmacs = [door.names.signal_hmac(known) for known in ids]
        suppressed = frozenset(store.suppressed_among(session, door.project_id, hmacs))
    fates = judge(door, batch.checked, batch.cleaned, Past(people, {}, suppressed))
    if looks_first or any(fate.status is Status.REJECTED for fate in fates):
        sources = store.sources_of(session, door.project_id, ids)
        fates = judge(door, batch.checked, batch.cleaned, Past(people, sources, suppressed))
    return fates


def _owe_steps(session: Session, batch: Prepared, items: Sequence[uuid.UUID]) -> None:
    """What has to be done with new items before they are ready."""
    if items:
        now = batch.headings[0].arrival.received_at
        owe(session, ITEM, batch.door.project_id, *map(str, items), now=now)


def _seen(session: Session, door: Door, marks: Sequence[Mark | None], *, there: Collection[uuid.UUID]) -> set[Mark]:
    """What the caller may know of contents that were there. An app asks whether they were or not: the time tells nothing."""
    if not door.speaker.is_app:
        return {(None, item) for item in there}
    subjects = {mark[0] for mark in marks if mark and mark[0]}
    return set(store.pairs_among(session, door.project_id, subjects, there)) if subjects else set()


def _results(
    fates: Sequence[Fate], marks: Sequence[Mark | None], view: View, seen: set[Mark], lost: Mapping[uuid.UUID, bytes]
) -> Iterable[Result]:
    """In the order sent; a content is a duplicate from its second time on, within the batch too.

    Args:
        marks: of each fate, by what the caller may know that its content was sent before.
        lost: what a neighbour stored while this batch was on its way: a replay, or a conflict.
    """
    for fate, mark in zip(fates, marks, strict=True):
        checked, heading, person = fate.checked, fate.checked.heading, fate.person
        unproven = UNPROVEN if person.is_bound and person.leaves_out_consent_of(heading) else NOTHING_DROPPED
        theirs = lost.get(heading.id) if lost and heading.id else None
        if fate.status is Status.REJECTED:
            yield _rejection(heading, view.told(fate), unproven)
        elif fate.clean is None or (theirs is not None and theirs == heading.source):
            yield Result(heading.place, heading.id, Status.REPLAYED, Retry.NO, dropped=unproven)
        elif theirs is not None:
            yield _rejection(heading, Faults([ID_TAKEN]), unproven)
        else:
            n_seen = len(seen)
            if mark is not None:
                seen.add(mark)
            status = Status.DUPLICATE if mark is not None and len(seen) == n_seen else Status.ACCEPTED
            dropped = together(unproven, checked.dropped) if unproven else checked.dropped
            yield Result(
                heading.place, heading.id, status, Retry.NO, view.item_of(fate), fate.clean.redactions, dropped
            )


UNPROVEN = Drops([Dropped("/consent", "consent_unproven")])
"""What is said of a signal whose consent was left out; shared, and never added to."""


def _rejection(heading: Heading, faults: Faults, unproven: Drops) -> Result:
    # With any other fault no consent would help: the phone must not send it again and again.
    waits = all(fault.reason == "consent_missing" for fault in faults)
    retry = Retry.AFTER_CONSENT if waits else Retry.NO
    return Result(heading.place, heading.id, Status.REJECTED, retry, dropped=unproven, faults=faults)


def _letter(door: Door, fate: Fate) -> dict[str, Any]:
    body = None
    if fate.checked.heading.sent and not fate.leaves_nothing:
        file, reader = door.reader(fate.checked.revision or door.number)
        body = body_of(fate.checked, file, reader, door.names.pseudonym)
    return letter_of(
        fate.checked,
        fate.faults,
        door.project_id,
        revision=door.number,
        kept_for=timedelta(days=door.file.dead_letters_days),
        proven=fate.person.has_proven(fate.checked.heading),
        body=body,
    )
