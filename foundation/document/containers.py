"""Definitions of what holds other values: lists, mappings, objects with known keys, and objects of several kinds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from foundation.document.definitions import Choice, Definition, Reader, Schema, pointer_to
from foundation.errors import listed


@dataclass(frozen=True, kw_only=True)
class ListOf(Definition):
    """A list, read as a tuple without what is wrong in it.

    Args:
        of: what each entry may be.
        at_least: so many entries; unique: no two are equal.
        as_one: a wrong entry is told of the list, not of its place.
    """

    of: Definition
    default: Any = ()
    at_least: int = 0
    unique: bool = False
    as_one: bool = False

    @property
    def allowed(self) -> str:
        size = f", at least {self.at_least}" if self.at_least else ""
        return f"a list{' without doubles' if self.unique else ''}{size}; each entry: {self.of.allowed}"

    def take(self, raw: Any, at: str, reader: Reader) -> Any:
        if not isinstance(raw, list) or len(raw) < self.at_least:
            return reader.refuse(self, at, "wrong_type")
        entries = Reader() if self.as_one else reader
        before = entries.faults.total
        taken = [self.of.take(entry, pointer_to(at, place), entries) for place, entry in enumerate(raw)]
        is_wrong = entries.faults.total > before
        if self.as_one and is_wrong:
            reader.refuse(self, at, "wrong_type")
        kept = tuple(entry for place, entry in enumerate(taken) if pointer_to(at, place) not in entries.wrong_at)
        texts = [entry for entry in raw if isinstance(entry, str)]
        if self.unique and len(set(texts)) < len(texts) and not (self.as_one and is_wrong):
            reader.refuse(self, at, "wrong_value", "names a thing twice")
        return kept

    def form(self) -> Schema:
        entries: Schema = {"type": "array", "items": self.of.schema(), "minItems": self.at_least}
        return {**entries, "uniqueItems": True} if self.unique else entries

    def parts(self) -> Iterator[tuple[str, Definition]]:
        yield "[]", self.of


@dataclass(frozen=True, kw_only=True)
class MappingOf(Definition):
    """A mapping whose keys the document chooses.

    Args:
        of: what each value may be.
        called: one word for what a key names.
        pattern: what a key has to match, all of it; `pattern_says` tells it in words.
        at_least, at_most: bounds of the number of keys.
    """

    of: Definition
    called: str
    default: Any = field(default_factory=dict)
    pattern: re.Pattern[str] | None = None
    pattern_says: str = ""
    at_least: int = 0
    at_most: int = 10_000

    @property
    def allowed(self) -> str:
        return f"a mapping of {self.at_least} to {self.at_most}, each {self.called}: {self.of.allowed}"

    def take(self, raw: Any, at: str, reader: Reader) -> Any:
        if not _is_mapping(raw) or not self.at_least <= len(raw) <= self.at_most:
            return reader.refuse(self, at, "wrong_type")
        taken = {}
        for key, value in raw.items():
            below = pointer_to(at, key)
            if self.pattern and not self.pattern.fullmatch(key):
                reader.fault(below, "wrong_value", f"the name must be {self.pattern_says}")
            else:
                taken[key] = reader.read(self.of, value, below)
        return taken

    def form(self) -> Schema:
        bounds = {"type": "object", "minProperties": self.at_least, "maxProperties": self.at_most}
        value = _shown(self.of)
        if self.pattern is None:
            return {**bounds, "additionalProperties": value}
        named = {f"^(?:{self.pattern.pattern})$": value}
        return {**bounds, "patternProperties": named, "additionalProperties": False}

    def parts(self) -> Iterator[tuple[str, Definition]]:
        yield f"<{self.called}>", self.of


@dataclass(frozen=True, kw_only=True)
class Object(Definition):
    """A mapping with keys that are known, read as a dictionary with a value for each.

    Args:
        keys: what each may be.
        others: what the values of further keys may be, which the document chooses; `called` says in a word what they name.
        into: made of the values by key; the dictionary itself where it is None.
        may_be_absent: whether its absence is a value of its own, the default; else every key has its default then.
    """

    keys: Mapping[str, Definition]
    others: Definition | None = None
    called: str = ""
    into: Callable[..., Any] | None = None
    may_be_absent: bool = False

    @property
    def allowed(self) -> str:
        return f"a mapping with some of {', '.join(self.keys)}"

    def absent(self, reader: Reader, at: str) -> Any:
        return self.default if self.may_be_absent else self.take({}, at, reader)

    def take(self, raw: Any, at: str, reader: Reader) -> Any:
        if not _is_mapping(raw):
            reader.refuse(self, at, "wrong_type")
            return self.absent(Reader(), at)
        before = reader.faults.total
        self.check_keys(raw, at, reader)
        known = {**self.keys, **{key: self.others for key in raw if key not in self.keys}} if self.others else self.keys
        taken = {key: reader.read(one, raw.get(key), pointer_to(at, key)) for key, one in known.items()}
        if self.may_be_absent and reader.faults.total > before:
            return self.default
        return self.into(**taken) if self.into else taken

    def check_keys(self, raw: Mapping[str, Any], at: str, reader: Reader) -> None:
        """Notes a fault for each key that is not known here."""
        for key in raw:
            if key not in self.keys and self.others is None:
                allowed = f"{reader.near(key, self.keys)}allowed here: {listed(self.keys) or 'nothing'}"
                reader.fault(pointer_to(at, key), "unknown_field", allowed)

    def form(self) -> Schema:
        properties = {key: _shown(one) for key, one in self.keys.items()}
        required = [key for key, one in self.keys.items() if one.required]
        others = _shown(self.others) if self.others else False
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": others}

    def parts(self) -> Iterator[tuple[str, Definition]]:
        yield from self.keys.items()
        if self.others:
            yield f"<{self.called}>", self.others


@dataclass(frozen=True, kw_only=True)
class Kinds(Definition):
    """An object of one of several kinds, each with keys of its own; `tag` is the key that names the kind.

    Args:
        cases: the keys of each kind, the tag left out.
        to_come: kinds that a later release takes: refused, and said so.
    """

    tag: str
    tag_says: str
    cases: Mapping[str, Mapping[str, Definition]]
    to_come: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        return f"a mapping with at least `{self.tag}`"

    @property
    def tag_choice(self) -> Choice:
        return Choice(says=self.tag_says, required=True, values=tuple(self.cases), to_come=self.to_come)

    def case(self, kind: str) -> Object:
        return Object(keys={self.tag: self.tag_choice, **self.cases[kind]})

    def take(self, raw: Any, at: str, reader: Reader) -> Any:
        if not _is_mapping(raw):
            return reader.refuse(self, at, "wrong_type")
        kind = reader.read(self.tag_choice, raw.get(self.tag), pointer_to(at, self.tag))
        return self.default if kind is None else self.case(kind).take(raw, at, reader)

    def form(self) -> Schema:
        properties = {self.tag: self.tag_choice.schema()}
        cases = [
            {
                "if": {"properties": {self.tag: {"const": str(kind)}}, "required": [self.tag]},
                "then": self.case(kind).form(),
            }
            for kind in self.cases
        ]
        return {"type": "object", "properties": properties, "required": [self.tag], "allOf": cases}

    def parts(self) -> Iterator[tuple[str, Definition]]:
        yield self.tag, self.tag_choice
        told: list[tuple[str, Definition]] = []
        for keys in self.cases.values():
            told += [part for part in keys.items() if part not in told]
        yield from told

    def kinds_with(self, key: str, one: Definition) -> list[str]:
        """The kinds in which a key is so defined."""
        return [str(kind) for kind, keys in self.cases.items() if keys.get(key) == one]


@dataclass(frozen=True, kw_only=True)
class Either(Definition):
    """What fits the first of several definitions that it fits at all; what fits none is told of the whole value."""

    of: tuple[Definition, ...]

    @property
    def allowed(self) -> str:
        return " or ".join(one.allowed for one in self.of)

    def take(self, raw: Any, at: str, reader: Reader) -> Any:
        for one in self.of:
            alone = Reader()
            value = one.take(raw, at, alone)
            if not alone.faults:
                return value
        return reader.refuse(self, at, "wrong_type")

    def form(self) -> Schema:
        return {"anyOf": [one.schema() for one in self.of]}


def _is_mapping(raw: Any) -> bool:
    return isinstance(raw, Mapping) and all(isinstance(key, str) for key in raw)


def _shown(definition: Definition) -> Schema:
    """The schema of a value with a key: absent and null are the same."""
    schema = definition.schema()
    if definition.required or ("type" not in schema and "anyOf" not in schema):
        return schema
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    listed = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **listed}
