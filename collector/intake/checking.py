"""What a signal says, read by the first revision that fits it: the payload, when it was, the conditions, the prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple, TypeGuard

from collector.intake.context import read_context, read_contexts
from collector.intake.door import Door
from collector.intake.event_time import ClockOffset, EventTime, TimeQuality, event_time_of
from collector.intake.heading import Heading
from collector.intake.payload import Payload
from collector.intake.predictions import read_prediction
from collector.intake.results import NOTHING_DROPPED, NOTHING_WRONG, Drops, together
from foundation.errors import Fault, Faults

NO_PAYLOAD = Payload({})
Clocks = Mapping[bytes, ClockOffset]
"""What is known of the devices' clocks, by device."""


class Checked(NamedTuple):
    """A signal as its revision reads it, not yet anonymized.

    Attributes:
        revision: the number of the one it was read by; 0 where there was nothing to read.
        dropped: what of the payload, the context and the prediction is not kept.
        faults: all that is wrong with it; of one without any, head and time are whole.
    """

    heading: Heading
    revision: int = 0
    payload: Payload = NO_PAYLOAD
    time: EventTime | None = None
    context: Mapping[str, Any] = {}
    prediction: Mapping[str, Any] | None = None
    dropped: Drops = NOTHING_DROPPED
    faults: Faults = NOTHING_WRONG

    @property
    def is_time_believed(self) -> bool:
        return self.time is not None and self.time.quality is not TimeQuality.IMPLAUSIBLE


def check_signals(door: Door, headings: Sequence[Heading], clocks: Clocks) -> list[Checked]:
    """By the revision that the app names, else by the newest that takes the signal; in the order given."""
    checked: dict[int, Checked] = {}
    by_revision: dict[int, list[Heading]] = {}
    for heading in headings:
        if heading.sent:
            by_revision.setdefault(_revision_of(heading, door.number), []).append(heading)
        else:
            checked[heading.place] = Checked(heading, faults=heading.faults)
    for number, some in by_revision.items():
        for one in _read_by(door, number, some, clocks):
            older = _older_revision_for(door, one) if one.faults else None
            checked[one.heading.place] = _read_by(door, older, [one.heading], clocks)[0] if older else one
    return [checked[heading.place] for heading in headings]


def _revision_of(heading: Heading, newest: int) -> int:
    named = heading.sent.get("revision")
    return named if _is_revision(named, newest) else newest


def _is_revision(named: Any, newest: int) -> TypeGuard[int]:
    return isinstance(named, int) and not isinstance(named, bool) and 0 < named <= newest


def _older_revision_for(door: Door, checked: Checked) -> int | None:
    """The newest revision that takes a payload which the newest of all does not; none where more than that is wrong."""
    sent = checked.heading.sent
    payload = sent.get("payload")
    is_payload_alone = checked.faults.total == checked.payload.faults.total
    if not is_payload_alone or not isinstance(payload, dict) or door.number == 1 or sent.get("revision") is not None:
        return None
    return door.history.newest_accepting(payload)


def _read_by(door: Door, number: int, headings: Sequence[Heading], clocks: Clocks) -> list[Checked]:
    """Signals as one revision reads them."""
    file, reader = door.reader(number)
    payloads = reader.read_all([heading.sent.get("payload") for heading in headings])
    times = [_time_of(heading, clocks) for heading in headings]
    believed = [None if time is None or time.quality is TimeQuality.IMPLAUSIBLE else time.at for time in times]
    contexts = read_contexts([heading.sent.get("context") for heading in headings], file, believed)
    return [
        Checked(heading, number, payload, time, context, None, payload.dropped)
        if context is not None and not (heading.faults or payload.faults) and _is_plain(heading, time)
        else _checked(door, number, heading, payload, time)
        for heading, payload, time, context in zip(headings, payloads, times, contexts, strict=True)
    ]


def _is_plain(heading: Heading, time: EventTime | None) -> bool:
    """Whether nothing more is to be said of a signal whose payload and context are whole."""
    sent = heading.sent
    is_usual = "prediction" not in sent and "revision" not in sent
    return is_usual and time is not None and not time.is_too_old(heading.arrival.received_at)


def _checked(door: Door, number: int, heading: Heading, payload: Payload, time: EventTime | None) -> Checked:
    """One signal, whatever it is."""
    sent, faults = heading.sent, Faults(heading.faults)
    file, _ = door.reader(number)
    if (named := sent.get("revision")) is not None and not _is_revision(named, door.number):
        faults.append(Fault("/revision", "wrong_value", f"must be a revision of the project, 1 to {door.number}"))
    faults.extend(payload.faults)
    if time is not None and time.is_too_old(heading.arrival.received_at):
        faults.append(Fault("/captured_at", "too_old", "the signal is more than 30 days old"))
    at = time.at if time and time.quality is not TimeQuality.IMPLAUSIBLE else None
    context, dropped, wrong = read_context(sent.get("context"), file, at)
    faults.extend(wrong)
    prediction = None
    if (predicted := sent.get("prediction")) is not None:
        dropped = Drops(dropped)
        prediction = read_prediction(predicted, faults, dropped)
    dropped = together(payload.dropped, dropped)
    return Checked(heading, number, payload, time, context, prediction, dropped, faults or NOTHING_WRONG)


def _time_of(heading: Heading, clocks: Clocks) -> EventTime | None:
    """When it was by our clock; None where nobody can know."""
    captured_at, arrival = heading.captured_at, heading.arrival
    if captured_at is None:
        return None
    clock = clocks.get(heading.device) if heading.device else None
    unnamed = arrival.received_at - arrival.sent_at if arrival.sent_at else None
    offset: timedelta | None = clock.offset if clock else unnamed
    return event_time_of(captured_at, arrival.received_at, age_ms=heading.age_ms, offset=offset)
