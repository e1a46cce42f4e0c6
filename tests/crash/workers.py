"""Programs for crash tests, run as `python -m tests.crash.workers NAME ARGUMENT…` in a process that may be killed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from foundation.database import open_database, unit_of_work, utc_now
from foundation.settings import load_settings


def intake(project: str, body: str) -> int:
    """Takes a batch in, without HTTP, so that a death costs little; says so on stdout once it is stored."""
    from collector.intake.batch import take_in
    from collector.intake.heading import Arrival, Opening, read_headings
    from collector.intake.identity import names_of
    from collector.intake.reading import read_json
    from collector.queries import at_the_door, find_project
    from collector.subjects.proof import Speaker
    from foundation.identifiers import random_uuid

    _import_tasks()
    settings = load_settings()
    database = open_database(settings.database)
    with unit_of_work(database, read_only=True) as session:
        project_id = find_project(session, project) or 0
        found = at_the_door(session, project_id)
    now = utc_now()
    opening = Opening(
        names_of(settings.pseudonym_key.get_secret_value(), project),
        Arrival(random_uuid(), now, now),
        settings.max_signal_bytes,
    )
    headings = read_headings(
        read_json(Path(body).read_bytes(), max_signals=settings.max_signals, max_signal_bytes=32_768), opening
    )
    take_in(database, project_id, found, opening, headings, speaker=Speaker(is_app=True))
    sys.stdout.write("acknowledged\n")
    sys.stdout.flush()
    database.engine.dispose()
    return 0


def work(job_id: str) -> int:
    """Does one job as a worker would."""
    from foundation.queue import run_job

    _import_tasks()
    run_job(job_id)
    return 0


def step(name: str) -> int:
    """What is free of a step."""
    from foundation.queue import runtime
    from tests.steps import do_free

    _import_tasks()
    do_free(runtime(), name)
    return 0


def follow() -> int:
    """What a worker does about all that is owed."""
    from foundation.queue import runtime
    from foundation.tasks import follow_steps

    _import_tasks()
    follow_steps(runtime())
    return 0


def slow(seconds: str) -> int:
    """What is owed, and beside it a step that takes so long."""
    from tests.crash.slow import declare

    declare(float(seconds))
    return follow()


def rest() -> int:
    """Does every job that is open, as workers would once the leases of the dead are past; 1 where one is left or failed."""
    from sqlmodel import col, select

    from foundation.jobs import Job, JobState
    from foundation.queue import run_job, runtime

    _import_tasks()
    of_state = select(Job).order_by(col(Job.created_at))
    with unit_of_work(runtime().database, read_only=True) as session:
        is_open = col(Job.state).in_([JobState.QUEUED.value, JobState.RUNNING.value])
        waiting = session.exec(of_state.where(is_open)).all()
    for job in waiting:
        run_job(str(job.id))
    with unit_of_work(runtime().database, read_only=True) as session:
        ended_badly = session.exec(of_state.where(col(Job.state) != JobState.DONE.value)).all()
    for job in ended_badly:
        sys.stderr.write(f"the job {job.kind} is {job.state}: {job.error}\n")
    return 1 if ended_badly else 0


def _import_tasks() -> None:
    from wsgi import worker

    worker().loader.import_default_modules()


PROGRAMS: dict[str, Callable[..., int]] = {
    "intake": intake,
    "work": work,
    "step": step,
    "follow": follow,
    "slow": slow,
    "rest": rest,
}


def main(arguments: Sequence[str]) -> int:
    name, *rest = arguments
    return PROGRAMS[name](*rest)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
