"""Wake-ups: what cannot be sent is let go at once, since the row in the database is the order."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from foundation import jobs
from foundation.database import Database, unit_of_work, utc_now
from foundation.disk import DiskFull
from foundation.errors import NotFound, Unavailable
from foundation.jobs import Job, JobState
from foundation.leases import AttemptFailed, LeaseLost
from foundation.queue import Runtime, Work, _attempt
from foundation.running.parts import LOOPBACK, free_port
from foundation.settings import Settings
from tests.architecture.sources import ROOT

ANNOUNCE = """
import time
from wsgi import worker
worker().loader.import_default_modules()
from foundation.queue import announce, celery_app
celery_app.conf.broker_url
begun = time.monotonic()
announce("steps")
print(time.monotonic() - begun)
"""


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_nobody_waits_for_a_broker_that_is_gone(tmp_path: Path, scheme: str) -> None:
    """Who asks for an erasure is answered after this: a client's own sleeps would be two seconds a listener."""
    environment = {"WINNOW_HOME": str(tmp_path), "WINNOW_BROKER_URL": f"{scheme}://{LOOPBACK}:{free_port()}//"}

    done = subprocess.run(
        [sys.executable, "-c", ANNOUNCE], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )

    assert float(done.stdout.splitlines()[-1]) < 1.5
    assert done.stdout.count("wake_up_not_sent") + done.stderr.count("wake_up_not_sent") == 1


class TestAttempt:
    @pytest.mark.parametrize(
        ("raised", "state", "strikes", "error"),
        [
            (AttemptFailed("the rule took too long"), JobState.QUEUED, 1, "the rule took too long"),
            (ValueError("a value"), JobState.QUEUED, 1, "unexpected ValueError"),
            (Unavailable("Label Studio is away"), JobState.QUEUED, 0, "Label Studio is away"),
            (DiskFull("no room"), JobState.QUEUED, 0, "no room"),
            (NotFound("no such project"), JobState.FAILED, 0, "no such project"),
        ],
    )
    def test_only_what_the_work_does_wrong_is_a_strike(
        self, database: Database, settings: Settings, raised: Exception, state: JobState, strikes: int, error: str
    ) -> None:
        ended = attempt(database, settings, raised)

        assert (ended.state, ended.strikes, ended.deaths, ended.error) == (state, strikes, 0, error)

    def test_who_lost_the_lease_notes_nothing(self, database: Database, settings: Settings) -> None:
        ended = attempt(database, settings, LeaseLost())

        assert (ended.state, ended.strikes, ended.error) == (JobState.RUNNING, 0, None)


def attempt(database: Database, settings: Settings, raised: Exception) -> Job:
    """A job whose work raises, as it stands after its first attempt."""

    def function(_: Work) -> Any:
        raise raised

    holder = uuid.uuid4()
    with unit_of_work(database) as session:
        job_id = jobs.enqueue(session, "tests.raise", project_id=None, now=utc_now())
        jobs.claim(session, job_id, holder=holder, lease_s=30)
    _attempt(Work(Runtime(settings, database), job_id, holder, None, {}), function)
    with unit_of_work(database, read_only=True) as session:
        return jobs.read_job(session, job_id)
