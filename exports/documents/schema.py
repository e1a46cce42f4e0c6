"""schema.json: what a model takes in and gives out, measured on the training side alone, so that no test row is seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from exports.column_names import RAW, raw_column
from exports.documents.contents import Contents
from exports.inputs.measures import ColumnMeasure, ValueMeasure
from exports.inputs.plan import FieldSpec, TargetSpec, VersionPlan

if TYPE_CHECKING:
    import pyarrow as pa


class SchemaMeasure:
    """Sees every row group of the training side once and answers with `schema.json`."""

    def __init__(self, plan: VersionPlan) -> None:
        self._plan = plan
        specs: tuple[FieldSpec | TargetSpec, ...] = (*plan.fields, *plan.context, *plan.targets)
        self._columns: dict[str, ColumnMeasure] = {spec.name: spec.column.measure() for spec in specs}
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
        document: dict[str, Any] = {
            "kind": spec.kind,
            "dtype": spec.column.stored.dtype,
            "shape": [],
            "unit": spec.unit,
        }
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
            "dtype": target.column.stored.dtype,
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


def label_map(choices: tuple[str, ...], found: Iterable[str]) -> dict[str, int]:
    """Label to class number: declared choices in their order, then any other label found, by its text.

    >>> label_map(("no", "yes"), ["maybe", "yes"])
    {'no': 0, 'yes': 1, 'maybe': 2}
    """
    labels = [*choices, *(label for label in sorted(found) if label not in choices)]
    return {label: number for number, label in enumerate(labels)}
