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
from labeling.consensus.spelling import Spellings
from labeling.questions.levels import ValueDoesNotFit
from labeling.questions.values import number_in

VOTE_COLUMNS = ("item", "annotator", "value")


@dataclass(slots=True)
class ValueLines:
    """The line on which each value of a file stands first; `merged`: see `Spellings`."""

    file_name: str
    first: dict[str, int]
    merged: int = 0

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

    Texts that compare equal (`spelling.compared`) are written as the first of them was read.

    Raises:
        UsageError: as for `rows_of`.
    """
    votes: dict[tuple[str, str], Vote] = {}
    lines = ValueLines(file.name, {})
    spellings = [Spellings() for _ in VOTE_COLUMNS]
    for line, row in rows_of(file, VOTE_COLUMNS):
        vote = Vote(*(column.of(cell) for column, cell in zip(spellings, row, strict=True)))
        if not (vote.item and vote.annotator):
            raise blank_cell(file, line, VOTE_COLUMNS[0 if not vote.item else 1])
        if vote.value:
            votes[vote.item, vote.annotator] = vote
            lines.first.setdefault(str(vote.value), line)
    lines.merged = sum(column.merged for column in spellings)
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
                    raise blank_cell(file, reader.line_num, columns[cells.index("")])
    except OSError as error:
        raise UsageError(f"{file.name}: the file cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file.name}: the file is not UTF-8; save it as UTF-8") from error
    except csv.Error as error:
        raise UsageError(f"{file.name}, line {reader.line_num}: the row is not valid CSV ({error})") from error


def blank_cell(file: Path, line: int, column: str) -> UsageError:
    """What is wrong with a row that lacks more than its value."""
    return UsageError(f"{file.name}, line {line}: '{column}' is empty")


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
