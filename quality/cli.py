"""Commands of the quality domain: `winnow quality …`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foundation.cli import DID_NOT_HOLD, elsewhere, print_json, print_table, say, told_plainly
from foundation.errors import UsageError
from labeling.consensus.spelling import compared, told_of
from labeling.questions.levels import Level

if TYPE_CHECKING:
    from quality.agreement.measure import Agreement
    from quality.results import SuiteResult

_LEVELS = ", ".join(Level)
_ROWS_SHOWN = 5
_FIGURE_NAMES = {
    "n_items": "items",
    "n_annotators": "annotators",
    "n_annotations": "annotations",
    "percent_agreement": "percent agreement",
    "alpha": "Krippendorff's alpha",
    "alpha_ci": "95 % interval of alpha",
    "fleiss_kappa": "Fleiss' kappa",
    "gwet_ac1": "Gwet's AC1",
    "cohen_kappa": "Cohen's kappa",
}

commands = click.Group("quality", help="How good the labels and the signals are.")


@commands.command("agreement", short_help="Agreement coefficients of a CSV file of annotations.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--level", required=True, metavar="LEVEL", help=f"One of {_LEVELS}.")
@click.option("--order", metavar="A,B,C", help="Ordinal values from lowest to highest, where they are not all numbers.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of the resampling.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def agreement(file: Path, level: str, order: str | None, seed: int, as_json: bool) -> None:
    """Agreement of annotators in FILE, a CSV file with the columns item, annotator and value in any order.

    Krippendorff's alpha with a 95 % interval (where it rests on many items from 1000 resamples of them), percent agreement, Fleiss' kappa, Gwet's
    AC1, and Cohen's kappa of every two annotators who share an item. Of a repeated (item, annotator) the last row counts;
    a row with an empty value is a missing annotation. Blanks at the ends of a cell and its Unicode form make no
    difference. A figure that is undefined for the data is null and has a reason.

    \b
    Example:
      winnow quality agreement ratings.csv --level ordinal --order low,middle,high --json
    """
    with told_plainly():
        known = _level(level)
        measured = _agreement_of(file, known, _ordered(order, known), seed)
        if as_json:
            print_json(measured.as_json())
        else:
            _print_agreement(measured)


def _agreement_of(file: Path, level: Level, order: list[str] | None, seed: int) -> Agreement:
    import numpy as np

    from quality.agreement.measure import measure_votes
    from quality.agreement.votes_file import read_votes

    votes, lines = read_votes(file)
    if lines.merged:
        say(told_of(lines.merged))
    with lines.pointed_at():
        return measure_votes(votes, level, order=order, rng=np.random.default_rng(seed))


def _level(level: str) -> Level:
    try:
        return Level(level)
    except ValueError as error:
        raise UsageError(f"--level must be one of {_LEVELS}") from error


def _ordered(order: str | None, level: Level) -> list[str] | None:
    if order is None:
        return None
    values = [compared(value) for value in order.split(",")]
    if level is not Level.ORDINAL:
        raise UsageError("--order is for --level ordinal alone")
    if "" in values or len(set(values)) < len(values):
        raise UsageError("--order needs different values, separated by commas, from lowest to highest")
    return values


def _print_agreement(measured: Agreement) -> None:
    interval = measured.alpha_ci
    figures = measured.as_json() | {
        "alpha_ci": None if interval is None else f"{interval.low:.4f} to {interval.high:.4f}",
        "cohen_kappa": "pair by pair, below" if measured.cohen_kappa else None,
    }
    rows = [
        {
            "figure": _FIGURE_NAMES.get(name, name),
            "value": _four_decimals(figure) if figure is None or isinstance(figure, float) else figure,
            "reason": measured.reasons.get(name),
        }
        for name, figure in figures.items()
        if name != "reasons"
    ]
    print_table("Agreement", rows)
    pairs = [
        {"annotator": pair.a, "and": pair.b, "items": pair.n, "kappa": _four_decimals(pair.kappa)}
        for pair in measured.cohen_kappa
    ]
    if pairs:
        print_table("Cohen's kappa", pairs)


@commands.command("expectations", short_help="Check a table against a Great Expectations suite.")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("suite", type=click.Path(path_type=Path))
@click.option(
    "--cpu-s", default=30, show_default=True, type=click.IntRange(1, 86400), help="CPU seconds a rule may take."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def expectations(file: Path, suite: Path, cpu_s: int, as_json: bool) -> None:
    """Check FILE (Parquet, CSV or JSON lines) against SUITE, a JSON file of Great Expectations.

    SUITE is a list of {"type": …, "kwargs": …}, or a suite as Great Expectations writes it. Every failing row is listed,
    numbered from 0. The exit code is 0 where all expectations hold and 1 where one does not.

    A CSV column is one of numbers where every cell writes one plainly, such as -5 or 12.50; with 007, +49, 1e5 or TRUE in
    it, it is one of texts. An empty cell is a missing value. Patterns, lengths and comparisons with texts see a cell as it
    is written.

    \b
    Example:
      winnow quality expectations signals.parquet suite.json --json
    """
    with told_plainly():
        result = _suite_result(file, suite, cpu_s)
        if as_json:
            print_json(result.as_json())
        else:
            _print_suite(result)
        if not result.success:
            raise SystemExit(DID_NOT_HOLD)


def _suite_result(file: Path, suite: Path, cpu_s: int) -> SuiteResult:
    from foundation.running.limited import Limits
    from quality.expectations import read_suite
    from quality.frames import read_table
    from quality.limited_suite import run_suite_limited

    wanted = read_suite(suite)
    table = read_table(file)
    try:
        return run_suite_limited(
            table.frame, wanted, row_id=None, texts=table.texts, limits=Limits(step_cpu_s=cpu_s), must_fit=True
        )
    except UsageError as error:
        raise UsageError(f"{suite.name}: {error.detail}", faults=error.faults) from error


def _print_suite(result: SuiteResult) -> None:
    rows = [
        {
            "expectation": one.type,
            "column": one.column,
            "holds": "yes" if one.success else "no",
            "rows": one.n,
            "failed": one.n_failed,
            "first failing rows": ", ".join(map(str, one.failing_rows[:_ROWS_SHOWN]))
            + (" …" if len(one.failing_rows) > _ROWS_SHOWN else ""),
        }
        for one in result.results
    ]
    print_table("Expectations", rows)
    for position, one in enumerate(result.results):
        if one.error:
            say(f"/expectations/{position}: {one.error}")


@commands.command("report", short_help="Measure a project and keep the report.")
@click.argument("project")
@elsewhere("Ask this server for its newest report instead of measuring on the local database.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def report(project: str, url: str | None, key: str | None, as_json: bool) -> None:
    """Measure PROJECT now: agreement of every question with its interval, and the expectations.

    \b
    Example:
      winnow quality report slang-sentiment --json
    """
    from quality.installations import opened_reports

    with told_plainly(), opened_reports(project, url, key) as held:
        document = held.newest_report()
    if as_json:
        print_json(document)
    else:
        _print_report(document)


def _print_report(document: dict[str, Any]) -> None:
    print_table("Agreement", [_question_row(name, asked) for name, asked in document["questions"].items()])
    if document["expectations"]:
        rows = [
            {
                "expectation": one["type"],
                "column": one["kwargs"].get("column"),
                "holds": "yes" if one["success"] else "no",
                "failing signals": one["n_failed"],
                "error": one.get("error"),
            }
            for one in document["expectations"]["expectations"]
        ]
        print_table("Expectations", rows)


def _question_row(name: str, asked: dict[str, Any]) -> dict[str, object]:
    figures = asked["agreement"]
    return {
        "question": name,
        "level": asked["level"],
        "alpha": _four_decimals(figures["alpha"]),
        "95 % interval": " to ".join(_four_decimals(end) for end in figures["alpha_ci"] or ()),
        "items": figures["n_items"],
        "annotations": figures["n_annotations"],
        "ties": asked.get("ties", 0),
    }


def _four_decimals(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:.4f}"
