"""`winnow collector near-duplicates`: near-duplicate texts of a plain JSON Lines file, without a project or a database."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from foundation.cli import print_table, told_plainly
from foundation.errors import UsageError

if TYPE_CHECKING:
    from collector.near_duplicates.sets import NearDuplicates

_PAIRS_A_WRITE = 10_000


@click.command("near-duplicates")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--field", "field", required=True, help="Member of each JSON object that holds the text.")
@click.option("--threshold", type=float, default=0.85, show_default=True, help="Least similarity, above 0 up to 1.")
@click.option("--pairs", "with_pairs", is_flag=True, help="Also list every near pair with its similarity.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout instead of a table.")
def near_duplicates_command(file: Path, field: str, threshold: float, with_pairs: bool, as_json: bool) -> None:
    """Find near-duplicate texts in a JSON Lines FILE, exactly: every pair is verified and none is missed.

    Similarity is the Jaccard similarity of the sets of character 5-grams, after Unicode normalization (NFKC), case
    folding and joining of white space; texts under 5 characters are near their equals only. Lines count from 0. Sets
    are the connected components of the near pairs. FILE may be packed as .gz or .zst.

    \b
    Example:
      winnow collector near-duplicates messages.jsonl --field text --threshold 0.85 --pairs --json
    """
    with told_plainly():
        if not 0 < threshold <= 1:
            raise UsageError("The threshold is a number above 0 and at most 1.")
        from collector.near_duplicates.sets import near_duplicates_of
        from collector.text_lines import read_lines, texts_of

        numbered = list(texts_of(read_lines(file), field=field))
        lines = [line for line, _ in numbered]
        found = near_duplicates_of([text for _, text in numbered], threshold)
        if as_json:
            _write_json(found, lines, with_pairs=with_pairs)
        else:
            _print_tables(found, lines, with_pairs=with_pairs)


def _write_json(found: NearDuplicates, lines: list[int], *, with_pairs: bool) -> None:
    """Writes the object piece by piece: copies have pairs by the million."""
    import orjson

    out = sys.stdout.buffer
    out.write(b'{"sets":' + orjson.dumps(_in_lines(found, lines)))
    if with_pairs:
        out.write(b',"pairs":[')
        separator = b""
        pairs = _pairs_in_lines(found, lines)
        while batch := list(islice(pairs, _PAIRS_A_WRITE)):
            out.write(separator + orjson.dumps(batch)[1:-1])
            separator = b","
        out.write(b"]")
    out.write(b"}\n")
    out.flush()


def _print_tables(found: NearDuplicates, lines: list[int], *, with_pairs: bool) -> None:
    sets = [{"texts": len(members), "lines": ", ".join(map(str, members))} for members in _in_lines(found, lines)]
    print_table("Near-duplicate sets (lines count from 0)", sets)
    if with_pairs:
        pairs = [
            {"line": one, "near line": other, "similarity": f"{similarity:.4f}"}
            for one, other, similarity in _pairs_in_lines(found, lines)
        ]
        print_table("Near pairs", pairs)


def _in_lines(found: NearDuplicates, lines: list[int]) -> list[list[int]]:
    return [[lines[place] for place in members] for members in found.sets()]


def _pairs_in_lines(found: NearDuplicates, lines: list[int]) -> Iterator[tuple[int, int, float]]:
    return ((lines[pair.first], lines[pair.second], pair.similarity) for pair in found.pairs())
