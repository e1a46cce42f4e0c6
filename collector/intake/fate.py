"""What becomes of each signal of a batch, decided by what is stored already: pure, and the same however often it is asked."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from collector.intake.checking import Checked
from collector.intake.cleaning import Clean
from collector.intake.door import Door
from collector.intake.people import People, Person
from collector.intake.results import NOTHING_WRONG, Status
from collector.subjects.consent import fault_of_standing
from collector.subjects.cover import moment_of
from foundation.errors import Fault, Faults

LEAVES_NOTHING: Final = frozenset({"erased", "consent_missing", "missing_field"})
"""Faults of a person: of a signal that nobody agreed to, or of somebody who left, no content is kept."""

ID_TAKEN: Final = Fault("/id", "id_conflict", "another signal with this id is stored: make a new id")


@dataclass(frozen=True, slots=True)
class Past:
    """What is stored that decides a batch's fate.

    Attributes:
        sources: ids that are stored, with the hash of what was sent then.
        suppressed: of the ids' hashes, those of signals that were erased.
    """

    people: People
    sources: Mapping[uuid.UUID, bytes] = field(default_factory=dict)
    suppressed: frozenset[bytes] = frozenset()


class Fate(NamedTuple):
    """A signal, and what becomes of it: `clean` where it is to be stored, else the faults, or a replay.

    `leaves_nothing`: it is refused, and none of its content is kept.
    """

    checked: Checked
    person: Person
    status: Status
    clean: Clean | None = None
    faults: Faults = NOTHING_WRONG
    leaves_nothing: bool = False


def judge(door: Door, checked: Sequence[Checked], cleaned: Mapping[int, Clean], past: Past) -> list[Fate]:
    """The fate of each signal, in the order sent: an earlier one of the batch is past for a later one.

    Args:
        cleaned: by place, the signals that have no fault.
    """
    sources = dict(past.sources)
    fates = []
    for one in checked:
        fate = _fate_of(door, one, cleaned.get(one.heading.place), past, sources)
        if fate.status is Status.ACCEPTED and one.heading.id:
            sources[one.heading.id] = one.heading.source
        fates.append(fate)
    return fates


def _fate_of(door: Door, checked: Checked, clean: Clean | None, past: Past, sources: Mapping[uuid.UUID, bytes]) -> Fate:
    heading = checked.heading
    person = past.people.of(heading)
    is_shut = person.is_shut_for(heading)
    stored = sources.get(heading.id) if heading.id else None
    # What the rules say by now of a signal that is stored, to stay, does not matter.
    if stored is not None and stored == heading.source and not is_shut:
        return Fate(checked, person, Status.REPLAYED)
    fault = None
    if past.suppressed or is_shut or stored is not None:
        fault = _fault_of_stored(door, checked, past.suppressed, is_shut=is_shut, is_taken=stored is not None)
    if fault is None and heading.sent:  # of what could not be read nobody knows the person
        fault = _fault_of_consent(door, checked, person)
    if fault is None and clean is not None:
        return Fate(checked, person, Status.ACCEPTED, clean)
    faults = Faults(checked.faults)
    faults.extend([fault] if fault else [])
    leaves_nothing = fault is not None and fault.reason in LEAVES_NOTHING
    return Fate(checked, person, Status.REJECTED, None, faults, leaves_nothing)


def _fault_of_stored(
    door: Door, checked: Checked, suppressed: frozenset[bytes], *, is_shut: bool, is_taken: bool
) -> Fault | None:
    """What of all that is stored speaks against a signal: it was erased, its person left, or its id is taken."""
    heading = checked.heading
    if suppressed and heading.id and door.names.signal_hmac(heading.id) in suppressed:
        return Fault("/id", "erased", "this signal was erased on request and does not come back")
    if is_shut:
        return Fault(
            "/subject", "erased", "this person's data was erased; a consent given since opens the door to new signals"
        )
    return ID_TAKEN if is_taken and not checked.faults else None


def _fault_of_consent(door: Door, checked: Checked, person: Person) -> Fault | None:
    heading, privacy = checked.heading, door.file.privacy
    if heading.subject_id is None and not privacy.consent_required:
        return None
    if heading.subject_id is None and heading.sent.get("subject") is None:
        return Fault("/subject", "missing_field", "is required: without a person no consent can ever cover this signal")
    # A clock that cannot be believed rejects nothing: the capture was no later than now, so the consent must not be either.
    received_at = heading.arrival.received_at
    captured_at = heading.captured_at or received_at
    moment = moment_of(captured_at, received_at, is_believed=checked.is_time_believed)
    if person.standing is not None and person.standing.cover.holds_for(moment):
        return None
    why = fault_of_standing(person.standing, privacy, moment)
    return Fault("/subject", "consent_missing", why) if why else None
