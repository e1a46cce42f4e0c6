"""schema.json: what a model takes in and gives out, measured on the training side alone, so that no test row is seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from exports.columns import dtype_of, target_dtype
from exports.contents import Contents
from exports.distributions import DyadicHistogram, Moments, TextLengths, ValueCounts, rounded
from exports.plan import RAW, FieldSpec, TargetSpec, VersionPlan, raw_column

if TYPE_CHECKING:
    import pyarrow as pa

NUMERIC_KINDS = frozenset({"number", "integer"})


class ColumnMeasure(Protocol):
    """Measures one column, a row group at a time."""

    def add(self, values: pa.Array) -> None: ...

    def as_document(self) -> dict[str, Any]: ...


class SchemaMeasure:
    """Sees every row group of the training side once and answers with `schema.json`."""

    def __init__(self, plan: VersionPlan) -> None:
        self._plan = plan
        self._columns: dict[str, ColumnMeasure] = {f.name: _measure(f.kind) for f in (*plan.fields, *plan.context)}
        for target in plan.targets:
            self._columns[target.name] = ValueMeasure() if target.is_textual else NumberMeasure(whole=False)
        self._nulls = dict.fromkeys(self._columns, 0)
        self._rows = 0

    def add(self, group: pa.Table) -> None:
        self._rows += len(group)
        for name, measure in self._columns.items():
            values = group.column(name).combine_chunks()
            self._nulls[name] += values.null_count
            measure.add(values)

    def as_document(self, contents: Contents) -> dict[str, Any]:
        """The document; a label that some side has has its number, so that every row can be coded."""
        found = {target.name: contents.labels_of(target.name) for target in self._plan.targets}
        return {
            "project": self._plan.project,
            "version": self._plan.version,
            "measured_on": {"split": "train", "rows": self._rows},
            "fields": {spec.name: self._field(spec) for spec in self._plan.fields},
            "targets": {target.name: self._target(target, found[target.name]) for target in self._plan.targets},
            "unmeasured": {raw_column(name): {"kind": RAW, "dtype": "string"} for name in self._plan.unmeasured},
            "context": {spec.name: self._field(spec) for spec in self._plan.context},
        }

    def _field(self, spec: FieldSpec) -> dict[str, Any]:
        document: dict[str, Any] = {"kind": spec.kind, "dtype": dtype_of(spec.kind), "shape": [], "unit": spec.unit}
        document["nulls"] = self._nulls[spec.name]
        measure = self._columns[spec.name]
        if spec.values and isinstance(measure, ValueMeasure):
            return document | measure.in_order(list(label_map(spec.values, measure.values())))
        return document | measure.as_document()

    def _target(self, target: TargetSpec, found: Iterable[str]) -> dict[str, Any]:
        measure = self._columns[target.name]
        document: dict[str, Any] = {
            "kind": target.kind,
            "level": target.level,
            "dtype": target_dtype(target),
            "shape": [],
            "nulls": self._nulls[target.name],
        }
        if isinstance(measure, ValueMeasure):
            labels = label_map(target.choices, found)
            document |= measure.in_order(list(labels))
            document["label_map"] = labels
            document["output_range"] = {"minimum": 0, "maximum": len(labels) - 1} if labels else None
            return document
        document |= measure.as_document()
        if "normalization" in document:
            bounds = document["normalization"]
            document["output_range"] = {"minimum": bounds["min"], "maximum": bounds["max"]}
        return document


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


def label_map(choices: tuple[str, ...], found: Iterable[str]) -> dict[str, int]:
    """Label to class number: declared choices in their order, then any other label found, by its text.

    >>> label_map(("no", "yes"), ["maybe", "yes"])
    {'no': 0, 'yes': 1, 'maybe': 2}
    """
    labels = [*choices, *(label for label in sorted(found) if label not in choices)]
    return {label: number for number, label in enumerate(labels)}


def _measure(kind: str) -> ColumnMeasure:
    if kind in NUMERIC_KINDS:
        return NumberMeasure(whole=kind == "integer")
    if kind in ("category", "boolean"):
        return ValueMeasure()
    return TimeMeasure() if kind == "datetime" else TextMeasure()


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
