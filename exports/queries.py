"""Reads about versions: which there are, which is the latest, what one is, what it holds compared with another."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from collector.models import ErasureItem, Item
from collector.queries import usable_items
from exports.files import FileEntry
from exports.models import DOWNLOADS, VERSION_ITEMS, VERSIONS, Version, VersionState
from exports.numbers import Change
from foundation.document.definitions import did_you_mean
from foundation.errors import Gone, NotFound

LATEST = "latest"
MOST_NAMES = 200
"""So many of the newest versions are looked at for a near name."""
ITEMS_AT_ONCE = 500
WAS_PUBLISHED = (VersionState.PUBLISHED.value, VersionState.WITHDRAWN.value)


def find_version(session: Session, project_id: int, name: str) -> Version:
    """A version by its name, by the id of its build, or the latest that is published.

    Raises:
        NotFound: there is none.
    """
    statement = select(Version).where(col(Version.project_id) == project_id)
    if name == LATEST:
        statement = statement.where(col(Version.state) == VersionState.PUBLISHED.value, ~col(Version.draft)).order_by(
            col(Version.published_at).desc(), col(Version.no).desc()
        )
    else:
        statement = statement.where(or_(col(Version.name) == name, col(Version.build_id) == _uuid_in(name)))
    version = session.exec(statement.limit(1)).first()
    if version is None:
        raise NotFound(_why_none(session, project_id, name))
    return version


def _why_none(session: Session, project_id: int, name: str) -> str:
    if name == LATEST:
        return "no version is published now"
    named = select(Version.name).where(col(Version.project_id) == project_id, col(Version.name).is_not(None))
    newest = session.exec(named.order_by(col(Version.no).desc()).limit(MOST_NAMES)).all()
    return f"{did_you_mean(name, newest)}there is no such version here"


def require_files(version: Version) -> Version:
    """The version, if its files may be downloaded.

    Raises:
        Gone: it was withdrawn. NotFound: it has none, since it was refused or is not done yet.
    """
    if version.state == VersionState.WITHDRAWN:
        after = f"take {version.successor}" if version.successor else "a version that follows it is not built yet"
        raise Gone(
            f"this version was withdrawn: {after}, and delete your copies",
            state=version.state,
            successor=version.successor,
        )
    if version.state not in (VersionState.PUBLISHED, VersionState.DRAFT) or version.storage is None:
        raise NotFound("this version has no files: it was refused, or it is not built yet")
    return version


def file_entries(version: Version) -> list[FileEntry]:
    """The files of a version, its manifests among them, by path."""
    return sorted(FileEntry(**file) for file in version.files or [])


def list_versions(session: Session, project_id: int, *, before: int | None, limit: int) -> Sequence[Version]:
    """Versions, the newest build first; `before` is the `no` of the last one seen."""
    statement = select(Version).where(col(Version.project_id) == project_id)
    if before is not None:
        statement = statement.where(col(Version.no) < before)
    return session.exec(statement.order_by(col(Version.no).desc()).limit(limit)).all()


def newest_published(session: Session, project_id: int) -> Version | None:
    """The version that the next one follows: the one published last, withdrawn or not."""
    return session.exec(
        select(Version)
        .where(col(Version.project_id) == project_id, ~col(Version.draft), col(Version.published_at).is_not(None))
        .order_by(col(Version.published_at).desc(), col(Version.no).desc())
        .limit(1)
    ).first()


def find_equal(session: Session, project_id: int, inputs_hash: str) -> Version | None:
    """A version that was made, or refused, from the same inputs and still stands."""
    stands = (VersionState.PUBLISHED.value, VersionState.REFUSED.value, VersionState.DRAFT.value)
    return session.exec(
        select(Version)
        .where(
            col(Version.project_id) == project_id,
            col(Version.inputs_hash) == inputs_hash,
            col(Version.state).in_(stands),
        )
        .order_by(col(Version.no).desc())
        .limit(1)
    ).first()


def count_names(session: Session, project_id: int, beginning: str) -> int:
    """How many names of a project begin so."""
    statement = select(func.count()).where(
        col(Version.project_id) == project_id, col(Version.name).startswith(beginning, autoescape=True)
    )
    return int(session.exec(statement).one())


def compare(
    session: Session,
    parent: Version | None,
    version_no: int,
    *,
    columns: Any,
    rules: Any,
    signals: int,
    left_out: Iterator[uuid.UUID],
) -> Change:
    """What is different between a parent and the items noted for a build.

    Args:
        left_out: items of the build that the split could place on no side.
    """
    if parent is None:
        return Change()
    old, new = _items(parent.project_id, parent.no, "old"), _items(parent.project_id, version_no, "new")
    same = and_(old.c.item_id == new.c.item_id)
    lost = ~exists().where(same).correlate(old)
    item_of_old = exists().where(col(Item.project_id) == parent.project_id, col(Item.id) == old.c.item_id)
    is_held = item_of_old.where(col(Item.hold))
    is_usable = usable_items(parent.project_id).where(col(Item.id) == old.c.item_id).correlate(old).exists()
    before = parent.inputs or {}
    return Change(
        columns_differ=parent.columns != columns,
        added=_count(session, new, ~exists().where(same).correlate(new)),
        revised=_count(session, old.join(new, same), old.c.labels != new.c.labels),
        gone=_count(session, old, lost, ~is_usable, ~is_held),
        dropped=_count(session, old, lost, is_usable) - _count_among(session, old, left_out, is_usable),
        held=_count(session, old, lost, is_held),
        rules_differ={name: before.get("settings", {}).get(name) for name in rules} != rules,
        more_signals=signals > (parent.counts or {}).get("signals", 0),
    )


def versions_holding(session: Session, project_id: int, erasure_id: uuid.UUID) -> Sequence[Version]:
    """Versions, drafts and withdrawn ones that hold or held an item that an erased person had sent."""
    holds = (
        exists()
        .where(
            VERSION_ITEMS.c.project_id == VERSIONS.c.project_id,
            VERSION_ITEMS.c.version_no == VERSIONS.c.no,
            VERSION_ITEMS.c.item_id == col(ErasureItem.item_id),
            col(ErasureItem.project_id) == project_id,
            col(ErasureItem.erasure_id) == erasure_id,
        )
        .correlate(VERSIONS)
    )
    told = (*WAS_PUBLISHED, VersionState.DRAFT.value)
    return session.exec(
        select(Version)
        .where(col(Version.project_id) == project_id, col(Version.state).in_(told), holds)
        .order_by(col(Version.no))
    ).all()


def list_downloads(
    session: Session,
    project_id: int,
    *,
    versions: Sequence[int] | None = None,
    key_id: uuid.UUID | None = None,
    before: tuple[datetime, uuid.UUID] | None = None,
    limit: int,
) -> Sequence[Any]:
    """A page of who got which file, the newest first: id, at, version's name, path, key_id."""
    of_version = and_(VERSIONS.c.project_id == DOWNLOADS.c.project_id, VERSIONS.c.no == DOWNLOADS.c.version_no)
    statement = (
        select_columns(DOWNLOADS.c.id, DOWNLOADS.c.at, VERSIONS.c.name, DOWNLOADS.c.path, DOWNLOADS.c.key_id)
        .join(VERSIONS, of_version)
        .where(DOWNLOADS.c.project_id == project_id)
    )
    if versions is not None:
        statement = statement.where(DOWNLOADS.c.version_no.in_(versions))
    if key_id is not None:
        statement = statement.where(DOWNLOADS.c.key_id == key_id)
    if before is not None:
        at, last = before
        statement = statement.where((DOWNLOADS.c.at < at) | ((DOWNLOADS.c.at == at) & (DOWNLOADS.c.id < last)))
    newest_first = (DOWNLOADS.c.at.desc(), DOWNLOADS.c.id.desc())
    return session.connection().execute(statement.order_by(*newest_first).limit(limit)).all()


def describe_downloads(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Downloads as the API shows them; no key means that a command on the server's own machine read the file."""
    return [
        {
            "version": row.name,
            "path": row.path,
            "key": str(row.key_id) if row.key_id else None,
            "at": row.at.isoformat(),
        }
        for row in rows
    ]


def _items(project_id: int, version_no: int, name: str) -> Any:
    return (
        select_columns(VERSION_ITEMS.c.item_id, VERSION_ITEMS.c.labels)
        .where(VERSION_ITEMS.c.project_id == project_id, VERSION_ITEMS.c.version_no == version_no)
        .subquery(name)
    )


def _count_among(session: Session, held: Any, items: Iterator[uuid.UUID], *where: ColumnElement[bool]) -> int:
    total = 0
    while part := list(islice(items, ITEMS_AT_ONCE)):
        total += _count(session, held, held.c.item_id.in_(part), *where)
    return total


def _count(session: Session, source: Any, *where: ColumnElement[bool]) -> int:
    statement = select_columns(func.count()).select_from(source).where(*where)
    return int(session.connection().execute(statement).scalar_one())


def _uuid_in(name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(name)
    except ValueError:
        return None
