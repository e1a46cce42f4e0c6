"""A document's definitions, shown: a page of reference for people, a JSON Schema for editors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from foundation.document.containers import Either, Kinds, ListOf, MappingOf, Object
from foundation.document.definitions import Choice, Definition, Flag, Number, Schema, Text, Whole

ROOT: Final = "At the root"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_HEAD: Final = ("| key | type | default | allowed | since | what it does |", "|---|---|---|---|---|---|")


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a document: its path from the root, with a word in angle brackets for what the document names itself."""

    path: str
    definition: Definition
    only: str = ""

    @property
    def row(self) -> str:
        one = self.definition
        cells = (
            f"`{self.path}`{f' ({self.only})' if self.only else ''}",
            _type_of(one),
            "required" if one.required else one.default_says or _default_of(one),
            _allowed_of(one),
            one.since,
            one.says + _later_of(one),
        )
        return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def json_schema(document: Object, *, title: str) -> Schema:
    """A whole document as JSON Schema, draft 2020-12. It refuses nothing that the reader takes."""
    return {"$schema": DIALECT, "title": title, **document.schema()}


def reference_page(document: Object) -> str:
    """Every key of a document in Markdown: those at its root, then a section for each that has keys of its own."""
    sections: dict[str, list[Entry]] = {ROOT: []}
    for key, definition in document.keys.items():
        found = list(entries(key, definition))
        sections.setdefault(ROOT if len(found) == 1 else key, []).extend(found)
    parts = [[f"## {name}", "", *_HEAD, *(entry.row for entry in found), ""] for name, found in sections.items()]
    return "\n".join(line for part in parts for line in part)


def not_in_effect(document: Object) -> dict[str, str]:
    """What is taken and not acted upon yet, by path (`path: value` where one value is), and what is done instead."""
    found = {}
    for key, definition in document.keys.items():
        for entry in entries(key, definition):
            found.update(dict(_idle(entry)))
    return found


def entries(path: str, definition: Definition, only: str = "") -> Iterator[Entry]:
    """A key and all keys below it, in the order of the definitions."""
    if definition.says:
        yield Entry(path, definition, only)
    for step, part in _parts_of(definition):
        which = ""
        if isinstance(definition, Kinds) and step != definition.tag:
            kinds = definition.kinds_with(step, part)
            which = ", ".join(kinds) if len(kinds) < len(definition.cases) else ""
        yield from entries(path + (step if step == "[]" else f".{step}"), part, which)


def _parts_of(definition: Definition) -> Iterator[tuple[str, Definition]]:
    if isinstance(definition, Either):
        for one in definition.of:
            yield from _parts_of(one)
    yield from definition.parts()


def _idle(entry: Entry) -> Iterator[tuple[str, str]]:
    if entry.definition.instead:
        yield entry.path, entry.definition.instead
    if isinstance(entry.definition, Choice):
        yield from ((f"{entry.path}: {value}", told) for value, told in entry.definition.instead_of.items())


def _type_of(one: Definition) -> str:
    if isinstance(one, ListOf):
        return f"list of {_type_of(one.of)}s" if not isinstance(one.of, Object) else "list of mappings"
    if isinstance(one, Either):
        return " or ".join(_type_of(part) for part in one.of)
    if isinstance(one, Whole):
        return "whole number"
    named = {Text: "text", Number: "number", Flag: "boolean", Choice: "choice"}
    return named.get(type(one), "mapping")


def _default_of(one: Definition) -> str:
    if isinstance(one.default, str | int | float):
        return f"`{json.dumps(one.default)}`" if not isinstance(one.default, str) else f"`{one.default or chr(34) * 2}`"
    is_filled = isinstance(one, ListOf | MappingOf) or (isinstance(one, Object) and not one.may_be_absent)
    return "" if is_filled else "none"


def _allowed_of(one: Definition) -> str:
    if isinstance(one, ListOf):
        return _allowed_of(one.of)
    if isinstance(one, Choice):
        return ", ".join(f"`{value}`" for value in one.values)
    if isinstance(one, Flag):
        return "`true`, `false`"
    if isinstance(one, Number):
        return one.allowed.removeprefix("a whole number").removeprefix("a number").strip() or "any"
    if isinstance(one, Text):
        return one.pattern_says or f"at most {one.max_chars} characters"
    if isinstance(one, MappingOf):
        return one.pattern_says and f"each {one.called}: {one.pattern_says}"
    return ""


def _later_of(one: Definition) -> str:
    told = f" **Not in effect yet**: {one.instead}." if one.instead else ""
    choice = one.of if isinstance(one, ListOf) else one
    if isinstance(choice, Choice):
        for sentence in dict.fromkeys(choice.instead_of.values()):
            values = ", ".join(f"`{value}`" for value, said in choice.instead_of.items() if said == sentence)
            told += f" {values} **not in effect yet**: {sentence}."
        if choice.to_come:
            told += f" With a later release: {', '.join(f'`{value}`' for value in choice.to_come)}."
    return told
