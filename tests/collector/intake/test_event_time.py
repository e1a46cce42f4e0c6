"""When it was, by CONTRACT 3."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from collector.intake.event_time import (
    JUMP,
    MAX_OFFSET,
    ClockOffset,
    TimeQuality,
    event_time_of,
    next_offset,
)
from collector.models import Signal
from foundation.database import Database, unit_of_work, utc_now
from tests.signals import Phone, make_signal

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


class TestOffset:
    def test_the_smallest_sample_of_a_day_counts(self) -> None:
        known = None
        for delay in (5, 2, 9):
            known = next_offset(known, NOW - timedelta(seconds=delay), NOW)

        assert known == ClockOffset(timedelta(seconds=2), NOW)

    def test_a_jump_of_more_than_a_minute_resets_it(self) -> None:
        known = ClockOffset(timedelta(seconds=2), NOW)

        later = next_offset(known, NOW, NOW + timedelta(seconds=3) + JUMP)

        assert later.offset == timedelta(seconds=3) + JUMP

    def test_after_a_day_it_begins_again(self) -> None:
        known = ClockOffset(timedelta(seconds=2), NOW)

        later = next_offset(known, NOW + timedelta(hours=25), NOW + timedelta(hours=25, seconds=8))

        assert later == ClockOffset(timedelta(seconds=8), NOW + timedelta(hours=25, seconds=8))

    def test_at_the_very_limits_it_is_kept(self) -> None:
        known, a_day_later = ClockOffset(timedelta(seconds=2), NOW), NOW + timedelta(hours=24)

        assert next_offset(known, NOW, NOW + known.offset + timedelta(seconds=60)) == known
        assert next_offset(known, a_day_later - known.offset, a_day_later) == known

    def test_just_beyond_the_limits_it_is_not(self) -> None:
        known, too_late = ClockOffset(timedelta(seconds=2), NOW), NOW + timedelta(hours=24) + TICK

        assert next_offset(known, NOW, NOW + known.offset + timedelta(seconds=60) + TICK) != known
        assert next_offset(known, too_late - known.offset, too_late) != known


class TestEventTime:
    def test_the_monotonic_clock_wins(self) -> None:
        found = event_time_of(NOW - timedelta(days=400), NOW, age_ms=5000, offset=timedelta(hours=1))

        assert (found.at, found.quality) == (NOW - timedelta(seconds=5), TimeQuality.MONOTONIC)

    def test_the_offset_corrects_the_clock(self) -> None:
        found = event_time_of(NOW - timedelta(hours=2), NOW, age_ms=None, offset=timedelta(hours=1))

        assert (found.at, found.quality) == (NOW - timedelta(hours=1), TimeQuality.CORRECTED)

    def test_the_offset_is_bounded(self) -> None:
        found = event_time_of(NOW - timedelta(days=3), NOW, age_ms=None, offset=timedelta(days=5 * 365))

        assert found.at == NOW - timedelta(days=3) + MAX_OFFSET

    def test_without_either_it_is_raw(self) -> None:
        assert event_time_of(NOW, NOW, age_ms=None, offset=None).quality is TimeQuality.RAW

    @pytest.mark.parametrize("year", [1, 1970, 2015, 2028, 2099, 9998, 9999])
    def test_a_year_nobody_believes_is_implausible_and_never_too_old(self, year: int) -> None:
        found = event_time_of(NOW.replace(year=year), NOW, age_ms=None, offset=None)

        assert found.quality is TimeQuality.IMPLAUSIBLE
        assert not found.is_too_old(NOW)

    def test_thirty_days_are_the_limit(self) -> None:
        for days, is_too_old in ((29.9, False), (30.1, True)):
            found = event_time_of(NOW - timedelta(days=days), NOW, age_ms=None, offset=None)
            assert found.is_too_old(NOW) is is_too_old

    @pytest.mark.parametrize(
        ("away", "beyond"), [(timedelta(days=-3652), -TICK), (timedelta(hours=25), TICK)], ids=["past", "future"]
    )
    def test_the_limits_of_belief_are_believed_and_a_microsecond_more_is_not(
        self, away: timedelta, beyond: timedelta
    ) -> None:
        qualities = [
            event_time_of(NOW + away + more, NOW, age_ms=None, offset=None).quality for more in (timedelta(), beyond)
        ]

        assert qualities == [TimeQuality.RAW, TimeQuality.IMPLAUSIBLE]

    def test_thirty_days_to_the_microsecond_are_not_too_old(self) -> None:
        for more, is_too_old in ((timedelta(), False), (TICK, True)):
            found = event_time_of(NOW - timedelta(days=30) - more, NOW, age_ms=None, offset=None)
            assert found.is_too_old(NOW) is is_too_old

    @given(
        captured=st.datetimes(timezones=st.just(UTC)),
        age_ms=st.none() | st.floats(min_value=0, max_value=1e18),
        offset=st.none() | st.timedeltas(),
    )
    def test_no_times_raise(self, captured: datetime, age_ms: float | None, offset: timedelta | None) -> None:
        found = event_time_of(captured, NOW, age_ms=age_ms, offset=offset)

        assert found.at.tzinfo is not None


class TestTheDevicesClock:
    """`Winnow-Sent-At`, over HTTP."""

    def test_an_attempt_that_says_when_it_was_sent_is_put_right_without_a_device(
        self, phone: Phone, database: Database
    ) -> None:
        self.send(phone, slow_by=HOUR, device=None)

        assert self.stored_off_by(database) == [(TimeQuality.CORRECTED, HOUR)]

    def test_a_devices_clock_is_known_from_its_earlier_attempts(self, phone: Phone, database: Database) -> None:
        self.send(phone, slow_by=HOUR, device="pixel-1")
        phone.send(make_signal(device="pixel-1"))
        phone.send(make_signal(device="pixel-2"))

        found = self.stored_off_by(database)

        assert found == [
            (TimeQuality.CORRECTED, HOUR),
            (TimeQuality.CORRECTED, HOUR),
            (TimeQuality.RAW, timedelta()),
        ]

    def send(self, phone: Phone, *, slow_by: timedelta, device: str | None) -> None:
        phone.send(make_signal(device=device), Winnow_Sent_At=(utc_now() - slow_by).isoformat())

    def stored_off_by(self, database: Database) -> list[tuple[TimeQuality, timedelta]]:
        """How far each signal was moved, to the minute, in the order they came."""
        with unit_of_work(database, read_only=True) as session:
            rows = session.exec(select(Signal).order_by(Signal.received_at)).all()  # type: ignore[arg-type]
        return [(row.time_quality, round((row.event_time - row.captured_at) / MINUTE) * MINUTE) for row in rows]
