"""Labeling's jobs: who is asked to sync, and when nobody is."""

from __future__ import annotations

import uuid

import pytest
from sqlmodel import col, select

from foundation.database import Database, clock_ms, unit_of_work, utc_now
from foundation.jobs import Job, claim, enqueue
from foundation.queue import Runtime
from labeling import tasks
from labeling.studio import gateway
from tests.fakes import FakeLabelStudio
from tests.labeling.workshop import Workshop, with_studio


@pytest.fixture
def runtime(workshop: Workshop, fake_studio: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """A worker whose Label Studio is the one in memory."""

    def door(settings: object) -> gateway.LabelStudio:
        return gateway.LabelStudio("http://studio.test", fake_studio.admin_token, transport=fake_studio.transport)

    monkeypatch.setattr(gateway, "open_label_studio", door)
    return Runtime(with_studio(workshop.settings, "http://studio.test", fake_studio.admin_token), workshop.database)


def open_jobs(database: Database) -> list[Job]:
    with unit_of_work(database, read_only=True) as session:
        return list(session.exec(select(Job).where(col(Job.kind) == tasks.SYNC)).all())


class TestSchedule:
    def test_every_project_that_asks_something_is_synced(self, runtime: Runtime, workshop: Workshop) -> None:
        tasks.schedule(runtime)
        tasks.schedule(runtime)

        assert [job.project_id for job in open_jobs(workshop.database)] == [workshop.project_id]

    def test_one_that_is_at_it_is_not_asked_again(self, runtime: Runtime, workshop: Workshop) -> None:
        with unit_of_work(workshop.database) as session:
            job = enqueue(session, tasks.SYNC, project_id=workshop.project_id, now=utc_now(), coalesce=True)
        with unit_of_work(workshop.database) as session:
            assert claim(session, job, holder=uuid.uuid4(), lease_s=30)

        tasks.schedule(runtime)

        assert len(open_jobs(workshop.database)) == 1

    def test_one_whose_worker_died_does_not_keep_others_away(self, runtime: Runtime, workshop: Workshop) -> None:
        with unit_of_work(workshop.database) as session:
            job = enqueue(session, tasks.SYNC, project_id=workshop.project_id, now=utc_now(), coalesce=True)
        with unit_of_work(workshop.database) as session:
            claim(session, job, holder=uuid.uuid4(), lease_s=30)
            session.connection().execute(
                Job.__table__.update().values(lease_until_ms=clock_ms() - 1)  # type: ignore[attr-defined]
            )

        tasks.schedule(runtime)

        assert len(open_jobs(workshop.database)) == 2

    def test_while_label_studio_is_silent_nobody_is_asked(
        self, runtime: Runtime, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        import httpx

        fake_studio.interfere = lambda _: httpx.Response(503)

        tasks.schedule(runtime)

        assert open_jobs(workshop.database) == []

    def test_without_label_studio_nobody_is_asked(self, workshop: Workshop) -> None:
        tasks.schedule(Runtime(workshop.settings, workshop.database))

        assert open_jobs(workshop.database) == []
