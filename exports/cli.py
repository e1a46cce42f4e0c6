"""Commands about versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from foundation.cli import DID_NOT_HOLD, elsewhere, print_json, print_table, printable, say, told_plainly

if TYPE_CHECKING:
    from exports.keeping.verify import Verification

MOST_PROBLEMS: Final = 20
commands = click.Group("exports", help="Versions: build them, fetch them, see that they are whole.")


@commands.command("verify")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--digest", metavar="SHA256", help="The digest the server names for the version; must fit as well.")
@elsewhere("Ask this server whether the version still stands, and for its digest.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(folder: Path, digest: str | None, url: str | None, key: str | None, as_json: bool) -> None:
    """Recompute every checksum of a version's folder, count leakage again, and read croissant.json.

    Exit code 0 when nothing was changed, added, lost or renamed, and, with --url, the server has not withdrawn it.

    Example: winnow exports verify ./slang-sentiment-1.0.0 --url https://winnow.example
    """
    from exports.keeping.verify import verify_folder

    with told_plainly():
        outcome = verify_folder(folder, expected_digest=digest)
        if outcome.ok:
            outcome = _with_croissant(outcome, folder)
        if url is not None and outcome.version:
            outcome = _with_server(outcome, url, key)
    if as_json:
        print_json(_as_document(outcome))
    else:
        _print_verification(outcome)
    if not outcome.ok:
        raise SystemExit(DID_NOT_HOLD)


@commands.command("build")
@click.argument("project")
@click.option("--draft", is_flag=True, help="Build it whatever the gates say; kept 30 days, never the latest.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Overrides a setting of `export`.")
@elsewhere("Ask this server instead of building on the local database.", role="manage")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def build(
    project: str, draft: bool, settings: tuple[str, ...], url: str | None, key: str | None, as_json: bool
) -> None:
    """Build a version of PROJECT. Without any change since the last one, that one is the answer.

    The exit code is 1 where a gate refused it; every gate says what to do.

    \b
    Example:
      winnow exports build slang-sentiment --set labels.min_annotations=3 --set gates.sentiment.alpha=0.7
    """
    with told_plainly():
        import exports.tasks  # noqa: F401 - the job's function must be known where no worker takes it
        from exports.installations import opened_versions
        from exports.project import parse_settings

        overrides = parse_settings(settings)
        with opened_versions(project, url, key) as held:
            version = held.build(overrides, draft=draft)
    if as_json:
        print_json(version)
    else:
        _print_versions([version])
        _print_split(version)
    for warning in version.get("warnings", []):
        say(f"warning: {warning}")
    for lowered in version.get("lowered", []):
        say(f"lowered: {lowered['pointer']} is {lowered['after']}, and was {lowered['before']}")
    for gate in version["gates"]:
        if not gate["passed"]:
            say(f"{gate['name']}: {gate['detail']}")
    if version["state"] == "refused":
        raise SystemExit(DID_NOT_HOLD)


@commands.command("list")
@click.argument("project")
@elsewhere("Ask this server instead of the local database.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def list_versions(project: str, url: str | None, key: str | None, as_json: bool) -> None:
    """List the versions of PROJECT, the newest build first.

    Example: winnow exports list slang-sentiment
    """
    from exports.installations import opened_versions

    with told_plainly(), opened_versions(project, url, key) as held:
        versions = list(held.versions())
    if not as_json:
        _print_versions(versions)
        return
    for version in versions:
        print_json(version)


@commands.command("download")
@click.argument("project")
@click.argument("version")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@elsewhere("Download from this server instead of the local installation.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def download(project: str, version: str, folder: Path, url: str | None, key: str | None, as_json: bool) -> None:
    """Download VERSION of PROJECT (or `latest`) into DIR/<project>-<version> and check every byte of it.

    Example: winnow exports download slang-sentiment latest ./datasets
    """
    with told_plainly():
        from exports.installations import opened_versions
        from exports.keeping.fetch import download_version

        with opened_versions(project, url, key) as held:
            made, described = download_version(held, project, version, folder)
    if as_json:
        print_json({"folder": str(made), "version": described["version"], "digest": described["digest"]})
    else:
        click.echo(made)
        say(f"checksums hold: version {described['version']}, {len(described['files'])} files")


def _with_croissant(outcome: Verification, folder: Path) -> Verification:
    from exports.keeping.croissant_check import CROISSANT, WITHOUT_LIBRARY, check_croissant
    from exports.keeping.verify import FolderProblem, ProblemReason, add_problems

    checked = check_croissant(folder)
    if not checked.by_library:
        say(WITHOUT_LIBRARY)
    return add_problems(outcome, [FolderProblem(CROISSANT, ProblemReason.CROISSANT, fault) for fault in checked.faults])


def _with_server(outcome: Verification, url: str, key: str | None) -> Verification:
    from exports.installations import VersionsElsewhere
    from exports.keeping.verify import add_problems, problems_on_server
    from foundation.errors import NotFound

    try:
        described = VersionsElsewhere.at(url, key, outcome.project or "").describe(outcome.version or "")
    except NotFound:
        described = {}
    return add_problems(outcome, problems_on_server(outcome, described))


def _print_versions(versions: list[dict[str, Any]]) -> None:
    rows = [
        {
            "version": version["version"] or f"build {version['build']}",
            "state": version["state"],
            "rows": version["counts"].get("rows"),
            "created": version["created_at"][:19],
            "digest": (version["digest"] or "")[:12],
        }
        for version in versions
    ]
    print_table("Versions", rows)


def _print_split(version: dict[str, Any]) -> None:
    """Rows and groups of each side; a build that came to nothing has none."""
    counts = version["counts"]
    groups = counts.get("groups", {})
    sides = [
        {"split": side, "rows": rows, "groups": groups.get(side)} for side, rows in counts.get("splits", {}).items()
    ]
    print_table("Split", sides)


def _as_document(outcome: Verification) -> dict[str, Any]:
    return {
        "ok": outcome.ok,
        "version": outcome.version,
        "digest": outcome.digest,
        "files": outcome.files,
        "problems": [{"path": p.path, "reason": str(p.reason), "detail": p.detail} for p in outcome.problems],
    }


def _print_verification(outcome: Verification) -> None:
    if outcome.ok:
        click.echo(f"checksums hold: version {printable(str(outcome.version))}, {outcome.files} files")
        click.echo(f"digest {printable(str(outcome.digest))}")
        return
    if len(outcome.problems) == 1:
        (one,) = outcome.problems
        click.echo(printable(f"{one.path}: {one.detail} ({one.reason})"))
        return
    problems = [{"file": one.path, "what": one.reason, "detail": one.detail} for one in outcome.problems]
    print_table("This version is not as it was published", problems[:MOST_PROBLEMS])
    if len(problems) > MOST_PROBLEMS:
        click.echo(f"and {len(problems) - MOST_PROBLEMS} more: --json lists all")
