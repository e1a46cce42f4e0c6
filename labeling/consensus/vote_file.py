"""Reads annotations and known answers from CSV files, and says what is wrong with a file in one line."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from foundation.errors import UsageError
from labeling.consensus.choice import Vote
from labeling.questions.kinds import ValueDoesNotFit, number_in

VOTE_COLUMNS = ("item", "annotator", "value")


@dataclass(frozen=True, slots=True)
class ValueLines:
    """The line on which each value of a file stands first."""

    file_name: str
    first: dict[str, int]

    @contextmanager
    def pointed_at(self) -> Iterator[None]:
        """Names file and line where a value of it does not fit."""
        try:
            yield
        except ValueDoesNotFit as error:
            place = f"{self.file_name}, line {self.first[error.value]}, 'value'"
            raise UsageError(f"{place}: {error.detail}") from error


def read_votes(file: Path) -> tuple[list[Vote], ValueLines]:
    """The annotations of a CSV file with the columns item, annotator and value; of a repeated (item, annotator) the last.

    Raises:
        UsageError: as for `rows_of`.
    """
    votes: dict[tuple[str, ...], Vote] = {}
    lines = ValueLines(file.name, {})
    for line, row in rows_of(file, VOTE_COLUMNS):
        votes[row[:2]] = Vote._make(row)
        lines.first.setdefault(row[-1], line)
    return list(votes.values()), lines


def read_gold(file: Path) -> tuple[dict[str, str], ValueLines]:
    """Known answers, item -> value, of a CSV file with these columns; of a repeated item the last counts.

    Raises:
        UsageError: as for `rows_of`.
    """
    gold: dict[str, str] = {}
    lines = ValueLines(file.name, {})
    for line, (item, value) in rows_of(file, ("item", "value")):
        gold[item] = value
        lines.first.setdefault(value, line)
    return gold, lines


def numbers_of(texts: Iterable[str]) -> dict[str, float]:
    """The number that each distinct text writes out.

    Raises:
        ValueDoesNotFit: one of them is not a number.
    """
    numbers: dict[str, float] = {}
    for text in dict.fromkeys(texts):
        number = number_in(text)
        if number is None:
            raise ValueDoesNotFit("not a finite number, which this method and level need", value=text)
        numbers[text] = number
    return numbers


def rows_of(file: Path, columns: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Line number and the cells of these columns, which stand in any order among others; blank lines are passed over.

    A row whose last column, the value, is empty says that something is missing: it is passed over too.

    Raises:
        UsageError: no such file, not UTF-8 CSV, empty, a column is missing or double, a row is too short, too long, or
            lacks another cell than the value.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = [name.strip() for name in next(filter(None, reader), [])]
            width, cells_of = len(header), itemgetter(*_places_of(header, columns, file.name, reader.line_num))
            for row in filter(None, reader):
                if len(row) != width:
                    raise UsageError(f"{file.name}, line {reader.line_num}: {_width_told(len(row), width)}")
                cells: tuple[str, ...] = cells_of(row)
                if "" not in cells:
                    yield reader.line_num, cells
                elif "" in cells[:-1]:
                    raise UsageError(f"{file.name}, line {reader.line_num}: '{columns[cells.index('')]}' is empty")
    except OSError as error:
        raise UsageError(f"{file.name}: the file cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file.name}: the file is not UTF-8; save it as UTF-8") from error
    except csv.Error as error:
        raise UsageError(f"{file.name}, line {reader.line_num}: the row is not valid CSV ({error})") from error


def _places_of(header: Sequence[str], columns: Sequence[str], file_name: str, line: int) -> list[int]:
    needed = f"needed, separated by commas: {', '.join(columns)}"
    if not header:
        raise UsageError(f"{file_name}: the file is empty; {needed}")
    for column in columns:
        times = header.count(column)
        if times != 1:
            fault = "is missing" if times == 0 else "stands twice"
            raise UsageError(f"{file_name}, line {line}: the column '{column}' {fault}; {needed}")
    return [header.index(column) for column in columns]


def _width_told(cells: int, width: int) -> str:
    hint = "; put quotes around a value with a comma" if cells > width else ""
    return f"{cells} columns, not {width} as in the first line{hint}"
