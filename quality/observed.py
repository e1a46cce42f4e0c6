"""What a rule looked at, as JSON knows it and without a value that may be personal."""

from __future__ import annotations

import math
from typing import Any


def observed_of(type_: str, value: Any) -> Any:
    """The observed figure where it cannot be personal: numbers, times, column names, and how many values a list has."""
    plain = plain_value(value)
    if type_.startswith("expect_table_") or type_.endswith(("_of_type", "_in_type_list")):
        return plain
    if isinstance(plain, list):
        return {"n_values": len(plain)}
    if isinstance(plain, dict):
        return {name: part for name, part in plain.items() if name in {"quantiles", "values"}} or None
    return None if isinstance(plain, str) and not hasattr(value, "isoformat") else plain


def plain_value(value: Any) -> Any:
    """A value as JSON knows it: numpy's numbers and times made plain, NaN and its kin None."""
    if isinstance(value, dict):
        return {str(name): plain_value(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(part) for part in value]
    if hasattr(value, "isoformat"):
        return None if value != value else value.isoformat()
    if hasattr(value, "item"):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return None if value != value else str(value)
