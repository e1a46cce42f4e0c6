"""The commands `winnow labeling …`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foundation.cli import DID_NOT_HOLD, print_json, print_table, say, told_plainly

if TYPE_CHECKING:
    from labeling.consensus.choice import Consensus
    from labeling.consensus.file_consensus import GoldComparison

commands = click.Group("labeling", help="Tasks, annotations and the consensus of annotators.")

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_METHODS = click.Choice(["majority", "mean", "median"])
_LEVELS = click.Choice(["nominal", "ordinal", "interval", "ratio"])
_ITEMS_A_WRITE = 10_000
_MOST_TOLD = 20


@commands.command("consensus")
@click.argument("file", type=_FILE)
@click.option("--method", type=_METHODS, default="majority", show_default=True, help="How many answers become one.")
@click.option("--level", type=_LEVELS, help="Level of measurement. Default: nominal; for mean and median interval.")
@click.option("--order", help="The values from smallest to largest, as in low,mid,high, for the level ordinal.")
@click.option("--gold", "gold_file", type=_FILE, help="CSV with item,value: known answers to compare with, on stderr.")
@click.option("--json", "as_json", is_flag=True, help="A JSON line an item on stdout instead of a table.")
def consensus_command(
    file: Path, method: str, level: str | None, order: str | None, gold_file: Path | None, as_json: bool
) -> None:
    """Make one answer of many for each item of a CSV FILE with the columns item, annotator and value.

    Of a repeated (item, annotator) the last row counts. Cells that differ in blanks at their ends or in their Unicode form
    alone are the same, printed as the first was read. A tie is no consensus and says "tie": true; shown is the value
    most frequent in the file, then the first in order. Two different middles of an even number of ordered values are a
    tie as well. The confidence of a majority is the value's share of the votes; that of a mean or median of numbers says
    how close an item's votes lie beside votes taken at random: 1 all equal, 0 no closer than any two of the file.

    \b
    Examples:
      winnow labeling consensus votes.csv --json
      winnow labeling consensus ratings.csv --method mean --gold known.csv --json
    """
    with told_plainly():
        from labeling.consensus.file_consensus import compare_with_gold, consensus_of_file, level_in_effect
        from labeling.consensus.spelling import told_of
        from labeling.consensus.vote_file import read_gold, read_votes
        from labeling.questions.levels import Level, Method

        votes, lines = read_votes(file)
        if lines.merged:
            say(told_of(lines.merged))
        asked, chosen = Level(level) if level else None, Method(method)
        with lines.pointed_at():
            agreed = consensus_of_file(votes, chosen, level=asked, order=order.split(",") if order else ())
        if gold_file:
            gold, gold_lines = read_gold(gold_file)
            with gold_lines.pointed_at():
                compared = compare_with_gold(agreed, gold, method=chosen, level=level_in_effect(votes, chosen, asked))
            say(_told(compared))
        if as_json:
            _write_json_lines(agreed)
        else:
            print_table(f"Consensus by {method}", [_row(one) for one in agreed])


def _write_json_lines(agreed: Sequence[Consensus]) -> None:
    import orjson

    out = sys.stdout.buffer
    for start in range(0, len(agreed), _ITEMS_A_WRITE):
        out.write(
            b"".join(
                orjson.dumps(_line(one), option=orjson.OPT_APPEND_NEWLINE)
                for one in agreed[start : start + _ITEMS_A_WRITE]
            )
        )
    out.flush()


def _line(one: Consensus) -> Mapping[str, object]:
    tie = {"tie": True} if one.tie else {}
    return {"item": one.item, "value": one.value, "confidence": one.confidence, "n": one.n, **tie}


def _row(one: Consensus) -> dict[str, object]:
    return {
        "item": one.item,
        "value": one.value,
        "confidence": f"{one.confidence:.4f}",
        "n": one.n,
        "tie": "yes" if one.tie else "",
    }


def _told(comparison: GoldComparison) -> str:
    without = f" ({comparison.missing} known answers are of items without an annotation)" if comparison.missing else ""
    if comparison.accuracy is not None and comparison.interval is not None:
        low, high = comparison.interval
        figure = f"accuracy {comparison.accuracy:.4f}, 95 % interval {low:.4f} to {high:.4f}"
    elif comparison.mean_absolute_error is not None:
        figure = f"mean absolute difference {comparison.mean_absolute_error:.4f}"
    else:
        return f"gold: no item has both a consensus and a known answer{without}"
    return f"gold: {figure}, over {comparison.n} items{without}"


@commands.command("sync")
@click.argument("project")
@click.option("--only", type=click.Choice(["push", "pull"]), help="One way only. Default: both.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def sync_command(project: str, only: str | None, as_json: bool) -> None:
    """Push items of PROJECT to Label Studio and pull annotations from it, now; then say what stands there.

    Items of a project with `labeling.push: manual` go out only now. A task is open while it lacks answers, and answered
    when it has them, from wherever; items wait while the backlog is full.

    \b
    Example:
      winnow labeling sync slang-sentiment --only pull
    """
    with told_plainly():
        from labeling.commands import sync_now

        result = sync_now(project, only)
        if as_json:
            print_json(result)
        else:
            _print_sync(project, result)


def _print_sync(project: str, result: Mapping[str, Any]) -> None:
    """First what stands there; a run that moves nothing is the usual one, since the worker syncs by itself."""
    standing = result["standing"]
    print_table(f"tasks of {project}", [{**standing["tasks"], "items waiting": standing["items_waiting"]}])
    moved = {name: n for name, n in result.items() if name != "standing" and n}
    if moved:
        print_table("moved by this run", [moved])
    else:
        say("this run had nothing to move")
    if standing["untold"]:
        say(f"Label Studio has still to be told whom to ask about {standing['untold']} tasks: the next syncs go on")
    say(f"Label Studio: {standing['label_studio'] or 'nothing was pushed yet'}")


@commands.command("verify")
@click.argument("project")
@click.option("--rebuild", is_flag=True, help="Take everything from Label Studio once more, accepting what vanished.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def verify_command(project: str, rebuild: bool, as_json: bool) -> None:
    """Compare every task and annotation of PROJECT with Label Studio; exit code 1 when they differ.

    \b
    Example:
      winnow labeling verify slang-sentiment --json
    """
    with told_plainly():
        from labeling.commands import run_job

        result = run_job(project, "labeling.verify", {"rebuild": rebuild})
        if as_json:
            print_json(result)
        elif result["differences"]:
            print_table(f"{result['n_differences']} differences", result["differences"])
        else:
            say("both sides are equal")
        if result["n_differences"]:
            raise SystemExit(DID_NOT_HOLD)


@commands.command("import")
@click.argument("project")
@click.argument("file", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def import_command(project: str, file: Path, as_json: bool) -> None:
    """Store the labels of an NDJSON or JSON FILE, made elsewhere, in PROJECT; exit code 1 when some were refused.

    Each is {item or signal, question, annotator, value, created_at?, lead_time_s?, selected_by?}; of one (item,
    annotator, question) the last counts. Works on the local database.

    \b
    Example:
      winnow labeling import slang-sentiment ratings.ndjson
    """
    with told_plainly():
        from labeling.commands import import_file

        told = import_file(project, file)
        if as_json:
            print_json(told.as_json())
        else:
            print_table(project, [told.counts])
            for line, fault in told.refused[:_MOST_TOLD]:
                say(f"annotation {line}: {fault.pointer or '/'}: {fault.detail}")
            if len(told.refused) > _MOST_TOLD:
                say(f"and {len(told.refused) - _MOST_TOLD} more: --json lists all")
        if told.counts["rejected"]:
            raise SystemExit(DID_NOT_HOLD)


@commands.command("annotators")
@click.argument("project")
@click.option("--of", "named", help="Only the one of this e-mail address, name, alias or number.")
@click.option("--alias", help="Call the one of --of so from now on.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def annotators_command(project: str, named: str | None, alias: str | None, as_json: bool) -> None:
    """Who answers in PROJECT, and what was done.

    Addresses are kept as keyed hashes only: an address leads to its alias (--of), and no alias to an address.

    \b
    Examples:
      winnow labeling annotators slang-sentiment
      winnow labeling annotators slang-sentiment --of kim@example.org --alias Kim
    """
    if alias is not None and named is None:
        raise click.UsageError("--alias names somebody: say whom with --of")
    with told_plainly():
        from labeling.commands import name_annotator, read_annotators

        if alias is not None and named is not None:
            name_annotator(project, named, alias)
        people = read_annotators(project, alias if alias is not None else named)
        if as_json:
            print_json(people)
        else:
            print_table(f"annotators of {project}", people)


@commands.command("webhook")
@click.argument("project")
def webhook_command(project: str) -> None:
    """Show what to enter in Label Studio so that it tells of new annotations of PROJECT at once.

    \b
    Example:
      winnow labeling webhook slang-sentiment
    """
    with told_plainly():
        from labeling.commands import describe_webhook

        print_table("webhook", [describe_webhook(project)])
