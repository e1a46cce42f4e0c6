"""Reads a CSV file of annotations into codes."""

from __future__ import annotations

from array import array
from collections import defaultdict
from itertools import count
from pathlib import Path

import numpy as np

from labeling.consensus.vote_file import VOTE_COLUMNS, ValueLines, rows_of
from quality.agreement.votes_table import Votes, votes_of_codes


def read_votes(file: Path) -> tuple[Votes, ValueLines]:
    """The annotations of a file with the columns item, annotator and value; without a value one is missing.

    Raises:
        UsageError: as for `rows_of`.
    """
    item_of, annotator_of, value_of = (defaultdict[str, int](count().__next__) for _ in VOTE_COLUMNS)
    items, annotators, values = (array("q") for _ in VOTE_COLUMNS)
    lines = ValueLines(file.name, {})
    for line, (item, annotator, value) in rows_of(file, VOTE_COLUMNS):
        items.append(item_of[item])
        annotators.append(annotator_of[annotator])
        values.append(value_of[value])
        if values[-1] == len(lines.first):
            lines.first[value] = line
    coded = [
        (np.frombuffer(codes, dtype=np.int64), list(code_of))
        for codes, code_of in ((items, item_of), (annotators, annotator_of), (values, value_of))
    ]
    return votes_of_codes(*coded), lines
