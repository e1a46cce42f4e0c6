"""One of a few texts that the project file lists."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from collector.fields.kind import PLAIN_PII, REQUIRED, Field
from foundation.document.containers import ListOf
from foundation.document.definitions import Definition, Reader, Text
from foundation.errors import Fault, listed


@dataclass(frozen=True, kw_only=True, slots=True)
class CategoryField(Field):
    kind = "category"
    keys: ClassVar[Mapping[str, Definition]] = {
        "required": REQUIRED,
        "pii": PLAIN_PII,
        "values": ListOf(
            "The values that are taken.",
            at_least=1,
            unique=True,
            as_one=True,
            required=True,
            reason="wrong_type",
            of=Text(pattern=re.compile(r"[\s\S]+"), pattern_says="a text that is not empty"),
        ),
    }

    values: tuple[str, ...] = ()

    def checked(self, reader: Reader, at: str) -> Self:
        """Its values in the form in which they are compared."""
        forms = tuple(dict.fromkeys(unicodedata.normalize("NFC", value) for value in self.values))
        if len(forms) < len(self.values):
            reader.fault(f"{at}/values", "wrong_type", "names one text twice, in two Unicode forms")
        return replace(self, values=forms)

    def read(self, value: Any) -> str | Fault:
        if not isinstance(value, str):
            return self.fault("wrong_type", "must be a text")
        if not value.isascii():
            value = unicodedata.normalize("NFC", value)
        return value if value in self.values else self.fault("not_in_list", f"must be one of {listed(self.values)}")

    def read_column(self, values: Sequence[Any]) -> Sequence[str | Fault]:
        are_listed = set(map(type, values)) == {str} and set(values).issubset(self.values)
        return values if are_listed else Field.read_column(self, values)

    def narrows(self, was: Self) -> Iterator[str]:
        if gone := [value for value in was.values if value not in self.values]:
            yield f"no longer takes {', '.join(gone)}"
