"""An erasure beside a batch: whichever commits first, nothing of the person stays, and no phone is told otherwise."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session, select

from collector.intake.batch import admit, prepare
from collector.intake.door import open_door
from collector.intake.heading import Arrival, Opening, read_headings
from collector.intake.identity import Names, names_of
from collector.intake.reading import Sent, SentBatch
from collector.intake.results import Status
from collector.models import Erasure, Item, Signal
from collector.project_lock import hold_alone, hold_with_others
from collector.subjects.erasure import erase_signals, request_erasure
from collector.subjects.proof import Speaker
from foundation.database import Database, unit_of_work, utc_now
from foundation.running.parts import wait_until
from foundation.settings import Settings
from tests.signals import CONSENT, SUBJECT, Held, make_signal

WAITING = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")


@pytest.fixture
def names(settings: Settings, project: Held, database: Database) -> Names:
    if not database.is_postgresql:
        pytest.skip("about PostgreSQL: on SQLite a transaction that writes is alone")
    return names_of(settings.pseudonym_key.get_secret_value(), project.name)


def store(session: Session, project: Held, names: Names, *signals: dict[str, Any]) -> list[Status]:
    """A batch's fate, not committed."""
    opening = Opening(names, Arrival(uuid.uuid4(), utc_now(), None), 32_768)
    headings = read_headings(SentBatch([Sent(one, 100) for one in signals], CONSENT), opening)
    door = open_door(session, project.id, names, speaker=Speaker(is_app=True))
    return [result.status for result in admit(session, prepare(door, headings, {}), boldly=True).results]


def erase(session: Session, project: Held, names: Names) -> None:
    """An order and the collector's part of it, not committed."""
    subject = names.subject_id(SUBJECT)
    order = request_erasure(session, project.id, subject, actor="test", now=utc_now())
    erase_signals(session, order, names, now=utc_now())


def beside(database: Database, act: Callable[[Session], Any], then: Callable[[Session], Any]) -> tuple[Any, Any]:
    """`act` holds its transaction open until `then`, in another, waits for it; what both said."""

    def later() -> Any:
        with unit_of_work(database) as session:
            return then(session)

    with ThreadPoolExecutor(1) as threads:
        with unit_of_work(database) as session:
            first = act(session)
            waiting: Future[Any] = threads.submit(later)
            with database.engine.connect() as watch:
                assert wait_until(lambda: waiting.done() or watch.execute(WAITING).scalar_one() > 0, timeout_s=30)
            assert not waiting.done()
        return first, waiting.result()


def test_an_erasure_takes_what_a_batch_before_it_stored(database: Database, project: Held, names: Names) -> None:
    stored, _ = beside(
        database, lambda one: store(one, project, names, make_signal()), lambda one: erase(one, project, names)
    )

    assert stored == [Status.ACCEPTED]
    with unit_of_work(database, read_only=True) as session:
        assert [*session.exec(select(Signal)), *session.exec(select(Item))] == []
        assert len(session.exec(select(Erasure)).all()) == 1


def test_a_batch_that_waited_for_an_erasure_finds_the_door_shut(
    database: Database, project: Held, names: Names
) -> None:
    _, told = beside(
        database, lambda one: erase(one, project, names), lambda one: store(one, project, names, make_signal())
    )

    assert told == [Status.REJECTED]


def test_batches_do_not_wait_for_each_other(database: Database, project: Held, names: Names) -> None:
    with unit_of_work(database) as session:
        store(session, project, names, make_signal())
    with unit_of_work(database) as first, unit_of_work(database) as second:
        told = [store(one, project, names, make_signal()) for one in (first, second)]

    assert told == [[Status.ACCEPTED], [Status.ACCEPTED]]


def test_other_projects_do_not_wait(database: Database, names: Names) -> None:
    with unit_of_work(database) as first, unit_of_work(database) as second:
        hold_alone(first, 1)
        hold_with_others(second, 2)
