"""Commands of the quality domain: `flask quality …`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foundation.cli import DID_NOT_HOLD, print_json, say, told_plainly
from foundation.errors import UsageError
from labeling.questions.kinds import Level

if TYPE_CHECKING:
    from quality.agreement.measure import Agreement
    from quality.expectations import SuiteResult

_LEVELS = ", ".join(Level)

commands = click.Group("quality", help="How good the labels and the signals are.")


@commands.command("agreement", short_help="Agreement coefficients of a CSV file of annotations.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--level", required=True, metavar="LEVEL", help=f"One of {_LEVELS}.")
@click.option("--order", metavar="A,B,C", help="Ordinal values from lowest to highest, where they are not all numbers.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of the resampling.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def agreement(file: Path, level: str, order: str | None, seed: int, as_json: bool) -> None:
    """Agreement of annotators in FILE, a CSV file with the columns item, annotator and value in any order.

    Krippendorff's alpha with a 95 % interval from 1000 resamples of the items, percent agreement, Fleiss' kappa, Gwet's
    AC1, and Cohen's kappa of every two annotators who share an item. Of a repeated (item, annotator) the last row counts;
    a row with an empty value is a missing annotation. A figure that is undefined for the data is null and has a reason.

    \b
    Example:
      flask quality agreement ratings.csv --level ordinal --order low,middle,high --json
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
    values = order.split(",")
    if level is not Level.ORDINAL:
        raise UsageError("--order is for --level ordinal alone")
    if "" in values or len(set(values)) < len(values):
        raise UsageError("--order needs different values, separated by commas, from lowest to highest")
    return values


def _print_agreement(measured: Agreement) -> None:
    from rich.console import Console
    from rich.table import Table

    figures = measured.as_json()
    interval = measured.alpha_ci
    table = Table("figure", "value", "reason", title="Agreement")
    for name, figure in figures.items():
        if name not in {"cohen_kappa", "reasons", "alpha_ci"}:
            table.add_row(name, "-" if figure is None else str(figure), measured.reasons.get(name, ""))
    shown = "-" if interval is None else f"{interval.low:.4f} to {interval.high:.4f}"
    table.add_row("alpha, 95 % interval", shown, measured.reasons.get("alpha_ci", ""))
    pairs = Table("annotator", "annotator", "items", "kappa", title="Cohen's kappa")
    for pair in measured.cohen_kappa:
        pairs.add_row(pair.a, pair.b, str(pair.n), "-" if pair.kappa is None else f"{pair.kappa:.4f}")
    Console().print(table, pairs if measured.cohen_kappa else measured.reasons.get("cohen_kappa", ""))


@commands.command("expectations", short_help="Check a table against a Great Expectations suite.")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("suite", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def expectations(file: Path, suite: Path, as_json: bool) -> None:
    """Check FILE (Parquet, CSV or JSON lines) against SUITE, a JSON file of Great Expectations.

    SUITE is a list of {"type": …, "kwargs": …}, or a suite as Great Expectations writes it. Every failing row is listed,
    numbered from 0. The exit code is 0 where all expectations hold and 1 where one does not.

    \b
    Example:
      flask quality expectations signals.parquet suite.json --json
    """
    with told_plainly():
        result = _suite_result(file, suite)
        if as_json:
            print_json(result.as_json())
        else:
            _print_suite(result)
        if not result.success:
            raise SystemExit(DID_NOT_HOLD)


def _suite_result(file: Path, suite: Path) -> SuiteResult:
    from quality.expectations import misfits, read_suite, run_suite
    from quality.frames import read_frame

    wanted = read_suite(suite)
    frame = read_frame(file)
    faults = misfits(wanted)
    if faults:
        raise UsageError(f"{suite.name}: {len(faults)} of {len(wanted)} expectations are wrong", faults=faults)
    return run_suite(frame, wanted, row_id=None)


def _print_suite(result: SuiteResult) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("expectation", "column", "holds", "rows", "failed", "first failing rows", title="Expectations")
    for one in result.results:
        first = ", ".join(str(row) for row in one.failing_rows[:5]) + (" …" if len(one.failing_rows) > 5 else "")
        table.add_row(one.type, one.column or "", "yes" if one.success else "no", str(one.n), str(one.n_failed), first)
    Console().print(table)
    for position, one in enumerate(result.results):
        if one.error:
            say(f"/expectations/{position}: {one.error}")


@commands.command("report", short_help="Measure a project and keep the report.")
@click.argument("project")
@click.option("--url", help="Ask this server for its newest report instead of measuring on the local database.")
@click.option("--key", envvar="WINNOW_KEY", help="A read key of that server; better given as WINNOW_KEY.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def report(project: str, url: str | None, key: str | None, as_json: bool) -> None:
    """Measure PROJECT now: agreement of every question with its interval, and the expectations.

    \b
    Example:
      flask quality report slang-sentiment --json
    """
    with told_plainly():
        document = _measured_here(project) if url is None else _asked_of(url, key, project)
    if as_json:
        print_json(document)
    else:
        _print_report(document)


def _measured_here(project: str) -> dict[str, Any]:
    from collector.queries import find_project
    from foundation.database import unit_of_work, utc_now
    from foundation.errors import NotFound
    from foundation.opening import open_installation
    from quality.service import measure_project, store_report

    _, database = open_installation()
    with unit_of_work(database, read_only=True) as session:
        project_id = find_project(session, project)
        if project_id is None:
            raise NotFound("there is no such project: `flask collector apply FILE.yaml` makes it")
        measured = measure_project(session, project_id)
    with unit_of_work(database) as session:
        row = store_report(session, project_id, measured, now=utc_now())
        return {"report": row.no, "created_at": row.created_at.isoformat(), **measured.as_json()}


def _asked_of(url: str, key: str | None, project: str) -> dict[str, Any]:
    from urllib.parse import quote

    from foundation.client import Server

    return Server.at(url, key).ask("GET", f"/v1/projects/{quote(project, safe='')}/quality")


def _print_report(document: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("question", "level", "alpha", "95 % interval", "items", "annotations", title="Agreement")
    for name, figures in document["questions"].items():
        agreement = figures["agreement"]
        interval = " to ".join(f"{end:.4f}" for end in agreement["alpha_ci"] or ())
        alpha = "–" if agreement["alpha"] is None else f"{agreement['alpha']:.4f}"
        counted = (str(agreement["n_items"]), str(agreement["n_annotations"]))
        table.add_row(name, figures["level"], alpha, interval, *counted)
    console = Console()
    console.print(table)
    for one in (document["expectations"] or {}).get("expectations", []):
        verdict = "holds" if one["success"] else f"fails for {one['n_failed']} signals {one.get('error', '')}"
        console.print(f"{one['type']} {one['kwargs'].get('column', '')}: {verdict}")
