"""What happens to versions: a build is asked for, begins, is published or refused. Each function is one transaction's work."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, func, insert, update
from sqlalchemy import select as select_columns
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from collector.models import Project
from collector.queries import read_project
from exports.files import FileEntry
from exports.gates import GateResult
from exports.inputs.snapshot import Frozen, as_plain, count_erasures
from exports.models import SIDES, VERSION_ITEMS, Download, Version, VersionState
from exports.numbers import next_number
from exports.queries import compare, count_names, find_equal, newest_published
from foundation.activity import record_activity
from foundation.errors import NotFound
from foundation.identifiers import random_uuid
from foundation.jobs import Job, JobState
from foundation.queue import enqueue_and_wake

BUILD: Final = "exports.build"
ITEMS_AT_ONCE: Final = 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A build that was asked for, and the job that does it."""

    build: uuid.UUID
    job: uuid.UUID


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt's row. `storage` says where its files go, before the first is written, so that none is ever lost sight of.

    Args:
        leftover: where an attempt before this one put files, to be removed.
    """

    version: Version
    leftover: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a build. `has_files`: the files of this attempt are the version's."""

    version: str
    state: str
    has_files: bool = False

    def as_json(self) -> dict[str, Any]:
        return {"version": self.version, "state": self.state}


@dataclass(frozen=True, slots=True)
class Decided:
    """A name and what it rests on: it holds as long as the parent is the newest and the name is free."""

    name: str
    parent: str | None


@dataclass(frozen=True, slots=True)
class Made:
    """What a build made. `files` and `digest` are empty where it was refused."""

    decided: Decided
    inputs_hash: str
    gates: tuple[GateResult, ...]
    counts: Mapping[str, Any]
    remarks: Mapping[str, Any]
    files: tuple[FileEntry, ...] = ()
    digest: str | None = None


def ask_build(
    session: Session, project_id: int, overrides: Mapping[str, Any], *, draft: bool, actor: str, now: datetime
) -> Asked:
    """Writes a build and its job; the same wish while its job still waits is the same build."""
    _lock_line(session, project_id)
    waiting = _waiting_build(session, project_id, overrides, draft=draft)
    if waiting is not None:
        return waiting
    build_id = random_uuid()
    args = {"build": str(build_id), "export": dict(overrides), "draft": draft}
    job_id = enqueue_and_wake(session, BUILD, project_id=project_id, args=args)
    add_build(session, project_id, build_id, job_id, args, now=now)
    record_activity(
        session,
        "version_asked",
        actor=actor,
        project_id=project_id,
        now=now,
        build=str(build_id),
        draft=draft,
        **({"overrides": dict(overrides)} if overrides else {}),
    )
    return Asked(build_id, job_id)


def add_build(
    session: Session, project_id: int, build_id: uuid.UUID, job_id: uuid.UUID, args: Mapping[str, Any], *, now: datetime
) -> Version:
    """The row of a build; `no` counts up, under the lock of the project's line of versions."""
    newest = session.connection().execute(
        select(func.coalesce(func.max(Version.no), 0)).where(col(Version.project_id) == project_id)
    )
    version = Version(
        project_id=project_id,
        no=int(newest.scalar_one()) + 1,
        build_id=build_id,
        job_id=job_id,
        draft=bool(args["draft"]),
        asked=args["export"],
        created_at=now,
    )
    session.add(version)
    session.flush()
    return version


def begin_build(
    session: Session, project_id: int, build_id: uuid.UUID, job_id: uuid.UUID, args: Mapping[str, Any], *, now: datetime
) -> Begun:
    """An attempt begins: nothing is noted of the items yet, and the row knows who has left by now.

    A build that was answered by another version has lost its row; an attempt that is repeated makes it again.
    """
    _lock_line(session, project_id)
    version = _build_of(session, project_id, build_id) or add_build(
        session, project_id, build_id, job_id, args, now=now
    )
    if version.state != VersionState.BUILDING:
        return Begun(version, None)
    forget_items(session, version)
    leftover = version.storage
    name = read_project(session, project_id).name
    version.storage = f"{name}/{build_id.hex[:12]}-{random_uuid().hex[:8]}"
    version.erasures_seen = count_erasures(session, project_id)
    session.add(version)
    session.flush()
    return Begun(version, leftover)


def note_items(session: Session, version: Version, items: Sequence[tuple[str, str, int]]) -> None:
    """Notes what a build holds: item, side, mark of its labels. Nobody sees them before the version has a state."""
    rows = [
        {
            "project_id": version.project_id,
            "version_no": version.no,
            "item_id": uuid.UUID(item),
            "side": side,
            "labels": mark,
        }
        for item, side, mark in items
    ]
    if rows:
        session.connection().execute(insert(VERSION_ITEMS), rows)


def forget_items(session: Session, version: Version) -> None:
    session.connection().execute(
        delete(VERSION_ITEMS).where(
            VERSION_ITEMS.c.project_id == version.project_id, VERSION_ITEMS.c.version_no == version.no
        )
    )


def decide_name(
    session: Session,
    version: Version,
    frozen: Frozen,
    *,
    signals: int,
    left_out: Iterator[uuid.UUID],
    suffix: str = "",
) -> Decided:
    """The name this build will have, from the newest version and what is different from it.

    Args:
        left_out: items that the split could place on no side.
        suffix: `draft` or `refused`, for what is no release.
    """
    parent = newest_published(session, version.project_id)
    change = compare(
        session,
        parent,
        version.no,
        columns=frozen.columns,
        rules=frozen.rules,
        signals=signals,
        left_out=left_out,
    )
    number = next_number(parent.name if parent else None, change)
    if suffix:
        number = f"{number}-{suffix}.{count_names(session, version.project_id, f'{number}-{suffix}.') + 1}"
    return Decided(number, parent.name if parent else None)


def settle_build(
    session: Session, version: Version, made: Made, frozen: Frozen, *, state: VersionState, now: datetime
) -> Outcome | None:
    """Gives a build its state, in the transaction in which all that it rests on still holds; None where it does not.

    It does not hold when somebody asked to be erased since the inputs were frozen, or another build came first.
    """
    _lock_line(session, version.project_id)
    equal = find_equal(session, version.project_id, made.inputs_hash)
    if equal is not None and equal.no != version.no:
        return answer_with(session, version, equal)
    row = _build_of(session, version.project_id, version.build_id)
    if row is None or row.state != VersionState.BUILDING:
        raise NotFound("this build was given up: ask for another")
    if not _still_holds(session, row, made.decided):
        return None
    row.name, row.parent, row.state = made.decided.name, made.decided.parent, state.value
    row.inputs, row.inputs_hash, row.columns = as_plain(frozen.inputs), made.inputs_hash, frozen.columns
    row.gates, row.counts = [asdict(gate) for gate in made.gates], dict(made.counts)
    row.remarks = dict(made.remarks)
    row.digest, row.files = made.digest, [asdict(file) for file in made.files] or None
    if state is VersionState.REFUSED:
        row.storage = None
        forget_items(session, row)
    elif state is VersionState.PUBLISHED:
        row.published_at = _after_newest(session, row.project_id, now)
    session.add(row)
    session.flush()
    if state is VersionState.PUBLISHED:
        _freeze_sides(session, row)
        succeed_withdrawn(session, row.project_id)
    facts = {"build": str(row.build_id), "version": row.name, "digest": made.digest}
    facts |= {name: made.remarks[name] for name in ("overrides", "lowered") if made.remarks.get(name)}
    record_activity(session, f"version_{state}", actor="system", project_id=row.project_id, now=now, **facts)
    return Outcome(made.decided.name, state.value, has_files=bool(made.files))


def answer_with(session: Session, version: Version, equal: Version) -> Outcome:
    """Nothing has changed since a version was made: it is the answer, and this build leaves no row."""
    forget_build(session, version)
    return Outcome(equal.name or "", equal.state)


def forget_build(session: Session, version: Version) -> None:
    """Takes away a build that came to nothing."""
    forget_items(session, version)
    session.connection().execute(
        delete(Version).where(
            col(Version.project_id) == version.project_id,
            col(Version.no) == version.no,
            col(Version.state) == VersionState.BUILDING.value,
        )
    )


def succeed_withdrawn(session: Session, project_id: int) -> None:
    """The newest version follows those that were withdrawn and have no successor, unless it is withdrawn itself."""
    newest = newest_published(session, project_id)
    if newest is None or newest.state != VersionState.PUBLISHED:
        return
    session.connection().execute(
        update(Version)
        .where(
            col(Version.project_id) == project_id,
            col(Version.state) == VersionState.WITHDRAWN.value,
            ~col(Version.draft),
            col(Version.successor).is_(None),
        )
        .values(successor=newest.name)
    )


def log_download(session: Session, version: Version, path: str, *, key_id: uuid.UUID | None, now: datetime) -> None:
    """Notes who got what: an erasure must be able to say which copies there are."""
    session.add(
        Download(
            project_id=version.project_id, id=random_uuid(), version_no=version.no, path=path, key_id=key_id, at=now
        )
    )


def _still_holds(session: Session, row: Version, decided: Decided) -> bool:
    if row.erasures_seen != count_erasures(session, row.project_id):
        return False
    parent = newest_published(session, row.project_id)
    if (parent.name if parent else None) != decided.parent:
        return False
    taken = select(Version.no).where(col(Version.project_id) == row.project_id, col(Version.name) == decided.name)
    return session.exec(taken).first() is None


def _after_newest(session: Session, project_id: int, now: datetime) -> datetime:
    """When a version is published: after the one before it, even where the clock was set back meanwhile."""
    newest = newest_published(session, project_id)
    if newest is None or newest.published_at is None:
        return now
    return max(now, newest.published_at + timedelta(microseconds=1))


def _freeze_sides(session: Session, version: Version) -> None:
    """Items that no earlier version held keep the side they have here."""
    held = (
        select_columns(
            VERSION_ITEMS.c.project_id, VERSION_ITEMS.c.item_id, VERSION_ITEMS.c.side, VERSION_ITEMS.c.version_no
        )
        .where(VERSION_ITEMS.c.project_id == version.project_id, VERSION_ITEMS.c.version_no == version.no)
        .order_by(VERSION_ITEMS.c.item_id)
    )
    insert_new = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    columns = ["project_id", "item_id", "side", "first_version"]
    # Not a join with the table that is written: an empty one is planned as a scan, and grows under it.
    session.connection().execute(insert_new(SIDES).from_select(columns, held).on_conflict_do_nothing())


def _waiting_build(session: Session, project_id: int, overrides: Mapping[str, Any], *, draft: bool) -> Asked | None:
    waiting = session.exec(
        select(Version)
        .join(Job, col(Job.id) == col(Version.job_id))
        .where(
            col(Version.project_id) == project_id,
            col(Version.state) == VersionState.BUILDING.value,
            col(Version.draft) == draft,
            col(Job.state) == JobState.QUEUED.value,
        )
    )
    for version in waiting:
        if version.asked == dict(overrides) and version.job_id is not None:
            return Asked(version.build_id, version.job_id)
    return None


def _build_of(session: Session, project_id: int, build_id: uuid.UUID) -> Version | None:
    return session.exec(
        select(Version)
        .where(col(Version.project_id) == project_id, col(Version.build_id) == build_id)
        .execution_options(populate_existing=True)
    ).first()


def _lock_line(session: Session, project_id: int) -> None:
    """One at a time changes a project's line of versions; who stores signals does not wait for it."""
    session.connection().execute(
        select(Project.id).where(col(Project.id) == project_id).with_for_update(key_share=True)
    )
