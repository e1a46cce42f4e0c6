"""What exports' worker does: build versions, follow erasures, and clear away drafts and builds that came to nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlmodel import col, select

from collector.models import ErasureItem
from collector.subjects.erasure import ERASURE
from exports.erasure import follow_erasure, remove_withdrawn_files, withdraw
from exports.keeping.store import open_store
from exports.models import VERSION_ITEMS, Version, VersionState, WithdrawnWhy
from exports.service import BUILD, forget_build
from foundation.database import empty_journal, refresh_statistics, unit_of_work, utc_now
from foundation.disk import require_space
from foundation.errors import Unavailable
from foundation.jobs import Job, JobState
from foundation.queue import Runtime, Work, job, periodic
from foundation.steps import StepWork, follows

DRAFTS_KEPT = timedelta(days=30)


@job(BUILD)
def build(work: Work) -> dict[str, Any]:
    """Builds one version; heavy libraries are loaded here and not before."""
    from exports.build import build_version

    require_space(work.runtime.settings)
    try:
        return build_version(work)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise Unavailable(
            f"the files of the version cannot be written ({why}): see the disk, then build again"
        ) from error


def prepare_erasures(runtime: Runtime) -> None:
    """What serves all erasures that have come so far: this step is the last, what was to go is gone from the tables.

    The journal goes before any of them is said to be complete. What the step itself deletes are names of items.
    """
    clear_builds(runtime)
    refresh_statistics(runtime.database, [VERSION_ITEMS.name, str(ErasureItem.__tablename__)])
    empty_journal(runtime.database)


@follows(ERASURE, step="exports", after="quality", prepare=prepare_erasures)
def erase(step: StepWork) -> None:
    """Withdraws the versions that hold a person who left, and deletes their files."""
    follow_erasure(step, open_store(step.runtime.settings), now=utc_now())


@periodic("exports.expire_drafts", every_s=lambda _: 3600.0)
def expire_drafts(runtime: Runtime) -> None:
    """Withdraws drafts past their 30 days and deletes their files."""
    past = select(Version).where(
        col(Version.state) == VersionState.DRAFT.value, col(Version.created_at) < utc_now() - DRAFTS_KEPT
    )
    with unit_of_work(runtime.database) as session:
        drafts = session.exec(past).all()
        for draft in drafts:
            withdraw(session, draft, WithdrawnWhy.DRAFT_EXPIRED, now=utc_now())
    store = open_store(runtime.settings)
    for project_id in {draft.project_id for draft in drafts}:
        remove_withdrawn_files(runtime.database, store, project_id)


@periodic("exports.clear_builds", every_s=lambda settings: float(settings.sweep_every_s))
def clear_builds(runtime: Runtime) -> None:
    """Takes away the rows and the files of builds whose job has failed for good."""
    ended = (
        select(Version)
        .join(Job, col(Job.id) == col(Version.job_id))
        .where(
            col(Version.state) == VersionState.BUILDING.value,
            col(Job.state).in_([JobState.FAILED.value, JobState.DONE.value]),
        )
    )
    with unit_of_work(runtime.database, read_only=True) as session:
        builds = session.exec(ended).all()
    for version in builds:
        if version.storage:
            open_store(runtime.settings).remove(version.storage)
        with unit_of_work(runtime.database) as session:
            forget_build(session, version)
