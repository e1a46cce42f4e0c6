"""A person's record: all that is held on them, on what ground, and who got it, as one JSON document that is never whole in memory.

The collector knows signals, consents, dead letters and erasures. What the domains above know of the person's items they
contribute themselves (`Contributes`); wsgi.py lists them, since nothing below may ask upward.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any, Protocol

import orjson
from sqlalchemy import Select, func
from sqlalchemy import select as select_columns
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Session, col, select

from collector.intake.event_time import TimeQuality
from collector.intake.identity import plain_content
from collector.models import DeadLetter, Item, Signal, Subject
from collector.queries import current_file
from collector.subjects.consent import records_of
from collector.subjects.cover import Cover, Line, Recorded, cover_of, ground_of, line_of, moment_of
from collector.subjects.erasure import describe_erasures, list_erasures, was_ever_held
from collector.subjects.proof import HeldBack, held_back_from, held_token
from foundation.database import Database, these, unit_of_work

AT_ONCE = 500
ID_BYTES = 16
Row = Mapping[str, Any]
FirstSent = Mapping[uuid.UUID, datetime]
"""Items, and when the person first sent each: what was there before is not about them, and would tell that others sent it."""


@dataclass(frozen=True)
class Person:
    """Whose record is read: the ids of all they sent, 16 bytes each, so that the rest is read page by page."""

    database: Database
    project_id: int
    id: uuid.UUID
    signals: bytes
    items: bytes
    held_back: HeldBack | None = None
    """What is left out of the record, since whoever asks may not be the person; None where all of it is shown."""

    def read(self) -> AbstractContextManager[Session]:
        """A transaction for one page: none stays open while whoever reads the record takes their time."""
        return unit_of_work(self.database, read_only=True)

    def each_page(self, rows_of: Callable[[Session, FirstSent], Iterable[Row]]) -> Iterator[Row]:
        """What `rows_of` knows of each page of the person's items."""
        for page in _pages(self.items):
            with self.read() as session:
                rows = list(rows_of(session, self._first_sent(session, page)))
            yield from rows

    def each_page_of_signals(self, rows_of: Callable[[Session, Sequence[uuid.UUID]], Iterable[Row]]) -> Iterator[Row]:
        for page in _pages(self.signals):
            with self.read() as session:
                rows = list(rows_of(session, page))
            yield from rows

    def _first_sent(self, session: Session, items: Sequence[uuid.UUID]) -> FirstSent:
        rows = session.connection().execute(
            select_columns(col(Signal.item_id), func.min(Signal.received_at))
            .where(
                col(Signal.item_id).in_(these(session, items)),
                *_mine(Signal, self.project_id, self.id, self.held_back),
            )
            .group_by(col(Signal.item_id))
        )
        return {row[0]: row[1] for row in rows}


class Contributes(Protocol):
    """What a domain above the collector holds that goes back to a person: the members it adds to the record.

    Its rows are made when they are asked for. They name no other person: no annotator, and nothing from before the person
    sent the item it is about.
    """

    def __call__(self, person: Person) -> Mapping[str, Iterator[Row]]: ...


def find_person(database: Database, project_id: int, subject_id: uuid.UUID, *, is_app: bool = False) -> Person:
    """Reads which signals and items are a person's; whoever is not known has none.

    Args:
        is_app: whether a key asks that sits in an app: of a name that is contested it sees what came with the token.
    """
    with unit_of_work(database, read_only=True) as session:
        held_back = held_back_from(session, project_id, subject_id, is_app=is_app)
        mine = _mine(Signal, project_id, subject_id, held_back)
        signals = _packed(session, select_columns(col(Signal.id)).where(*mine))
        items = _packed(session, select_columns(col(Signal.item_id)).where(*mine).distinct())
    return Person(database, project_id, subject_id, signals, items, held_back)


@dataclass(frozen=True, slots=True)
class Ground:
    """What a person agreed to, as it stands when their record is read."""

    line: Line
    records: tuple[Recorded, ...]
    cover: Cover
    erased_at: datetime | None
    held: bool
    held_back: HeldBack | None = None

    def as_json(self) -> dict[str, Any]:
        """The newest consent, from when on it covers what is captured, and everything on record."""
        newest = self.line.newest
        is_granted = newest is not None and newest.given.granted
        return {
            "held": self.held,
            "granted": is_granted,
            "purposes": list(newest.given.purposes) if newest else [],
            "notice": newest.given.notice if newest else "",
            "given_at": newest.given.given_at.isoformat() if newest else None,
            "passes": self.cover.passes,
            "covers_from": _iso(self.cover.since),
            "erased_at": _iso(self.erased_at),
            "consents": [_consent(record) for record in self.records],
            "held_back": self.held_back.as_json() if self.held_back else None,
        }


def ground_for(
    session: Session, project_id: int, subject_id: uuid.UUID, *, held_back: HeldBack | None = None
) -> Ground:
    """On what ground a person's signals may be used now; with something held back, as far as that is shown."""
    _, file = current_file(session, project_id)
    subject = session.get(Subject, (project_id, subject_id))
    erased_at = subject.erased_at if subject and held_back is None else None
    found = records_of(session, project_id, [subject_id], only_proven=held_back is not None)
    records = tuple(found.get(subject_id, ()))
    line = line_of(records, erased_at=erased_at)
    cover = cover_of(line, file.privacy, erased_at=erased_at)
    held = was_ever_held(session, project_id, subject_id, is_known=subject is not None)
    return Ground(line, records, cover, erased_at, held, held_back)


def record_of(person: Person, contributors: Sequence[Contributes], *, project: str, now: datetime) -> Iterator[bytes]:
    """The record, piece by piece.

    It is no snapshot: what comes in or goes while it is read may be in it or not. A record that breaks off is no JSON.
    """
    with person.read() as session:
        ground = ground_for(session, person.project_id, person.id, held_back=person.held_back)
        orders = list_erasures(session, person.project_id, limit=AT_ONCE, subject_id=person.id)
        if person.held_back:  # whoever left before may have been somebody else
            held = held_token(session, person.project_id, person.id)
            orders = [order for order in orders if order.token_hash is not None and order.token_hash == held]
        erasures = describe_erasures(session, orders)
    head = {"project": project, "subject": str(person.id), "at": now.isoformat(), **ground.as_json()}
    sections: dict[str, Iterator[Row]] = {
        "erasures": iter(erasures),
        "signals": person.each_page_of_signals(partial(_signals, person, ground)),
        "items": person.each_page(partial(_items, person)),
        "dead_letters": _dead_letters(person),
    }
    for contribute in contributors:
        sections |= contribute(person)
    yield orjson.dumps(head)[:-1]
    for name, rows in sections.items():
        yield b"," + orjson.dumps(name) + b":["
        yield from _listed(rows)
        yield b"]"
    yield b"}\n"


def _signals(person: Person, ground: Ground, session: Session, ids: Sequence[uuid.UUID]) -> Iterator[Row]:
    rows = session.exec(
        select(Signal, Item.content)
        .join(Item, (col(Item.project_id) == Signal.project_id) & (col(Item.id) == Signal.item_id))
        .where(col(Signal.project_id) == person.project_id, col(Signal.id).in_(these(session, ids)))
        .order_by(col(Signal.id))
    )
    for signal, content in rows:
        is_believed = signal.time_quality != TimeQuality.IMPLAUSIBLE.value
        moment = moment_of(signal.captured_at, signal.received_at, is_believed=is_believed)
        is_covered = ground.cover.holds_for(moment)
        why = ground_of(ground.line, moment) if is_covered else None
        yield {
            "id": str(signal.id),
            "item": str(signal.item_id),
            "captured_at": signal.captured_at.isoformat(),
            "sent_at": _iso(signal.sent_at),
            "received_at": signal.received_at.isoformat(),
            "event_time": signal.event_time.isoformat(),
            "time_quality": signal.time_quality,
            "revision": signal.revision,
            "key": str(signal.key_id),
            "device": signal.device_hmac.hex() if signal.device_hmac else None,
            "payload": {**plain_content(content), **signal.extra},
            "context": signal.context,
            "prediction": signal.prediction,
            "covered": is_covered,
            "ground": _consent(why) if why else None,
        }


def _items(person: Person, session: Session, items: FirstSent) -> Iterator[Row]:
    rows = session.exec(
        select(Item)
        .where(col(Item.project_id) == person.project_id, col(Item.id).in_(these(session, list(items))))
        .order_by(col(Item.id))
    )
    for item in rows:
        first = items[item.id].isoformat()
        yield {"item": str(item.id), "content": plain_content(item.content), "first_sent": first}


def _dead_letters(person: Person) -> Iterator[Row]:
    last = uuid.UUID(int=0)
    while True:
        with person.read() as session:
            letters = session.exec(
                select(DeadLetter)
                .where(
                    *_mine(DeadLetter, person.project_id, person.id, person.held_back),
                    col(DeadLetter.id) > last,
                )
                .order_by(col(DeadLetter.id))
                .limit(AT_ONCE)
            ).all()
        if not letters:
            return
        for letter in letters:
            yield {
                "id": str(letter.id),
                "signal": str(letter.signal_id) if letter.signal_id else None,
                "reason": letter.reason,
                "pointer": letter.pointer,
                "received_at": letter.received_at.isoformat(),
                "expires_at": letter.expires_at.isoformat(),
                "body": letter.body,
            }
        last = letters[-1].id


def _mine(
    table: type[Signal | DeadLetter], project_id: int, subject_id: uuid.UUID, held_back: HeldBack | None
) -> list[ColumnElement[bool]]:
    """Which rows of a person are shown."""
    mine = [col(table.project_id) == project_id, col(table.subject_id) == subject_id]
    return mine if held_back is None else [*mine, col(table.proven).is_(True)]


def _consent(record: Recorded) -> dict[str, Any]:
    given = record.given
    return {
        "granted": given.granted,
        "purposes": list(given.purposes),
        "notice": given.notice,
        "given_at": given.given_at.isoformat(),
        "received_at": record.received_at.isoformat(),
        "age_confirmed": given.age_confirmed,
    }


def _packed(session: Session, ids: Select[Any]) -> bytes:
    """Ids as 16 bytes each: a person with a million signals takes 16 MB, not a hundred."""
    packed = bytearray()
    for known in session.connection().execute(ids, execution_options={"yield_per": AT_ONCE}).scalars():
        packed += known.bytes
    return bytes(packed)


def _pages(packed: bytes) -> Iterator[list[uuid.UUID]]:
    for start in range(0, len(packed), AT_ONCE * ID_BYTES):
        part = packed[start : start + AT_ONCE * ID_BYTES]
        yield [uuid.UUID(bytes=part[place : place + ID_BYTES]) for place in range(0, len(part), ID_BYTES)]


def _listed(rows: Iterator[Row]) -> Iterator[bytes]:
    """Rows as the inside of a JSON list, some at a time."""
    is_first = True
    while part := list(islice(rows, AT_ONCE)):
        yield (b"" if is_first else b",") + orjson.dumps(part)[1:-1]
        is_first = False


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
