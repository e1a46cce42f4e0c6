"""Reads a CSV file of annotations: columns item, annotator and value, in any order, others ignored."""

from __future__ import annotations

import csv
from array import array
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TextIO

import numpy as np

from foundation.errors import UsageError
from quality.agreement.votes_table import Votes, votes_of_codes

COLUMNS = ("item", "annotator", "value")


@dataclass(frozen=True, slots=True)
class VotesFile:
    """The annotations of a file, and for each label of `votes.labels` the first line it stands on."""

    votes: Votes
    first_lines: tuple[int, ...]


def read_votes(path: Path) -> VotesFile:
    """The annotations of a file. A row with an empty value is a missing annotation; empty lines are skipped.

    Raises:
        UsageError: no such file, not UTF-8, empty, a column is missing or double, a row is too short, too long, or has
            no item or no annotator.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _votes_of_rows(_rows(file, path.name))
    except OSError as error:
        raise UsageError(f"{path.name}: the file cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name}: the file is not UTF-8; save it as UTF-8") from error
    except csv.Error as error:
        raise UsageError(f"{path.name}: the file is not CSV ({error})") from error


def _votes_of_rows(rows: Iterator[tuple[int, str, str, str]]) -> VotesFile:
    item_of, annotator_of, value_of = (defaultdict[str, int](count().__next__) for _ in COLUMNS)
    items, annotators, values = (array("q") for _ in COLUMNS)
    first_lines: list[int] = []
    for line, item, annotator, value in rows:
        items.append(item_of[item])
        annotators.append(annotator_of[annotator])
        values.append(value_of[value] if value else -1)
        if values[-1] == len(first_lines):
            first_lines.append(line)
    coded = [
        (np.frombuffer(codes, dtype=np.int64), list(code_of))
        for codes, code_of in ((items, item_of), (annotators, annotator_of), (values, value_of))
    ]
    return VotesFile(votes_of_codes(*coded), tuple(first_lines))


def _rows(file: TextIO, name: str) -> Iterator[tuple[int, str, str, str]]:
    """Line number, item, annotator and value of each row."""
    reader = csv.reader(file)
    header = [cell.strip() for cell in next(reader, [])]
    if not header:
        raise UsageError(f"{name}: the file is empty; it needs the columns {', '.join(COLUMNS)}")
    item_at, annotator_at, value_at = (_position(header, column, name) for column in COLUMNS)
    for row in reader:
        if not row:
            continue
        if len(row) != len(header):
            hint = "; put quotes around a value with a comma" if len(row) > len(header) else ""
            raise UsageError(
                f"{name}, line {reader.line_num}: {len(row)} columns, not {len(header)} as in line 1{hint}"
            )
        item, annotator = row[item_at], row[annotator_at]
        if not item or not annotator:
            raise UsageError(f"{name}, line {reader.line_num}: '{'annotator' if item else 'item'}' is empty")
        yield reader.line_num, item, annotator, row[value_at]


def _position(header: list[str], column: str, name: str) -> int:
    times = header.count(column)
    if times != 1:
        wrong = "is missing" if not times else "stands twice"
        raise UsageError(
            f"{name}, line 1: the column '{column}' {wrong}; needed, separated by commas: {', '.join(COLUMNS)}"
        )
    return header.index(column)
