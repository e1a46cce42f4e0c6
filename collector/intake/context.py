"""Under which conditions: what the project keeps is validated and normalized, the rest is dropped unseen; then enriched."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from collector.anonymization.scrub import scrub_text
from collector.intake.reading import UNKEPT, Settled
from collector.project_file import DERIVED_VALUES, ProjectFile
from foundation.errors import Fault

MAX_TEXT = 120
LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,4}")
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_() -]{0,39}")
NETWORKS = ("wifi", "cellular", "ethernet", "bluetooth", "vpn", "other", "unknown", "none", "offline")
OS_NAMES = {"iphone os": "ios", "iphoneos": "ios"}
KM_PER_DEGREE = 111.32
# W3C Network Information API, table of effective connection types: rtt in ms at least, downlink in kbit/s at most.
SLOWNESS = (("slow-2g", 2000, 50), ("2g", 1400, 70), ("3g", 270, 700))
Check = Callable[[Any], tuple[Any, str | None]]


def read_context(sent: Any, file: ProjectFile, event_time: datetime | None) -> tuple[dict[str, Any], list[Fault]]:
    """The context to be stored, and what is wrong with what the project keeps.

    Args:
        sent: what the phone said; anything.
        event_time: when it was, in UTC; None where its clock cannot be believed.
    """
    if sent is None:
        sent = {}
    if not isinstance(sent, Mapping):
        return {}, [Fault("/context", "wrong_type", "must be an object")]
    kept: dict[str, Any] = {}
    faults: list[Fault] = []
    for name in file.keep:
        value = sent.get(name)
        derive = DERIVED.get(name)
        if derive is not None:
            kept[name] = value if type(value) is Settled else derive(sent, event_time)
        elif value is None:
            kept[name] = None
        elif name == "location":
            kept[name], found = _location(value, file.privacy.location_km)
            faults.extend(found)
        else:
            kept[name], complaint = CHECKS[name](value)
            if complaint:
                reason, detail = complaint.split(": ", 1)
                faults.append(Fault(f"/context/{name}", reason, detail))
    for name in file.attributes:
        value = sent.get(name)
        kept[name], complaint = _attribute(value) if value is not None else (None, None)
        if complaint:
            reason, detail = complaint.split(": ", 1)
            faults.append(Fault(f"/context/{name}", reason, detail))
    return kept, faults


def kept_context(sent: Any, file: ProjectFile, read: Mapping[str, Any]) -> tuple[Any, dict[str, str]]:
    """What a dead letter may hold of a context, and what was derived from it: what the project keeps, and no more.

    Args:
        read: the same context as `read_context` read it.
    """
    if not isinstance(sent, Mapping):
        return (None if sent is None else UNKEPT), {}
    listed = [name for name in file.context_names if name not in DERIVED and sent.get(name) is not None]
    kept = {name: sent[name] for name in listed}
    if "location" in kept:
        kept["location"] = read.get("location") or UNKEPT
    return kept, {name: read[name] for name in file.keep if name in DERIVED and read.get(name) is not None}


@lru_cache(maxsize=8192)
def _scrubbed(text: str, *, is_version: bool = False) -> str:
    """Device names and versions repeat, so the answers are kept; a version of four numbers is no IP address."""
    found = scrub_text(text)
    if is_version and all(entity.type == "IP_ADDRESS" for entity in found.entities):
        return text
    return found.text


def _text(value: Any) -> tuple[Any, str | None]:
    if not isinstance(value, str):
        return None, "wrong_type: must be a text"
    if not 0 < len(value) <= MAX_TEXT:
        return None, f"too_long: must have 1 to {MAX_TEXT} characters"
    if "\0" in value:
        return None, "nul_character: must not contain U+0000"
    return _scrubbed(value), None


def _attribute(value: Any) -> tuple[Any, str | None]:
    if isinstance(value, bool) or (isinstance(value, int | float) and abs(value) < 1e6):
        return value, None
    return _text(value)


def _version(value: Any) -> tuple[Any, str | None]:
    if not isinstance(value, str):
        return None, "wrong_type: must be a text such as 15 or 3.2.1"
    if not VERSION.fullmatch(value):
        return None, "wrong_value: must be a version of at most 40 characters"
    return _scrubbed(value, is_version=True), None


def _os_name(value: Any) -> tuple[Any, str | None]:
    text, complaint = _text(value)
    return (OS_NAMES.get(text.lower(), text.lower()) if text else None), complaint


def _locale(value: Any) -> tuple[Any, str | None]:
    if not isinstance(value, str):
        return None, "wrong_type: must be a language tag such as de-DE"
    if not LOCALE.fullmatch(value):
        return None, "wrong_value: must be a language tag such as de-DE (BCP 47)"
    language, *rest = value.replace("_", "-").lower().split("-")
    return _scrubbed("-".join([language, *map(_written, rest)])), None


def _written(subtag: str) -> str:
    """As BCP 47 writes it (RFC 5646, section 2.1.1): regions in capitals, scripts with one."""
    return subtag.upper() if len(subtag) == 2 else subtag.title() if len(subtag) == 4 else subtag


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _timezone(value: Any) -> tuple[Any, str | None]:
    if not isinstance(value, str):
        return None, "wrong_type: must be a time zone such as Europe/Berlin"
    if value not in _zones():
        return None, "wrong_value: must be a time zone of the IANA database such as Europe/Berlin"
    return value, None


def _network(value: Any) -> tuple[Any, str | None]:
    text = value.lower() if isinstance(value, str) else None
    return (text, None) if text in NETWORKS else (None, f"not_in_list: must be one of {', '.join(NETWORKS)}")


def _between(low: float, high: float) -> Check:
    def check(value: Any) -> tuple[Any, str | None]:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None, "wrong_type: must be a number"
        if not low <= value <= high:
            return None, f"out_of_range: must be from {low:g} to {high:g}"
        return value, None

    return check


def _flag(value: Any) -> tuple[Any, str | None]:
    return (value, None) if isinstance(value, bool) else (None, "wrong_type: must be true or false")


def _location(value: Any, kilometres: float) -> tuple[dict[str, float] | None, list[Fault]]:
    """A place on a grid of so many kilometres; the grid's longitudes widen towards the poles."""
    if not isinstance(value, Mapping) or set(value) - {"lat", "lon"}:
        return None, [Fault("/context/location", "wrong_type", "must be an object with lat and lon")]
    faults = []
    for name, limit in (("lat", 90.0), ("lon", 180.0)):
        _, complaint = _between(-limit, limit)(value.get(name))
        if complaint:
            reason, detail = complaint.split(": ", 1)
            faults.append(Fault(f"/context/location/{name}", reason, detail))
    if faults:
        return None, faults
    from math import cos, radians

    step = kilometres / KM_PER_DEGREE
    lat = round(round(value["lat"] / step) * step, 4)
    lon_step = min(360.0, step / max(cos(radians(lat)), 0.01))
    lon = round(round(value["lon"] / lon_step) * lon_step, 4)
    return {"lat": max(-90.0, min(90.0, lat)), "lon": max(-180.0, min(180.0, lon))}, []


def part_of_day(sent: Mapping[str, Any], event_time: datetime | None) -> str | None:
    """Night 22-6, morning 6-12, afternoon 12-18, evening 18-22, by the clock on the wall; None without a time zone."""
    local = _local(sent, event_time)
    if local is None:
        return None
    hour = local.hour
    if hour >= 22 or hour < 6:
        return "night"
    return "morning" if hour < 12 else "afternoon" if hour < 18 else "evening"


def weekday(sent: Mapping[str, Any], event_time: datetime | None) -> str | None:
    local = _local(sent, event_time)
    return DERIVED_VALUES["weekday"][local.weekday()] if local else None


@lru_cache(maxsize=256)
def _zone(name: str) -> zoneinfo.ZoneInfo:
    return zoneinfo.ZoneInfo(name)


def _local(sent: Mapping[str, Any], event_time: datetime | None) -> datetime | None:
    name = sent.get("timezone")
    if event_time is None or not isinstance(name, str) or name not in _zones():
        return None
    try:
        return event_time.astimezone(_zone(name))
    except OverflowError:
        return None


def network_quality(sent: Mapping[str, Any], _: datetime | None = None) -> str:
    """How good the network was, by the thresholds of the W3C Network Information API.

    >>> network_quality({"rtt_ms": 240, "downlink_kbps": 900})
    '4g'
    """
    if _network(sent.get("network_type"))[0] in {"none", "offline"}:
        return "offline"
    rtt, downlink = _number(sent.get("rtt_ms")), _number(sent.get("downlink_kbps"))
    if rtt is None and downlink is None:
        return "unknown"
    for name, rtt_ms, kbps in SLOWNESS:
        if (rtt is not None and rtt >= rtt_ms) or (downlink is not None and downlink <= kbps):
            return name
    return "4g"


def device_family(sent: Mapping[str, Any], _: datetime | None = None) -> str | None:
    """The model without its variant: `SM-S911B` is `SM-S911`, `iPhone14,2` is `iPhone14`, `Pixel 8 Pro` is `Pixel 8`."""
    model, complaint = _text(sent.get("device_model"))
    if complaint or not model:
        return None
    samsung = re.match(r"(SM-[A-Z][0-9]{3})", model)
    if samsung:
        return samsung.group(1)
    return re.split(r",| (?:Pro|Plus|Ultra|Max|Mini|Lite|FE)\b", model)[0].strip() or None


def os_major(sent: Mapping[str, Any], _: datetime | None = None) -> str | None:
    version = sent.get("os_version")
    found = re.match(r"[0-9]{1,3}", version) if isinstance(version, str) else None
    return found.group(0) if found else None


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


CHECKS: dict[str, Check] = {
    "device_model": _text,
    "os_name": _os_name,
    "os_version": _version,
    "app_version": _version,
    "locale": _locale,
    "timezone": _timezone,
    "network_type": _network,
    "rtt_ms": _between(0, 600_000),
    "downlink_kbps": _between(0, 100_000_000),
    "battery": _between(0, 1),
    "charging": _flag,
}
DERIVED: dict[str, Callable[[Mapping[str, Any], datetime | None], str | None]] = {
    "part_of_day": part_of_day,
    "weekday": weekday,
    "network_quality": network_quality,
    "device_family": device_family,
    "os_major": os_major,
}
