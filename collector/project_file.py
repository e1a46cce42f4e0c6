"""What a project file may say of the collector's own matters, and the same once it is checked, as every floor reads it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

import orjson

from collector.fields.kind import Field
from collector.fields.registry import FIELD
from foundation.document.containers import Either, ListOf, MappingOf, Object
from foundation.document.definitions import Anything, Choice, Definition, Number, Reader, Text, Whole

DEFAULT_LOCATION_KM = 10.0
MAX_DAYS, MAX_KM, MAX_FIELDS, MAX_NOTICE_CHARS = 3650, 20_000, 200, 200_000
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


T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Privacy:
    """On what ground signals are taken.

    `accept_notices`: the versions of the notice a person may have agreed to; `notices`: the texts that are known, by
    version, each a text or texts by language.
    """

    consent_required: bool = True
    purposes: tuple[str, ...] = ()
    accept_notices: tuple[str, ...] = ()
    notices: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)
    location_km: float = DEFAULT_LOCATION_KM


class ReadsSection(Protocol[T_co]):
    """Reads what a floor above says in a project file."""

    def read(self, reader: Reader, file: ProjectFile) -> T_co:
        """The section, typed and frozen; its faults, and what is done instead, are told to the reader.

        Args:
            file: the whole file; sections of the floors below are asked of it.
        """


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """A project file, checked."""

    name: str
    title: str
    purpose: str
    fields: tuple[Field, ...]
    drop_unknown: bool
    identity: tuple[str, ...]
    keep: tuple[str, ...]
    attributes: tuple[str, ...]
    privacy: Privacy
    dead_letters_days: int
    body: Mapping[str, Any] = field(repr=False)
    _sections: dict[Any, tuple[Any, Reader]] = field(default_factory=dict, repr=False, compare=False)

    def section(self, of: ReadsSection[T_co]) -> T_co:
        """A section of a floor above, read once for all who ask."""
        section: T_co = self._read(of)[0]
        return section

    def told_of(self, of: ReadsSection[Any]) -> Reader:
        """What is wrong with a section, and what is done instead of its settings."""
        return self._read(of)[1]

    def _read(self, of: ReadsSection[Any]) -> tuple[Any, Reader]:
        if of not in self._sections:
            reader = Reader()
            self._sections[of] = of.read(reader, self), reader
        return self._sections[of]

    @property
    def context_names(self) -> tuple[str, ...]:
        """Context columns in the order the file lists them."""
        return (*self.keep, *self.attributes)

    @property
    def scrub_hash(self) -> str:
        """Changes when a rule changes what is stored of a text."""
        rules = [(one.name, one.kind, one.pii) for one in self.fields]
        return hashlib.sha256(orjson.dumps([rules, self.identity])).hexdigest()[:16]


_TEXTS_BY_LANGUAGE: Final = Either(
    required=True,
    of=(
        Text(max_chars=MAX_NOTICE_CHARS),
        MappingOf(
            "The same text in several languages.", called="language", of=Text(required=True, max_chars=MAX_NOTICE_CHARS)
        ),
    ),
)
_CONSENT_WORDS: Final = Text(
    pattern=CONSENT_WORD,
    pattern_says="1 to 64 of A-Z, a-z, 0-9, _, ., - and blanks, in quotes",
)


def _days(what: str, *, default: int | None = None, instead: str = "") -> Whole:
    says = f"After how many days {what} are deleted."
    return Whole(lowest=1, highest=MAX_DAYS, default=default, reason="out_of_range", says=says, instead=instead)


ACCEPT_NOTICES: Final = ListOf(
    "The versions of the notice under which a consent counts.",
    as_one=True,
    default=None,
    default_says="all of `notices`",
    of=_CONSENT_WORDS,
)
DEFINITIONS: Final[Mapping[str, Definition]] = {
    "project": Text(
        "The project's name, in paths and in the names of versions.",
        required=True,
        pattern=NAME,
        pattern_says="2 to 63 of a-z, 0-9 and -, not beginning with -",
    ),
    "title": Text("The name that people read, on pages and on the card.", default_says="the name"),
    "purpose": Text("What the data is for, and what it must not be used for; it goes into the card.", default=""),
    "fields": MappingOf(
        "What a signal's payload may hold, by name.",
        required=True,
        called="field",
        pattern=FIELD_NAME,
        pattern_says=FIELD_NAME_SAYS,
        at_least=1,
        at_most=MAX_FIELDS,
        of=FIELD,
    ),
    "fields_unknown": Choice(
        "What becomes of a field that is not declared: its signal is refused, or it is dropped.",
        values=("reject", "drop"),
        default="reject",
    ),
    "identity": ListOf(
        "The fields that make an item: what is equal in them is labelled once.",
        at_least=1,
        as_one=True,
        default=None,
        reason="not_in_list",
        default_says="all text fields; all fields where there is none",
        of=Text(pattern_says="a declared field"),
    ),
    "context": Object(
        "The capture conditions that are kept; what is not listed is dropped unseen.",
        keys={
            "keep": ListOf(
                "What is kept of what Winnow knows, or derives.", unique=True, of=Choice(values=KNOWN_CONTEXT)
            ),
            "attributes": ListOf(
                "Names of your own that are kept: short texts, numbers, true and false.",
                unique=True,
                of=Text(pattern=FIELD_NAME, pattern_says=FIELD_NAME_SAYS),
            ),
        },
    ),
    "privacy": Object(
        "On what ground data is taken.",
        keys={
            "consent": Choice(
                "Whether a signal needs its person's consent.", values=("required", "none"), default="required"
            ),
            "purposes": ListOf("The purposes that a consent has to cover.", as_one=True, of=_CONSENT_WORDS),
            "notices": MappingOf(
                "What people were told, by version and language.",
                called="version",
                instead="a consent has to name one of the versions; the texts are kept with the revision and printed on "
                "the card, and apps bring their own copy",
                of=_TEXTS_BY_LANGUAGE,
            ),
            "accept_notices": ACCEPT_NOTICES,
            "permissions": MappingOf(
                "Why an app asks for a permission, by permission and language.",
                called="permission",
                instead="the texts are kept with the revision and not handed out: apps bring their own",
                of=_TEXTS_BY_LANGUAGE,
            ),
            "location_km": Number(
                "How coarse a location is made, in kilometres.", above=0, highest=MAX_KM, default=DEFAULT_LOCATION_KM
            ),
        },
    ),
    "retention": Object(
        "How long things are kept, in days.",
        keys={
            "signals_days": _days("signals", instead="signals stay until their person is erased"),
            "versions_days": _days(
                "versions", instead="a version stays until it is withdrawn; drafts go after 30 days"
            ),
            "dead_letters_days": _days("refused signals", default=30),
        },
    ),
    "population": MappingOf(
        "Shares of the population that the data is to stand for, by context column and value; those of a column add up to 1.",
        called="column",
        instead="nothing is weighted, chosen or measured by it",
        of=MappingOf(
            required=True,
            called="value",
            at_least=1,
            of=Number(
                "The share of the population that has this value, from 0 to 1.", required=True, lowest=0, highest=1
            ),
        ),
    ),
    "statistics": MappingOf(
        "Which differentially private statistics may be asked for.",
        called="setting",
        instead="no statistics are given out, and what stands here is not checked",
        of=Anything(),
    ),
    "alerts": MappingOf(
        "What is watched, and who is told.",
        called="setting",
        instead="nothing is watched and nobody is told, and what stands here is not checked",
        of=Anything(),
    ),
    "events": MappingOf(
        "Who is told when a version is published or withdrawn, an alert is raised, or an erasure is complete.",
        called="setting",
        instead="nobody is told, and what stands here is not checked",
        of=Anything(),
    ),
}
"""The collector's own keys. Domains above bring theirs."""
