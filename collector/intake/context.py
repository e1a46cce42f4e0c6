"""Under which conditions: what the project keeps is read and normalized, the rest is dropped unseen; then enriched."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
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


def read_contexts(
    sent: Sequence[Any], file: ProjectFile, event_times: Sequence[datetime | None]
) -> list[dict[str, Any] | None]:
    """`read_context` of each, a name at a time, which is many times faster; None for one of which more is to be said."""
    objects = [one if type(one) is dict else NO_CONTEXT for one in sent]
    columns = [_column(name, objects, event_times) for name in file.keep]
    columns += [
        [None if (value := one.get(name)) is None else read_attribute(value) for one in objects]
        for name in file.attributes
    ]
    names = file.context_names
    rows = zip(*columns, strict=True) if columns else [()] * len(sent)
    contexts: list[dict[str, Any] | None] = [dict(zip(names, row, strict=True)) for row in rows]
    unread = {place for column in columns for place, value in enumerate(column) if type(value) is Unread}
    unread.update(place for place, one in enumerate(sent) if type(one) is not dict and one is not None)
    for place in unread:
        contexts[place] = None
    return contexts


def _column(name: str, sent: Sequence[Mapping[str, Any]], event_times: Sequence[datetime | None]) -> list[Any]:
    """What a name says in each context; `Unread` for each value of which more is to be said."""
    values = [one.get(name) for one in sent]
    if (derive := DERIVED.get(name)) is not None:
        of_each = zip(values, sent, event_times, strict=True)
        return [value if type(value) is Settled else derive(one, at) for value, one, at in of_each]
    if name == "location":
        return [None if value is None else Unread.WRONG_TYPE for value in values]
    known = _KNOWN[name]
    return [
        None
        if value is None
        else _read(name, value)
        if type(value) is not str or (found := known.get(value, _NEVER_READ)) is _NEVER_READ
        else found
        for value in values
    ]


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
    if event_time is None or not isinstance(name, str) or len(name) > MAX_TEXT:
        return None
    zone = _zone_named(name)
    try:
        return event_time.astimezone(zone) if zone else None
    except OverflowError:
        return None


@lru_cache(maxsize=1024)
def _zone_named(name: str) -> tzinfo | None:
    zone = read_timezone(name)
    return None if zone is None or type(zone) is Unread else zone_of(zone)


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


NO_CONTEXT: Mapping[str, Any] = {}


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
