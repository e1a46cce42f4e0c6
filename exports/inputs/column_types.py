"""How values stand in a version, by the kind of field or question they come from: a row for each kind, none without one.

A kind that has no row here stops every command and process at its start: a version must not guess what a value is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson

from collector.fields.registry import KINDS as FIELD_KINDS
from exports.inputs.measures import ColumnMeasure, NumberMeasure, TextMeasure, TimeMeasure, ValueMeasure
from labeling.questions.registry import KINDS as QUESTION_KINDS

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Stored:
    """A type of columns: its name in schema.json, in Croissant, and as Arrow has it."""

    dtype: str
    croissant: str
    arrow: Callable[[], pa.DataType]


@dataclass(frozen=True, slots=True)
class ColumnType:
    """What a version makes of a kind.

    Args:
        fit: a stored JSON value as the column has it; None for what does not fit the kind any more.
        measure: what schema.json says of the column.
        has_few: whether there are few different values, so that files number them.
    """

    stored: Stored
    fit: Callable[[Any], Any]
    measure: Callable[[], ColumnMeasure]
    has_few: bool = False

    @property
    def has_labels(self) -> bool:
        """Whether its values are names, which a model knows by their numbers."""
        return self.measure is ValueMeasure


def as_number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def as_integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def as_boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def as_moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else None


def as_text(value: Any) -> str | None:
    """Texts as they are; a value of another kind as its JSON."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _arrow(name: str, *given: Any) -> Callable[[], Any]:
    """Arrow is heavy: its type is made when a version is."""

    def make() -> Any:
        import pyarrow as pa

        return getattr(pa, name)(*given)

    return make


STRING: Final = Stored("string", "sc:Text", _arrow("string"))
FLOAT: Final = Stored("float64", "sc:Float", _arrow("float64"))
WHOLE: Final = Stored("int64", "sc:Integer", _arrow("int64"))
BOOL: Final = Stored("bool", "sc:Boolean", _arrow("bool_"))
MOMENT: Final = Stored("timestamp[us, UTC]", "sc:DateTime", _arrow("timestamp", "us", "UTC"))
MEASURED_NUMBER: Final = partial(NumberMeasure, whole=False)

OF_FIELDS: Final[dict[str, ColumnType]] = {
    "text": ColumnType(STRING, as_text, TextMeasure),
    "number": ColumnType(FLOAT, as_number, MEASURED_NUMBER),
    "integer": ColumnType(WHOLE, as_integer, partial(NumberMeasure, whole=True)),
    "boolean": ColumnType(BOOL, as_boolean, ValueMeasure, has_few=True),
    "category": ColumnType(STRING, as_text, ValueMeasure, has_few=True),
    "datetime": ColumnType(MOMENT, as_moment, TimeMeasure),
}
"""By `Field.kind`; columns of the context are of one of these kinds too."""
OF_QUESTIONS: Final[dict[str, ColumnType]] = {
    "choice": ColumnType(STRING, as_text, ValueMeasure),
    "rating": ColumnType(FLOAT, as_number, MEASURED_NUMBER),
    "number": ColumnType(FLOAT, as_number, MEASURED_NUMBER),
}
"""By `Question.kind`: the agreed value of a target."""


def kinds_without_a_row() -> list[str]:
    """Kinds that are known to project files or labeling configurations, and not here."""
    return [*_missing("field", FIELD_KINDS, OF_FIELDS), *_missing("question", QUESTION_KINDS, OF_QUESTIONS)]


def _missing(of: str, kinds: Iterable[str], rows: Mapping[str, ColumnType]) -> list[str]:
    return [f"{of} {kind}" for kind in kinds if kind not in rows]


if missing := kinds_without_a_row():
    raise LookupError(f"exports/inputs/column_types.py has no row for the kind of {', '.join(missing)}")
