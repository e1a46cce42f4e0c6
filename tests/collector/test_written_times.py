"""Points in time as phones, servers and people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.written_times import FIRST_MOMENT, LAST_MOMENT, read_time

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


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
