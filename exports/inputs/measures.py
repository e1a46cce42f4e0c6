"""What is measured of a column, one class for each way to describe values; a row group at a time, in little memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from exports.inputs.distributions import DyadicHistogram, Moments, TextLengths, ValueCounts, rounded

if TYPE_CHECKING:
    import pyarrow as pa


class ColumnMeasure(Protocol):
    """Measures one column, a row group at a time."""

    def add(self, values: pa.Array) -> None: ...

    def as_document(self) -> dict[str, Any]: ...


class NumberMeasure:
    """Normalization and a histogram. `min` and `max` are values and stay exact; `mean` and `std` are rounded."""

    def __init__(self, *, whole: bool) -> None:
        self._number = int if whole else float
        self._moments = Moments()
        self._histogram = DyadicHistogram()

    def add(self, values: pa.Array) -> None:
        import numpy as np

        numbers = values.drop_null().to_numpy(zero_copy_only=False).astype(np.float64)
        numbers = numbers[np.isfinite(numbers)]
        self._moments.add(numbers)
        self._histogram.add(numbers)

    def as_document(self) -> dict[str, Any]:
        if not self._moments.n:
            return {}
        normalization = {
            "mean": rounded(self._moments.mean),
            "std": rounded(self._moments.std),
            "min": self._number(self._moments.minimum),
            "max": self._number(self._moments.maximum),
        }
        return {"normalization": normalization, "histogram": self._histogram.as_document()}


class TextMeasure:
    """Lengths."""

    def __init__(self) -> None:
        self._lengths = TextLengths()

    def add(self, values: pa.Array) -> None:
        self._lengths.add(values)

    def as_document(self) -> dict[str, Any]:
        lengths = self._lengths.as_document()
        return {"lengths": lengths} if lengths else {}


class ValueMeasure:
    """Vocabulary and how often each value occurs."""

    def __init__(self) -> None:
        self._counts = ValueCounts()

    def add(self, values: pa.Array) -> None:
        self._counts.add(values)

    def values(self) -> list[str]:
        return self._counts.values()

    def as_document(self) -> dict[str, Any]:
        """The 200 most frequent values, by their text."""
        return self.in_order(sorted(self._counts.as_document()["values"]))

    def in_order(self, values: Sequence[str]) -> dict[str, Any]:
        """Vocabulary and histogram in one and the same order: the place of a value is its number."""
        return {"vocabulary": list(values), "histogram": self._counts.in_order(values)}


class TimeMeasure:
    """First and last moment."""

    def __init__(self) -> None:
        self._first: datetime | None = None
        self._last: datetime | None = None

    def add(self, values: pa.Array) -> None:
        import pyarrow.compute as pc

        bounds = pc.min_max(values).as_py()
        if bounds["min"] is None:
            return
        self._first = min(self._first or bounds["min"], bounds["min"])
        self._last = max(self._last or bounds["max"], bounds["max"])

    def as_document(self) -> dict[str, Any]:
        if self._first is None or self._last is None:
            return {}
        return {"range": {"first": _iso(self._first), "last": _iso(self._last)}}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
