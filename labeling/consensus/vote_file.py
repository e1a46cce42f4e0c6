"""Reads annotations and known answers from CSV files, and says what is wrong with a file in one line."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path

from foundation.errors import UsageError
from labeling.consensus.choice import Vote
from labeling.questions.kinds import number_in


def read_votes(file: Path) -> list[Vote]:
    """The annotations of a CSV file with the columns item, annotator and value, in the order of the file.

    Raises:
        UsageError: not UTF-8 CSV, a column is missing or named twice, or a row lacks an item, an annotator or a value.
    """
    return [Vote._make(row) for row in _rows(file, ("item", "annotator", "value"))]


def read_gold(file: Path) -> dict[str, str]:
    """Known answers, item -> value, of a CSV file with these columns; of a repeated item the last counts.

    Raises:
        UsageError: as for `read_votes`.
    """
    return {row[0]: row[1] for row in _rows(file, ("item", "value"))}


def numbers_of(texts: Iterable[str], what: str) -> dict[str, float]:
    """The number that each distinct text writes out.

    Raises:
        UsageError: one of them is not a number; `what` names the file.
    """
    numbers: dict[str, float] = {}
    for text in dict.fromkeys(texts):
        number = number_in(text)
        if number is None:
            raise UsageError(f"A value in {what} is not a number, which this method and level need.")
        numbers[text] = number
    return numbers


def _rows(file: Path, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = [name.strip() for name in next(reader, [])]
            width, cells_of = len(header), itemgetter(*_places_of(header, columns, file.name))
            for row in reader:
                if not row:
                    continue
                if len(row) != width:
                    raise UsageError(
                        f"{file.name}, line {reader.line_num}: the row has not as many cells as the header."
                    )
                cells: tuple[str, ...] = cells_of(row)
                if "" in cells:
                    empty = columns[cells.index("")]
                    raise UsageError(f"{file.name}, line {reader.line_num}: the column {empty} is empty.")
                yield cells
    except UnicodeDecodeError as error:
        raise UsageError(f"{file.name} is not UTF-8 text; save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise UsageError(f"{file.name}, line {reader.line_num}: the row is not valid CSV.") from error


def _places_of(header: Sequence[str], columns: Sequence[str], name: str) -> list[int]:
    for column in columns:
        times = header.count(column)
        if times != 1:
            fault = "has no column" if times == 0 else "has more than one column"
            raise UsageError(f"{name} {fault} {column}; its first line names the columns {', '.join(columns)}.")
    return [header.index(column) for column in columns]
