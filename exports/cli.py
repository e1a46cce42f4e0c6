"""Commands about versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foundation.cli import DID_NOT_HOLD, print_json, told_plainly

if TYPE_CHECKING:
    from exports.verify import Verification

commands = click.Group("exports", help="Versions: build them, fetch them, see that they are whole.")


@commands.command("verify")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--digest", metavar="SHA256", help="The digest the server names for the version; must fit as well.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(folder: Path, digest: str | None, as_json: bool) -> None:
    """Recompute every checksum of a version's folder. Exit code 0 when nothing was changed, added, lost or renamed.

    Example: flask exports verify ./slang-sentiment-1.0.0
    """
    from exports.verify import verify_folder

    with told_plainly():
        outcome = verify_folder(folder, expected_digest=digest)
    if as_json:
        print_json(_as_document(outcome))
    else:
        _print_verification(outcome)
    if not outcome.ok:
        raise SystemExit(DID_NOT_HOLD)


def _as_document(outcome: Verification) -> dict[str, Any]:
    return {
        "ok": outcome.ok,
        "version": outcome.version,
        "digest": outcome.digest,
        "files": outcome.files,
        "problems": [{"path": p.path, "reason": str(p.reason), "detail": p.detail} for p in outcome.problems],
    }


def _print_verification(outcome: Verification) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if outcome.ok:
        console.print(f"checksums hold: version {_shown(str(outcome.version))}, {outcome.files} files", highlight=False)
        console.print(f"digest {_shown(str(outcome.digest))}", highlight=False, soft_wrap=True)
        return
    table = Table(title="This version is not as it was published", title_justify="left")
    table.add_column("file", no_wrap=True)
    table.add_column("what", no_wrap=True)
    table.add_column("detail")
    for problem in outcome.problems:
        table.add_row(_shown(problem.path), str(problem.reason), problem.detail)
    console.print(table)


def _shown(text: str) -> str:
    """Text of a folder that may be forged: no markup and nothing that a terminal would obey."""
    from rich.markup import escape

    return escape("".join(character if character.isprintable() else ascii(character)[1:-1] for character in text))
