"""True or false."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from collector.fields.kind import PLAIN_PII, REQUIRED, Field
from foundation.document.definitions import Definition
from foundation.errors import Fault


@dataclass(frozen=True, kw_only=True, slots=True)
class BooleanField(Field):
    kind = "boolean"
    keys: ClassVar[Mapping[str, Definition]] = {"required": REQUIRED, "pii": PLAIN_PII}

    def read(self, value: Any) -> bool | Fault:
        return value if isinstance(value, bool) else self.fault("wrong_type", "must be true or false")

    def read_column(self, values: Sequence[Any]) -> Sequence[bool | Fault]:
        return values if set(map(type, values)) == {bool} else Field.read_column(self, values)
