"""`winnow collector scrub`: structured personal data in a plain JSON Lines file, without a project or a database."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foundation.cli import print_json, print_table, progress_through, told_plainly

if TYPE_CHECKING:
    from collector.anonymization.scrub import Scrubbed


@click.command("scrub")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--field", required=True, help="The field of each record that holds the text.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line a record, in the order of the file.")
def scrub_command(file: Path, field: str, as_json: bool) -> None:
    """Replace structured personal data in FILE, which has a JSON object on each line.

    Found are e-mail addresses, telephone, card and US social security numbers, IBANs, IP and MAC addresses, links and
    coin addresses. FILE may be packed as .gz or .zst. Without --json, a table counts what would be replaced.

    \b
    Example:
      winnow collector scrub messages.jsonl --field text --json > scrubbed.jsonl
    """
    from collector.anonymization.file_scrub import scrub_lines
    from collector.text_lines import read_lines

    with told_plainly(), progress_through(file, "scrub", shown=not (as_json and sys.stdout.isatty())) as advance:
        found = scrub_lines(read_lines(file, advance), field=field)
        if as_json:
            for scrubbed in found:
                print_json(_as_record(scrubbed))
        else:
            _print_counts(found)


def _as_record(scrubbed: Scrubbed) -> dict[str, Any]:
    entities = [{"type": str(e.type), "start": e.start, "end": e.end, "score": e.score} for e in scrubbed.entities]
    return {"text": scrubbed.text, "entities": entities}


def _print_counts(found: Iterable[Scrubbed]) -> None:
    counts: Counter[str] = Counter()
    records = touched = 0
    for scrubbed in found:
        records += 1
        touched += bool(scrubbed.entities)
        counts.update(str(entity.type) for entity in scrubbed.entities)
    rows = [{"type": kind, "found": count} for kind, count in counts.most_common()]
    print_table(f"{touched} of {records} records hold personal data", rows)
