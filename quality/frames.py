"""Reads a table from a Parquet, CSV or JSON lines file into a pandas DataFrame, values as they stand."""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from foundation.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

_WHOLE = re.compile(r"0|-?[1-9][0-9]*")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+")
# So many digits may be more than orjson's 64 bits hold.
_LONG_NUMBER = re.compile(rb"[0-9]{19}")
_INT64 = range(-(2**63), 2**63)
_EXACT_AS_FLOAT = range(-(2**53), 2**53 + 1)


@dataclass(frozen=True)
class Table:
    """A table as rules see it.

    Attributes:
        frame: whole numbers as integers, also beside a missing value; other numbers as floats; all else as it stands.
        texts: the columns of `frame` that are numbers and were written as texts, as they were written.
    """

    frame: pd.DataFrame
    texts: dict[str, pd.Series[Any]]


def read_table(path: Path) -> Table:
    """The table in a file; its kind is told by the ending: .parquet, .csv or .jsonl.

    An empty cell of a CSV file is a missing value; nothing else is, so that a country NA stays one. A CSV file says
    nothing of types, so a column is one of numbers only where each of its cells is written as one plainly (`-5`, `12.50`)
    and comes to no harm by it: with a leading zero, a plus or an exponent among them, or more digits than a float holds,
    all are texts. TRUE and true are texts.

    Raises:
        UsageError: the ending is none of these, or the file cannot be read as what it says.
    """
    readers: dict[str, Callable[[Path], Table]] = {
        ".parquet": _read_parquet,
        ".csv": _read_csv,
        ".jsonl": _read_json_lines,
        ".ndjson": _read_json_lines,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"{path.name}: the file's name must end in .parquet, .csv or .jsonl")
    try:
        return reader(path)
    except OSError as error:
        raise UsageError(f"{path.name}: the file cannot be read ({error.strerror or type(error).__name__})") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name}: the file is not UTF-8; save it as UTF-8") from error


def read_frame(path: Path) -> pd.DataFrame:
    """The frame of `read_table`."""
    return read_table(path).frame


def series_of(values: Sequence[Any]) -> pd.Series[Any]:
    """A column of JSON values: integers stay integers, whatever their size and also beside None; else as pandas has it.

    >>> [str(series_of(values).dtype) for values in ([1, 2], [1, None], [1.5, None], [2**70, None])]
    ['int64', 'Int64', 'float64', 'object']
    """
    import pandas as pd

    present = [value for value in values if value is not None]
    whole = [value for value in present if isinstance(value, int) and not isinstance(value, bool)]
    if not whole or not all(isinstance(value, int | float) and not isinstance(value, bool) for value in present):
        return pd.Series(list(values))
    if len(whole) == len(present) and min(whole) in _INT64 and max(whole) in _INT64:
        return pd.Series(list(values), dtype="int64" if len(present) == len(values) else "Int64")
    if all(value in _EXACT_AS_FLOAT for value in whole) and len(whole) < len(present):
        return pd.Series(list(values), dtype="float64")
    return pd.Series(list(values), dtype="object")


def _read_parquet(path: Path) -> Table:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except pa.ArrowInvalid as error:
        raise UsageError(f"{path.name}: the file is not Parquet") from error
    frame = table.to_pandas()
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name in frame.columns and pa.types.is_integer(column.type) and column.null_count:
            frame[name] = pd.Series(column.to_pylist(), dtype="Int64", index=frame.index)
    return Table(frame, {})


def _read_csv(path: Path) -> Table:
    import pandas as pd

    _check_csv(path)
    written = pd.read_csv(
        path, encoding="utf-8-sig", dtype="str", keep_default_na=False, na_values=[""], index_col=False
    )
    frame, texts = {}, {}
    for name in written.columns:
        column = written[name]
        numbers = _numbers([None if cell != cell else cell for cell in column])
        frame[name] = column if numbers is None else series_of(numbers)
        if numbers is not None:
            texts[name] = column
    return Table(pd.DataFrame(frame, index=written.index), texts)


def _check_csv(path: Path) -> None:
    """Refuses a file without header, with two columns of one name, or with a row that is not as wide as the header."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        try:
            header = next(filter(None, reader), None)
            if header is None:
                raise UsageError(f"{path.name}: the file is empty; its first line must name the columns")
            double = sorted({name for name in header if header.count(name) > 1})
            if double:
                raise UsageError(f"{path.name}, line {reader.line_num}: the column '{double[0]}' stands twice")
            for row in filter(None, reader):
                if len(row) != len(header):
                    raise UsageError(
                        f"{path.name}, line {reader.line_num}: {len(row)} columns, not {len(header)} as in the first "
                        "line; the file is not CSV with the same columns in every line"
                    )
        except csv.Error as error:
            raise UsageError(f"{path.name}, line {reader.line_num}: the row is not valid CSV ({error})") from error


def _numbers(cells: Sequence[str | None]) -> list[int | float | None] | None:
    """The numbers that all cells write plainly and exactly; None where one does not, or all are missing."""
    present = [cell for cell in cells if cell is not None]
    if not present:
        return None
    if all(map(_WHOLE.fullmatch, present)):
        return [None if cell is None else int(cell) for cell in cells]
    if all(map(_is_number, present)):
        return [None if cell is None else float(cell) for cell in cells]
    return None


def _is_number(cell: str) -> bool:
    if _WHOLE.fullmatch(cell):
        return int(cell) in _EXACT_AS_FLOAT
    return bool(_DECIMAL.fullmatch(cell)) and Decimal(cell) == Decimal(repr(float(cell)))


def _read_json_lines(path: Path) -> Table:
    import pandas as pd

    rows: list[dict[str, Any]] = []
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            line = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
            if not line.strip():
                continue
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise UsageError(f"{path.name}, line {number}: the line is not JSON") from error
            if not isinstance(row, dict):
                raise UsageError(f"{path.name}, line {number}: the line is not an object")
            rows.append(json.loads(line) if _LONG_NUMBER.search(line) else row)
    names = dict.fromkeys(name for row in rows for name in row)
    return Table(pd.DataFrame({name: series_of([row.get(name) for row in rows]) for name in names}), {})
