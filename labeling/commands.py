"""What labeling's commands do on the local database: annotations from a file, and jobs run here and now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from collector.queries import project_named
from foundation.activity import record_activity
from foundation.database import unit_of_work, utc_now
from foundation.errors import Fault, Unparseable
from foundation.installations import ThisInstallation
from foundation.queue import enqueue_and_wake, wait_until_done
from labeling.annotators import annotator_key, change_annotator, find_annotator
from labeling.errors import JobFailed
from labeling.queries import annotator_statistics
from labeling.reading import BOM, read_list, read_ndjson
from labeling.service import LINES_AT_ONCE, LineResult, LineStatus, import_annotations
from labeling.webhook import SECRET_HEADER, secret_of
from labeling.wishes import ASKED, ask_for_push

JOB_WITHIN_S = 3600.0
ACTOR = "command"


@dataclass(slots=True)
class Imported:
    """What became of a file's annotations; `refused`: what was wrong, by the annotation's place counted from 0."""

    counts: Counter[str] = field(default_factory=Counter)
    refused: list[tuple[int, Fault]] = field(default_factory=list)

    def add(self, results: Sequence[LineResult], start: int) -> None:
        for at, result in enumerate(results, start=start):
            self.counts[result.status.value] += 1
            self.refused += [(at, fault) for fault in result.faults]

    def as_json(self) -> dict[str, Any]:
        errors = [
            {"index": at, "pointer": fault.pointer, "reason": fault.reason, "detail": fault.detail}
            for at, fault in self.refused
        ]
        return {**{status.value: self.counts[status.value] for status in LineStatus}, "errors": errors}


def import_file(project: str, file: Path) -> Imported:
    """Stores a file's annotations, as the call does.

    Raises:
        NotFound: there is no such project. Unparseable: nothing of the file is JSON.
    """
    lines = _lines_of(file.read_bytes().removeprefix(BOM))
    imported = Imported()
    with _opened(project) as here:
        for start in range(0, len(lines), LINES_AT_ONCE):
            part = lines[start : start + LINES_AT_ONCE]
            with unit_of_work(here.database) as session:
                results = import_annotations(
                    session, here.project_id, part, key=annotator_key(here.settings), now=utc_now()
                )
            imported.add(results, start)
    return imported


def _lines_of(raw: bytes) -> Sequence[object]:
    if raw.lstrip()[:1] == b"[":
        return read_list(raw)
    # A file is there as a whole: its last line is a line as any other.
    lines = read_ndjson(raw + b"\n")
    if all(isinstance(line, Fault) for line in lines):
        raise Unparseable("no line of it is JSON in UTF-8: one annotation a line is wanted, or one JSON list of them")
    return lines


def sync_now(project: str, only: str | None) -> dict[str, Any]:
    """Synchronizes here and now; the job's result, which says how the project stands, too. Raises as `run_job`."""
    if only != "pull":
        with _opened(project) as here, unit_of_work(here.database) as session:
            ask_for_push(session, here.project_id, now=utc_now())
    return run_job(project, "labeling.sync", {ASKED: True, **({"only": only} if only else {})})


def run_job(project: str, kind: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Runs a job here, or waits for the worker that has it; its result.

    Raises:
        JobFailed: it did not end well. NotFound: there is no such project.
    """
    import_module("labeling.tasks")
    with _opened(project) as here:
        with unit_of_work(here.database) as session:
            job = enqueue_and_wake(session, kind, project_id=here.project_id, args=arguments)
        row = wait_until_done(here.database, job, seconds=JOB_WITHIN_S)
    if row.result is None:
        raise JobFailed(row.error or "the job ended without a result")
    return dict(row.result)


def read_annotators(project: str, named: str | None = None) -> list[dict[str, Any]]:
    """Who answers in a project, and what was done: everybody, or the one of a number, alias, address or name.

    Raises:
        NotFound: there is no such project, or no such annotator in it.
    """
    with _opened(project) as here, unit_of_work(here.database, read_only=True) as session:
        people = annotator_statistics(session, here.project_id)
        if named is not None:
            no = find_annotator(session, here.project_id, named, key=annotator_key(here.settings)).no
            people = [one for one in people if one.no == no]
        return [one.as_json() for one in people]


def name_annotator(project: str, named: str, alias: str) -> None:
    """Gives the annotator of a number, alias, address or name another alias. Raises as `change_annotator`."""
    with _opened(project) as here, unit_of_work(here.database) as session:
        now, key = utc_now(), annotator_key(here.settings)
        annotator = change_annotator(session, here.project_id, named, {"alias": alias}, key=key, now=now)
        record_activity(
            session,
            "annotator_changed",
            actor=ACTOR,
            project_id=here.project_id,
            now=now,
            annotator=annotator.no,
            changed=["alias"],
        )


def describe_webhook(project: str) -> dict[str, str]:
    """What to enter in Label Studio so that it tells of new annotations at once."""
    with _opened(project) as here:
        return {
            "path": f"/v1/webhooks/label-studio/{project}",
            "header": SECRET_HEADER,
            "secret": secret_of(here.settings, project),
        }


def _opened(project: str) -> AbstractContextManager[ThisInstallation]:
    return ThisInstallation.opened(project, project_named)
