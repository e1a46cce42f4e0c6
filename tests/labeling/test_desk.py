"""One at a time speaks with Label Studio about a project, whoever dies."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from foundation.database import clock_ms, unit_of_work
from foundation.errors import Unavailable
from foundation.identifiers import random_uuid
from foundation.leases import LeaseLost
from labeling.models import STUDIO_PROJECTS
from labeling.studio.desk import sit_down
from tests.fakes import FakeLabelStudio
from tests.labeling.workshop import Workshop


class TestLease:
    def test_a_second_one_waits_and_says_so(self, workshop: Workshop) -> None:
        place = (workshop.database, workshop.gateway, workshop.settings, workshop.project_id)

        with sit_down(*place), pytest.raises(Unavailable), sit_down(*place, wait_s=0.1):
            pass
        with sit_down(*place, wait_s=0):
            pass

    @pytest.mark.slow
    def test_one_that_died_is_waited_out(self, workshop: Workshop) -> None:
        place = (workshop.database, workshop.gateway, workshop.settings, workshop.project_id)
        with sit_down(*place):
            pass
        with unit_of_work(workshop.database) as session:
            session.connection().execute(
                STUDIO_PROJECTS.update().values(holder=random_uuid(), lease_until_ms=clock_ms() + 500)
            )

        began = time.monotonic()
        with sit_down(*place, wait_s=10):
            assert time.monotonic() - began > 0.3

    def test_one_from_before_the_clock_was_set_back_is_not_waited_for(self, workshop: Workshop) -> None:
        place = (workshop.database, workshop.gateway, workshop.settings, workshop.project_id)
        with sit_down(*place):
            pass
        with unit_of_work(workshop.database) as session:
            ahead_ms = 10 * 365 * 24 * 3_600_000
            session.connection().execute(
                STUDIO_PROJECTS.update().values(holder=random_uuid(), lease_until_ms=clock_ms() + ahead_ms)
            )

        with sit_down(*place, wait_s=0):
            pass

    def test_who_has_lost_it_writes_nothing_more(self, workshop: Workshop) -> None:
        with sit_down(workshop.database, workshop.gateway, workshop.settings, workshop.project_id) as desk:
            desk.still_ours()
            desk.lease.until = 0.0
            with pytest.raises(LeaseLost):
                desk.still_ours()

    def test_other_projects_do_not_wait(self, open_workshop: Callable[..., Workshop]) -> None:
        one, two = open_workshop(), open_workshop()

        with (
            sit_down(one.database, one.gateway, one.settings, one.project_id),
            sit_down(two.database, two.gateway, two.settings, two.project_id, wait_s=0),
        ):
            pass


class TestTogether:
    def test_syncs_at_once_make_each_task_once(
        self, open_workshop: Callable[..., Workshop], fake_studio: FakeLabelStudio
    ) -> None:
        workshop = open_workshop(n_items=60, backlog=20, overlap=1)
        failures: list[Exception] = []

        def run() -> None:
            try:
                for _ in range(3):
                    workshop.sync()
            except Unavailable:
                return
            except Exception as error:  # noqa: BLE001 - the test tells it in its own thread
                failures.append(error)

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert failures == []
        assert sorted(fake_studio.tasks) == sorted(workshop.task_numbers())
        assert len(fake_studio.tasks) == 20
