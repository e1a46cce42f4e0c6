"""When it was, by CONTRACT 3."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from collector.intake.event_time import (
    FIRST_MOMENT,
    JUMP,
    LAST_MOMENT,
    MAX_OFFSET,
    ClockOffset,
    TimeQuality,
    event_time_of,
    next_offset,
    read_time,
)
from collector.models import Signal
from foundation.database import Database, unit_of_work, utc_now
from tests.signals import Phone, make_signal

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


class TestReadTime:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("2026-11-22T08:00:00Z", 0),
            ("2026-11-22t08:00:00z", 0),
            ("2026-11-22T09:00:00+01:00", 0),
            ("2026-11-22T08:00:00.123Z", 0.123),
            ("2026-11-22t08:00:01+00:00", 1),
            ("2026-11-22 08:00:01.5-00:00", 1.5),
            ("2026-11-22T08:00:00.123456789Z", 0.123456),
            # without seconds
            *(("2026-11-22T08:00Z", 0), ("2026-11-22T09:00+01:00", 0), ("2026-11-22t08:00z", 0)),
            # a leap second is the second after it
            *(("2026-11-22T07:59:60Z", 0), ("2026-11-22T08:59:60+01:00", 0), ("2026-11-22T07:59:60.5Z", 0.5)),
            # zones
            *(("2026-11-22T13:30:00+0530", 0), ("2026-11-22T13:00:00+05", 0), ("2026-11-22T03:00:00\N{MINUS SIGN}05:00", 0)),
            *(("2026-11-22T08:00:00 UTC", 0), ("2026-11-22T08:00:00GMT", 0), ("2026-11-22 09:00:00 GMT+0100", 0)),
            *(("2026-11-22 08:00:00 +0000", 0), ("2026-11-22T09:00:00+01:00[Europe/Berlin]", 0), ("2026-11-22T08:00Z[UTC]", 0)),
            *(("20261122T085900+0059", 0), ("20261122T070100-0059", 0)),
            # fractions
            *(("2026-11-22T08:00:00,25Z", 0.25), ("2026-11-22T08:00:00.123456789+0000", 0.123456)),
            ("2026-11-22T08:00:00,1+00:00", 0.1),
            # no marks
            *(("20261122T080001Z", 1), ("20261122T0800Z", 0), ("20261122T133000.5+0530", 0.5)),
        ],
    )  # fmt: skip
    def test_as_systems_write_it_it_is_read(self, text: str, seconds: float) -> None:
        assert read_time(text) == NOW + timedelta(seconds=seconds)

    @pytest.mark.parametrize(
        "text",
        [
            *("", "2026-11-22", "2026-11-22T08:00:00", "08:00:00Z", "2026-11-22T08:00", "20261122T080000Z00000"),
            *("2026-11-22T24:00:00Z", "2026-11-22T08:00:61Z", "2026-02-30T00:00:00Z", "0000-01-01T00:00:00Z"),
            *(
                "2026-11-22T08Z",
                "2026-11-22T08+01:00:00",
                "20261122T090000+0060",
                "2026-11-22T09:00:00+00:60",
                "2026-11-22T09:00:00+0099",
                "2026-1122T08:00Z",
                "2026-11-22  08:00Z",
            ),
            *(
                "2026-11-22T08:00:00[Europe/Berlin]",
                "+002026-11-22T08:00:00Z",
                "2026-11-22T08:00:00+5",
                "26-11-22T08:00Z",
            ),
            *("9999-13-31T23:59:59Z", "2026-W47-7T08:26:18Z", "2026-327T08:26:18.00Z", "２０２６-11-22T08:00:00Z"),
            *("2026-11-22T08:00:00+25:00", "2026-11-22T08:00:00Zx", "2026-11-22T08:00:00Z" + " " * 30),
            *(None, 1e9, 1763798400, True, b"2026-11-22T08:00:00Z", ["2026-11-22T08:00:00Z"]),
        ],
    )
    def test_everything_else_is_none(self, text: object) -> None:
        assert read_time(text) is None

    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("9998-12-31T23:59:59Z", datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC)),
            ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
            ("9999-12-31T23:59:59-12:00", datetime.max.replace(tzinfo=UTC)),
            ("9999-12-31T23:59:60Z", datetime.max.replace(tzinfo=UTC)),
            ("9999-12-31T23:59-12:00", datetime.max.replace(tzinfo=UTC)),
            ("0001-01-01T00:00:00+01:00", datetime.min.replace(tzinfo=UTC)),
        ],
    )
    def test_the_ends_of_the_calendar_are_read(self, text: str, moment: datetime) -> None:
        assert read_time(text) == moment

    @given(st.datetimes(timezones=st.timezones()), st.sampled_from(["minutes", "seconds", "milliseconds"]))
    def test_its_shorter_forms_are_the_same_moment(self, moment: datetime, spec: str) -> None:
        written = moment.isoformat(timespec=spec)
        if (moment.utcoffset() or timedelta()) % MINUTE:
            return  # local mean times with seconds are no RFC 3339
        read = read_time(written)
        marks = str.maketrans("", "", "-:")
        plain = written[:10].translate(marks) + written[10:19].replace(":", "") + written[19:].replace(":", "")

        assert read is not None
        assert read in {LAST_MOMENT, FIRST_MOMENT} or read == datetime.fromisoformat(written).astimezone(UTC)
        assert spec == "minutes" or read_time(plain) == read

    @given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.timezones()))  # noqa: DTZ001
    def test_what_it_reads_is_the_same_moment_in_utc(self, moment: datetime) -> None:
        read = read_time(moment.isoformat())

        if moment.utcoffset() and (moment.utcoffset() or timedelta()) % MINUTE:
            return  # local mean times with seconds are no RFC 3339
        assert read == moment.astimezone(UTC)
        assert read is not None
        assert read.tzinfo is UTC

    def test_the_longest_form_has_eighty_characters(self) -> None:
        longest = f"2026-11-22T08:00:00.{'1' * 12}+00:00[{'x' * 40}]"

        assert len(longest) == 80
        assert read_time(longest) is not None
        assert read_time(longest.replace("x]", "xx]")) is None

    @given(st.text())
    def test_no_text_raises(self, text: str) -> None:
        read_time(text)


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
