"""What a payload may hold: each field checked by its rule, texts handed over for the batch's one scrub."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from collector.anonymization.scrub import scrub_text
from collector.fields.kind import Field, Pii
from collector.fields.text import MAX_CHARS
from collector.intake.reading import UNKEPT, Settled
from collector.intake.results import PAYLOAD, Dropped, Drops
from collector.project_file import ProjectFile
from foundation.document.definitions import MAX_KEY, pointer_to
from foundation.errors import Fault, Faults, listed


@dataclass(slots=True)
class Payload:
    """A payload on its way: values by field, which of them still are to be scrubbed, what is wrong, what was dropped."""

    values: dict[str, Any] = field(default_factory=dict)
    to_scrub: list[str] = field(default_factory=list)
    to_pseudonymize: list[str] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    dropped: Drops = field(default_factory=Drops)


@dataclass(frozen=True, slots=True)
class PayloadReader:
    """Reads payloads by one revision's fields, with the newest revision's rules for personal data."""

    fields: Mapping[str, Field]
    required: frozenset[str]
    drop_unknown: bool

    def read(self, sent: Any) -> Payload:
        payload = Payload()
        if not isinstance(sent, dict):
            reason = "missing_field" if sent is None else "wrong_type"
            payload.faults.append(Fault("/payload", reason, "must be an object with the project's fields"))
            return payload
        for name, value in sent.items():
            declared = self.fields.get(name)
            if declared is None:
                self._unknown(name, payload)
            elif value is not None:
                _take(declared, value, payload)
        for name in self.required:
            if sent.get(name) is None:
                payload.faults.append(Fault(f"/payload/{name}", "missing_field", "is required"))
        return payload

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

    def _unknown(self, name: str, payload: Payload) -> None:
        if self.drop_unknown:
            payload.dropped.note(PAYLOAD, "undeclared", lambda: f"/payload/{safe_key(name)}")
        else:
            allowed = "the project's fields are"
            payload.faults.note(
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


def _take(declared: Field, value: Any, payload: Payload) -> None:
    read = value if type(value) is Settled else declared.read(value)
    if isinstance(read, Fault):
        payload.faults.append(read)
        return
    if declared.pii is Pii.DROP:
        payload.dropped.append(Dropped(f"/payload/{declared.name}", "personal"))
        return
    payload.values[declared.name] = read
    if type(read) is Settled:
        return
    if declared.pii is Pii.SCRUB and declared.is_prose:
        payload.to_scrub.append(declared.name)
    elif declared.pii is Pii.PSEUDONYMIZE:
        payload.to_pseudonymize.append(declared.name)


def _is_longer_than_any_field_allows(value: Any) -> bool:
    """Whether no revision to come can take a text: a letter of it need not be scrubbed."""
    if not isinstance(value, str) or len(value) <= MAX_CHARS:
        return False
    return value.isascii() or len(unicodedata.normalize("NFC", value)) > MAX_CHARS
