"""What is owed: declared once, written with its cause, taken in order, and complete when all of it is done."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from sqlmodel import col, select, update

from foundation import steps
from foundation.database import Database, clock_ms, unit_of_work, utc_now
from foundation.leases import LONGEST_LEASE_MS, MAX_DEATHS, LeaseLost, kept
from foundation.queue import Runtime
from foundation.step_rows import LONGEST_PAUSE_MS, Facts, StepRow, StepState
from foundation.steps import (
    Effect,
    StepsMisdeclared,
    StepWork,
    all_steps,
    follows,
    forget,
    has_steps,
    owe,
    steps_of,
)
from foundation.tasks import free_steps
from tests.signals import Held
from tests.steps import Told, close_free, take

pytestmark = pytest.mark.usefixtures("declared_alone")
WORK = "a-work"


def nothing(_: StepWork) -> Facts:
    return {}


def declare(effect: Effect, **after: str | tuple[str, ...]) -> None:
    for name, before in after.items():
        follows(effect, step=name, after=before)(nothing)


def owe_now(database: Database, effect: Effect, project: Held, *of: str) -> None:
    with unit_of_work(database) as session:
        owe(session, effect, project.id, *(of or (WORK,)), now=utc_now())


def states(database: Database, effect: Effect, project: Held, of: str = WORK) -> dict[str, str]:
    with unit_of_work(database, read_only=True) as session:
        return {row.step: row.state for row in steps_of(session, effect, project.id, [of])[of]}


def free(here: Runtime) -> list[tuple[str, str]]:
    return [(row.of, row.step) for row in free_steps(here)]


def set_rows(database: Database, **values: object) -> None:
    with unit_of_work(database) as session:
        session.connection().execute(update(StepRow).values(**values))


class TestDeclaring:
    def test_two_steps_of_one_name_are_an_error(self, told: Told) -> None:
        declare(told.effect, first=())

        with pytest.raises(StepsMisdeclared, match="two steps of the kind tests are called first"):
            declare(told.effect, first=())

    def test_one_that_comes_after_what_nobody_declares_is_an_error(self, told: Told) -> None:
        declare(told.effect, first=(), second="frist")

        with pytest.raises(StepsMisdeclared, match="tests: second comes after frist, which nobody declares"):
            all_steps()

    def test_those_that_wait_for_each_other_are_an_error(self, told: Told) -> None:
        declare(told.effect, first="third", second="first", third="second")

        with pytest.raises(StepsMisdeclared, match="wait for each other"):
            all_steps()

    def test_a_kind_has_one_owner(self, told: Told) -> None:
        declare(told.effect, first=())
        declare(Told(words=[("another", "")]).effect, second=())

        with pytest.raises(StepsMisdeclared, match="the kind tests is declared twice"):
            all_steps()

    def test_where_not_every_domain_is_known_nothing_can_be_owed(
        self, told: Told, database: Database, project: Held, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        declare(told.effect, first=())
        monkeypatch.setattr(steps, "_MODULES", [])

        with pytest.raises(StepsMisdeclared, match="cannot be told"):
            owe_now(database, told.effect, project)

    def test_what_is_declared_after_somebody_has_asked_is_known_and_checked(self, told: Told) -> None:
        seen = [has_steps(told.effect)]
        declare(told.effect, first=())
        seen.append(has_steps(told.effect))
        declare(told.effect, second="frist")

        assert seen == [False, True]
        with pytest.raises(StepsMisdeclared, match="which nobody declares"):
            has_steps(told.effect)

    def test_they_are_put_in_order_once_for_all_who_ask(self, told: Told) -> None:
        declare(told.effect, first=())
        all_steps()
        before = all_steps.cache_info().misses

        for _ in range(10):
            has_steps(told.effect)

        assert all_steps.cache_info().misses == before

    def test_a_kind_that_nothing_follows_owes_nothing(self, told: Told, here: Runtime, project: Held) -> None:
        owe_now(here.database, told.effect, project)

        assert not has_steps(told.effect)
        assert free(here) == []


class TestOwing:
    def test_what_is_owed_already_is_not_owed_twice(self, told: Told, here: Runtime, project: Held) -> None:
        declare(told.effect, first=())
        owe_now(here.database, told.effect, project)
        close_free(here, "first")

        owe_now(here.database, told.effect, project, WORK, "another")

        assert free(here) == [("another", "first")]

    def test_a_cause_that_is_rolled_back_owes_nothing(self, told: Told, here: Runtime, project: Held) -> None:
        declare(told.effect, first=())

        def fail() -> None:
            with unit_of_work(here.database) as session:
                owe(session, told.effect, project.id, WORK, now=utc_now())
                raise KeyError

        with pytest.raises(KeyError):
            fail()

        assert free(here) == []

    def test_each_begins_when_those_before_it_are_done(self, told: Told, here: Runtime, project: Held) -> None:
        declare(told.effect, ground=(), left="ground", right="ground", roof=("left", "right"))
        owe_now(here.database, told.effect, project)

        seen = [free(here)]
        for name in ("ground", "left", "right"):
            close_free(here, name)
            seen.append(free(here))

        assert [{step for _, step in found} for found in seen] == [{"ground"}, {"left", "right"}, {"right"}, {"roof"}]

    def test_the_owner_is_told_of_each_and_that_all_are_done(self, told: Told, here: Runtime, project: Held) -> None:
        declare(told.effect, first=(), second="first")
        owe_now(here.database, told.effect, project)

        close_free(here, "first")
        close_free(here, "second")

        assert told.words == [(WORK, "running"), (WORK, "completed")]

    def test_of_two_that_end_at_once_one_completes_the_work(self, told: Told, here: Runtime, project: Held) -> None:
        declare(told.effect, left=(), right=())
        owe_now(here.database, told.effect, project)
        left, right = (take(here, row) for row in free_steps(here))

        def end_right() -> None:
            with unit_of_work(here.database) as session:
                right.done(session)

        with ThreadPoolExecutor(1) as pool:
            with unit_of_work(here.database) as session:
                left.done(session)
                ending = pool.submit(end_right)
                assert not wait([ending], timeout=0.3).done
            ending.result()

        assert told.words == [(WORK, "running"), (WORK, "completed")]

    def test_what_is_gone_owes_nothing_and_whoever_worked_at_it_leaves_no_trace(
        self, told: Told, here: Runtime, project: Held
    ) -> None:
        declare(told.effect, first=())
        owe_now(here.database, told.effect, project, WORK, "another")
        work = take(here, next(row for row in free_steps(here) if row.of == WORK))
        with unit_of_work(here.database) as session:
            forget(session, told.effect, project.id, [WORK])

        with pytest.raises(LeaseLost), unit_of_work(here.database) as session:
            work.done(session)

        assert (free(here), told.words) == ([("another", "first")], [])

    def test_those_that_waited_longest_come_first(self, told: Told, here: Runtime, project: Held) -> None:
        declare(told.effect, first=())
        owe_now(here.database, told.effect, project, "b", "a", "c")
        with unit_of_work(here.database) as session:
            for until_ms, of in enumerate(("c", "a", "b")):
                row = update(StepRow).where(col(StepRow.of) == of)
                session.connection().execute(row.values(lease_until_ms=until_ms))

        assert [of for of, _ in free(here)] == ["c", "a", "b"]


class TestOtherReleases:
    def test_what_is_open_owes_the_steps_of_a_later_release_too(self, told: Told, here: Runtime, project: Held) -> None:
        declare(told.effect, first=(), third="first")
        owe_now(here.database, told.effect, project)
        declare(told.effect, second="first")

        close_free(here, "first")
        close_free(here, "third")
        close_free(here, "second")

        assert told.words == [(WORK, "running"), (WORK, "running"), (WORK, "completed")]

    def test_even_when_the_last_one_it_knew_is_under_way(self, told: Told, here: Runtime, project: Held) -> None:
        declare(told.effect, first=())
        owe_now(here.database, told.effect, project)
        (work,) = (take(here, row) for row in free_steps(here))
        declare(told.effect, second="first")

        with unit_of_work(here.database) as session:
            work.done(session)

        assert (free(here), told.words) == ([(WORK, "second")], [(WORK, "running")])

    def test_a_step_of_a_later_release_is_left_to_it(self, told: Told, here: Runtime, project: Held) -> None:
        declare(told.effect, first=(), second=())
        owe_now(here.database, told.effect, project)
        del steps._STEPS["tests"]["second"]

        close_free(here, "first")

        assert (free(here), told.words) == ([], [(WORK, "running")])
        assert states(here.database, told.effect, project)["second"] == StepState.OWED


class TestLease:
    def test_only_one_of_many_takes_it(self, told: Told, here: Runtime, project: Held) -> None:
        declare(told.effect, first=())
        owe_now(here.database, told.effect, project)
        (row,) = free_steps(here)

        def try_it(_: int) -> bool:
            try:
                take(here, row)
            except AssertionError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(try_it, range(16))) == 1
        assert free(here) == []

    def test_who_lost_it_leaves_no_trace(self, told: Told, here: Runtime, project: Held) -> None:
        declare(told.effect, first=())
        owe_now(here.database, told.effect, project)
        (row,) = free_steps(here)
        late = take(here, row)
        set_rows(here.database, lease_until_ms=0)
        take(here, row)

        def end_late() -> None:
            with unit_of_work(here.database) as session:
                owe(session, told.effect, project.id, "an effect", now=utc_now())
                late.done(session)

        for act in (late.renew, end_late):
            with pytest.raises(LeaseLost):
                act()

        with unit_of_work(here.database, read_only=True) as session:
            left = session.exec(select(StepRow)).one()
        assert (left.attempts, left.deaths, left.strikes, left.state) == (2, 1, 0, StepState.RUNNING)
        assert told.words == []

    def test_progress_is_noted(self, told: Told, here: Runtime, project: Held) -> None:
        declare(told.effect, first=())
        owe_now(here.database, told.effect, project)
        work = take(here, free_steps(here)[0])

        work.progress(3, 7)

        with unit_of_work(here.database, read_only=True) as session:
            (row,) = steps_of(session, told.effect, project.id, [WORK])[WORK]
        assert (row.parts_done, row.parts_total) == (3, 7)

    def test_after_the_second_death_it_waits_longer_than_its_lease(
        self, told: Told, here: Runtime, project: Held
    ) -> None:
        declare(told.effect, first=())
        owe_now(here.database, told.effect, project)
        take(here, free_steps(here)[0])
        with unit_of_work(here.database) as session:
            past = update(StepRow).values(deaths=MAX_DEATHS, lease_until_ms=clock_ms() - 10_000)
            session.connection().execute(past)

        assert free(here) == []
        set_rows(here.database, deaths=1)
        assert free(here) == [(WORK, "first")]

    def test_a_pause_of_an_hour_is_kept(self, told: Told, here: Runtime, project: Held) -> None:
        declare(told.effect, first=())
        owe_now(here.database, told.effect, project)
        set_rows(here.database, lease_until_ms=clock_ms() + LONGEST_PAUSE_MS)

        assert free(here) == []

    @pytest.mark.parametrize(
        ("state", "ahead_ms"), [(StepState.RUNNING, LONGEST_LEASE_MS), (StepState.OWED, LONGEST_PAUSE_MS)]
    )
    def test_one_of_a_time_that_has_not_come_holds_nobody_up(
        self, told: Told, here: Runtime, project: Held, state: StepState, ahead_ms: int
    ) -> None:
        declare(told.effect, first=())
        owe_now(here.database, told.effect, project)
        holder = uuid.uuid4() if state is StepState.RUNNING else None
        set_rows(here.database, state=state.value, lease_holder=holder, lease_until_ms=clock_ms() + ahead_ms + 60_000)

        (row,) = free_steps(here)

        assert take(here, row).row.state == StepState.RUNNING


class TestKept:
    def test_a_lease_is_renewed_while_the_block_runs_and_whatever_the_database_says(self) -> None:
        from foundation.errors import Unavailable

        renewed, thrice = [], threading.Event()

        def renew() -> None:
            renewed.append(1)
            if len(renewed) == 3:
                thrice.set()
            raise Unavailable("the database is away")

        with kept(renew, lease_s=0.03):
            assert thrice.wait(10)

    def test_nobody_renews_what_was_lost(self) -> None:
        lost, again = threading.Event(), threading.Event()

        def renew() -> None:
            if lost.is_set():
                again.set()
            lost.set()
            raise LeaseLost

        with kept(renew, lease_s=0.03):
            assert lost.wait(10)
            assert not again.wait(0.1)
