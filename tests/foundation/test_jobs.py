"""The queue of record, on both databases."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import insert, update
from sqlmodel import Session, select

from foundation import queue
from foundation.database import Database, clock_ms, unit_of_work, utc_now
from foundation.errors import NotFound
from foundation.jobs import (
    Job,
    JobState,
    claim,
    enqueue,
    fail,
    finish,
    forget_ended,
    read_job,
    renew,
    sweep,
)
from foundation.leases import LONGEST_LEASE_MS, MAX_DEATHS, MAX_STRIKES, Again, LeaseLost

AGES_MS = 3_600_000
"""Longer than every pause between two attempts."""
ME, OTHER = uuid.uuid4(), uuid.uuid4()
HOLDING: dict[str, Callable[[Session, uuid.UUID], None]] = {
    "renew": lambda session, job_id: renew(session, job_id, holder=ME, lease_s=30, done=5),
    "finish": lambda session, job_id: finish(session, job_id, holder=ME, now=utc_now()),
    "fail": lambda session, job_id: fail(session, job_id, holder=ME, now=utc_now(), error="x", again=Again.STRIKE),
}


def put(database: Database, **wishes: object) -> uuid.UUID:
    with unit_of_work(database) as session:
        return enqueue(session, "labeling.sync", project_id=None, now=utc_now(), **wishes)  # type: ignore[arg-type]


def take(database: Database, job_id: uuid.UUID, holder: uuid.UUID = ME) -> Job | None:
    with unit_of_work(database) as session:
        return claim(session, job_id, holder=holder, lease_s=30)


def read(database: Database, job_id: uuid.UUID) -> Job:
    with unit_of_work(database, read_only=True) as session:
        return read_job(session, job_id)


def lose_lease(database: Database) -> None:
    with unit_of_work(database) as session:
        session.connection().execute(update(Job).values(lease_until_ms=clock_ms() - AGES_MS))


def found_by_sweep(database: Database) -> list[uuid.UUID]:
    with unit_of_work(database, read_only=True) as session:
        return [job_id for job_id, _ in sweep(session)]


class TestEnqueue:
    def test_wishes_of_one_kind_make_one_open_job(self, database: Database) -> None:
        assert put(database, coalesce=True) == put(database, coalesce=True)
        assert put(database) != put(database)

    def test_a_wish_after_the_start_makes_another(self, database: Database) -> None:
        first = put(database, coalesce=True)
        take(database, first)

        assert put(database, coalesce=True) != first

    def test_many_wishes_at_once_make_one(self, database: Database) -> None:
        with ThreadPoolExecutor(8) as pool:
            made = set(pool.map(lambda _: put(database, coalesce=True), range(24)))

        assert len(made) == 1


class TestClaim:
    def test_the_attempt_is_counted_before_the_work(self, database: Database) -> None:
        job = take(database, put(database))

        assert job is not None
        assert (job.state, job.attempt, job.lease_holder) == (JobState.RUNNING, 1, ME)

    def test_only_one_of_many_takes_it(self, database: Database) -> None:
        job_id = put(database)

        with ThreadPoolExecutor(8) as pool:
            taken = list(pool.map(lambda _: take(database, job_id, uuid.uuid4()), range(16)))

        assert len([job for job in taken if job]) == 1
        assert read(database, job_id).attempt == 1

    def test_a_lost_lease_is_taken_over(self, database: Database) -> None:
        job_id = put(database)
        take(database, job_id)
        lose_lease(database)

        job = take(database, job_id, OTHER)

        assert job is not None
        assert (job.lease_holder, job.attempt) == (OTHER, 2)

    def test_a_worker_that_died_is_no_strike(self, database: Database) -> None:
        job_id = put(database)
        for _ in range(MAX_STRIKES + 1):
            assert take(database, job_id)
            lose_lease(database)

        assert take(database, job_id)
        assert (read(database, job_id).strikes, read(database, job_id).deaths) == (0, MAX_STRIKES + 1)

    def test_a_job_at_which_ten_workers_died_is_given_up_and_says_so(self, database: Database) -> None:
        job_id = put(database)
        for _ in range(MAX_DEATHS):
            assert take(database, job_id)
            lose_lease(database)

        assert take(database, job_id) is None
        assert read(database, job_id).state == JobState.FAILED
        assert "10 workers died" in str(read(database, job_id).error)
        assert found_by_sweep(database) == []

    def test_after_the_second_death_it_waits_longer_than_its_lease(self, database: Database) -> None:
        job_id = put(database)
        for _ in range(MAX_DEATHS - 1):
            take(database, job_id)
            lose_lease(database)
        take(database, job_id)
        with unit_of_work(database) as session:
            session.connection().execute(update(Job).values(lease_until_ms=clock_ms() - 10_000))

        assert found_by_sweep(database) == []
        assert take(database, job_id, OTHER) is None

    def test_what_is_done_or_missing_is_nothing_to_do(self, database: Database) -> None:
        job_id = put(database)
        take(database, job_id)
        with unit_of_work(database) as session:
            finish(session, job_id, holder=ME, now=utc_now(), result={"n": 1})

        assert take(database, job_id) is None
        assert take(database, uuid.uuid4()) is None
        assert read(database, job_id).result == {"n": 1}


class TestHolding:
    @pytest.mark.parametrize("act", ["renew", "finish", "fail"])
    def test_who_lost_the_lease_leaves_no_trace(self, database: Database, act: str) -> None:
        job_id = put(database)
        take(database, job_id)
        lose_lease(database)
        take(database, job_id, OTHER)

        with pytest.raises(LeaseLost), unit_of_work(database) as session:
            HOLDING[act](session, job_id)

        assert (read(database, job_id).state, read(database, job_id).done) == (JobState.RUNNING, 0)

    def test_progress_keeps_the_lease(self, database: Database) -> None:
        job_id = put(database)
        take(database, job_id)
        lose_lease(database)

        with unit_of_work(database) as session:
            renew(session, job_id, holder=ME, lease_s=30, done=3, total=7)

        assert found_by_sweep(database) == []
        assert (read(database, job_id).done, read(database, job_id).total) == (3, 7)


class TestLease:
    @pytest.mark.parametrize("act", ["claim", "renew"])
    def test_it_lasts_as_many_seconds_as_were_asked_for(self, database: Database, act: str) -> None:
        """So long a lease that a factor that is off by one in a thousand shows."""
        job_id, lease_s = put(database), 10_000_000

        with unit_of_work(database) as session:
            claim(session, job_id, holder=ME, lease_s=lease_s if act == "claim" else 30)
        if act == "renew":
            with unit_of_work(database) as session:
                renew(session, job_id, holder=ME, lease_s=lease_s)

        with unit_of_work(database, read_only=True) as session:
            left_ms = session.exec(select(Job.lease_until_ms - clock_ms())).one()  # type: ignore[call-overload]
        assert lease_s - 300 < left_ms / 1000 <= lease_s


class TestAClockThatWasSetBack:
    @pytest.mark.parametrize("is_running", [True, False])
    def test_a_lease_of_a_time_that_has_not_come_holds_nobody_up(self, database: Database, is_running: bool) -> None:
        job_id = put(database)
        if is_running:
            take(database, job_id)
        with unit_of_work(database) as session:
            ahead_ms = LONGEST_LEASE_MS + 60_000
            session.connection().execute(update(Job).values(lease_until_ms=clock_ms() + ahead_ms))

        assert found_by_sweep(database) == [job_id]
        assert take(database, job_id, OTHER) is not None

    def test_the_longest_lease_that_is_allowed_is_kept(self, database: Database) -> None:
        job_id = put(database)
        with unit_of_work(database) as session:
            claim(session, job_id, holder=ME, lease_s=LONGEST_LEASE_MS // 1000)

        assert found_by_sweep(database) == []
        assert take(database, job_id, OTHER) is None


def end_badly(database: Database, job_id: uuid.UUID, again: Again, error: str = "no answer") -> Job:
    """An attempt that fails, and what the job is after it; the pause after it is over."""
    assert take(database, job_id)
    with unit_of_work(database) as session:
        fail(session, job_id, holder=ME, now=utc_now(), error=error, again=again)
    lose_lease(database)
    return read(database, job_id)


class TestFail:
    def test_three_strikes_end_it(self, database: Database) -> None:
        job_id = put(database)

        ends = [end_badly(database, job_id, Again.STRIKE) for _ in range(MAX_STRIKES)]

        assert [job.state for job in ends] == [JobState.QUEUED, JobState.QUEUED, JobState.FAILED]
        assert [job.finished_at is None for job in ends] == [True, True, False]

    def test_strikes_count_whatever_happened_between_them(self, database: Database) -> None:
        job_id = put(database)

        for _ in range(MAX_STRIKES):
            end_badly(database, job_id, Again.OUTAGE)
            take(database, job_id)
            lose_lease(database)
            ended = end_badly(database, job_id, Again.STRIKE)

        assert (ended.state, ended.strikes, ended.deaths) == (JobState.FAILED, MAX_STRIKES, MAX_STRIKES)

    def test_a_part_that_is_away_is_no_strike_until_it_was_so_for_a_day(self, database: Database) -> None:
        job_id = put(database)

        ends = [end_badly(database, job_id, Again.OUTAGE) for _ in range(MAX_STRIKES + MAX_DEATHS)]
        with unit_of_work(database) as session:
            session.connection().execute(update(Job).values(created_at=utc_now() - timedelta(days=1, seconds=1)))

        assert {(job.state, job.strikes) for job in ends} == {(JobState.QUEUED, 0)}
        assert end_badly(database, job_id, Again.OUTAGE).state == JobState.FAILED

    @pytest.mark.parametrize(
        ("age", "worker_is_ahead", "state"),
        [
            (timedelta(hours=1), timedelta(days=30), JobState.QUEUED),
            (timedelta(hours=25), timedelta(days=-30), JobState.FAILED),
        ],
        ids=["ahead", "behind"],
    )
    def test_how_long_it_was_away_is_not_told_by_a_workers_clock(
        self, database: Database, age: timedelta, worker_is_ahead: timedelta, state: JobState
    ) -> None:
        job_id = put(database)
        take(database, job_id)
        with unit_of_work(database) as session:
            session.connection().execute(update(Job).values(created_at=utc_now() - age))

        with unit_of_work(database) as session:
            fail(session, job_id, holder=ME, now=utc_now() + worker_is_ahead, error="no answer", again=Again.OUTAGE)

        assert read(database, job_id).state == state

    @pytest.mark.parametrize("again", [Again.STRIKE, Again.OUTAGE])
    def test_the_next_attempt_waits_a_little(self, database: Database, again: Again) -> None:
        job_id = put(database)
        take(database, job_id)
        with unit_of_work(database) as session:
            fail(session, job_id, holder=ME, now=utc_now(), error="x", again=again)
            session.connection().execute(update(Job).values(lease_until_ms=Job.lease_until_ms + LONGEST_LEASE_MS // 2))

        assert take(database, job_id) is None
        assert read(database, job_id).state == JobState.QUEUED

    def test_what_cannot_help_is_not_tried_again(self, database: Database) -> None:
        ended = end_badly(database, put(database), Again.NEVER, "x" * 5000)

        assert ended.state == JobState.FAILED
        assert len(str(ended.error)) <= 500


class TestSweep:
    def test_it_finds_what_is_queued_and_what_was_left(self, database: Database) -> None:
        queued, left, held = put(database), put(database), put(database)
        take(database, left)
        lose_lease(database)
        take(database, held)

        assert sorted(found_by_sweep(database)) == sorted([queued, left])

    def test_what_was_put_back_just_now_is_left_to_its_own_wake_up(self, database: Database) -> None:
        job_id = put(database)
        take(database, job_id)
        with unit_of_work(database) as session:
            fail(session, job_id, holder=ME, now=utc_now(), error="no answer", again=Again.STRIKE)

        assert read(database, job_id).state == JobState.QUEUED
        assert found_by_sweep(database) == []

    def test_after_a_long_silence_they_are_woken_some_at_a_time_the_oldest_first(self, database: Database) -> None:
        at = utc_now()
        rows = [
            Job(kind="labeling.sync", created_at=at + timedelta(seconds=n)).model_dump() for n in reversed(range(501))
        ]
        with unit_of_work(database) as session:
            session.connection().execute(insert(Job), rows)

        assert found_by_sweep(database) == [row["id"] for row in reversed(rows)][:500]

    def test_what_has_ended_is_never_woken_again(self, database: Database) -> None:
        job_id = put(database)
        take(database, job_id)
        with unit_of_work(database) as session:
            finish(session, job_id, holder=ME, now=utc_now())
        lose_lease(database)

        assert found_by_sweep(database) == []
        assert take(database, job_id) is None

    def test_a_job_that_is_not_there(self, database: Database) -> None:
        with pytest.raises(NotFound), unit_of_work(database) as session:
            read_job(session, uuid.uuid4())


class TestForgetting:
    def test_what_ended_before_goes_and_what_is_open_stays(self, database: Database) -> None:
        done, waiting = put(database), put(database)
        take(database, done)
        with unit_of_work(database) as session:
            finish(session, done, holder=ME, now=utc_now())

        with unit_of_work(database) as session:
            assert forget_ended(session, before=utc_now() - timedelta(hours=1)) == 0
            assert forget_ended(session, before=utc_now() + timedelta(hours=1)) == 1

        assert read(database, waiting).state == JobState.QUEUED


class TestRefreshPlanner:
    def test_tables_that_have_grown_are_looked_at_again(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if not database.is_postgresql:
            pytest.skip("SQLite plans by its indexes alone")
        monkeypatch.setattr(queue, "ROWS_THAT_COUNT", 0)
        with unit_of_work(database) as session:
            enqueue(session, "tests.grow", project_id=None, now=utc_now())
            session.connection().exec_driver_sql("SELECT pg_stat_force_next_flush()")

        queue.refresh_planner(SimpleNamespace(database=database))  # type: ignore[arg-type]

        with database.engine.connect() as connection:
            known = connection.exec_driver_sql("SELECT reltuples FROM pg_class WHERE relname = 'jobs'").scalar_one()
        assert known == 1
