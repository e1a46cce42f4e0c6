"""What a payload may hold: each field checked by its rule, texts handed over for the batch's one scrub."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import NoneType
from typing import Any, Final, NamedTuple

from collector.anonymization.scrub import scrub_text
from collector.fields.kind import Field, Pii
from collector.fields.text import MAX_CHARS
from collector.intake.reading import UNKEPT, Settled
from collector.intake.results import NOTHING_DROPPED, NOTHING_WRONG, PAYLOAD, Dropped, Drops
from collector.project_file import ProjectFile
from foundation.document.definitions import MAX_KEY, pointer_to
from foundation.errors import Fault, Faults, listed


class Payload(NamedTuple):
    """A payload as it was read: values by field, which of them still are to be scrubbed or replaced, what is wrong, what was dropped."""

    values: Mapping[str, Any]
    to_scrub: Sequence[str] = ()
    to_pseudonymize: Sequence[str] = ()
    faults: Faults = NOTHING_WRONG
    dropped: Drops = NOTHING_DROPPED


_UNREAD: Final = object()
"""Stands for a value of which more is to be said than that it is taken."""


@dataclass(frozen=True, slots=True)
class PayloadReader:
    """Reads payloads by one revision's fields, with the newest revision's rules for personal data."""

    fields: Mapping[str, Field]
    required: frozenset[str]
    drop_unknown: bool

    def read_all(self, sent: Sequence[Any]) -> list[Payload]:
        """`read` of each. Those that name the same fields are read a field at a time, which is many times faster."""
        read: list[Payload | None] = [None] * len(sent)
        for names, places in _alike(sent).items():
            of_these = self._read_alike(names, [sent[place] for place in places])
            for place, payload in zip(places, of_these, strict=True):
                read[place] = payload
        return [payload or self.read(one) for payload, one in zip(read, sent, strict=True)]

    def read(self, sent: Any) -> Payload:
        """One payload, whatever it is; what is wrong with it stands in its faults."""
        faults = Faults()
        if not isinstance(sent, dict):
            reason = "missing_field" if sent is None else "wrong_type"
            faults.append(Fault("/payload", reason, "must be an object with the project's fields"))
            return Payload({}, faults=faults)
        dropped = Drops()
        values: dict[str, Any] = {}
        for name, value in sent.items():
            declared = self.fields.get(name)
            if declared is None:
                self._unknown(name, faults, dropped)
            elif value is not None:
                _take(declared, value, values, faults, dropped)
        for name in self.required:
            if sent.get(name) is None:
                faults.append(Fault(f"/payload/{name}", "missing_field", "is required"))
        # What the door made of a value the first time is taken as it is.
        anew = [name for name, value in values.items() if type(value) is not Settled]
        return Payload(
            values,
            [name for name in anew if self.fields[name].is_scrubbed],
            [name for name in anew if self.fields[name].pii is Pii.PSEUDONYMIZE],
            faults,
            dropped,
        )

    def _read_alike(self, names: tuple[str, ...], sent: Sequence[Mapping[str, Any]]) -> list[Payload | None]:
        """Payloads that name these fields; None for each that has to be looked at by itself."""
        fields = [self.fields[name] for name in names if name in self.fields]
        if len(fields) < len(names) or not self.required.issubset(names) or any(one.pii is Pii.DROP for one in fields):
            return [None] * len(sent)
        columns = [_column(one, [payload[one.name] for payload in sent]) for one in fields]
        to_scrub = [one.name for one in fields if one.is_scrubbed]
        to_pseudonymize = [one.name for one in fields if one.pii is Pii.PSEUDONYMIZE]
        payloads: list[Payload | None] = [
            Payload(dict(zip(names, row, strict=True)), to_scrub, to_pseudonymize) for row in zip(*columns, strict=True)
        ]
        for column in columns:
            for place, value in enumerate(column):
                if value is _UNREAD:
                    payloads[place] = None
        return payloads

    def kept(self, sent: Any, pseudonym: Callable[[object], str]) -> tuple[Any, dict[str, str]]:
        """What a dead letter may hold of a payload, and its pseudonyms: no more than would have been stored of it.

        A field that is not declared stays, for the next revision may declare it.
        """
        if not isinstance(sent, dict):
            return UNKEPT, {}
        kept: dict[str, Any] = {}
        pseudonyms: dict[str, str] = {}
        for name, value in sent.items():
            declared = self.fields.get(name)
            pii = declared.pii if declared else Pii.DROP if self.drop_unknown else Pii.KEEP
            if pii is Pii.DROP:
                continue
            if declared is None or value is None or pii is not Pii.PSEUDONYMIZE:
                kept[name] = UNKEPT if _is_longer_than_any_field_allows(value) else value
                continue
            read = declared.read(value)
            if isinstance(read, Fault):
                kept[name] = UNKEPT
            else:
                pseudonyms[name] = pseudonym(read)
        return kept, pseudonyms

    def _unknown(self, name: str, faults: Faults, dropped: Drops) -> None:
        if self.drop_unknown:
            dropped.note(PAYLOAD, "undeclared", lambda: f"/payload/{safe_key(name)}")
        else:
            allowed = "the project's fields are"
            faults.note(
                lambda: Fault(f"/payload/{safe_key(name)}", "unknown_field", f"{allowed} {listed(self.fields)}")
            )


def reader_of(file: ProjectFile, newest: ProjectFile) -> PayloadReader:
    """A reader for one revision. What is personal is judged by the newest rules: an old app must not undo a new scruple."""
    pii_now = {one.name: one.pii for one in newest.fields}
    fields = {one.name: replace(one, pii=pii_now.get(one.name, one.pii)) for one in file.fields}
    required = frozenset(name for name, one in fields.items() if one.required)
    return PayloadReader(fields, required, file.drop_unknown)


def safe_key(name: str) -> str:
    """A key somebody else chose, fit for a pointer: scrubbed, cut, escaped (RFC 6901)."""
    return pointer_to("", scrub_text(name[:200]).text[:MAX_KEY].replace("\0", "")).removeprefix("/")


def accepts(declared: Field, value: Any) -> bool:
    """Whether a field takes a value that is not null."""
    return type(value) is Settled or not isinstance(declared.read(value), Fault)


def _take(declared: Field, value: Any, values: dict[str, Any], faults: Faults, dropped: Drops) -> None:
    read = value if type(value) is Settled else declared.read(value)
    if isinstance(read, Fault):
        faults.append(read)
    elif declared.pii is Pii.DROP:
        dropped.append(Dropped(f"/payload/{declared.name}", "personal"))
    else:
        values[declared.name] = read


def _alike(sent: Sequence[Any]) -> dict[tuple[str, ...], list[int]]:
    """The places of the payloads that are objects, by the names in them."""
    places: dict[tuple[str, ...], list[int]] = {}
    for place, payload in enumerate(sent):
        if type(payload) is dict and payload:
            places.setdefault(tuple(payload), []).append(place)
    return places


def _column(declared: Field, sent: list[Any]) -> Sequence[Any]:
    """The values of a field; `_UNREAD` for each that has to be looked at by itself."""
    if not {NoneType, Settled}.isdisjoint(map(type, sent)):
        return [_UNREAD] * len(sent)
    return [_UNREAD if type(one) is Fault else one for one in declared.read_column(sent)]


def _is_longer_than_any_field_allows(value: Any) -> bool:
    """Whether no revision to come can take a text: a letter of it need not be scrubbed."""
    if not isinstance(value, str) or len(value) <= MAX_CHARS:
        return False
    return value.isascii() or len(unicodedata.normalize("NFC", value)) > MAX_CHARS
