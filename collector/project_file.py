"""What a project file may say of the collector's own matters, and the same once it is checked, as every floor reads it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import orjson

from foundation.document import Anything, Choice, Definition, Flag, Number, Text, Whole
from foundation.document_containers import Either, Kinds, ListOf, MappingOf, Object

DEFAULT_MAX_CHARS = 2_000
DEFAULT_LOCATION_KM = 10.0
MAX_CHARS, MAX_DAYS, MAX_KM, MAX_FIELDS, MAX_NOTICE_CHARS = 20_000, 3650, 20_000, 200, 200_000
NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")
FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
FIELD_NAME_SAYS = "1 to 63 of a-z, 0-9 and _, beginning with a letter, and not reserved"
COLUMNS = frozenset({"item", "split_group", "near_duplicate_set", "weight", "n_signals", "selected_by", "id", "signal",
                     "event_time", "captured_at", "received_at", "time_quality", "revision"})  # fmt: skip
"""Names that columns of signals and versions have already."""
RAW_CONTEXT = ("device_model", "os_name", "os_version", "app_version", "locale", "timezone", "network_type", "rtt_ms",
               "downlink_kbps", "battery", "charging", "location")  # fmt: skip
DERIVED_CONTEXT = ("part_of_day", "weekday", "network_quality", "device_family", "os_major")
KNOWN_CONTEXT = (*RAW_CONTEXT, *DERIVED_CONTEXT)
DERIVED_VALUES = {
    "part_of_day": ("night", "morning", "afternoon", "evening"),
    "weekday": ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    "network_quality": ("slow-2g", "2g", "3g", "4g", "offline", "unknown"),
}
"""All values of the derived columns that have few."""
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
        """What decides whether a signal is taken: equal for revisions that take the same."""
        return (self.fields, self.drop_unknown, self.keep, self.attributes)

    @property
    def scrub_hash(self) -> str:
        """Changes when a rule changes what is stored of a text."""
        rules = [(rule.name, rule.kind, rule.pii) for rule in self.fields]
        return hashlib.sha256(orjson.dumps([rules, self.identity])).hexdigest()[:16]


_TEXTS_BY_LANGUAGE: Final = Either(
    required=True,
    of=(
        Text(max_chars=MAX_NOTICE_CHARS),
        MappingOf(called="language", of=Text(max_chars=MAX_NOTICE_CHARS), says="The same text in several languages."),
    ),
)
_CONSENT_WORDS: Final = Text(
    pattern=CONSENT_WORD,
    pattern_says="1 to 64 of A-Z, a-z, 0-9, _, ., - and blanks, in quotes",
)
_REQUIRED: Final = Flag(says="Whether a signal without it is refused.")
_NOT_EMPTY: Final = Text(pattern=re.compile(r"[\s\S]+"), pattern_says="a text that is not empty")


def _pii(default: Pii, *allowed: Pii) -> Choice:
    return Choice(
        values=allowed,
        default=default,
        to_come=("scrub_names",),
        says="What happens to personal data before anything is stored: as it is, found and replaced by its type, "
        "replaced by a keyed hash, or not stored at all.",
    )


def _days(what: str, *, default: int | None = None, instead: str = "") -> Whole:
    says = f"After how many days {what} are deleted."
    return Whole(lowest=1, highest=MAX_DAYS, default=default, reason="out_of_range", says=says, instead=instead)


_PLAIN_PII: Final = _pii(Pii.KEEP, Pii.KEEP, Pii.PSEUDONYMIZE, Pii.DROP)
_BOUNDS: Final = {
    "minimum": Number(says="The smallest number that is taken."),
    "maximum": Number(says="The largest number that is taken."),
    "unit": Text(says="What the number counts, such as EUR or m/s2; it goes into schema and card."),
}
FIELD: Final = Kinds(
    required=True,
    tag="kind",
    tag_says="What the field holds.",
    to_come=("image", "audio", "series"),
    cases={
        FieldKind.TEXT: {
            "required": _REQUIRED,
            "pii": _pii(Pii.SCRUB, *Pii),
            "max_chars": Whole(
                lowest=1,
                highest=MAX_CHARS,
                default=DEFAULT_MAX_CHARS,
                reason="out_of_range",
                says="The longest text that is taken, in code points after NFC.",
            ),
            "near_duplicates": Number(
                above=0,
                highest=1,
                reason="out_of_range",
                says="From which similarity on two texts are near-duplicates, which stay on one side of a split.",
                instead="only texts that are equal count as one; each item is a set of its own",
            ),
        },
        FieldKind.NUMBER: {"required": _REQUIRED, "pii": _PLAIN_PII, **_BOUNDS},
        FieldKind.INTEGER: {"required": _REQUIRED, "pii": _PLAIN_PII, **_BOUNDS},
        FieldKind.BOOLEAN: {"required": _REQUIRED, "pii": _PLAIN_PII},
        FieldKind.CATEGORY: {
            "required": _REQUIRED,
            "pii": _PLAIN_PII,
            "values": ListOf(
                of=_NOT_EMPTY,
                at_least=1,
                unique=True,
                as_one=True,
                required=True,
                reason="wrong_type",
                says="The values that are taken.",
            ),
        },
        FieldKind.DATETIME: {"required": _REQUIRED, "pii": _PLAIN_PII},
    },
)
ACCEPT_NOTICES: Final = ListOf(
    of=_CONSENT_WORDS,
    as_one=True,
    default=None,
    default_says="all of `notices`",
    says="The versions of the notice under which a consent counts.",
)
DEFINITIONS: Final[Mapping[str, Definition]] = {
    "project": Text(
        required=True,
        pattern=NAME,
        pattern_says="2 to 63 of a-z, 0-9 and -, not beginning with -",
        says="The project's name, in paths and in the names of versions.",
    ),
    "title": Text(default_says="the name", says="The name that people read, on pages and on the card."),
    "purpose": Text(default="", says="What the data is for, and what it must not be used for; it goes into the card."),
    "fields": MappingOf(
        required=True,
        called="field",
        of=FIELD,
        pattern=FIELD_NAME,
        pattern_says=FIELD_NAME_SAYS,
        at_least=1,
        at_most=MAX_FIELDS,
        says="What a signal's payload may hold, by name.",
    ),
    "fields_unknown": Choice(
        values=("reject", "drop"),
        default="reject",
        says="What becomes of a field that is not declared: its signal is refused, or it is dropped.",
    ),
    "identity": ListOf(
        of=Text(),
        at_least=1,
        as_one=True,
        default=None,
        reason="not_in_list",
        default_says="all text fields; all fields where there is none",
        says="The fields that make an item: what is equal in them is labelled once.",
    ),
    "context": Object(
        says="The capture conditions that are kept; what is not listed is dropped unseen.",
        keys={
            "keep": ListOf(
                of=Choice(values=KNOWN_CONTEXT), unique=True, says="What is kept of what Winnow knows, or derives."
            ),
            "attributes": ListOf(
                of=Text(pattern=FIELD_NAME, pattern_says=FIELD_NAME_SAYS),
                unique=True,
                says="Names of your own that are kept: short texts, numbers, true and false.",
            ),
        },
    ),
    "privacy": Object(
        says="On what ground data is taken.",
        keys={
            "consent": Choice(
                values=("required", "none"),
                default="required",
                says="Whether a signal needs its person's consent.",
            ),
            "purposes": ListOf(of=_CONSENT_WORDS, as_one=True, says="The purposes that a consent has to cover."),
            "notices": MappingOf(
                called="version",
                of=_TEXTS_BY_LANGUAGE,
                says="What people were told, by version and language.",
                instead="a consent has to name one of the versions; the texts are kept with the revision and printed on "
                "the card, and apps bring their own copy",
            ),
            "accept_notices": ACCEPT_NOTICES,
            "permissions": MappingOf(
                called="permission",
                of=_TEXTS_BY_LANGUAGE,
                says="Why an app asks for a permission, by permission and language.",
                instead="the texts are kept with the revision and not handed out: apps bring their own",
            ),
            "location_km": Number(
                above=0,
                highest=MAX_KM,
                default=DEFAULT_LOCATION_KM,
                says="How coarse a location is made, in kilometres.",
            ),
        },
    ),
    "retention": Object(
        says="How long things are kept, in days.",
        keys={
            "signals_days": _days("signals", instead="signals stay until their person is erased"),
            "versions_days": _days(
                "versions", instead="a version stays until it is withdrawn; drafts go after 30 days"
            ),
            "dead_letters_days": _days("refused signals", default=30),
        },
    ),
    "population": MappingOf(
        called="column",
        of=MappingOf(
            required=True,
            called="value",
            at_least=1,
            of=Number(
                required=True, lowest=0, highest=1, says="The share of the population that has this value, from 0 to 1."
            ),
        ),
        says="Shares of the population that the data is to stand for, by context column and value; those of a column add up to 1.",
        instead="nothing is weighted, chosen or measured by it",
    ),
    "statistics": MappingOf(
        called="setting",
        of=Anything(),
        says="Which differentially private statistics may be asked for.",
        instead="no statistics are given out, and what stands here is not checked",
    ),
    "alerts": MappingOf(
        called="setting",
        of=Anything(),
        says="What is watched, and who is told.",
        instead="nothing is watched and nobody is told, and what stands here is not checked",
    ),
}
"""The collector's own keys. Domains above bring theirs."""
