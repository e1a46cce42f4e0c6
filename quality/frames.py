"""Reads a table from a Parquet, CSV or JSON lines file into a pandas DataFrame, values as they stand."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


def read_frame(path: Path) -> pd.DataFrame:
    """The table in a file; its kind is told by the ending: .parquet, .csv or .jsonl.

    An empty cell of a CSV file is a missing value; nothing else is, so that a country NA stays one.

    Raises:
        UsageError: the ending is none of these, or the file cannot be read as what it says.
    """
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
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


def _read_parquet(path: Path) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    try:
        return pd.read_parquet(path)
    except pa.ArrowInvalid as error:
        raise UsageError(f"{path.name}: the file is not Parquet") from error


def _read_csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(path, encoding="utf-8-sig", keep_default_na=False, na_values=[""])
    except pd.errors.EmptyDataError as error:
        raise UsageError(f"{path.name}: the file is empty; its first line must name the columns") from error
    except pd.errors.ParserError as error:
        raise UsageError(f"{path.name}: the file is not CSV with the same columns in every line") from error


def _read_json_lines(path: Path) -> pd.DataFrame:
    import orjson
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
            rows.append(row)
    return pd.DataFrame(rows)
