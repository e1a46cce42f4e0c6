"""A field kind: a colour as phones and style sheets write it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from collector.fields.kind import PLAIN_PII, REQUIRED, Field
from foundation.document.definitions import Definition
from foundation.errors import Fault

HEXADECIMAL = re.compile("#[0-9A-Fa-f]{6}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ColourField(Field):
    kind = "colour"
    keys: ClassVar[Mapping[str, Definition]] = {"required": REQUIRED, "pii": PLAIN_PII}

    def read(self, value: Any) -> str | Fault:
        if not isinstance(value, str):
            return self.fault("wrong_type", "must be a text")
        if not HEXADECIMAL.fullmatch(value):
            return self.fault("wrong_value", "must be a colour such as #ff8800")
        return value.lower()
