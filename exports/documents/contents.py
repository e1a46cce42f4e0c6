"""What a version turned out to hold: counted while it is written, told by manifest and card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from exports.inputs.distributions import ValueCounts
from exports.inputs.leakage import Leakage
from exports.inputs.plan import VersionPlan
from exports.inputs.splits import FIRST_REASON, REASONS, LeftOut
from exports.shares import SIDES

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa


@dataclass(frozen=True)
class LeftOutItem:
    """A candidate that stands on no side, and why."""

    item: str
    reason: LeftOut


@dataclass(frozen=True)
class Contents:
    """Measured figures of a version.

    Args:
        rows: rows of each side.
        signals: observations behind the rows.
        labelled: per target and side, rows that have a consensus.
        labels: per target of named labels and side, rows of each label.
        unresolved: per target that has some, rows that are kept without a label, by the kind of `labels.Missing`.
    """

    rows: Mapping[str, int]
    signals: int
    labelled: Mapping[str, Mapping[str, int]]
    labels: Mapping[str, Mapping[str, Mapping[str, int]]]
    left_out: tuple[LeftOutItem, ...]
    leakage: Leakage
    unresolved: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.rows.values())

    def labels_of(self, target: str) -> set[str]:
        """Every label of a target that some row has, on any side."""
        return {label for counts in self.labels.get(target, {}).values() for label in counts}

    def left_out_by_reason(self) -> dict[str, int]:
        return dict(sorted(Counter(str(left.reason) for left in self.left_out).items()))


class Tally:
    """Counts rows, signals and labels as row groups are written, and notes who was left out."""

    def __init__(self, plan: VersionPlan) -> None:
        self._rows = {str(side): 0 for side in SIDES}
        self._signals = 0
        self._labelled = {target.name: dict(self._rows) for target in plan.targets}
        named = [target.name for target in plan.targets if target.column.has_labels]
        self._labels = {name: {str(side): ValueCounts() for side in SIDES} for name in named}
        self._unresolved: dict[str, Counter[str]] = {target.name: Counter() for target in plan.targets}
        self._left_out: list[LeftOutItem] = []

    def add_group(self, side: str, group: pa.Table) -> None:
        import pyarrow.compute as pc

        self._rows[side] += len(group)
        self._signals += pc.sum(group.column("n_signals")).as_py() or 0
        for target, sides in self._labelled.items():
            values = group.column(target)
            sides[side] += len(values) - values.null_count
            if values.null_count:
                sources = group.column(f"{target}_source").filter(pc.is_null(values))
                self._unresolved[target].update(sources.to_pylist())
            if target in self._labels:
                self._labels[target][side].add(values.combine_chunks())

    def add_left_out(self, items: pa.Array, codes: npt.NDArray[np.uint8]) -> None:
        """Notes the items of a batch whose code is a reason; `items` and `codes` have the same length."""
        import numpy as np

        for place in np.flatnonzero(codes >= FIRST_REASON).tolist():
            self._left_out.append(LeftOutItem(items[place].as_py(), REASONS[codes[place] - FIRST_REASON]))

    def contents(self, leakage: Leakage) -> Contents:
        labels: dict[str, Any] = {
            target: {side: counts.as_map() for side, counts in sides.items()} for target, sides in self._labels.items()
        }
        unresolved = {name: dict(sorted(kinds.items())) for name, kinds in self._unresolved.items() if kinds}
        left_out = tuple(self._left_out)
        return Contents(self._rows, self._signals, self._labelled, labels, left_out, leakage, unresolved)
