"""Reads a CSV file of annotations into codes."""

from __future__ import annotations

from array import array
from collections import defaultdict
from itertools import count, islice
from pathlib import Path

import numpy as np

from labeling.consensus.spelling import compared
from labeling.consensus.vote_file import VOTE_COLUMNS, ValueLines, blank_cell, rows_of
from quality.agreement.votes_table import Codes, Votes, votes_of_codes


def read_votes(file: Path) -> tuple[Votes, ValueLines]:
    """The annotations of a file with the columns item, annotator and value; without a value one is missing.

    Texts that compare equal (`spelling.compared`) are one item, annotator or value.

    Raises:
        UsageError: as for `rows_of`.
    """
    code_of = [defaultdict[str, int](count().__next__) for _ in VOTE_COLUMNS]
    codes = [array("q") for _ in VOTE_COLUMNS]
    (item_of, annotator_of, value_of), (items, annotators, values) = code_of, codes
    first: list[int] = []
    for line, (item, annotator, value) in rows_of(file, VOTE_COLUMNS):
        items.append(item_of[item])
        annotators.append(annotator_of[annotator])
        values.append(value_of[value])
        if values[-1] == len(first):
            first.append(line)
    columns = [
        _merged(np.frombuffer(found, dtype=np.int64), list(of)) for found, of in zip(codes, code_of, strict=True)
    ]
    for place in (0, 1):
        blank = np.flatnonzero(columns[place][0] < 0)
        if len(blank):
            line = next(islice(rows_of(file, VOTE_COLUMNS), int(blank[0]), None))[0]
            raise blank_cell(file, line, VOTE_COLUMNS[place])
    lines = ValueLines(file.name, {})
    for label, line in zip(map(compared, value_of), first, strict=True):
        lines.first.setdefault(label, line)
    written = sum(bool(compared(text)) for of in code_of for text in of)
    lines.merged = written - sum(len(distinct) for _, distinct in columns)
    return votes_of_codes(*columns), lines


def _merged(codes: Codes, texts: list[str]) -> tuple[Codes, list[str]]:
    """Codes of what compares equal, and these texts as they are compared; -1 for blanks alone."""
    code_of: dict[str, int] = {}
    renumbered = [code_of.setdefault(same, len(code_of)) if (same := compared(text)) else -1 for text in texts]
    if renumbered == list(range(len(texts))):
        return codes, list(code_of)
    return np.array(renumbered, dtype=np.int64)[codes], list(code_of)
