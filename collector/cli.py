"""`winnow collector …`: a project's file, signals from a file, erasure, dead letters, and two stages on a plain file."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collector.anonymization.file_command import scrub_command
from collector.near_duplicates.file_command import near_duplicates_command
from foundation.cli import RECORDS, SECTIONS, print_json, print_table, progress_through, say, told_plainly
from foundation.installations import ThisInstallation
from foundation.opening import opened_installation

if TYPE_CHECKING:
    from collector.intake.identity import Names
    from collector.models import DeadLetter

ACTOR = "command"
COMMAND_KEY = uuid.UUID("00000000-0000-8000-8000-000000000001")
"""Stands where a signal keeps the key it came with, for those that came by command."""
BATCH = 500
commands = click.Group("collector", help="Signals: scrub, apply a project, ingest, erase.")
commands.add_command(scrub_command)
commands.add_command(near_duplicates_command)


@commands.command()
@click.pass_context
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def apply(context: click.Context, file: Path, as_json: bool) -> None:
    """Make a project from its file, or revise it.

    Example: winnow collector apply slang.yaml
    """
    from collector.project import parse_project
    from collector.project_document import load_file
    from collector.service import put_project
    from foundation.database import unit_of_work, utc_now

    sections = context.meta[SECTIONS]()
    with told_plainly():
        checked = parse_project(load_file(file), sections)
        with opened_installation() as (_, database), unit_of_work(database) as session:
            put = put_project(session, checked.file.name, checked, sections=sections, actor=ACTOR, now=utc_now())
    answer = {
        "project": put.project,
        "revision": put.revision,
        "breaks": list(put.breaks),
        "not_in_effect": list(put.instead),
    }
    if as_json:
        print_json({**answer, "instead": dict(put.instead)})
    else:
        print_table("Project", [answer])
        for pointer, sentence in put.instead.items():
            say(f"{pointer} is not in effect yet: {sentence}")


@commands.command()
@click.argument("project")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def ingest(project: str, file: Path, as_json: bool) -> None:
    """Take signals from an NDJSON FILE (also .gz or .zst), as POST /signals does; again is safe.

    Example: winnow collector ingest slang-sentiment backlog.ndjson.zst
    """
    from collections import Counter

    from collector.text_lines import read_lines

    counts: Counter[str] = Counter()
    with told_plainly(), _opened(project) as here, progress_through(file, "ingest") as advance:
        for part in _parts_of(read_lines(file, advance)):
            counts.update(_take(here, part))
    answer = {status: counts[status] for status in ("accepted", "duplicate", "replayed", "rejected")}
    if as_json:
        print_json(answer)
    else:
        print_table("Signals", [answer])


@commands.command()
@click.argument("project")
@click.argument("subject")
def erase(project: str, subject: str) -> None:
    """Erase a person: shut the door now; the workers of `winnow up` do the rest.

    Example: winnow collector erase slang-sentiment install-7f3c
    """
    from collector.subjects.erasure import request_erasure
    from foundation.database import unit_of_work, utc_now

    with told_plainly(), _opened(project) as here:
        subject_id = _subject_id(_names(here), subject)
        with unit_of_work(here.database) as session:
            erasure = request_erasure(session, here.project_id, subject_id, actor=ACTOR, now=utc_now())
            erasure_id = str(erasure.id)
            if not erasure.held:
                say("nothing was ever held under this name: is it spelled right?")
    click.echo(erasure_id)


@commands.command()
@click.pass_context
@click.argument("project")
@click.argument("subject")
@click.option("--json", "as_json", is_flag=True, help="The whole record, one JSON document on stdout.")
def subject(context: click.Context, project: str, subject: str, as_json: bool) -> None:
    """Show all that is held on a person, on what ground, and who got it.

    Example: winnow collector subject slang-sentiment install-7f3c --json
    """
    from collector.subjects.record import find_person, record_of
    from foundation.database import utc_now

    with told_plainly(), _opened(project) as here:
        person = find_person(here.database, here.project_id, _subject_id(_names(here), subject))
        contributors = context.meta[RECORDS]()
        pieces = record_of(person, contributors, project=project, now=utc_now())
        if as_json:
            sys.stdout.buffer.writelines(pieces)
            sys.stdout.buffer.flush()
            return
        record = json.loads(b"".join(pieces))
    lists = {name: len(value) for name, value in record.items() if isinstance(value, list) and name != "purposes"}
    print_table(
        "Person", [{name: record[name] for name in ("subject", "held", "granted", "notice", "given_at", "passes")}]
    )
    print_table("Held", [{"what": name, "how_many": number} for name, number in lists.items()])


@commands.command("dead-letters")
@click.argument("project")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout.")
def dead_letters(project: str, as_json: bool) -> None:
    """List refused signals: why, and where in the signal.

    Example: winnow collector dead-letters slang-sentiment
    """
    from collector.intake.dead_letters import list_letters
    from foundation.database import unit_of_work

    rows = []
    with told_plainly(), _opened(project) as here, unit_of_work(here.database, read_only=True) as session:
        after = None
        while letters := list_letters(session, here.project_id, limit=BATCH, after=after):
            after = (letters[-1].received_at, letters[-1].id)
            rows += [_letter_row(letter) for letter in letters]
    if not as_json:
        print_table("Dead letters", rows)
        return
    for row in rows:
        print_json(row)


@commands.command()
@click.argument("project")
@click.option("--dry-run", is_flag=True, help="Say what would happen, change nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def replay(project: str, dry_run: bool, as_json: bool) -> None:
    """Try all refused signals against the newest revision.

    Example: winnow collector replay slang-sentiment --dry-run
    """
    from functools import partial

    from collector.intake.door import open_door
    from collector.intake.replay import replay_letters
    from collector.subjects.proof import Speaker
    from foundation.database import glance, unit_of_work

    with told_plainly(), _opened(project) as here:
        read, write = partial(glance, here.database), partial(unit_of_work, here.database)
        with read() as session:
            door = open_door(session, here.project_id, _names(here), speaker=Speaker(is_app=False), read=read)
        replayed = replay_letters(read, write, door, dry_run=dry_run)
    answer = {"replayed": replayed.replayed, "still_rejected": replayed.still_rejected}
    if as_json:
        print_json(answer)
    else:
        print_table("Dead letters", [answer])


def _opened(project: str) -> AbstractContextManager[ThisInstallation]:
    from collector.queries import project_named

    return ThisInstallation.opened(project, project_named)


def _names(here: ThisInstallation) -> Names:
    from collector.intake.identity import names_of

    return names_of(here.settings.pseudonym_key.get_secret_value(), here.project)


def _subject_id(names: Names, subject: str) -> uuid.UUID:
    """A person by their name as the shell gave it, in any script.

    Raises:
        UsageError: it is not UTF-8, which no signal could have named.
    """
    from foundation.errors import UsageError

    try:
        return names.subject_id(subject)
    except UnicodeEncodeError as error:
        raise UsageError("the name is not UTF-8: no signal can have named it") from error


def _letter_row(letter: DeadLetter) -> dict[str, Any]:
    from collector.intake.dead_letters import why_no_replay

    return {
        "id": str(letter.id),
        "signal": str(letter.signal_id) if letter.signal_id else None,
        "reason": letter.reason,
        "pointer": letter.pointer,
        "revision": letter.revision,
        "can_replay": letter.body is not None,
        "why_no_replay": why_no_replay(letter),
    }


def _take(here: ThisInstallation, part: bytes) -> list[str]:
    from collector.intake.batch import take_in
    from collector.intake.heading import Arrival, Opening, read_headings
    from collector.intake.reading import read_ndjson
    from collector.queries import at_the_door
    from collector.subjects.proof import Speaker
    from foundation.database import glance, utc_now

    most_bytes = here.settings.max_signal_bytes
    opening = Opening(_names(here), Arrival(COMMAND_KEY, utc_now(), None), most_bytes)
    headings = read_headings(read_ndjson(part, max_signals=BATCH, max_signal_bytes=most_bytes), opening)
    with glance(here.database) as session:
        found = at_the_door(session, here.project_id)
    results = take_in(here.database, here.project_id, found, opening, headings, speaker=Speaker(is_app=False))
    for result in results:
        for fault in result.faults[:1]:
            say(f"{result.id or 'a signal without id'}: {fault.pointer} {fault.detail}")
    return [result.status.value for result in results]


def _parts_of(lines: Iterator[bytes]) -> Iterator[bytes]:
    """The lines in batches."""
    while part := [line + b"\n" for line in islice(lines, BATCH)]:
        if any(map(bytes.strip, part)):
            yield b"".join(part)
