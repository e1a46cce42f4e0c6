"""Plain files after public bug reports: expectations, consensus and agreement by their commands."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from labeling.cli import commands as labeling
from quality.cli import commands as quality
from tests.field_reports.cases import cases_of


def run(group: click.Group, *arguments: str | Path) -> Result:
    return CliRunner().invoke(group, [str(argument) for argument in arguments])


@pytest.mark.slow
@pytest.mark.parametrize("case", cases_of("expectations"))
def test_expectations_of_a_file(case: dict[str, Any], tmp_path: Path) -> None:
    file, suite = tmp_path / case["input"]["file"], tmp_path / "suite.json"
    file.write_text(case["input"]["content"], encoding="utf-8")
    suite.write_text(json.dumps(case["input"]["suite"]), encoding="utf-8")

    done = run(quality, "expectations", file, suite, "--json")

    if case["id"] == "csv-trailing-comma":
        assert (done.exit_code, done.stdout) == (2, "")
        assert "line 2: 3 columns, not 2" in done.stderr
        return
    (found,) = json.loads(done.stdout)["expectations"]
    assert {name: found[name] for name in case["expected"]} == case["expected"]


@pytest.mark.parametrize("case", cases_of("consensus"))
def test_consensus_of_a_file(case: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "votes.csv"
    file.write_text(case["input"]["csv"], encoding="utf-8")

    done = run(labeling, "consensus", file, "--json")

    (line,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert unicodedata.normalize("NFC", line["value"]) == "café"
    assert (line["confidence"], line["n"], line.get("tie")) == (0.6, 5, None)


@pytest.mark.parametrize("case", cases_of("agreement"))
def test_agreement_of_a_file(case: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "votes.csv"
    file.write_text(case["input"]["csv"], encoding="utf-8")

    done = run(quality, "agreement", file, "--level", "nominal", "--json")

    figures = json.loads(done.stdout)
    for name, expected in case["expected"].items():
        if name == "reasons":
            assert expected in figures["reasons"]["alpha"]
        elif name == "cohen_kappa":
            told = [
                {**pair, "kappa": None if pair["kappa"] is None else round(pair["kappa"], 4)} for pair in figures[name]
            ]
            assert told == expected
        else:
            assert figures[name] == (expected if expected is None else pytest.approx(expected, abs=5e-5))
