"""What exports adds to a person's record: the versions that hold something they had sent, and who got a copy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import and_, select
from sqlmodel import Session

from collector.subjects.record import FirstSent, Person, Row
from exports.models import VERSION_ITEMS, VERSIONS, Version
from exports.queries import describe_downloads, list_downloads
from foundation.database import these

DOWNLOADS_AT_ONCE = 500


def contribute(person: Person) -> Mapping[str, Iterator[Row]]:
    """`versions` and `downloads`."""
    held = _Held(person)
    return {"versions": held.versions(), "downloads": held.downloads()}


@dataclass(frozen=True)
class _Held:
    """The versions that were made of a person's items since they sent them."""

    person: Person

    def versions(self) -> Iterator[Row]:
        with self.person.read() as session:
            found = [session.get_one(Version, (self.person.project_id, no)) for no in sorted(self._items_of)]
        for version in found:
            yield {
                "version": version.name,
                "state": version.state,
                "draft": version.draft,
                "items": self._items_of[version.no],
                "created_at": version.created_at.isoformat(),
                "published_at": version.published_at.isoformat() if version.published_at else None,
                "withdrawn_at": version.withdrawn_at.isoformat() if version.withdrawn_at else None,
                "withdrawn_why": version.withdrawn_why,
                "successor": version.successor,
            }

    def downloads(self) -> Iterator[Row]:
        before = None
        while self._items_of:
            with self.person.read() as session:
                page = list_downloads(
                    session,
                    self.person.project_id,
                    versions=list(self._items_of),
                    before=before,
                    limit=DOWNLOADS_AT_ONCE,
                )
                rows = describe_downloads(page)
            yield from rows
            if len(page) < DOWNLOADS_AT_ONCE:
                return
            before = page[-1].at, page[-1].id

    @cached_property
    def _items_of(self) -> dict[int, int]:
        """How many of the person's items each version holds, by the version's number."""
        counts: dict[int, int] = {}
        for row in self.person.each_page(self._memberships):
            counts[row["no"]] = counts.get(row["no"], 0) + 1
        return counts

    def _memberships(self, session: Session, items: FirstSent) -> Iterator[Row]:
        made_of = and_(VERSIONS.c.project_id == VERSION_ITEMS.c.project_id, VERSIONS.c.no == VERSION_ITEMS.c.version_no)
        rows = session.connection().execute(
            select(VERSION_ITEMS.c.version_no, VERSION_ITEMS.c.item_id, VERSIONS.c.created_at)
            .join(VERSIONS, made_of)
            .where(
                VERSION_ITEMS.c.project_id == self.person.project_id,
                VERSION_ITEMS.c.item_id.in_(these(session, list(items))),
            )
        )
        return ({"no": no} for no, item, created_at in rows if created_at >= items[item])
