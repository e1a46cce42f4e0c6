"""A project file once it is checked: the fields, the context and the rules that every floor reads."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

DEFAULT_MAX_CHARS = 2_000
DEFAULT_LOCATION_KM = 10.0
CONSENT_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,63}")
"""A purpose, or a notice's version: kept as it comes, so it has no room for what people say."""


class FieldKind(StrEnum):
    """Kinds of payload fields this release takes."""

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CATEGORY = "category"
    DATETIME = "datetime"


class Pii(StrEnum):
    """What happens to personal data in a field before anything is stored."""

    KEEP = "keep"
    SCRUB = "scrub"
    PSEUDONYMIZE = "pseudonymize"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What one field of the payload may hold."""

    name: str
    kind: FieldKind
    required: bool = False
    pii: Pii = Pii.KEEP
    max_chars: int = DEFAULT_MAX_CHARS
    minimum: float | None = None
    maximum: float | None = None
    unit: str | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Privacy:
    """On what ground signals are taken. `notices`: the versions of the notice a person may have agreed to."""

    consent_required: bool = True
    purposes: tuple[str, ...] = ()
    accept_notices: tuple[str, ...] = ()
    location_km: float = DEFAULT_LOCATION_KM


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """A project file, checked."""

    name: str
    title: str
    purpose: str
    fields: tuple[FieldRule, ...]
    drop_unknown: bool
    identity: tuple[str, ...]
    keep: tuple[str, ...]
    attributes: tuple[str, ...]
    privacy: Privacy
    dead_letters_days: int
    body: Mapping[str, Any] = field(repr=False)

    @property
    def context_names(self) -> tuple[str, ...]:
        """Context columns in the order the file lists them."""
        return (*self.keep, *self.attributes)

    @property
    def intake_rules(self) -> Hashable:
        """What decides whether a signal is taken: equal for revisions that take the same. No context refuses any."""
        return (self.fields, self.drop_unknown)

    @property
    def scrub_hash(self) -> str:
        """Changes when a rule changes what is stored of a text."""
        rules = [(rule.name, rule.kind, rule.pii) for rule in self.fields]
        return hashlib.sha256(orjson.dumps([rules, self.identity])).hexdigest()[:16]
