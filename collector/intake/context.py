"""Under which conditions: what the project keeps is read and normalized, the rest is dropped unseen; then enriched."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from collector.intake.context_values import (
    MAX_TEXT,
    Reader,
    Unread,
    number_between,
    read_attribute,
    read_battery,
    read_charging,
    read_locale,
    read_location,
    read_os_name,
    read_text,
    read_timezone,
    read_version,
    zone_of,
)
from collector.intake.networks import read_network
from collector.intake.reading import UNKEPT, Settled
from collector.intake.results import NOTHING_DROPPED, Dropped, Drops
from collector.project_file import DERIVED_VALUES, ProjectFile
from foundation.errors import Fault

# W3C Network Information API, table of effective connection types: rtt in ms at least, downlink in kbit/s at most.
SLOWNESS = (("slow-2g", 2000, 50), ("2g", 1400, 70), ("3g", 270, 700))


def read_context(
    sent: Any, file: ProjectFile, event_time: datetime | None
) -> tuple[dict[str, Any], Drops, list[Fault]]:
    """The context to be stored, what of it could not be read, and what is wrong with it.

    A phone's operating system writes a context, not the app's author: a value that cannot be read is None and said, and
    only a context that is no object is a fault.

    Args:
        sent: what the phone said; anything.
        event_time: when it was, in UTC; None where its clock cannot be believed.
    """
    if sent is None:
        sent = {}
    if not isinstance(sent, Mapping):
        return {}, NOTHING_DROPPED, [Fault("/context", "wrong_type", "must be an object")]
    kept: dict[str, Any] = {}
    unread: list[Dropped] = []
    for name in file.keep:
        value = sent.get(name)
        derive = DERIVED.get(name)
        if derive is not None:
            kept[name] = value if type(value) is Settled else derive(sent, event_time)
        elif value is None:
            kept[name] = None
        elif name == "location":
            kept[name], wrong = read_location(value, file.privacy.location_km)
            unread += [Dropped(f"/context/location{place}", why) for place, why in wrong.items()]
        else:
            kept[name] = _kept(name, _read(name, value), unread)
    for name in file.attributes:
        value = sent.get(name)
        kept[name] = None if value is None else _kept(name, read_attribute(value), unread)
    return kept, Drops(unread) if unread else NOTHING_DROPPED, []


def _kept(name: str, read: Any, unread: list[Dropped]) -> Any:
    if type(read) is not Unread:
        return read
    unread.append(Dropped(f"/context/{name}", read))
    return None


def _read(name: str, value: Any) -> Any:
    """What a value says; texts are remembered by name, for phones have few models, versions and languages."""
    if type(value) is not str or len(value) > MAX_TEXT:
        return READERS[name](value)
    known = _KNOWN[name]
    read = known.get(value, _NEVER_READ)
    if read is _NEVER_READ:
        read = READERS[name](value)
        if len(known) >= MOST_KNOWN:
            known.clear()
        known[value] = read
    return read


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


def _local(sent: Mapping[str, Any], event_time: datetime | None) -> datetime | None:
    name = sent.get("timezone")
    if event_time is None or name is None:
        return None
    zone = read_timezone(name)
    if zone is None or type(zone) is Unread:
        return None
    try:
        return event_time.astimezone(zone_of(zone))
    except OverflowError:
        return None


def network_quality(sent: Mapping[str, Any], _: datetime | None = None) -> str:
    """How good the network was, by the thresholds of the W3C Network Information API.

    >>> network_quality({"rtt_ms": 240, "downlink_kbps": 900})
    '4g'
    """
    if read_network(sent.get("network_type")) in {"none", "offline"}:
        return "offline"
    rtt, downlink = (
        _known(READERS["rtt_ms"], sent.get("rtt_ms")),
        _known(READERS["downlink_kbps"], sent.get("downlink_kbps")),
    )
    if rtt is None and downlink is None:
        return "unknown"
    for name, rtt_ms, kbps in SLOWNESS:
        if (rtt is not None and rtt >= rtt_ms) or (downlink is not None and downlink <= kbps):
            return name
    return "4g"


def device_family(sent: Mapping[str, Any], _: datetime | None = None) -> str | None:
    """The model without its variant: `SM-S911B` is `SM-S911`, `iPhone14,2` is `iPhone14`, `Pixel 8 Pro` is `Pixel 8`."""
    model = _known(read_text, sent.get("device_model"))
    if model is None:
        return None
    samsung = re.match(r"(SM-[A-Z][0-9]{3})", model)
    if samsung:
        return samsung.group(1)
    return re.split(r",| (?:Pro|Plus|Ultra|Max|Mini|Lite|FE)\b", model)[0].strip() or None


def os_major(sent: Mapping[str, Any], _: datetime | None = None) -> str | None:
    version = _known(read_version, sent.get("os_version"))
    found = re.match(r"[0-9]{1,3}", version) if version else None
    return found.group(0) if found else None


def _known(read: Reader, value: Any) -> Any:
    """A value as it is read; None where it is not known or cannot be."""
    found = None if value is None else read(value)
    return None if type(found) is Unread else found


READERS: dict[str, Reader] = {
    "device_model": read_text,
    "os_name": read_os_name,
    "os_version": read_version,
    "app_version": read_version,
    "locale": read_locale,
    "timezone": read_timezone,
    "network_type": read_network,
    "rtt_ms": number_between(0, 600_000),
    "downlink_kbps": number_between(0, 100_000_000),
    "battery": read_battery,
    "charging": read_charging,
}
MOST_KNOWN = 4_096
_NEVER_READ = object()
_KNOWN: dict[str, dict[str, Any]] = {name: {} for name in READERS}
DERIVED: dict[str, Callable[[Mapping[str, Any], datetime | None], str | None]] = {
    "part_of_day": part_of_day,
    "weekday": weekday,
    "network_quality": network_quality,
    "device_family": device_family,
    "os_major": os_major,
}
