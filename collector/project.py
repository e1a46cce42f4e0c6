"""The project file: each domain parses its own section; a mistake points at its key and says what is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
import yaml
from sqlmodel import Session

from collector.project_file import (
    DEFAULT_LOCATION_KM,
    DEFAULT_MAX_CHARS,
    FieldKind,
    FieldRule,
    Pii,
    Privacy,
    ProjectFile,
)
from foundation.errors import Conflict, Fault, InvalidBody, Unparseable

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


def load_document(raw: bytes) -> dict[str, Any]:
    """A project file's bytes, YAML or JSON, as a mapping.

    Raises:
        Unparseable: it is neither. InvalidBody: it is not a mapping with text keys.
    """
    try:
        text = raw.decode("utf-8")
        body = _read_document(text)
    except UnicodeDecodeError:
        raise Unparseable("the project file is not UTF-8", reason="not_utf8") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise Unparseable(
            f"the project file is neither JSON nor YAML without aliases{place}", reason="not_yaml"
        ) from None
    if not isinstance(body, dict):
        raise InvalidBody("the project file must be a mapping with `project` and `fields`", reason="not_an_object")
    try:
        plain = orjson.loads(orjson.dumps(body))
    except TypeError:
        raise InvalidBody("keys must be text, and dates must be quoted", reason="wrong_type") from None
    return dict(plain)


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases: a few lines of them can stand for gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.constructor.ConstructorError(problem_mark=self.get_mark())
        return super().compose_node(parent, index)


def _read_document(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return _PlainLoader(text).get_single_data()


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
    later.extend(f"/{key}" for key in LATER_KEYS if key in body)
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
        was = before.get(name)
        if was is None:
            found.extend([f"field {name} is new and required"] if rule.required else [])
            continue
        if was.kind is not rule.kind:
            found.append(f"field {name} changed its kind from {was.kind} to {rule.kind}")
        if was.unit != rule.unit:
            found.append(f"field {name} changed its unit")
        if rule.required and not was.required:
            found.append(f"field {name} became required")
        found.extend(
            f"field {name} no longer takes a value it took" for value in was.values if value not in rule.values
        )
    if old.identity != new.identity:
        found.append("the identity fields changed: the same content makes a new item")
    return found


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
        retention = self._mapping("retention", {"signals_days", "versions_days", "dead_letters_days"})
        self.later.extend(f"/retention/{key}" for key in ("signals_days", "versions_days") if key in retention)
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
            dead_letters_days=self._whole(retention, "/retention", "dead_letters_days", 1, 3650, 30),
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
        at = f"/fields/{name[:64].replace('~', '~0').replace('/', '~1')}"
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
        default_pii = Pii.SCRUB if kind is FieldKind.TEXT else Pii.KEEP
        allowed = tuple(Pii) if kind is FieldKind.TEXT else (Pii.KEEP, Pii.DROP, Pii.PSEUDONYMIZE)
        if rule.get("pii") in LATER_PII:
            self._fault(
                f"{at}/pii", "not_in_list", f"{rule['pii']} comes with a later release: use one of {', '.join(allowed)}"
            )
            pii = default_pii.value
        else:
            pii = self._choice(rule, at, "pii", allowed, default_pii)
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
            pii=Pii(pii),
            max_chars=self._whole(rule, at, "max_chars", 1, MAX_CHARS, DEFAULT_MAX_CHARS),
            minimum=minimum,
            maximum=maximum,
            unit=unit if isinstance(unit, str) else None,
            values=self._values(rule, at) if kind is FieldKind.CATEGORY else (),
        )

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
        return tuple(values)

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
        notices = privacy.get("notices", {})
        if not isinstance(notices, dict):
            self._fault("/privacy/notices", "wrong_type", "must be a mapping from a notice's version to its texts")
            notices = {}
        accepted = privacy.get("accept_notices", list(notices))
        if not isinstance(accepted, list) or not all(isinstance(name, str) for name in accepted):
            self._fault("/privacy/accept_notices", "wrong_type", 'must be a list of versions in quotes, such as ["1"]')
            accepted = []
        purposes = privacy.get("purposes", [])
        if not isinstance(purposes, list) or not all(isinstance(name, str) for name in purposes):
            self._fault("/privacy/purposes", "wrong_type", "must be a list of texts")
            purposes = []
        kilometres = self._number(privacy, "/privacy", "location_km")
        return Privacy(
            consent_required=self._choice(privacy, "/privacy", "consent", ("required", "none"), "required")
            == "required",
            purposes=tuple(purposes),
            accept_notices=tuple(accepted),
            location_km=kilometres if kilometres and kilometres > 0 else DEFAULT_LOCATION_KM,
        )


def _unknown(at: str, place: Mapping[str, Any], known: set[str]) -> list[Fault]:
    return [
        Fault(
            f"{at}/{str(key)[:64].replace('~', '~0').replace('/', '~1')}",
            "unknown_field",
            f"allowed here: {', '.join(sorted(known))}",
        )
        for key in place
        if key not in known
    ]
