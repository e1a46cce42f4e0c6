"""The worker's round over all that is owed: what fails is tried again, and holds up nobody else."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from foundation import tasks
from foundation.database import clock_ms, unit_of_work, utc_now
from foundation.disk import DiskFull
from foundation.errors import NotFound, Unavailable
from foundation.leases import MAX_DEATHS, MAX_STRIKES, AttemptFailed, LeaseLost
from foundation.queue import Runtime
from foundation.step_rows import LONGEST_PAUSE_MS, Facts, StepRow, StepState
from foundation.steps import NotYet, StepWork, follows, owe, steps_of
from foundation.tasks import do_step, follow_steps, free_steps
from tests.signals import Held
from tests.steps import Told, end_pauses, take

pytestmark = pytest.mark.usefixtures("declared_alone")
WORK = "a-work"
Function = Callable[[StepWork], Facts | None]


@dataclass
class Counting:
    """Something to prepare that notes each try, and fails the first times."""

    notes: list[str]
    fails: int = 0

    def __call__(self, _: Runtime) -> None:
        self.notes.append("prepared")
        if self.notes.count("prepared") <= self.fails:
            raise AttemptFailed("there is no room for it")


def owed(here: Runtime, told: Told, project: Held, function: Function, *of: str, **declared: Any) -> None:
    """A step of this function is owed."""
    follows(told.effect, step="act", **declared)(function)
    with unit_of_work(here.database) as session:
        owe(session, told.effect, project.id, *(of or (WORK,)), now=utc_now())


def read(here: Runtime, told: Told, project: Held, of: str = WORK) -> StepRow:
    with unit_of_work(here.database, read_only=True) as session:
        (row,) = steps_of(session, told.effect, project.id, [of])[of]
    return row


def pause_s(here: Runtime, row: StepRow) -> float:
    """How long nobody may take a step now; longer than it is by what passed since."""
    with unit_of_work(here.database, read_only=True) as session:
        from sqlmodel import select

        now_ms = int(session.connection().execute(select(clock_ms())).scalar_one())
    return ((row.lease_until_ms or 0) - now_ms) / 1000


def raising(error: Exception) -> Function:
    def function(_: StepWork) -> Facts:
        raise error

    return function


def tried(here: Runtime, times: int = 1) -> None:
    for _ in range(times):
        end_pauses(here.database)
        follow_steps(here)


class TestEndingWell:
    def test_facts_that_are_returned_close_a_step(self, here: Runtime, told: Told, project: Held) -> None:
        owed(here, told, project, lambda _: {"signals": 3})

        follow_steps(here)

        row = read(here, told, project)
        assert (row.state, row.facts, row.attempts, row.lease_until_ms) == (StepState.DONE, {"signals": 3}, 1, None)
        assert row.done_at is not None
        assert told.words == [(WORK, "completed")]

    def test_a_step_that_closes_itself_is_closed_once(self, here: Runtime, told: Told, project: Held) -> None:
        def function(step: StepWork) -> None:
            with unit_of_work(here.database) as session:
                step.done(session, {"tasks": 1})

        owed(here, told, project, function)

        follow_steps(here)

        assert (read(here, told, project).facts, told.words) == ({"tasks": 1}, [(WORK, "completed")])

    def test_who_says_twice_that_it_is_done_changes_nothing(self, here: Runtime, told: Told, project: Held) -> None:
        def function(step: StepWork) -> None:
            for n_tasks in (1, 2):
                with unit_of_work(here.database) as session:
                    step.done(session, {"tasks": n_tasks})

        owed(here, told, project, function)

        follow_steps(here)

        assert (read(here, told, project).facts, told.words) == ({"tasks": 1}, [(WORK, "completed")])

    def test_one_that_says_nothing_has_failed(self, here: Runtime, told: Told, project: Held) -> None:
        owed(here, told, project, lambda _: None)

        follow_steps(here)

        row = read(here, told, project)
        assert (row.state, row.strikes, row.error) == (StepState.OWED, 1, "unexpected TypeError")

    def test_what_was_not_stored_with_the_word_is_done_again(self, here: Runtime, told: Told, project: Held) -> None:
        calls = []

        def function(step: StepWork) -> None:
            calls.append(1)
            with unit_of_work(here.database) as session:
                step.done(session, {"calls": len(calls)})
                if len(calls) == 1:
                    raise Unavailable("the database went away")

        owed(here, told, project, function)

        tried(here, 2)

        row = read(here, told, project)
        assert (row.facts, row.attempts, row.strikes, row.error) == ({"calls": 2}, 2, 0, None)


class TestFailing:
    @pytest.mark.parametrize(
        ("raised", "strikes", "error"),
        [
            (AttemptFailed("the rule took too long"), 1, "the rule took too long"),
            (ValueError("a value"), 1, "unexpected ValueError"),
            (NotFound("no such project"), 1, "no such project"),
            (Unavailable("Label Studio is away"), 0, "Label Studio is away"),
            (DiskFull("no room"), 0, "no room"),
            (LeaseLost("project 3"), 0, "somebody else has taken over"),
            (NotYet("a build must end first"), 0, "a build must end first"),
        ],
    )
    def test_only_what_the_work_does_wrong_is_a_strike(
        self, here: Runtime, told: Told, project: Held, raised: Exception, strikes: int, error: str
    ) -> None:
        owed(here, told, project, raising(raised))

        follow_steps(here)

        row = read(here, told, project)
        assert (row.state, row.attempts, row.strikes, row.deaths, row.error) == (StepState.OWED, 1, strikes, 0, error)
        assert 0 < pause_s(here, row) <= 5
        assert told.words == []

    def test_three_strikes_are_told_and_it_goes_on_being_tried(self, here: Runtime, told: Told, project: Held) -> None:
        calls = []

        def function(_: StepWork) -> Facts:
            calls.append(1)
            if len(calls) <= MAX_STRIKES + 1:
                raise ValueError
            return {}

        owed(here, told, project, function)

        tried(here, MAX_STRIKES - 1)
        assert told.words == []
        tried(here)
        assert told.words == [(WORK, "failing")]
        tried(here, 2)
        assert (set(told.words[:-1]), told.words[-1]) == ({(WORK, "failing")}, (WORK, "completed"))

    def test_work_that_has_failed_and_then_moved_is_under_way_again(
        self, here: Runtime, told: Told, project: Held
    ) -> None:
        calls = []

        def function(_: StepWork) -> Facts:
            calls.append(1)
            if len(calls) <= MAX_STRIKES:
                raise ValueError
            return {}

        follows(told.effect, step="last", after="act")(raising(NotYet("not now")))
        owed(here, told, project, function)

        tried(here, MAX_STRIKES + 1)

        assert told.words[-1] == (WORK, "running")

    @pytest.mark.parametrize(
        ("raised", "attempts", "pause"),
        [
            (ValueError(), 1, 2),
            (ValueError(), 2, 8),
            (ValueError(), 3, 32),
            (ValueError(), 12, LONGEST_PAUSE_MS / 1000),
            (Unavailable("away"), 1, 1),
            (Unavailable("away"), 3, 3),
            (Unavailable("away"), 90, 60),
            (NotYet("not now"), 90, 5),
        ],
    )
    def test_the_pauses_grow(
        self, here: Runtime, told: Told, project: Held, raised: Exception, attempts: int, pause: float
    ) -> None:
        from sqlmodel import update

        owed(here, told, project, raising(raised))
        with unit_of_work(here.database) as session:
            before = {"attempts": attempts - 1, "strikes": attempts - 1 if isinstance(raised, ValueError) else 0}
            session.connection().execute(update(StepRow).values(**before))

        follow_steps(here)

        assert pause - 1 < pause_s(here, read(here, told, project)) <= pause

    def test_ten_deaths_are_told_and_it_goes_on_being_tried(self, here: Runtime, told: Told, project: Held) -> None:
        owed(here, told, project, lambda _: {})
        for _ in range(MAX_DEATHS):
            take(here, free_steps(here)[0])
            end_pauses(here.database)

        follow_steps(here)

        assert told.words == [(WORK, "failing"), (WORK, "completed")]

    def test_neighbours_do_not_wait_for_one_that_fails(self, here: Runtime, told: Told, project: Held) -> None:
        def function(step: StepWork) -> Facts:
            if step.of == "a":
                raise ValueError
            return {}

        owed(here, told, project, function, "a", "b", "c")

        follow_steps(here)

        assert sorted(told.words) == [("b", "completed"), ("c", "completed")]


class TestRound:
    def test_it_goes_on_until_nothing_is_free(
        self, here: Runtime, told: Told, project: Held, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tasks, "AT_ONCE", 2)
        follows(told.effect, step="last", after="act")(lambda _: {})
        owed(here, told, project, lambda _: {}, *"abcde")

        follow_steps(here)

        assert Counter(word for _, word in told.words) == {"running": 5, "completed": 5}

    def test_one_that_takes_long_ends_and_leaves_the_rest_to_the_next(
        self, here: Runtime, told: Told, project: Held, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tasks, "ROUND_S", 0.05)

        def function(_: StepWork) -> Facts:
            time.sleep(0.1)
            return {}

        owed(here, told, project, function, "a", "b")

        follow_steps(here)

        assert len(told.words) == 1
        follow_steps(here)
        assert len(told.words) == 2

    def test_two_workers_at_once_do_each_step_once(self, here: Runtime, told: Told, project: Held) -> None:
        done: Counter[str] = Counter()
        lock = threading.Lock()

        def function(step: StepWork) -> Facts:
            with lock:
                done[step.of] += 1
            return {}

        names = [f"work-{number}" for number in range(20)]
        owed(here, told, project, function, *names)

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(follow_steps, [here] * 3))

        assert done == dict.fromkeys(names, 1)
        assert sorted(told.words) == sorted((name, "completed") for name in names)

    def test_what_somebody_else_has_taken_is_left_alone(self, here: Runtime, told: Told, project: Held) -> None:
        calls: list[Any] = []
        owed(here, told, project, lambda step: calls.append(step) or {})
        (row,) = free_steps(here)
        take(here, row)

        do_step(here, row, set())

        assert calls == []


class TestPreparing:
    def test_what_serves_all_is_done_once_before_them(self, here: Runtime, told: Told, project: Held) -> None:
        done: list[str] = []
        prepare = Counting(done)
        owed(here, told, project, lambda step: done.append(step.of) or {}, "one", "two", prepare=prepare)

        follow_steps(here)

        assert done[0] == "prepared"
        assert sorted(done[1:]) == ["one", "two"]

    def test_what_comes_later_is_prepared_anew(self, here: Runtime, told: Told, project: Held) -> None:
        done: list[str] = []
        owed(here, told, project, lambda _: {}, "one", prepare=Counting(done))
        follow_steps(here)

        with unit_of_work(here.database) as session:
            owe(session, told.effect, project.id, "two", now=utc_now())
        follow_steps(here)

        assert done == ["prepared", "prepared"]

    def test_where_it_fails_that_step_has_failed_and_the_next_tries_it(
        self, here: Runtime, told: Told, project: Held
    ) -> None:
        done: list[str] = []
        prepare = Counting(done, fails=1)
        owed(here, told, project, lambda step: done.append(step.of) or {}, "one", "two", prepare=prepare)

        follow_steps(here)

        rows = [read(here, told, project, of) for of in ("one", "two")]
        assert sorted(row.state for row in rows) == [StepState.DONE, StepState.OWED]
        assert sorted(row.error or "" for row in rows) == ["", "there is no room for it"]
        assert [row.strikes for row in rows if row.error] == [1]
        assert done[:2] == ["prepared", "prepared"]
