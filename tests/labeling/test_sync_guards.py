"""What keeps a sync from doing harm when others are at work: each test is of a guard that is one line, and passes no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from foundation.leases import LeaseLost
from labeling.errors import StudioUnavailable
from labeling.studio.desk import sit_down
from labeling.studio.sync import sync_project
from tests.fakes import FakeLabelStudio
from tests.labeling.workshop import Workshop, mood

Open = Callable[..., Workshop]


class TestUsableItems:
    def test_items_that_may_not_be_used_do_not_thin_the_draw(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=10, backlog=4)
        workshop.withdraw(workshop.items[:2])

        assert workshop.sync()["pushed"] == 4
        assert [task.propensity for task in workshop.tasks()] == [0.5] * 4
        assert not {task.item_id for task in workshop.tasks()} & set(workshop.items[:2])

    def test_what_may_not_be_used_any_more_is_not_sent_again_after_an_import_that_failed(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        fake_studio.refuse_imports(503)
        with pytest.raises(StudioUnavailable):
            workshop.sync()
        fake_studio.interfere = None
        workshop.withdraw(workshop.items[:2])

        workshop.sync()

        assert sorted(task.data["text"] for task in fake_studio.tasks.values()) == ["text 2", "text 3", "text 4"]
        assert not [task for task in workshop.tasks() if task.item_id in workshop.items[:2]]


class TestTaskNumbers:
    def test_an_answer_on_a_copy_of_our_task_is_no_answer_and_hides_none(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        workshop.sync()
        number = workshop.task_numbers()[0]
        workshop.person("ann").answer(number, mood("good"))
        workshop.sync()
        copy = {"data": dict(fake_studio.tasks[number].data)}
        made = workshop.admin.post(f"/api/projects/{workshop.ls_project}/import?return_task_ids=true", json=[copy])
        workshop.person("eve").answer(made.json()["task_ids"][0], mood("bad"))

        figures = workshop.sync()

        assert (figures["counted"], figures["vanished_annotations"]) == (0, 0)
        assert workshop.values() == ["good"]
        assert workshop.drift() == {"task_doubled": 1}


class TestLookBack:
    def test_a_change_that_was_stamped_before_the_last_pull_and_committed_after_it_is_taken(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        workshop.sync()
        first, second = workshop.task_numbers()[:2]
        workshop.person("ann").answer(first, mood("good"))
        workshop.sync()
        newest = fake_studio.tasks[first].updated_at
        workshop.person("bob").answer(second, mood("bad"))
        fake_studio.tasks[second].updated_at = newest - timedelta(minutes=1)

        workshop.sync()

        assert workshop.values() == ["bad", "good"]


class TestLease:
    def test_who_has_lost_the_lease_imports_nothing(self, workshop: Workshop, fake_studio: FakeLabelStudio) -> None:
        fake_studio.refuse_imports(503)
        with pytest.raises(StudioUnavailable):
            workshop.sync()
        asked: list[str] = []

        with sit_down(workshop.database, workshop.gateway, workshop.settings, workshop.project_id) as desk:

            def lose_the_lease(request: httpx.Request) -> None:
                asked.append(f"{request.method} {request.url.path}")
                if request.url.path == "/api/tasks/":  # the look at what became of the import that failed
                    desk.lease.until = 0.0

            fake_studio.interfere = lose_the_lease
            with pytest.raises(LeaseLost):
                sync_project(desk)

        assert asked[-1] == "GET /api/tasks/"
        assert fake_studio.tasks == {}
