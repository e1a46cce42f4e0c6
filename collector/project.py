"""The project file: each domain declares and checks its own keys; a mistake points at its key and says what is allowed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlmodel import Session

from collector.fields.kind import Field, Pii
from collector.fields.registry import KINDS
from collector.project_file import (
    ACCEPT_NOTICES,
    COLUMNS,
    DEFINITIONS,
    DERIVED_CONTEXT,
    DERIVED_VALUES,
    FIELD_NAME_SAYS,
    KNOWN_CONTEXT,
    Privacy,
    ProjectFile,
    ReadsSection,
)
from foundation.document.containers import Object
from foundation.document.definitions import Definition, Reader, pointer_to
from foundation.errors import Conflict, InvalidBody, listed

SHARES_TOLERANCE = 0.01
"""Shares of a population are often rounded figures: they may miss 1 by so much."""


class Section(ReadsSection[Any], Protocol):
    """How a domain above reads its part of the project file, and judges a change of it."""

    definitions: Mapping[str, Definition]
    """Its keys, as the page of reference and the JSON Schema show them."""

    def breaks(self, old: ProjectFile, new: ProjectFile) -> Sequence[str]:
        """What a change would break for those who rely on the old one, a sentence each."""

    def judge(self, session: Session, project_id: int, old: ProjectFile, new: ProjectFile) -> None:
        """Raises Conflict where a change cannot be made because of what is stored."""

    def lowers(self, old: ProjectFile, new: ProjectFile) -> Sequence[Mapping[str, Any]]:
        """Promises that a change makes weaker, `{pointer, before, after}` each, for the activity log."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A project file without mistakes. `instead`: what is done instead of settings that are not acted upon, by pointer."""

    file: ProjectFile
    instead: Mapping[str, str]


class ConfigIncompatible(Conflict):
    title = "The labeling configuration would orphan answers"


def definition_of(sections: Iterable[Section]) -> Object:
    """What a whole project file may say."""
    keys = dict(DEFINITIONS)
    for section in sections:
        keys.update(section.definitions)
    return Object(keys=keys)


def parse_project(body: Mapping[str, Any], sections: Sequence[Section]) -> Checked:
    """Checks a whole project file.

    Raises:
        InvalidBody: with one fault for each mistake, each pointing at its key.
    """
    reader = Reader()
    file = _read_all(reader, body, sections)
    definition_of(sections).check_keys(body, "", reader)
    if reader.faults:
        raise InvalidBody("the project file has mistakes", faults=reader.faults)
    return Checked(file, reader.instead)


def instead_in(body: Mapping[str, Any], sections: Sequence[Section]) -> Mapping[str, str]:
    """What is done instead of a stored revision's settings that are not acted upon yet; it was checked when it came in."""
    reader = Reader()
    _read_all(reader, body, sections)
    return reader.instead


def load_file(body: Mapping[str, Any]) -> ProjectFile:
    """A stored revision's file; it was checked when it came in, so what later releases refuse still loads."""
    return _read(Reader(), body)


def breaks_of(old: ProjectFile, new: ProjectFile) -> list[str]:
    """What a new revision takes away from apps and scripts that were built for the old one."""
    before, after = ({one.name: one for one in file.fields} for file in (old, new))
    found = [f"field {name} was removed" for name in before if name not in after]
    for name, field in after.items():
        if name in before:
            found.extend(f"field {name} {change}" for change in field.breaks(before[name]))
        elif field.required:
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


def _read_all(reader: Reader, body: Mapping[str, Any], sections: Sequence[Section]) -> ProjectFile:
    file = _read(reader, body)
    for section in sections:
        told = file.told_of(section)
        reader.take_over(told.faults)
        reader.instead.update(told.instead)
    return file


def _read(reader: Reader, body: Mapping[str, Any]) -> ProjectFile:
    """The collector's own keys; what definitions cannot say of them is checked here."""
    given = {key: reader.read(one, body.get(key), pointer_to("", key)) for key, one in DEFINITIONS.items()}
    fields = _fields(reader, given["fields"] or {})
    keep, attributes = given["context"]["keep"], given["context"]["attributes"]
    _check_context(reader, keep, attributes, {one.name for one in fields})
    _check_population(reader, given["population"], (*keep, *attributes))
    name = str(body.get("project"))
    return ProjectFile(
        name=name,
        title=name if given["title"] is None else given["title"],
        purpose=given["purpose"],
        fields=fields,
        drop_unknown=given["fields_unknown"] == "drop",
        identity=_identity(reader, given["identity"], fields),
        keep=keep,
        attributes=attributes,
        privacy=_privacy(reader, given["privacy"]),
        dead_letters_days=given["retention"]["dead_letters_days"],
        body=body,
    )


def _fields(reader: Reader, given: Mapping[str, Mapping[str, Any] | None]) -> tuple[Field, ...]:
    fields = []
    for name, keys in given.items():
        at = pointer_to("/fields", name)
        if name in COLUMNS or name in KNOWN_CONTEXT:
            reader.fault(at, "wrong_value", f"the name must be {FIELD_NAME_SAYS}")
        elif keys is not None:
            own = {key: value for key, value in keys.items() if key != "kind"}
            fields.append(KINDS[keys["kind"]](name=name, **own).checked(reader, at))
    return tuple(fields)


def _check_context(reader: Reader, keep: Sequence[str], attributes: Sequence[str], fields: set[str]) -> None:
    for name in sorted({*keep, *attributes} & fields):
        at = pointer_to("/fields", name)
        reader.fault(at, "wrong_value", "a field and a context column may not have the same name")
    for place, name in enumerate(attributes if reader.is_clean("/context/attributes") else ()):
        if name in KNOWN_CONTEXT or name in COLUMNS:
            told = "is no attribute of yours: list it under keep" if name in KNOWN_CONTEXT else "is a reserved name"
            reader.fault(f"/context/attributes/{place}", "wrong_value", told)


def _check_population(reader: Reader, given: Mapping[str, Mapping[str, float] | None], kept: Sequence[str]) -> None:
    columns = (*kept, *(name for name in DERIVED_CONTEXT if name not in kept))
    for column, shares in given.items():
        at = pointer_to("/population", column)
        if column not in columns:
            allowed = f"{reader.near(column, columns)}allowed here: columns of context that are kept or derived: {listed(columns)}"
            reader.fault(at, "unknown_field", allowed)
        elif shares:
            values = DERIVED_VALUES.get(column, tuple(shares))
            for value in shares:
                if value not in values:
                    near = f"{reader.near(value, values)}allowed here: {listed(values)}"
                    reader.fault(pointer_to(at, value), "unknown_field", near)
            if None not in shares.values() and abs(math.fsum(shares.values()) - 1) > SHARES_TOLERANCE:
                reader.fault(at, "out_of_range", "the shares of a column must add up to 1")


def _identity(reader: Reader, given: tuple[str, ...] | None, fields: tuple[Field, ...]) -> tuple[str, ...]:
    texts = tuple(one.name for one in fields if one.is_prose and one.pii is not Pii.DROP)
    if given is None:
        return texts or tuple(one.name for one in fields if one.pii is not Pii.DROP)
    names = [one.name for one in fields]
    unknown = next((name for name in given if name not in names), None)
    if unknown is not None:
        near = reader.near(unknown, names)
        reader.fault("/identity", "not_in_list", f"{near}must be a list of declared fields: {listed(names)}")
        return texts
    for place, name in enumerate(given if reader.is_clean("/identity") else ()):
        if any(one.name == name and one.pii is Pii.DROP for one in fields):
            reader.fault(f"/identity/{place}", "wrong_value", "a field that is dropped cannot make an item")
    return tuple(dict.fromkeys(given))


def _privacy(reader: Reader, given: Mapping[str, Any]) -> Privacy:
    at, notices, accepted = "/privacy/accept_notices", given["notices"], given["accept_notices"]
    if accepted is None:
        # A version that no consent can name would shut out everybody.
        accepted = reader.read(ACCEPT_NOTICES, list(notices), at) or ()
    for place, version in enumerate(accepted if reader.is_clean(at) else ()):
        if notices and version not in notices:
            near = reader.near(version, notices)
            reader.fault(f"{at}/{place}", "not_in_list", f"{near}must be one of {listed(notices)}")
    known = {version: text for version, text in notices.items() if text is not None}
    return Privacy(given["consent"] == "required", given["purposes"], accepted, known, given["location_km"])
