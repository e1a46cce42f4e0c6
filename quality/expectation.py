"""One rule on a table, as the project file says it: known without loading Great Expectations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quality.expectation_types import columns_named_in

_ABOUT_TEXTS = ("_match_", "_value_lengths_", "_dateutil_", "_json_")
_COMPARED_KWARGS = ("value_set", "min_value", "max_value")


@dataclass(frozen=True, slots=True)
class Expectation:
    """One rule: a Great Expectations type such as `expect_column_values_to_not_be_null`, and its arguments."""

    type: str
    kwargs: Mapping[str, Any]

    @property
    def column(self) -> str | None:
        column = self.kwargs.get("column")
        return column if isinstance(column, str) else None

    @property
    def is_about_types(self) -> bool:
        return self.type.endswith(("_of_type", "_in_type_list"))

    @property
    def reads_texts(self) -> bool:
        """Whether it asks how a value is written: a pattern, a length, a format, or a comparison with texts."""
        compared = [self.kwargs.get(name) for name in _COMPARED_KWARGS]
        flat = [value for one in compared for value in (one if isinstance(one, list) else [one])]
        return any(part in self.type for part in _ABOUT_TEXTS) or any(isinstance(value, str) for value in flat)

    def columns(self) -> list[str]:
        """Every column the rule reads."""
        return [column for _, column in columns_named_in(self.kwargs)]
