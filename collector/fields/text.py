"""A text that people write."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Self

from collector.fields.kind import REQUIRED, Field, Pii, pii_key
from foundation.document.definitions import Definition, Number, Whole
from foundation.errors import Fault

DEFAULT_MAX_CHARS: Final = 2_000
MAX_CHARS: Final = 20_000


@dataclass(frozen=True, kw_only=True, slots=True)
class TextField(Field):
    kind = "text"
    keys: ClassVar[Mapping[str, Definition]] = {
        "required": REQUIRED,
        "pii": pii_key(*Pii, default=Pii.SCRUB),
        "max_chars": Whole(
            "The longest text that is taken, in code points after NFC.",
            lowest=1,
            highest=MAX_CHARS,
            default=DEFAULT_MAX_CHARS,
            reason="out_of_range",
        ),
        "near_duplicates": Number(
            "From which similarity on two texts are near-duplicates, which stay on one side of a split.",
            above=0,
            highest=1,
            reason="out_of_range",
            instead="only texts that are equal count as one; each item is a set of its own",
        ),
    }
    is_prose: ClassVar[bool] = True

    max_chars: int = DEFAULT_MAX_CHARS
    near_duplicates: float | None = None

    def as_read(self) -> Self:
        return replace(Field.as_read(self), near_duplicates=None)

    def read(self, value: Any) -> str | Fault:
        if not isinstance(value, str):
            return self.fault("wrong_type", "must be a text")
        text: str = value if value.isascii() else unicodedata.normalize("NFC", value)
        if len(text) > self.max_chars:
            return self.fault("too_long", f"must have at most {self.max_chars} characters")
        return self.fault("nul_character", "must not contain U+0000") if "\0" in text else text

    def read_column(self, values: Sequence[Any]) -> Sequence[str | Fault]:
        """Looked at as one text; where anything is wrong with it, one by one."""
        if set(map(type, values)) != {str}:
            return Field.read_column(self, values)
        joined = "\n".join(values)  # no character becomes one with a line break before it
        is_plain = "\0" not in joined and unicodedata.is_normalized("NFC", joined)
        return values if is_plain and max(map(len, values)) <= self.max_chars else Field.read_column(self, values)

    def narrows(self, was: Self) -> Iterator[str]:
        if self.max_chars < was.max_chars:
            yield "takes a narrower range"
