"""A table as bytes and back, values and types as they were: how it comes to another process.

Arrow keeps the typed columns. One of plain Python objects, which may hold a number beside a text or more digits than 64
bits, goes as JSON, cell by cell.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_SAID = b"winnow"


def packed(frame: pd.DataFrame, said: Mapping[str, Any]) -> bytes:
    """A table, without its index, and a JSON object that goes along."""
    import pandas as pd
    import pyarrow as pa

    typed: dict[str, Any] = {"row": range(len(frame))}  # a table without columns would have no rows
    as_json: dict[str, list[str]] = {}
    for place in range(frame.shape[1]):
        column = frame.iloc[:, place]
        cells = _cells(column) if str(column.dtype) == "object" else None
        if cells is None:
            typed[str(place)] = column.reset_index(drop=True)
        else:
            as_json[str(place)] = cells
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyarrow asks pandas for times in a way that goes with pandas 4
        table = pa.Table.from_pandas(pd.DataFrame(typed, index=range(len(frame))), preserve_index=False)
    for name, cells in as_json.items():
        table = table.append_column(name, pa.array(cells, pa.large_string()))
    about = {"names": list(frame.columns), "json": list(as_json), "said": said}
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), _SAID: json.dumps(about)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def unpacked(content: bytes) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The table and the JSON object of `packed`."""
    import pandas as pd
    import pyarrow as pa

    table = pa.ipc.open_stream(content).read_all()
    about = json.loads(table.schema.metadata[_SAID])
    typed = table.drop_columns(about["json"]).to_pandas()
    columns = {
        place: pd.Series([json.loads(cell) for cell in table[place].to_pylist()], dtype="object", index=typed.index)
        if place in about["json"]
        else typed[place]
        for place in map(str, range(len(about["names"])))
    }
    frame = pd.DataFrame(columns, index=typed.index)
    frame.columns = pd.Index(about["names"], dtype="object" if not about["names"] else None)
    return frame, about["said"]


def _cells(column: pd.Series[Any]) -> list[str] | None:
    """Each cell as JSON; None where JSON does not know one of them, such as a date, which Arrow does."""
    try:
        return [json.dumps(cell) for cell in column]
    except TypeError:
        return None
