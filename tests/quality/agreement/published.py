"""Published examples and real crowd sets as triples (item, annotator, value)."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data"

Triples = list[tuple[Any, Any, Any]]


def published_case(name: str) -> tuple[Triples, dict[str, float]]:
    path = SHARED / "agreement-reference" / "cases.json"
    if not path.exists():
        pytest.skip("the shared reference figures are not here")
    case = next(one for one in json.loads(path.read_text()) if one["name"] == name)
    return _triples(case["kind"], case["data"]), case["expected"]


def crowd_set(path: str, columns: tuple[str, str, str], delimiter: str = ",") -> Triples:
    file = SHARED / path
    if not file.exists():
        pytest.skip("the shared crowd sets are not here")
    with file.open(newline="") as text:
        return [tuple(row[column] for column in columns) for row in csv.DictReader(text, delimiter=delimiter)]  # type: ignore[misc]


def _triples(kind: str, table: list[list[Any]]) -> Triples:
    if kind.startswith("ratings: one row per coder"):
        return [(item, coder, value) for coder, row in enumerate(table) for item, value in enumerate(row)]
    if kind.startswith("ratings: one row per subject"):
        return [(item, coder, value) for item, row in enumerate(table) for coder, value in enumerate(row)]
    if kind.startswith("counts"):
        spread = [[value for value, times in enumerate(row) for _ in range(times)] for row in table]
        return [(item, coder, value) for item, row in enumerate(spread) for coder, value in enumerate(row)]
    if kind.startswith("contingency"):
        cells = [(a, b) for a, row in enumerate(table) for b, times in enumerate(row) for _ in range(times)]
        return [(item, coder, cell[at]) for item, cell in enumerate(cells) for at, coder in enumerate("AB")]
    return [(item, coder, value) for coder, item, value in table]
