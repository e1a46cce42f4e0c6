"""Which form of a table a rule is asked of: values as they are, as they were written, or as types have names."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from quality.expectation import Expectation

if TYPE_CHECKING:
    import pandas as pd


def columns_as_written(expectation: Expectation, texts: Collection[str]) -> tuple[str, ...]:
    """The columns that a rule sees as texts: of one about how a value is written, or that compares it with texts."""
    return tuple(sorted(set(expectation.columns()) & set(texts))) if expectation.reads_texts else ()


def with_plain_types(table: pd.DataFrame) -> pd.DataFrame:
    """A table for rules about types alone: Great Expectations does not know pandas' types with missing values by name."""
    plain = {
        name: column.fillna(0).astype("int64") if str(column.dtype) == "Int64" else column.astype("object")
        for name, column in table.items()
        if str(column.dtype) in {"Int64", "str"}
    }
    return table.assign(**{str(name): column for name, column in plain.items()})


def plain_types(named: Any) -> Any:
    if isinstance(named, list):
        return [plain_types(one) for one in named]
    return "int64" if named in ("Int64", "Int64Dtype") else named
