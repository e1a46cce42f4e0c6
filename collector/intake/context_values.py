"""What phones write into their context, read as what it says; each reader gives the value to keep, None for "not known", or why it cannot be read.

An operating system or a library writes these values, not the app's author, so the usual spellings of all of them are read.
"""

from __future__ import annotations

import math
import re
import unicodedata
import zoneinfo
from collections.abc import Callable, Mapping
from datetime import timedelta, timezone, tzinfo
from enum import StrEnum
from functools import lru_cache
from typing import Any

from collector.anonymization.scrub import scrub_text

MAX_TEXT = 120
MAX_ATTRIBUTE = 1e6
KM_PER_DEGREE = 111.32
UNKNOWN = frozenset({"", "unknown", "undefined", "null", "(null)", "nil", "n/a"})
"""How systems and libraries write that they do not know."""
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_() -]{0,39}")
NUMBER = re.compile(r"[-+]?[0-9]{1,15}(\.[0-9]{1,20})?")
OS_NAMES = {"iphone os": "ios", "iphoneos": "ios"}
Reader = Callable[[Any], Any]


class Unread(StrEnum):
    """Why a value of the context was not kept."""

    WRONG_TYPE = "wrong_type"
    WRONG_VALUE = "wrong_value"
    OUT_OF_RANGE = "out_of_range"
    NOT_IN_LIST = "not_in_list"
    TOO_LONG = "too_long"
    NUL_CHARACTER = "nul_character"


def read_text(value: Any) -> str | Unread | None:
    """A text, scrubbed, in NFC.

    >>> read_text(" Pixel 8 "), read_text(""), read_text(5)
    ('Pixel 8', None, <Unread.WRONG_TYPE: 'wrong_type'>)
    """
    if not isinstance(value, str):
        return Unread.WRONG_TYPE
    return _plain(value) if len(value) <= MAX_TEXT else Unread.TOO_LONG


@lru_cache(maxsize=8192)
def _plain(text: str) -> str | Unread | None:
    """Device names repeat, so the answers are kept."""
    text = unicodedata.normalize("NFC", text.strip())
    if text.lower() in UNKNOWN:
        return None
    return Unread.NUL_CHARACTER if "\0" in text else scrub_text(text).text


def read_attribute(value: Any) -> Any:
    """An attribute of the project's own: a text, a truth, or a number too small to be somebody's."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if abs(value) < MAX_ATTRIBUTE else Unread.OUT_OF_RANGE
    return read_text(value)


def read_version(value: Any) -> str | Unread | None:
    """A version such as 15 or 3.2.1; a whole number is one too, but 3.1 may have been 3.10."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_ATTRIBUTE:
        return str(value)
    return _version(value) if isinstance(value, str) and len(value) <= MAX_TEXT else _unfit(value)


def _unfit(value: Any) -> Unread:
    """Of what has a form of its own, no text is so long."""
    return Unread.WRONG_VALUE if isinstance(value, str) else Unread.WRONG_TYPE


@lru_cache(maxsize=8192)
def _version(text: str) -> str | Unread | None:
    text = text.strip()
    if text.lower() in UNKNOWN:
        return None
    if not VERSION.fullmatch(text):
        return Unread.WRONG_VALUE
    found = scrub_text(text)
    # A version of four numbers is no IP address.
    return text if all(entity.type == "IP_ADDRESS" for entity in found.entities) else found.text


def read_os_name(value: Any) -> str | Unread | None:
    text = read_text(value)
    return text if text is None or type(text) is Unread else OS_NAMES.get(text.lower(), text.lower())


def number_between(low: float, high: float) -> Reader:
    """Reads a number, or a text that is one."""

    def read(value: Any) -> Any:
        number = _number(value)
        if number is None or type(number) is Unread:
            return number
        return number if low <= number <= high else Unread.OUT_OF_RANGE

    return read


def read_battery(value: Any) -> Any:
    """A share from 0 to 1; -1 is how iOS, Android and the browsers' libraries say that they do not know.

    A percentage is read where it says so: of a bare 1 nobody could tell whether it is full or nearly empty.

    >>> read_battery(0.4), read_battery(-1), read_battery("85%"), read_battery(85)
    (0.4, None, 0.85, <Unread.OUT_OF_RANGE: 'out_of_range'>)
    """
    if isinstance(value, str) and value.rstrip().endswith("%"):
        percent = number_between(0, 100)(value.rstrip()[:-1].rstrip())
        return percent if percent is None or type(percent) is Unread else percent / 100
    number = _number(value)
    if number is None or type(number) is Unread:
        return number
    return None if number == -1 else number if 0 <= number <= 1 else Unread.OUT_OF_RANGE


def _number(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        return Unread.WRONG_TYPE
    text = value.strip()
    if text.lower() in UNKNOWN:
        return None
    if not NUMBER.fullmatch(text):
        return Unread.WRONG_TYPE
    return float(text) if "." in text else int(text)


CHARGING = {
    **dict.fromkeys(("true", "1", "charging", "full", "connected_not_charging", "plugged", "ac", "usb", "wireless"), True),
    **dict.fromkeys(("false", "0", "unplugged", "discharging", "not_charging", "notcharging"), False),
}  # fmt: skip
"""Battery states as BatteryManager, UIDevice and their wrappers name them: `full` is at the charger."""


def read_charging(value: Any) -> bool | Unread | None:
    """Whether the phone is at its charger.

    >>> read_charging(True), read_charging("unplugged"), read_charging("unknown"), read_charging(1)
    (True, False, None, True)
    """
    if isinstance(value, bool) or (isinstance(value, int | float) and value in {0, 1}):
        return bool(value)
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        return Unread.WRONG_TYPE
    word = _last_name(value)
    return None if word in UNKNOWN else CHARGING.get(word, Unread.WRONG_TYPE)


def _last_name(text: str) -> str:
    """A member of an enumeration without its class, in small letters: `BatteryState.notCharging` is `notcharging`."""
    return re.sub(r"[\s-]+", "_", text.strip().rpartition(".")[2].lower())


LATITUDES, LONGITUDES = ("lat", "latitude"), ("lon", "lng", "long", "longitude")


def read_location(value: Any, kilometres: float) -> tuple[dict[str, float] | None, dict[str, Unread]]:
    """A place on a grid of so many kilometres; the grid's longitudes widen towards the poles.

    Returns:
        The place, or None; and what of it could not be read, by its place below the location.
    """
    if isinstance(value, str) and value.strip().lower() in UNKNOWN:
        return None, {}
    if not isinstance(value, Mapping):
        return None, {"": Unread.WRONG_TYPE}
    found: dict[str, Any] = {}
    for names, limit in ((LATITUDES, 90.0), (LONGITUDES, 180.0)):
        sent = next((value[name] for name in names if value.get(name) is not None), None)
        found[names[0]] = sent if sent is None else number_between(-limit, limit)(sent)
    if None in found.values() and set(found.values()) != {None}:
        found = {name: Unread.WRONG_TYPE if read is None else read for name, read in found.items()}
    unread = {f"/{name}": read for name, read in found.items() if type(read) is Unread}
    if unread or found["lat"] is None or found["lon"] is None:
        return None, unread
    step = kilometres / KM_PER_DEGREE
    lat = round(round(found["lat"] / step) * step, 4)
    lon_step = min(360.0, step / max(math.cos(math.radians(lat)), 0.01))
    lon = round(round(found["lon"] / lon_step) * lon_step, 4)
    return {"lat": max(-90.0, min(90.0, lat)), "lon": max(-180.0, min(180.0, lon))}, {}


# Locales: BCP 47 (RFC 5646) as `toLanguageTag()` writes it, Java's `Locale.toString()` (`zh_CN_#Hans`), Apple's
# identifiers (`th_TH@calendar=buddhist`), POSIX (`sr_RS.UTF-8@latin`).
SCRIPTS_OF_POSIX = {"latin": "latn", "cyrillic": "cyrl", "devanagari": "deva", "arabic": "arab"}
RENAMED_LANGUAGES = {"iw": "he", "in": "id", "ji": "yi"}
"""Codes of Java before 17 and what the IANA registry prefers to them."""
NO_LOCALE = frozenset({"c", "posix", "und", "root", "mul", "zxx"})


def read_locale(value: Any) -> str | Unread | None:
    """Language, script, region and variants; calendars, number systems and other preferences are left out.

    >>> [read_locale(one) for one in ("zh_CN_#Hans", "en-US-u-hc-h12", "th_TH@calendar=buddhist", "de_DE.UTF-8", "C")]
    ['zh-Hans-CN', 'en-US', 'th-TH', 'de-DE', None]
    """
    return _locale(value) if isinstance(value, str) and len(value) <= MAX_TEXT else _unfit(value)


@lru_cache(maxsize=4096)
def _locale(text: str) -> str | Unread | None:
    plain, _, modifier = text.strip().lower().partition("@")
    plain = re.split(r"[.,;]", plain)[0].strip()
    if plain in UNKNOWN or plain in NO_LOCALE:
        return None
    subtags = [subtag for subtag in re.split(r"[-_#]", plain) if subtag]
    if modifier in SCRIPTS_OF_POSIX:
        subtags.append(SCRIPTS_OF_POSIX[modifier])
    elif modifier == "valencia":
        subtags.append(modifier)
    parts = _parts_of_locale(subtags)
    return scrub_text("-".join(parts)).text if parts else Unread.WRONG_VALUE


def _parts_of_locale(subtags: list[str]) -> list[str]:
    """The subtags in the order and the writing of RFC 5646, section 2.1.1; none where they are no locale."""
    language, *rest = subtags or [""]
    if not re.fullmatch(r"[a-z]{2,3}", language):
        return []
    language = RENAMED_LANGUAGES.get(language, language)
    script = region = ""
    variants: list[str] = []
    for place, subtag in enumerate(rest):
        if len(subtag) == 1:  # extensions and private use follow
            break
        if place == 0 and re.fullmatch(r"[a-z]{3}", subtag):
            language = f"{language}-{subtag}"
        elif re.fullmatch(r"[a-z]{4}", subtag) and not script:
            script = subtag.title()
        elif re.fullmatch(r"[a-z]{2}|[0-9]{3}", subtag):
            region = region or subtag.upper()  # a second one is Java's name of a calendar: ja_JP_JP
        elif re.fullmatch(r"[a-z0-9]{5,8}|[0-9][a-z0-9]{3}", subtag) and len(variants) < 3:
            variants.append(subtag)
        else:
            return []
    return [part for part in (language, script, region, *variants) if part and part != "posix"]


OFFSET = re.compile(r"(?:gmt|utc|ut|z)?\s*([-+\N{MINUS SIGN}])\s*([0-9]{1,2})(?::?([0-9]{2}))?(?::?00)?", re.IGNORECASE)
FURTHEST_WEST, FURTHEST_EAST = timedelta(hours=-12), timedelta(hours=14)
NO_ZONES = frozenset({"factory", "localtime", "posixrules", "local", "etc/unknown"})
"""Names for "not set" and for the zone of whoever reads it: the database of zones has some of them too."""


def read_timezone(value: Any) -> str | Unread | None:
    """A time zone: a name of the IANA database, or an offset as `+05:30`.

    Offsets count eastward, except in the names of the database: `Etc/GMT+5` lies west.

    >>> [read_timezone(one) for one in ("europe/berlin", "GMT+0530", "UTC-3", "Z", "")]
    ['Europe/Berlin', '+05:30', '-03:00', 'UTC', None]
    """
    return _timezone(value) if isinstance(value, str) and len(value) <= MAX_TEXT else _unfit(value)


@lru_cache(maxsize=1024)
def _timezone(text: str) -> str | Unread | None:
    name = text.strip()
    if name.lower() in UNKNOWN or name.lower() in NO_ZONES:
        return None
    if known := _zones().get(name.lower()):
        return known
    if name.lower() in {"z", "ut"}:
        return "UTC"
    found = OFFSET.fullmatch(name)
    if found is None or int(found[3] or 0) > 59:
        return Unread.WRONG_VALUE
    offset = timedelta(hours=int(found[2]), minutes=int(found[3] or 0)) * (1 if found[1] == "+" else -1)
    if not FURTHEST_WEST <= offset <= FURTHEST_EAST:
        return Unread.OUT_OF_RANGE
    sign, minutes = ("-" if offset < timedelta() else "+"), abs(offset) // timedelta(minutes=1)
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}" if minutes else "UTC"


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    return {name.lower(): name for name in zoneinfo.available_timezones() if name.lower() not in NO_ZONES}


@lru_cache(maxsize=1024)
def zone_of(name: str) -> tzinfo:
    """The zone that a name which `read_timezone` gave stands for."""
    if name[0] not in "+-":
        return zoneinfo.ZoneInfo(name)
    hours, minutes = name[1:].split(":")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if name[0] == "-" else offset)
