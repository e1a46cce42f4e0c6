"""The project file: each domain parses its own section; a mistake points at its key and says what is allowed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlmodel import Session

from collector.project_file import (
    CONSENT_WORD,
    DEFAULT_LOCATION_KM,
    DEFAULT_MAX_CHARS,
    FieldKind,
    FieldRule,
    Pii,
    Privacy,
    ProjectFile,
)
from foundation.errors import Conflict, Fault, InvalidBody

NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")
FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
OWN_KEYS = ("project", "title", "purpose", "fields", "fields_unknown", "identity", "context", "privacy", "retention")
LATER_KEYS = ("population", "statistics", "alerts")
"""Sections of the project file that later releases act upon: kept with the revision, named in the answer."""
COLUMNS = frozenset({"item", "split_group", "near_duplicate_set", "weight", "n_signals", "selected_by", "id", "signal",
                     "event_time", "captured_at", "received_at", "time_quality", "revision"})  # fmt: skip
RAW_CONTEXT = ("device_model", "os_name", "os_version", "app_version", "locale", "timezone", "network_type", "rtt_ms",
               "downlink_kbps", "battery", "charging", "location")  # fmt: skip
DERIVED_CONTEXT = ("part_of_day", "weekday", "network_quality", "device_family", "os_major")
KNOWN_CONTEXT = (*RAW_CONTEXT, *DERIVED_CONTEXT)
MAX_FIELDS = 200
MAX_CHARS = 20_000
MAX_DAYS = 3650
MAX_KM = 20_000


LATER_KINDS = ("image", "audio", "series")
LATER_PII = ("scrub_names",)
KEYS_OF_KIND: dict[FieldKind, frozenset[str]] = {
    FieldKind.TEXT: frozenset({"max_chars", "near_duplicates"}),
    FieldKind.NUMBER: frozenset({"minimum", "maximum", "unit"}),
    FieldKind.INTEGER: frozenset({"minimum", "maximum", "unit"}),
    FieldKind.BOOLEAN: frozenset(),
    FieldKind.CATEGORY: frozenset({"values"}),
    FieldKind.DATETIME: frozenset(),
}


class Section(Protocol):
    """How a domain above reads its part of the project file."""

    keys: tuple[str, ...]

    def check(self, body: Mapping[str, Any], fields: Mapping[str, str]) -> tuple[Sequence[Fault], Sequence[str]]:
        """Faults, and pointers to settings that are kept but not acted upon yet. `fields`: kinds by name."""

    def breaks(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Sequence[str]:
        """What a change would break for those who rely on the old one, a sentence each."""

    def judge(self, session: Session, project_id: int, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Raises Conflict where a change cannot be made because of what is stored."""


@dataclass(frozen=True, slots=True)
class Checked:
    file: ProjectFile
    not_in_effect: tuple[str, ...]


class ConfigIncompatible(Conflict):
    title = "The labeling configuration would orphan answers"


def parse_project(body: Mapping[str, Any], sections: Sequence[Section]) -> Checked:
    """Checks a whole project file.

    Raises:
        InvalidBody: with one fault for each mistake, each pointing at its key.
    """
    reader = _Reader(body)
    file = reader.read()
    kinds = {rule.name: rule.kind.value for rule in file.fields}
    faults, later = list(reader.faults), list(reader.later)
    known = {*OWN_KEYS, *LATER_KEYS}
    for section in sections:
        known.update(section.keys)
        more_faults, more_later = section.check(body, kinds)
        faults.extend(more_faults)
        later.extend(more_later)
    faults.extend(_unknown("", body, known))
    for key in LATER_KEYS:
        if key in body:
            later.append(f"/{key}")
            if not isinstance(body[key], dict):
                faults.append(Fault(f"/{key}", "wrong_type", "must be a mapping"))
    if faults:
        raise InvalidBody("the project file has mistakes", faults=faults)
    return Checked(file, tuple(later))


def load_file(body: Mapping[str, Any]) -> ProjectFile:
    """A stored revision's file; it was checked when it came in, so what later releases refuse still loads."""
    return _Reader(body).read()


def breaks_of(old: ProjectFile, new: ProjectFile) -> list[str]:
    """What a new revision takes away from apps and scripts that were built for the old one."""
    before, after = ({rule.name: rule for rule in file.fields} for file in (old, new))
    found = [f"field {name} was removed" for name in before if name not in after]
    for name, rule in after.items():
        if name in before:
            found.extend(f"field {name} {change}" for change in _breaks_of_field(before[name], rule))
        elif rule.required:
            found.append(f"field {name} is new and required")
    found.extend(f"context {name} is no longer kept" for name in old.context_names if name not in new.context_names)
    if old.drop_unknown and not new.drop_unknown:
        found.append("fields that are not declared are no longer dropped but refused")
    asked = set(old.privacy.purposes) if old.privacy.consent_required else None
    if new.privacy.consent_required and (asked is None or not set(new.privacy.purposes) <= asked):
        found.append("consent is asked for that was not asked for before")
    if old.identity != new.identity:
        found.append("the identity fields changed: the same content makes a new item")
    return found


def _breaks_of_field(was: FieldRule, rule: FieldRule) -> Iterator[str]:
    if was.kind is not rule.kind:
        yield f"changed its kind from {was.kind} to {rule.kind}"
    if was.unit != rule.unit:
        yield "changed its unit"
    if rule.required and not was.required:
        yield "became required"
    if rule.values and (gone := [value for value in was.values if value not in rule.values]):
        yield f"no longer takes {', '.join(gone)}"
    is_shorter = rule.kind is was.kind and rule.max_chars < was.max_chars
    is_higher = rule.minimum is not None and (was.minimum is None or rule.minimum > was.minimum)
    is_lower = rule.maximum is not None and (was.maximum is None or rule.maximum < was.maximum)
    if is_shorter or is_higher or is_lower:
        yield "takes a narrower range"


class _Reader:
    """Reads the collector's own sections and collects the faults on its way."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body = body
        self.faults: list[Fault] = []
        self.later: list[str] = []

    def read(self) -> ProjectFile:
        fields = self._fields()
        context = self._mapping("context", {"keep", "attributes"})
        keep = self._names(context.get("keep", []), "/context/keep", KNOWN_CONTEXT)
        attributes = self._names(context.get("attributes", []), "/context/attributes", None)
        names = [rule.name for rule in fields]
        for name in {*keep, *attributes} & set(names):
            self._fault(f"/fields/{name}", "wrong_value", "a field and a context column may not have the same name")
        for place, name in enumerate(attributes):
            if name in KNOWN_CONTEXT:
                self._fault(
                    f"/context/attributes/{place}", "wrong_value", "is no attribute of yours: list it under keep"
                )
        retention = self._mapping("retention", {"signals_days", "versions_days", "dead_letters_days"})
        for key in ("signals_days", "versions_days"):
            if key in retention:
                self._whole(retention, "/retention", key, 1, MAX_DAYS, MAX_DAYS)
                self.later.append(f"/retention/{key}")
        return ProjectFile(
            name=self._name(),
            title=self._text("title", default=str(self.body.get("project", ""))),
            purpose=self._text("purpose", default=""),
            fields=fields,
            drop_unknown=self._choice(self.body, "", "fields_unknown", ("reject", "drop"), "reject") == "drop",
            identity=self._identity(fields),
            keep=keep,
            attributes=attributes,
            privacy=self._privacy(),
            dead_letters_days=self._whole(retention, "/retention", "dead_letters_days", 1, MAX_DAYS, 30),
            body=self.body,
        )

    def _fault(self, pointer: str, reason: str, detail: str) -> None:
        self.faults.append(Fault(pointer, reason, detail))

    def _name(self) -> str:
        name = self.body.get("project")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            reason = "missing_field" if name is None else "wrong_value"
            self._fault("/project", reason, "2 to 63 of a-z, 0-9 and -, not beginning with -")
        return str(name)

    def _text(self, key: str, *, default: str) -> str:
        value = self.body.get(key, default)
        if not isinstance(value, str) or len(value) > MAX_CHARS or "\0" in value:
            self._fault(f"/{key}", "wrong_type", f"must be a text of at most {MAX_CHARS} characters")
            return default
        return value

    def _mapping(self, key: str, known: set[str]) -> Mapping[str, Any]:
        value = self.body.get(key, {})
        if not isinstance(value, dict):
            self._fault(f"/{key}", "wrong_type", f"must be a mapping with some of {', '.join(sorted(known))}")
            return {}
        self.faults.extend(_unknown(f"/{key}", value, known))
        return value

    def _choice(self, place: Mapping[str, Any], at: str, key: str, allowed: Sequence[str], default: str) -> str:
        value = place.get(key, default)
        if value not in allowed:
            self._fault(f"{at}/{key}", "not_in_list", f"must be one of {', '.join(allowed)}")
            return default
        return str(value)

    def _whole(self, place: Mapping[str, Any], at: str, key: str, low: int, high: int, default: int) -> int:
        value = place.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self._fault(f"{at}/{key}", "out_of_range", f"must be a whole number from {low} to {high}")
            return default
        return value

    def _number(self, place: Mapping[str, Any], at: str, key: str) -> float | None:
        value = place.get(key)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        self._fault(f"{at}/{key}", "wrong_type", "must be a number")
        return None

    def _names(self, value: Any, at: str, allowed: Sequence[str] | None) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            self._fault(at, "wrong_type", "must be a list of names")
            return ()
        for place, name in enumerate(value):
            if allowed is not None and name not in allowed:
                self._fault(f"{at}/{place}", "not_in_list", f"must be one of {', '.join(allowed)}")
            elif not FIELD_NAME.fullmatch(name) or name in COLUMNS:
                self._fault(f"{at}/{place}", "wrong_value", "a-z, 0-9 and _, beginning with a letter, and not reserved")
        if len(set(value)) < len(value):
            self._fault(at, "wrong_value", "names a thing twice")
        return tuple(dict.fromkeys(value))

    def _fields(self) -> tuple[FieldRule, ...]:
        value = self.body.get("fields")
        if not isinstance(value, dict) or not 1 <= len(value) <= MAX_FIELDS:
            reason = "missing_field" if value is None else "wrong_type"
            self._fault("/fields", reason, f"must be a mapping of 1 to {MAX_FIELDS} fields")
            return ()
        rules = [self._field(str(name), rule) for name, rule in value.items()]
        return tuple(rule for rule in rules if rule)

    def _field(self, name: str, rule: Any) -> FieldRule | None:
        at = _under("/fields", name)
        if not FIELD_NAME.fullmatch(name) or name in COLUMNS or name in KNOWN_CONTEXT:
            self._fault(at, "wrong_value", "a name is a-z, 0-9 and _, begins with a letter, and is not reserved")
            return None
        if not isinstance(rule, dict):
            self._fault(at, "wrong_type", "must be a mapping with at least `kind`")
            return None
        kind = rule.get("kind")
        if kind not in tuple(FieldKind):
            later = " (image, audio and series come with a later release)" if kind in LATER_KINDS else ""
            self._fault(f"{at}/kind", "not_in_list", f"must be one of {', '.join(FieldKind)}{later}")
            return None
        return self._rule(name, FieldKind(kind), rule, at)

    def _rule(self, name: str, kind: FieldKind, rule: Mapping[str, Any], at: str) -> FieldRule:
        self.faults.extend(_unknown(at, rule, {"kind", "required", "pii", *KEYS_OF_KIND[kind]}))
        if not isinstance(rule.get("required", False), bool):
            self._fault(f"{at}/required", "wrong_type", "must be true or false")
        if "near_duplicates" in rule:
            self._near_duplicates(rule["near_duplicates"], at)
        minimum, maximum = self._number(rule, at, "minimum"), self._number(rule, at, "maximum")
        if minimum is not None and maximum is not None and minimum > maximum:
            self._fault(f"{at}/minimum", "out_of_range", "must not be above maximum")
        unit = rule.get("unit")
        if unit is not None and not isinstance(unit, str):
            self._fault(f"{at}/unit", "wrong_type", "must be a text, such as EUR or m/s2")
        return FieldRule(
            name=name,
            kind=kind,
            required=rule.get("required") is True,
            pii=self._pii(kind, rule, at),
            max_chars=self._whole(rule, at, "max_chars", 1, MAX_CHARS, DEFAULT_MAX_CHARS),
            minimum=minimum,
            maximum=maximum,
            unit=unit if isinstance(unit, str) else None,
            values=self._values(rule, at) if kind is FieldKind.CATEGORY else (),
        )

    def _pii(self, kind: FieldKind, rule: Mapping[str, Any], at: str) -> Pii:
        default = Pii.SCRUB if kind is FieldKind.TEXT else Pii.KEEP
        allowed = tuple(Pii) if kind is FieldKind.TEXT else (Pii.KEEP, Pii.DROP, Pii.PSEUDONYMIZE)
        if rule.get("pii") in LATER_PII:
            to_use = f"use one of {', '.join(allowed)}"
            self._fault(f"{at}/pii", "not_in_list", f"{rule['pii']} comes with a later release: {to_use}")
            return default
        return Pii(self._choice(rule, at, "pii", allowed, default))

    def _near_duplicates(self, threshold: Any, at: str) -> None:
        if not isinstance(threshold, int | float) or isinstance(threshold, bool) or not 0 < threshold <= 1:
            self._fault(f"{at}/near_duplicates", "out_of_range", "must be a number above 0 and at most 1")
        self.later.append(f"{at}/near_duplicates")

    def _values(self, rule: Mapping[str, Any], at: str) -> tuple[str, ...]:
        values = rule.get("values")
        if (
            not isinstance(values, list)
            or not values
            or not all(isinstance(value, str) and value for value in values)
            or len(set(values)) < len(values)
        ):
            self._fault(f"{at}/values", "wrong_type", "must be a list of different texts, at least one")
            return ()
        forms = dict.fromkeys(unicodedata.normalize("NFC", value) for value in values)
        if len(forms) < len(values):
            self._fault(f"{at}/values", "wrong_type", "names one text twice, in two Unicode forms")
        return tuple(forms)

    def _identity(self, fields: tuple[FieldRule, ...]) -> tuple[str, ...]:
        names = [rule.name for rule in fields]
        texts = tuple(rule.name for rule in fields if rule.kind is FieldKind.TEXT and rule.pii is not Pii.DROP)
        if "identity" not in self.body:
            return texts or tuple(rule.name for rule in fields if rule.pii is not Pii.DROP)
        identity = self.body["identity"]
        if not isinstance(identity, list) or not identity or not all(name in names for name in identity):
            self._fault("/identity", "not_in_list", f"must be a list of declared fields: {', '.join(names)}")
            return texts
        for place, name in enumerate(identity):
            if any(rule.name == name and rule.pii is Pii.DROP for rule in fields):
                self._fault(f"/identity/{place}", "wrong_value", "a field that is dropped cannot make an item")
        return tuple(dict.fromkeys(identity))

    def _privacy(self) -> Privacy:
        known = {"consent", "purposes", "notices", "accept_notices", "permissions", "location_km"}
        privacy = self._mapping("privacy", known)
        notices = self._texts(privacy, "notices")
        self._texts(privacy, "permissions")
        accepted = self._words(privacy.get("accept_notices", list(notices)), "/privacy/accept_notices")
        for place, version in enumerate(accepted):
            if notices and version not in notices:
                allowed = f"must be one of {', '.join(notices)}"
                self._fault(f"/privacy/accept_notices/{place}", "not_in_list", allowed)
        kilometres = self._number(privacy, "/privacy", "location_km")
        if kilometres is not None and not 0 < kilometres <= MAX_KM:
            self._fault("/privacy/location_km", "out_of_range", f"must be above 0 and at most {MAX_KM}")
        return Privacy(
            consent_required=self._choice(privacy, "/privacy", "consent", ("required", "none"), "required")
            == "required",
            purposes=self._words(privacy.get("purposes", []), "/privacy/purposes"),
            accept_notices=accepted,
            location_km=kilometres if kilometres and kilometres > 0 else DEFAULT_LOCATION_KM,
        )

    def _words(self, value: Any, at: str) -> tuple[str, ...]:
        """Words that a consent can name: one it cannot would shut out everybody."""
        if not isinstance(value, list):
            self._fault(at, "wrong_type", 'must be a list of short words in quotes, such as ["1"]')
            return ()
        words = [word for word in value if isinstance(word, str) and CONSENT_WORD.fullmatch(word)]
        if len(words) < len(value):
            self._fault(at, "wrong_type", "must be a list of 1 to 64 of A-Z, a-z, 0-9, _, ., - and blanks, in quotes")
        return tuple(words)

    def _texts(self, privacy: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """Texts for people to read: by version or permission, then by language."""
        texts = privacy.get(key, {})
        if not isinstance(texts, dict):
            self._fault(f"/privacy/{key}", "wrong_type", "must be a mapping to texts by language")
            return {}
        for name, text in texts.items():
            by_language = text if isinstance(text, dict) else {"": text}
            if not all(isinstance(one, str) for one in by_language.values()):
                self._fault(_under(f"/privacy/{key}", name), "wrong_type", "must be texts by language: {en: We use …}")
        return texts


def _under(at: str, key: str) -> str:
    return f"{at}/{key[:64].replace('~', '~0').replace('/', '~1')}"


def _unknown(at: str, place: Mapping[str, Any], known: set[str]) -> list[Fault]:
    return [
        Fault(
            _under(at, key),
            "unknown_field",
            f"allowed here: {', '.join(sorted(known))}",
        )
        for key in place
        if key not in known
    ]
