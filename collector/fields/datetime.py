"""A moment with its zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from collector.fields.kind import PLAIN_PII, REQUIRED, Field
from collector.written_times import read_time
from foundation.document.definitions import Definition
from foundation.errors import Fault


@dataclass(frozen=True, kw_only=True, slots=True)
class DatetimeField(Field):
    kind = "datetime"
    keys: ClassVar[Mapping[str, Definition]] = {"required": REQUIRED, "pii": PLAIN_PII}

    def read(self, value: Any) -> str | Fault:
        at = read_time(value)
        return at.isoformat() if at else self.fault("wrong_type", "must be a time with zone (RFC 3339)")
