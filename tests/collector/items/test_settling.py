"""An item is ready when no step is owed to it any more."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlmodel import select

from collector.items.settling import ITEM
from collector.models import Item
from foundation.database import Database, unit_of_work
from foundation.queue import Runtime
from foundation.running.parts import wait_until
from foundation.step_rows import StepRow, StepState
from foundation.steps import has_steps
from foundation.tasks import follow_steps
from tests.collector.items import looking
from tests.signals import Held, Phone, make_signal
from tests.steps import do_free, end_pauses, free_of, take

WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


@pytest.fixture(autouse=True)
def _something_looks_at_items(declared_alone: None) -> None:
    looking.declare()


def store(phone: Phone, database: Database) -> uuid.UUID:
    """An item to which its steps are owed."""
    phone.send(make_signal(subject="anna"))
    with unit_of_work(database, read_only=True) as session:
        return session.exec(select(Item)).one().id


def is_ready(database: Database, project: Held, item: uuid.UUID) -> bool:
    with unit_of_work(database, read_only=True) as session:
        return session.get_one(Item, (project.id, item)).ready


def held_up(database: Database, n_waiting: int) -> bool:
    """Whether so many transactions wait for others."""
    with database.engine.connect() as watch:
        waits = lambda: watch.execute(WAITING).scalar_one() == n_waiting  # noqa: E731
        return wait_until(waits, timeout_s=30)


class TestErasedMeanwhile:
    def test_its_last_step_and_the_erasure_of_its_person_do_not_wait_for_each_other(
        self, phone: Phone, database: Database, project: Held, here: Runtime
    ) -> None:
        if not database.is_postgresql:
            pytest.skip("about PostgreSQL: on SQLite a transaction that writes is alone")
        store(phone, database)
        do_free(here, "tests.look")
        (last,) = free_of(here, "tests.look_again")
        work = take(here, last)
        phone.as_role("backend").call("DELETE", "/subject", headers={"Winnow-Subject": "anna"})

        def end_last_step() -> None:
            with unit_of_work(database) as session:
                work.done(session)

        with ThreadPoolExecutor(2) as threads:
            with unit_of_work(database) as gate:
                # The step's end comes to its rows first, and the erasure when it has taken the item away.
                gate.exec(select(StepRow).where(StepRow.kind == ITEM.name).with_for_update()).all()
                ended = threads.submit(end_last_step)
                assert held_up(database, 1)
                erased = threads.submit(do_free, here, "collector")
                assert held_up(database, 2)
            ended.result()
            erased.result()

        with unit_of_work(database, read_only=True) as session:
            assert session.exec(select(Item)).all() == []
            rows = {row.step: row for row in session.exec(select(StepRow))}
        assert {row.kind for row in rows.values()} == {"erasure"}
        assert (rows["collector"].state, rows["collector"].attempts) == (StepState.DONE, 1)


class TestItem:
    def test_it_becomes_ready_with_the_last_of_its_steps(
        self, phone: Phone, database: Database, project: Held, here: Runtime
    ) -> None:
        item = store(phone, database)

        seen = [is_ready(database, project, item)]
        do_free(here, "tests.look")
        seen.append(is_ready(database, project, item))
        do_free(here, "tests.look_again")
        seen.append(is_ready(database, project, item))

        assert has_steps(ITEM)
        assert seen == [False, False, True]

    def test_sent_again_by_somebody_else_it_owes_nothing_more(
        self, phone: Phone, database: Database, here: Runtime
    ) -> None:
        phone.send(make_signal(subject="anna", payload={"text": "the same"}))
        follow_steps(here)

        phone.send(make_signal(subject="bert", payload={"text": "the same"}), make_signal(subject="bert"))

        with unit_of_work(database, read_only=True) as session:
            readiness = {item.content["text"]: item.ready for item in session.exec(select(Item))}
        assert len(readiness) == 2
        assert readiness.pop("the same")
        assert list(readiness.values()) == [False]

    def test_while_a_step_waits_it_is_not_ready(
        self, phone: Phone, database: Database, project: Held, here: Runtime
    ) -> None:
        item = store(phone, database)
        looking.waits_for.append("an eye")

        follow_steps(here)
        is_waiting = not is_ready(database, project, item)
        looking.waits_for.clear()
        end_pauses(database)
        follow_steps(here)

        assert is_waiting
        assert is_ready(database, project, item)

    def test_one_that_went_with_a_person_owes_nothing(
        self, phone: Phone, database: Database, project: Held, here: Runtime
    ) -> None:
        store(phone, database)
        phone.as_role("backend").call("DELETE", "/subject", headers={"Winnow-Subject": "anna"})

        do_free(here, "collector")

        with unit_of_work(database, read_only=True) as session:
            assert {row.kind for row in session.exec(select(StepRow))} == {"erasure"}
            assert session.exec(select(Item)).all() == []
