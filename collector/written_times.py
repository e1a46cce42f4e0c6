"""Points in time as systems write them, read in one way wherever a signal, a header or a field has one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

FIRST_MOMENT, LAST_MOMENT = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
LEAP_SECOND = 60
LONGEST_TIME = 80
NO_ZONE = re.compile("[-+][0-9]{2}:?[6-9][0-9]$")
"""Python's parser takes an offset of 60 minutes and more for one."""
UNUSUAL_TIME = re.compile(
    r"""
    (?P<year>[0-9]{4}) (?P<dash>-?) (?P<month>[0-9]{2}) (?P=dash) (?P<day>[0-9]{2})
    [Tt\ ] (?P<hour>[0-9]{2}) (?P<colon>:?) (?P<minute>[0-9]{2})
    (?: (?P=colon) (?P<second>[0-9]{2}) (?: [.,] (?P<fraction>[0-9]{1,12}) )? )?
    \ ? (?: [Zz] | UTC | GMT
      | (?: UTC | GMT )? (?P<sign>[-+\N{MINUS SIGN}]) (?P<zone_hours>[0-9]{2}) (?: :? (?P<zone_minutes>[0-9]{2}) )? )
    (?: \[ [^\]]{1,40} \] )?
    """,
    re.VERBOSE,
)


def read_time(text: object) -> datetime | None:
    """A point in time, zone required, as systems write it (RFC 3339 and its relatives), in UTC; None for anything else.

    Read are also: no seconds, a leap second (the second after it), any digits of a fraction after a point or a comma,
    small letters, blanks before the time and the zone, zones such as `+0530`, `+05` and `UTC`, a zone's name in brackets
    behind the offset, no marks at all. What lies beyond the first or last moment that a datetime holds is that moment.

    >>> read_time("2026-11-22T08:26:18.123+01:00").isoformat()
    '2026-11-22T07:26:18.123000+00:00'
    >>> [read_time(text).isoformat()[11:19] for text in ("2026-11-22t08:26z", "20261122T082618+0530", "2016-12-31T23:59:60Z")]
    ['08:26:00', '02:56:18', '00:00:00']
    >>> read_time("2026-11-22T08:26:18") is None
    True
    """
    # Python's parser takes some texts with a NUL in them.
    if not isinstance(text, str) or len(text) > LONGEST_TIME or "\0" in text:
        return None
    # Places before parsing: Python's parser also takes week dates and other forms of ISO 8601, and later ones hour 24.
    is_usual = (
        20 <= len(text) <= 40
        and (text[4] == "-" and text[7] == "-" and text[10] in "Tt ")
        and (text[13] == ":" and text[16] == ":" and text[11:13] != "24")
        and not NO_ZONE.search(text, 19)
    )
    if is_usual:
        try:
            at = datetime.fromisoformat(text.replace("z", "Z"))
        except ValueError:
            return _read_unusual(text)
        return at if at.tzinfo is UTC else _in_utc(at) if at.tzinfo else None
    return _read_unusual(text)


def _read_unusual(text: str) -> datetime | None:
    found = UNUSUAL_TIME.fullmatch(text)
    if found is None:
        return None
    part = found.groupdict()
    second, zone_minutes = int(part["second"] or 0), int(part["zone_minutes"] or 0)
    if zone_minutes > 59:
        return None
    zone = timedelta(hours=int(part["zone_hours"] or 0), minutes=zone_minutes)
    is_leap = second == LEAP_SECOND
    try:
        at = datetime(
            int(part["year"]),
            int(part["month"]),
            int(part["day"]),
            int(part["hour"]),
            int(part["minute"]),
            second - is_leap,
            int((part["fraction"] or "")[:6].ljust(6, "0")),
            tzinfo=timezone(zone if part["sign"] == "+" else -zone),
        )
        return _in_utc(at + timedelta(seconds=is_leap))
    except ValueError:
        return None
    except OverflowError:
        return LAST_MOMENT


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return FIRST_MOMENT if at.year == FIRST_MOMENT.year else LAST_MOMENT
