"""Signals without what is personal in them: texts scrubbed, values replaced by pseudonyms, and each content named."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from collector.anonymization.scrub import scrub_texts
from collector.intake.checking import Checked
from collector.intake.door import Door

NONE: Mapping[str, int] = {}


class Clean(NamedTuple):
    """A signal as it may be stored.

    Attributes:
        item: the id of its content.
        content: the values that make the item, by field; extra: the others.
        redactions: how many finds of each type were replaced in its texts.
    """

    checked: Checked
    item: uuid.UUID
    content: Mapping[str, Any]
    extra: Mapping[str, Any]
    redactions: Mapping[str, int]


def clean_signals(door: Door, checked: Sequence[Checked]) -> list[Clean]:
    """Signals without faults, anonymized: one pass over every text of the batch."""
    values = [dict(one.payload.values) for one in checked]
    redactions = _scrub(checked, values)
    contents = []
    identity = door.file.identity
    for one, mine in zip(checked, values, strict=True):
        for name in one.payload.to_pseudonymize:
            mine[name] = door.names.pseudonym(mine[name])
        contents.append({name: mine.pop(name) for name in identity if name in mine})
    items = door.names.item_ids(contents)
    return [
        Clean(one, item, content, extra, redactions.get(place, NONE))
        for place, (one, item, content, extra) in enumerate(zip(checked, items, contents, values, strict=True))
    ]


def _scrub(checked: Sequence[Checked], values: Sequence[dict[str, Any]]) -> dict[int, dict[str, int]]:
    """Replaces what is personal in the texts; how many finds of each type there were, by place."""
    places = [(place, name) for place, one in enumerate(checked) for name in one.payload.to_scrub]
    texts = [values[place][name] for place, name in places]
    redactions: dict[int, dict[str, int]] = {}
    for (place, name), (text, entities) in zip(places, scrub_texts(texts), strict=True):
        if entities:
            values[place][name] = text
            found = redactions.setdefault(place, {})
            for entity in entities:
                kind = str(entity.type)
                found[kind] = found.get(kind, 0) + 1
    return redactions
