"""The columns of a version as Arrow types, and the rows of a batch brought into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exports.column_names import raw_column, target_columns
from exports.inputs.column_types import FLOAT
from exports.inputs.plan import TargetSpec, VersionPlan
from exports.inputs.splits import Split, group_names
from exports.shares import SIDES

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

DECIMALS = 4


def arrow_schema(plan: VersionPlan) -> pa.Schema:
    """All columns in their order, with their types."""
    import pyarrow as pa

    columns = [
        ("item", pa.string()),
        ("split_group", pa.string()),
        ("near_duplicate_set", pa.string()),
        ("weight", pa.float64()),
        ("n_signals", pa.int64()),
        ("selected_by", pa.string()),
    ]
    columns += [(spec.name, spec.column.stored.arrow()) for spec in plan.fields]
    for target in plan.targets:
        columns += target_fields(target)
    columns += [(raw_column(control), pa.string()) for control in plan.unmeasured]
    columns += [(spec.name, spec.column.stored.arrow()) for spec in plan.context]
    return pa.schema(columns)


def target_fields(target: TargetSpec) -> list[tuple[str, pa.DataType]]:
    """The columns of one target with their types."""
    import pyarrow as pa

    types = (target.column.stored.arrow(), pa.float64(), pa.int64(), pa.string(), pa.string())
    return list(zip(target_columns(target.name), types, strict=True))


def coded_columns(plan: VersionPlan) -> list[str]:
    """Columns with few different values."""
    coded = ["selected_by", *(f.name for f in (*plan.fields, *plan.context) if f.column.has_few)]
    for target in plan.targets:
        coded += target_columns(target.name)
    return coded


class RowShaper:
    """Brings batches of candidates into the version's columns, side by side."""

    def __init__(self, plan: VersionPlan, split: Split) -> None:
        self._schema = arrow_schema(plan)
        self._figures = {"weight", *(f"{target.name}_confidence" for target in plan.targets)}
        self._figures |= {target.name for target in plan.targets if target.column.stored is FLOAT}
        self._version = plan.version
        self._split = split

    def shape(self, batch: pa.RecordBatch, position: int) -> dict[str, pa.RecordBatch]:
        """The batch's kept rows for each side that has some.

        Args:
            batch: the columns of the version except `split_group`; types that can be cast to those of the version.
            position: how many candidates came before.
        """
        import pyarrow as pa

        span = slice(position, position + batch.num_rows)
        codes = self._split.codes[span]
        whole = self._cast(batch, self._split.leaders[span])
        shaped = {}
        for code, side in enumerate(SIDES):
            here = codes == code
            if here.any():
                shaped[str(side)] = whole if here.all() else whole.filter(pa.array(here))
        return shaped

    def _cast(self, batch: pa.RecordBatch, leaders: npt.NDArray[np.uint32]) -> pa.RecordBatch:
        import pyarrow as pa

        columns = []
        for field in self._schema:
            if field.name == "split_group":
                columns.append(group_names(leaders, seed=self._split.seed, version=self._version))
            else:
                columns.append(self._column(batch.column(field.name), field))
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)

    def _column(self, values: pa.Array, field: Any) -> pa.Array:
        import pyarrow.compute as pc

        cast = values if values.type == field.type else values.cast(field.type)
        return pc.round(cast, ndigits=DECIMALS) if field.name in self._figures else cast
