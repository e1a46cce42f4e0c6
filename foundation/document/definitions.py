"""Documents that people write: what may stand in one is declared once, and read, explained and shown from there.

A definition says of one value what it may be, what it does and what holds without it. A `Reader` reads a document by its
definition into checked values, and collects what is wrong, each with a pointer (RFC 6901). JSON Schema and the page of
reference (`foundation/document/pages.py`) come from the same definitions. An absent key and one that is null are the same.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeAlias

from foundation.errors import MOST_FAULTS_TOLD, Fault, Faults, listed

Schema: TypeAlias = dict[str, Any]
MAX_TEXT = 20_000
MAX_KEY = 64
"""A key may hold anything: longer ones are cut in a pointer."""
MOST_SUGGESTED = 20


def pointer_to(at: str, *steps: object) -> str:
    """A JSON pointer (RFC 6901) some steps below another; what somebody else named is cut.

    >>> pointer_to("/fields", "a/b~", 0)
    '/fields/a~1b~0/0'
    """
    # A lone surrogate cannot leave as UTF-8; a question mark stands for it.
    plain = (str(step)[:MAX_KEY].encode(errors="replace").decode() for step in steps)
    return at + "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in plain)


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """A question that names the nearest of the known names; empty where none is near, and then nothing is asked.

    >>> did_you_mean("fileds", ["fields", "identity"])
    'did you mean fields? '
    """
    spelled = {str(one).casefold(): str(one) for one in known}
    near = get_close_matches(str(name)[:MAX_KEY].casefold(), spelled, n=1)
    return f"did you mean {spelled[near[0]]}? " if near else ""


class Reader:
    """Reads documents by their definitions.

    Attributes:
        faults: what is wrong, in the order it was met; the first mistakes, and how many more there are.
        wrong_at: the pointers of all of them.
        instead: for each setting that is kept but not acted upon yet, its pointer and what is done instead.
    """

    def __init__(self) -> None:
        self.faults = Faults(most=MOST_FAULTS_TOLD)
        self.wrong_at: set[str] = set()
        self.instead: dict[str, str] = {}

    def read(self, definition: Definition, raw: Any, at: str) -> Any:
        """The value as checked. What is absent or wrong has its default; what is wrong, or needed, is a fault too."""
        if raw is None and definition.required:
            return self.refuse(definition, at, "missing_field", f"is needed: {definition.allowed}")
        if raw is None:
            return definition.absent(self, at)
        value = definition.take(raw, at, self)
        sentence = definition.done_instead_of(value)
        if sentence:
            self.instead[at] = sentence
        return value

    def fault(self, pointer: str, reason: str, detail: str) -> None:
        self.wrong_at.add(pointer)
        self.faults.note(lambda: Fault(pointer, reason, detail))

    def take_over(self, faults: Sequence[Fault]) -> None:
        """Notes what somebody else found wrong in the same document."""
        self.wrong_at.update(fault.pointer for fault in faults)
        self.faults.extend(faults)

    def near(self, name: object, known: Iterable[object]) -> str:
        """`did_you_mean`, as long as few mistakes are told: finding near names takes time, and a file may be all mistakes."""
        return did_you_mean(name, known) if len(self.faults) < MOST_SUGGESTED else ""

    def is_clean(self, at: str) -> bool:
        """Whether nothing is wrong so far at a place and below it: then what was read stands where it stood."""
        return not any(pointer == at or pointer.startswith(f"{at}/") for pointer in self.wrong_at)

    def refuse(self, definition: Definition, at: str, reason: str, detail: str = "") -> Any:
        """Notes a fault in the definition's own words, and gives its default."""
        self.fault(at, definition.reason or reason, detail or f"must be {definition.allowed}")
        return definition.default


@dataclass(frozen=True, kw_only=True)
class Definition(ABC):
    """What one value may be.

    Args:
        says: one plain sentence: what it does.
        default: what holds where it is absent.
        default_says: the default in words, where it depends on the rest of the document.
        required: whether it has to be there.
        since: the release that took it first.
        instead: where it is not acted upon yet: what is done instead. It is told where the value is not the default.
        reason: the one reason a fault has, whatever is wrong: a promise to programs that is older than these definitions.
    """

    says: str = field(default="", kw_only=False)
    default: Any = None
    default_says: str = ""
    required: bool = False
    since: str = "0.1.0"
    instead: str = ""
    reason: str = ""

    @property
    @abstractmethod
    def allowed(self) -> str:
        """What it may be, in words that follow "must be"."""

    @abstractmethod
    def take(self, raw: Any, at: str, reader: Reader) -> Any:
        """The checked value of what stands there, or the default and a fault."""

    @abstractmethod
    def form(self) -> Schema:
        """The same as JSON Schema, without its description."""

    def absent(self, reader: Reader, at: str) -> Any:  # noqa: ARG002
        return self.default

    def done_instead_of(self, value: Any) -> str:
        return self.instead if value != self.default else ""

    def parts(self) -> Iterator[tuple[str, Definition]]:
        """The definitions inside it, each with its key, or a word in angle brackets for keys that a document chooses."""
        yield from ()

    def schema(self) -> Schema:
        said = self.says + (f" (Not in effect yet: {self.instead}.)" if self.instead else "")
        shown = {"description": said} if said else {}
        return {**shown, **self.form(), **({"default": self.default} if _is_plain(self.default) else {})}


@dataclass(frozen=True, kw_only=True)
class Text(Definition):
    """A text; `pattern` has to match all of it, and `pattern_says` tells it in words."""

    needs_words: bool = False
    max_chars: int = MAX_TEXT
    pattern: re.Pattern[str] | None = None
    pattern_says: str = ""

    @property
    def allowed(self) -> str:
        return self.pattern_says or f"a text of {int(self.needs_words)} to {self.max_chars} characters"

    def take(self, raw: Any, at: str, reader: Reader) -> Any:
        if not isinstance(raw, str):
            is_bare = isinstance(raw, int | float)  # 1.10 and yes are no texts in YAML
            quoted = f"must be {self.allowed}, in quotes" if is_bare else ""
            return reader.refuse(self, at, "wrong_type", quoted)
        if self.needs_words and not raw.strip():
            return reader.refuse(self, at, "missing_field", "an empty text says nothing")
        if len(raw) > self.max_chars:
            return reader.refuse(self, at, "too_long")
        if "\0" in raw:
            return reader.refuse(self, at, "nul_character", "must be a text without NUL characters")
        if self.pattern and not self.pattern.fullmatch(raw):
            return reader.refuse(self, at, "wrong_value")
        return raw

    def form(self) -> Schema:
        pattern = {"pattern": f"^(?:{self.pattern.pattern})$"} if self.pattern else {}
        return {"type": "string", "minLength": int(self.needs_words), "maxLength": self.max_chars, **pattern}


@dataclass(frozen=True, kw_only=True)
class Number(Definition):
    """A finite number within bounds that belong to it, except for `above`."""

    lowest: float | None = None
    highest: float | None = None
    above: float | None = None

    @property
    def allowed(self) -> str:
        return f"a number{_bounds(self.lowest, self.highest, self.above)}"

    def take(self, raw: Any, at: str, reader: Reader) -> Any:
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            return reader.refuse(self, at, "wrong_type")
        is_within = (
            (self.lowest is None or raw >= self.lowest)
            and (self.highest is None or raw <= self.highest)
            and (self.above is None or raw > self.above)
        )
        # Whole numbers of any size are compared as they are: they may be too large to become a float.
        is_finite = isinstance(raw, int) or math.isfinite(raw)
        return raw if is_within and is_finite else reader.refuse(self, at, "out_of_range")

    def form(self) -> Schema:
        bounds = {"minimum": self.lowest, "maximum": self.highest, "exclusiveMinimum": self.above}
        return {"type": "number", **{name: bound for name, bound in bounds.items() if bound is not None}}


@dataclass(frozen=True, kw_only=True)
class Whole(Number):
    """A whole number within bounds; 3.0 is one."""

    @property
    def allowed(self) -> str:
        return f"a whole number{_bounds(self.lowest, self.highest, self.above)}"

    def take(self, raw: Any, at: str, reader: Reader) -> Any:
        if isinstance(raw, float) and math.isfinite(raw):
            if not raw.is_integer():
                return reader.refuse(self, at, "wrong_type")
            raw = int(raw)
        return super().take(raw, at, reader)

    def form(self) -> Schema:
        return {**super().form(), "type": "integer"}


@dataclass(frozen=True, kw_only=True)
class Flag(Definition):
    default: Any = False

    @property
    def allowed(self) -> str:
        return "true or false"

    def take(self, raw: Any, at: str, reader: Reader) -> Any:
        return raw if isinstance(raw, bool) else reader.refuse(self, at, "wrong_type")

    def form(self) -> Schema:
        return {"type": "boolean"}


@dataclass(frozen=True, kw_only=True)
class Choice(Definition):
    """One of some texts; members of a `StrEnum` are given back as such.

    Args:
        values: what is taken.
        called: one of them in words, such as "a measured question".
        to_come: what a later release takes: refused, and said so.
        instead_of: for values that are taken and not acted upon yet, what is done instead.
    """

    values: tuple[str, ...]
    called: str = ""
    to_come: tuple[str, ...] = ()
    instead_of: Mapping[str, str] = field(default_factory=dict)

    @property
    def allowed(self) -> str:
        return f"{self.called or 'one'} of {listed(self.values) or 'none'}"

    def take(self, raw: Any, at: str, reader: Reader) -> Any:
        for value in self.values:
            if raw == value:
                return value
        allowed = listed(self.values) or "there is none"
        if raw in self.to_come:
            return reader.refuse(self, at, "not_in_list", f"comes with a later release: for now only {allowed}")
        near = reader.near(raw, self.values) if isinstance(raw, str) else ""
        must = f"must be {self.called}: " if self.called else "allowed: "
        return reader.refuse(self, at, "not_in_list", f"{near}{must}{allowed}")

    def done_instead_of(self, value: Any) -> str:
        return self.instead_of.get(value, "") or super().done_instead_of(value)

    def form(self) -> Schema:
        return {"type": "string", "enum": [str(value) for value in self.values]}


@dataclass(frozen=True, kw_only=True)
class Anything(Definition):
    """Whatever JSON can say: somebody else reads it."""

    @property
    def allowed(self) -> str:
        return "anything"

    def take(self, raw: Any, at: str, reader: Reader) -> Any:  # noqa: ARG002
        return raw

    def form(self) -> Schema:
        return {}


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _bounds(lowest: float | None, highest: float | None, above: float | None) -> str:
    if lowest is not None and highest is not None:
        return f" from {lowest} to {highest}"
    low = f"above {above}" if above is not None else f"at least {lowest}" if lowest is not None else ""
    high = f"at most {highest}" if highest is not None else ""
    said = " and ".join(filter(None, [low, high]))
    return f" {said}" if said else ""
