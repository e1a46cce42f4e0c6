"""When it was: the moment of capture by our clock, and how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

MAX_OFFSET = timedelta(hours=25)
JUMP = timedelta(seconds=60)
OFFSET_LIFE = timedelta(hours=24)
IMPLAUSIBLE_PAST = timedelta(days=3652)
IMPLAUSIBLE_FUTURE = timedelta(hours=25)
TOO_OLD = timedelta(days=30)


class TimeQuality(StrEnum):
    MONOTONIC = "monotonic"
    CORRECTED = "corrected"
    RAW = "raw"
    IMPLAUSIBLE = "implausible"


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """A device's smallest received − sent, and since when it is known."""

    offset: timedelta
    since: datetime


class EventTime(NamedTuple):
    at: datetime
    quality: TimeQuality

    def is_too_old(self, received_at: datetime) -> bool:
        """More than 30 days ago, by a clock that can be believed."""
        return self.quality is not TimeQuality.IMPLAUSIBLE and self.at < received_at - TOO_OLD


def next_offset(known: ClockOffset | None, sent_at: datetime, received_at: datetime) -> ClockOffset:
    """The offset after one more sample: the smallest within a day, since a slow network only ever adds; reset by a jump."""
    sample = received_at - sent_at
    if known is None or received_at - known.since > OFFSET_LIFE or abs(sample - known.offset) > JUMP:
        return ClockOffset(sample, received_at)
    return ClockOffset(min(known.offset, sample), known.since)


def event_time_of(
    captured_at: datetime, received_at: datetime, *, age_ms: float | None, offset: timedelta | None
) -> EventTime:
    """When a signal was captured, by our clock.

    Args:
        captured_at, received_at: in UTC.
        age_ms: how long ago by the phone's monotonic clock, at the moment of sending.
        offset: what to add to the phone's clock; bounded to ±25 h.
    """
    if age_ms is not None:
        try:
            return _judged(received_at - timedelta(milliseconds=age_ms), TimeQuality.MONOTONIC, received_at)
        except OverflowError:
            return EventTime(captured_at, TimeQuality.IMPLAUSIBLE)
    if offset is None:
        return _judged(captured_at, TimeQuality.RAW, received_at)
    try:
        at = captured_at + min(max(offset, -MAX_OFFSET), MAX_OFFSET)
    except OverflowError:
        return EventTime(captured_at, TimeQuality.IMPLAUSIBLE)
    return _judged(at, TimeQuality.CORRECTED, received_at)


def _judged(at: datetime, quality: TimeQuality, received_at: datetime) -> EventTime:
    believable = -IMPLAUSIBLE_FUTURE <= received_at - at <= IMPLAUSIBLE_PAST
    return EventTime(at, quality if believable else TimeQuality.IMPLAUSIBLE)
