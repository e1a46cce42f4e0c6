"""What changed between two documents, a place at a time: for the log of who did what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from foundation.document.definitions import pointer_to

MAX_CHANGES = 50
MAX_CHARS = 200
ABSENT = object()


def changes_between(old: Any, new: Any) -> dict[str, Any]:
    """The places where two JSON documents differ, with what stood there and what stands there now.

    Returns:
        `{"changes": [{"pointer", "old"?, "new"?}]}`, without `old` for what was added and without `new` for what was
        removed; texts longer than 200 characters are cut. Beyond 50 places, `more` counts the rest.

    >>> changes_between({"gates": {"tone": 0.6}}, {"gates": {}})
    {'changes': [{'pointer': '/gates/tone', 'old': 0.6}]}
    """
    found = list(_changes("", old, new))
    told = {"changes": [_told(*change) for change in found[:MAX_CHANGES]]}
    return {**told, "more": len(found) - MAX_CHANGES} if len(found) > MAX_CHANGES else told


def _changes(at: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _changes(pointer_to(at, key), old.get(key, ABSENT), new.get(key, ABSENT))
    elif old != new:
        yield at, old, new


def _told(pointer: str, old: Any, new: Any) -> dict[str, Any]:
    sides = {name: _cut(value) for name, value in (("old", old), ("new", new)) if value is not ABSENT}
    return {"pointer": pointer, **sides}


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_CHARS:
        return f"{value[:MAX_CHARS]}…"
    if isinstance(value, dict):
        return {key: _cut(part) for key, part in value.items()}
    return [_cut(part) for part in value] if isinstance(value, list) else value
