"""A worker dies at its work: another takes over once the lease is past, attempts are counted, three strikes end it."""

from __future__ import annotations

import signal
import uuid
from pathlib import Path

import pytest
from sqlalchemy import update

from collector import queries
from collector.models import Erasure
from collector.subjects.erasure import request_erasure
from foundation.activity import chain_holds
from foundation.database import Database, clock_ms, unit_of_work, utc_now
from foundation.jobs import Job, JobState, enqueue, read_job, sweep
from foundation.leases import MAX_DEATHS, MAX_STRIKES
from foundation.running.parts import wait_until
from foundation.settings import Settings
from foundation.step_rows import StepRow, StepState
from quality.tasks import REPORT
from tests.crash.processes import LEASE_S, run
from tests.signals import Held, Phone, empty, make_project, make_signal, rows_of
from tests.steps import end_pauses

pytestmark = pytest.mark.slow


@pytest.fixture
def project(opened_database: Database) -> Held:
    empty(opened_database)
    queries._FILES.clear()
    return make_project(opened_database)


def put_job(database: Database, project: Held) -> uuid.UUID:
    with unit_of_work(database) as session:
        return enqueue(session, REPORT, project_id=project.id, now=utc_now())


def job_of(database: Database, job_id: uuid.UUID) -> Job:
    with unit_of_work(database, read_only=True) as session:
        return read_job(session, job_id)


def is_free(database: Database, job_id: uuid.UUID) -> bool:
    with unit_of_work(database, read_only=True) as session:
        return job_id in {waiting for waiting, _ in sweep(session)}


def end_lease_in(database: Database, milliseconds: int) -> None:
    """As if a lease had been taken earlier or later: only the first test of a takeover waits for one."""
    with unit_of_work(database) as session:
        session.connection().execute(update(Job).values(lease_until_ms=clock_ms() + milliseconds))


class TestKilledWorker:
    @pytest.mark.parametrize("place", ["jobs.after_claim", "jobs.before_finish"])
    def test_another_takes_over_after_the_lease_and_ends_the_job(
        self, settings: Settings, opened_database: Database, project: Held, tmp_path: Path, place: str
    ) -> None:
        job_id = put_job(opened_database, project)

        killed = run(settings, tmp_path, "work", str(job_id), failpoints=f"{place}=kill")
        at_once = job_of(opened_database, job_id)

        assert killed == -signal.SIGKILL
        assert (at_once.state, at_once.attempt) == (JobState.RUNNING, 1)
        assert wait_until(lambda: is_free(opened_database, job_id), timeout_s=LEASE_S + 10)
        assert run(settings, tmp_path, "work", str(job_id)) == 0
        ended = job_of(opened_database, job_id)
        assert (ended.state, ended.attempt) == (JobState.DONE, 2)

    def test_nobody_takes_a_job_while_its_lease_lasts(
        self, settings: Settings, opened_database: Database, project: Held, tmp_path: Path
    ) -> None:
        job_id = put_job(opened_database, project)
        run(settings, tmp_path, "work", str(job_id), failpoints="jobs.after_claim=kill")
        end_lease_in(opened_database, 600_000)

        run(settings, tmp_path, "work", str(job_id))

        assert (job_of(opened_database, job_id).state, job_of(opened_database, job_id).attempt) == (JobState.RUNNING, 1)
        assert not is_free(opened_database, job_id)

    def test_deaths_are_no_strikes_but_ten_of_them_end_it(
        self, settings: Settings, opened_database: Database, project: Held, tmp_path: Path
    ) -> None:
        job_id = put_job(opened_database, project)

        for attempt in range(1, MAX_STRIKES + 2):
            assert run(settings, tmp_path, "work", str(job_id), failpoints="jobs.after_claim=kill") == -signal.SIGKILL
            assert job_of(opened_database, job_id).attempt == attempt
            end_lease_in(opened_database, -600_000)
            assert is_free(opened_database, job_id)
        with unit_of_work(opened_database) as session:
            session.connection().execute(update(Job).values(deaths=MAX_DEATHS - 1))
        run(settings, tmp_path, "work", str(job_id))

        ended = job_of(opened_database, job_id)
        assert ended.state == JobState.FAILED
        assert "10 workers died" in str(ended.error)
        assert not is_free(opened_database, job_id)


class TestKilledErasure:
    def test_it_begins_again_and_ends_whole(
        self, settings: Settings, opened_database: Database, project: Held, tmp_path: Path, app: object
    ) -> None:
        phone = Phone(app.test_client(), project)  # type: ignore[attr-defined]
        mine, shared = make_signal(), make_signal(payload={"text": "said by two"})
        phone.send(mine, shared)
        phone.send(make_signal(subject="somebody else", payload={"text": "said by two"}))
        with unit_of_work(opened_database) as session:
            from collector.intake.identity import names_of

            names = names_of(settings.pseudonym_key.get_secret_value(), project.name)
            request_erasure(session, project.id, names.subject_id(mine["subject"]), actor="test", now=utc_now())
        before = rows_of(opened_database)

        assert run(settings, tmp_path, "step", "collector", failpoints="erase.signals=kill") == -signal.SIGKILL
        assert rows_of(opened_database) == before
        assert run(settings, tmp_path, "step", "collector") == 0
        assert rows_of(opened_database) == before
        end_pauses(opened_database)
        assert run(settings, tmp_path, "step", "collector") == 0
        assert run(settings, tmp_path, "step", "collector") == 0

        after = rows_of(opened_database)
        assert (after["signals"], after["items"], after["suppressions"]) == (1, 1, 2)
        with unit_of_work(opened_database, read_only=True) as session:
            from sqlmodel import select

            done = session.exec(select(StepRow).where(StepRow.state == StepState.DONE)).all()
            assert [(row.step, row.facts) for row in done] == [("collector", {"signals": 2, "items": 1})]
            assert session.exec(select(Erasure)).one().state == "running"
            assert chain_holds(session, project.id)
        assert [r["errors"][0]["reason"] for r in phone.send(mine)["results"]] == ["erased"]
