"""Inputs after public bug reports, which lie beside the repository: where they do not, their tests are skipped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet

FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "field-reports" / "cases.jsonl"


def all_cases() -> list[dict[str, Any]]:
    """Every case, as the file has it; none where there is no file."""
    return [json.loads(line) for line in FILE.read_text("utf-8").splitlines()] if FILE.exists() else []


def cases_of(area: str) -> list[ParameterSet]:
    """The cases of one area, a test each under the case's own id."""
    return [pytest.param(case, id=case["id"]) for case in all_cases() if case["area"] == area]
