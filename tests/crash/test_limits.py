"""A rule of one project that would run for ever: it fails three times with a reason, and nobody else waits for it."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import psutil
import pytest
from flask.testing import FlaskClient

from foundation.database import Database, unit_of_work, utc_now
from foundation.jobs import JobState, enqueue
from foundation.leases import MAX_STRIKES
from foundation.running.parts import wait_until
from foundation.settings import Settings
from quality.tasks import REPORT
from tests.api_server import environment_of
from tests.architecture.sources import ROOT
from tests.crash.processes import run
from tests.crash.test_jobs import end_lease_in, job_of
from tests.signals import Held, Phone, make_project, make_signal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ENDLESS = {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "text", "regex": "^(?=a)(a+)+$"}}
RULES = [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "text"}},
    ENDLESS,
    {"type": "expect_column_to_exist", "kwargs": {"column": "text"}},
]


@pytest.fixture
def attacked(database: Database, app_client: FlaskClient) -> Held:
    held = make_project(database, "attacked", expectations=RULES)
    Phone(app_client, held).send(make_signal(payload={"text": "a" * 80 + "!"}))
    return held


def ask(database: Database, project: Held) -> uuid.UUID:
    with unit_of_work(database) as session:
        return enqueue(session, REPORT, project_id=project.id, now=utc_now())


def work(settings: Settings, folder: Path, job_id: uuid.UUID, cpu_s: int) -> subprocess.Popen[bytes]:
    environment = environment_of(settings, folder) | {"WINNOW_LEASE_S": "3", "WINNOW_EXPECTATION_CPU_S": str(cpu_s)}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.crash.workers", "work", str(job_id)], cwd=ROOT, env=environment
    )


def child_of(worker: subprocess.Popen[bytes]) -> psutil.Process | None:
    return next(iter(psutil.Process(worker.pid).children()), None) if worker.poll() is None else None


def has_left(child: psutil.Process) -> bool:
    return not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def burns(child: psutil.Process) -> bool:
    """Whether it is past its start, which takes some seconds of CPU."""
    return child.cpu_times().user > 8


class TestEndlessRule:
    def test_others_store_and_measure_while_it_runs_and_its_lease_is_kept(
        self, settings: Settings, database: Database, app_client: FlaskClient, attacked: Held, tmp_path: Path
    ) -> None:
        other, job_id = make_project(database, "other"), ask(database, attacked)
        worker = work(settings, tmp_path, job_id, 3600)
        try:
            assert wait_until(lambda: child_of(worker) is not None, timeout_s=60)
            child = child_of(worker)
            assert child is not None
            assert wait_until(lambda: burns(child), timeout_s=120)

            stored = Phone(app_client, other).send(make_signal())
            measured = ask(database, other)
            run(settings, tmp_path, "work", str(measured))
            run(settings, tmp_path, "work", str(job_id))

            assert stored["accepted"] == 1
            assert job_of(database, measured).state == JobState.DONE
            held = job_of(database, job_id)
            assert (held.state, held.attempt) == (JobState.RUNNING, 1)
        finally:
            worker.kill()
            worker.wait()
        assert wait_until(lambda: has_left(child), timeout_s=20)

    def test_it_fails_three_times_with_a_reason_and_the_report_has_all_the_rest(
        self, settings: Settings, database: Database, app_client: FlaskClient, attacked: Held, tmp_path: Path
    ) -> None:
        job_id, reader = ask(database, attacked), Phone(app_client, attacked).as_role("read")

        for strike in range(1, MAX_STRIKES + 1):
            worker = work(settings, tmp_path, job_id, 1)
            assert worker.wait(120) == 0
            assert job_of(database, job_id).strikes == strike
            end_lease_in(database, -600_000)

        named = {"Authorization": f"Bearer {attacked.keys['read']}"}
        job = app_client.get(f"/v1/jobs/{job_id}", headers=named).json
        report = reader.call("GET", "/quality").json["expectations"]["expectations"]
        assert job["status"] == JobState.FAILED
        assert "expect_column_values_to_match_regex on column text took more than 1 s of CPU" in job["error"]
        assert [(one["success"], "error" in one) for one in report] == [(True, False), (False, True), (True, False)]
        assert report[1]["error"] in job["error"]
