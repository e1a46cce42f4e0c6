"""What a payload may hold: each field checked by its rule, texts handed over for the batch's one scrub."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from collector.anonymization.scrub import scrub_text
from collector.intake.event_time import read_time
from collector.intake.reading import UNKEPT, Settled
from collector.intake.results import PAYLOAD, Dropped, Drops
from collector.project_file import MAX_CHARS, FieldKind, FieldRule, Pii, ProjectFile
from foundation.document import MAX_KEY, pointer_to
from foundation.errors import Fault, Faults, listed

INT64 = 2**63
EXACT = 2**53
"""Up to it a float is the whole number that was written."""
Complaint = tuple[str, str]


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

    rules: Mapping[str, FieldRule]
    required: frozenset[str]
    drop_unknown: bool

    def read(self, sent: Any) -> Payload:
        payload = Payload()
        if not isinstance(sent, dict):
            reason = "missing_field" if sent is None else "wrong_type"
            payload.faults.append(Fault("/payload", reason, "must be an object with the project's fields"))
            return payload
        for name, value in sent.items():
            rule = self.rules.get(name)
            if rule is None:
                self._unknown(name, payload)
            elif value is not None:
                _take(rule, value, payload)
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
            rule = self.rules.get(name)
            pii = rule.pii if rule else Pii.DROP if self.drop_unknown else Pii.KEEP
            if pii is Pii.DROP:
                continue
            if rule is None or value is None or pii is not Pii.PSEUDONYMIZE:
                kept[name] = UNKEPT if _is_longer_than_any_rule_allows(value) else value
                continue
            read, complaint = READ[rule.kind](rule, value)
            if complaint:
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
                lambda: Fault(f"/payload/{safe_key(name)}", "unknown_field", f"{allowed} {listed(self.rules)}")
            )


def reader_of(file: ProjectFile, newest: ProjectFile) -> PayloadReader:
    """A reader for one revision. What is personal is judged by the newest rules: an old app must not undo a new scruple."""
    pii_now = {rule.name: rule.pii for rule in newest.fields}
    rules = {}
    for rule in file.fields:
        pii = pii_now.get(rule.name, rule.pii)
        rules[rule.name] = rule if pii is rule.pii else _with_pii(rule, pii)
    required = frozenset(name for name, rule in rules.items() if rule.required)
    return PayloadReader(rules, required, file.drop_unknown)


def safe_key(name: str) -> str:
    """A key somebody else chose, fit for a pointer: scrubbed, cut, escaped (RFC 6901)."""
    return pointer_to("", scrub_text(name[:200]).text[:MAX_KEY].replace("\0", "")).removeprefix("/")


def _with_pii(rule: FieldRule, pii: Pii) -> FieldRule:
    from dataclasses import replace

    return replace(rule, pii=pii)


def accepts(rule: FieldRule, value: Any) -> bool:
    """Whether a field takes a value that is not null."""
    return type(value) is Settled or READ[rule.kind](rule, value)[1] is None


def _take(rule: FieldRule, value: Any, payload: Payload) -> None:
    read, complaint = (value, None) if type(value) is Settled else READ[rule.kind](rule, value)
    if complaint:
        payload.faults.append(Fault(f"/payload/{rule.name}", complaint[0], complaint[1]))
        return
    if rule.pii is Pii.DROP:
        payload.dropped.append(Dropped(f"/payload/{rule.name}", "personal"))
        return
    payload.values[rule.name] = read
    if type(read) is Settled:
        return
    if rule.pii is Pii.SCRUB and rule.kind is FieldKind.TEXT:
        payload.to_scrub.append(rule.name)
    elif rule.pii is Pii.PSEUDONYMIZE:
        payload.to_pseudonymize.append(rule.name)


def _is_longer_than_any_rule_allows(value: Any) -> bool:
    """Whether no revision to come can take a text: a letter of it need not be scrubbed."""
    if not isinstance(value, str) or len(value) <= MAX_CHARS:
        return False
    return value.isascii() or len(unicodedata.normalize("NFC", value)) > MAX_CHARS


def _text(rule: FieldRule, value: Any) -> tuple[Any, Complaint | None]:
    if not isinstance(value, str):
        return None, ("wrong_type", "must be a text")
    if not value.isascii():
        value = unicodedata.normalize("NFC", value)
    if len(value) > rule.max_chars:
        return None, ("too_long", f"must have at most {rule.max_chars} characters")
    if "\0" in value:
        return None, ("nul_character", "must not contain U+0000")
    return value, None


def _number(rule: FieldRule, value: Any) -> tuple[Any, Complaint | None]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None, ("wrong_type", "must be a number")
    try:
        return _bounded(rule, value if abs(value) < INT64 else float(value))
    except OverflowError:
        return None, ("out_of_range", "must be a number that fits into 64 bits")


def _integer(rule: FieldRule, value: Any) -> tuple[Any, Complaint | None]:
    """A whole number however it is written: JSON knows one kind of number, and 3.0 and 3e0 are 3."""
    if isinstance(value, float):
        if not value.is_integer():
            return None, ("wrong_type", "must be a whole number")
        if abs(value) > EXACT:
            return None, ("out_of_range", "must be written without point and exponent where it has more than 53 bits")
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None, ("wrong_type", "must be a whole number")
    if not -INT64 <= value < INT64:
        return None, ("out_of_range", "must fit into 64 bits")
    return _bounded(rule, value)


def _bounded(rule: FieldRule, value: float) -> tuple[Any, Complaint | None]:
    if rule.minimum is not None and value < rule.minimum:
        return None, ("out_of_range", f"must be at least {rule.minimum:g}")
    if rule.maximum is not None and value > rule.maximum:
        return None, ("out_of_range", f"must be at most {rule.maximum:g}")
    return value, None


def _boolean(_: FieldRule, value: Any) -> tuple[Any, Complaint | None]:
    return (value, None) if isinstance(value, bool) else (None, ("wrong_type", "must be true or false"))


def _category(rule: FieldRule, value: Any) -> tuple[Any, Complaint | None]:
    if not isinstance(value, str):
        return None, ("wrong_type", "must be a text")
    if not value.isascii():
        value = unicodedata.normalize("NFC", value)
    return (value, None) if value in rule.values else (None, ("not_in_list", f"must be one of {listed(rule.values)}"))


def _datetime(_: FieldRule, value: Any) -> tuple[Any, Complaint | None]:
    at = read_time(value)
    return (at.isoformat(), None) if at else (None, ("wrong_type", "must be a time with zone (RFC 3339)"))


READ: dict[FieldKind, Callable[[FieldRule, Any], tuple[Any, Complaint | None]]] = {
    FieldKind.TEXT: _text,
    FieldKind.NUMBER: _number,
    FieldKind.INTEGER: _integer,
    FieldKind.BOOLEAN: _boolean,
    FieldKind.CATEGORY: _category,
    FieldKind.DATETIME: _datetime,
}
