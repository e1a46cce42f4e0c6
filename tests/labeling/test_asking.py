"""Whom Label Studio asks: nobody for what is answered already, one for what lacks one, and nobody before it is wished."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from foundation.database import unit_of_work
from labeling.errors import StudioUnavailable
from labeling.progress import Given, wanted_overlap
from labeling.standing import read_standing
from labeling.studio.sync import Way
from labeling.task_table.reading import untold_tasks
from tests.fakes import FakeLabelStudio
from tests.labeling.workshop import Workshop, add_items, mood

Open = Callable[..., Workshop]
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def standing_of(workshop: Workshop) -> dict[str, object]:
    with unit_of_work(workshop.database, read_only=True) as session:
        return read_standing(session, workshop.project_id, url="http://studio.test/").as_json()


class TestAnswersFromElsewhere:
    def test_tasks_whose_answers_were_handed_in_are_given_to_nobody(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        workshop.sync()
        workshop.hand_in(workshop.items, "kim", "sam")

        workshop.sync()

        assert workshop.person("ann").next_task(workshop.ls_project) is None
        assert {(task.overlap, task.is_labeled) for task in fake_studio.tasks.values()} == {(0, True)}
        assert {task.state for task in workshop.tasks()} == {"closed"}
        assert (workshop.drift(), workshop.verify()) == ({}, [])

    def test_again_it_tells_label_studio_nothing(self, workshop: Workshop, fake_studio: FakeLabelStudio) -> None:
        workshop.sync()
        workshop.hand_in(workshop.items, "kim", "sam")
        for _ in range(2):
            workshop.sync()
        fake_studio.calls.clear()

        workshop.sync()

        assert not [path for method, path in fake_studio.calls if method != "GET"]

    def test_room_in_the_backlog_is_filled_with_items_that_lack_answers(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=10, backlog=4)
        workshop.sync()
        workshop.hand_in([task.item_id for task in workshop.tasks()], "kim", "sam")

        assert workshop.sync()["pushed"] == 4

    @pytest.mark.parametrize("is_there_already", [True, False])
    def test_an_item_that_lacks_one_of_three_asks_for_one(self, open_workshop: Open, is_there_already: bool) -> None:
        workshop = open_workshop(n_items=2, overlap=3)
        if is_there_already:
            workshop.sync()
        workshop.hand_in(workshop.items, "kim", "sam")
        workshop.sync()

        answered = [workshop.person(name).answer_all(workshop.ls_project) for name in ("ann", "bob")]

        assert answered == [2, 0]
        workshop.sync()
        assert {task.state for task in workshop.tasks()} == {"closed"}

    def test_what_somebody_answered_there_stays_and_counts(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=1, overlap=3)
        workshop.sync()
        workshop.person("ann").answer(workshop.task_numbers()[0], mood("bad"))
        workshop.sync()
        workshop.hand_in(workshop.items, "kim")
        workshop.sync()
        (task,) = workshop.tasks()
        assert (task.asked, task.wanted) == (2, 2)

        workshop.hand_in(workshop.items, "sam")
        workshop.sync()

        assert workshop.values() == ["bad", "good", "good"]
        assert workshop.person("bob").next_task(workshop.ls_project) is None
        assert workshop.listed() == workshop.task_numbers()

    def test_an_answer_that_comes_while_the_task_is_being_closed_is_not_lost(
        self, open_workshop: Open, fake_studio: FakeLabelStudio
    ) -> None:
        workshop = open_workshop(n_items=1, overlap=1)
        workshop.sync()
        (number,) = workshop.task_numbers()
        workshop.hand_in(workshop.items, "kim")
        ann = workshop.person("ann")

        def answer_first(request: httpx.Request) -> None:
            if request.method in {"PATCH", "POST", "DELETE"}:
                fake_studio.interfere = None
                ann.answer(number, mood("bad"))

        fake_studio.interfere = answer_first
        workshop.sync()
        workshop.sync()

        assert workshop.values() == ["bad", "good"]
        assert workshop.drift() == {}

    def test_a_skip_does_not_bring_a_closed_task_back(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=1, overlap=1)
        workshop.sync()
        workshop.hand_in(workshop.items, "kim")
        workshop.sync()
        workshop.person("ann").skip(workshop.task_numbers()[0])

        workshop.sync()

        assert workshop.person("bob").next_task(workshop.ls_project) is None

    def test_a_task_that_somebody_reopens_by_hand_is_closed_again(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=1, overlap=1)
        workshop.sync()
        workshop.hand_in(workshop.items, "kim")
        workshop.sync()
        change = {"overlap": 5, "is_labeled": False}
        workshop.person("eve").client.patch(f"/api/tasks/{workshop.task_numbers()[0]}/", json=change)

        workshop.sync()

        assert workshop.person("bob").next_task(workshop.ls_project) is None

    def test_an_overlap_changed_for_all_by_hand_reopens_none_of_them(
        self, open_workshop: Open, fake_studio: FakeLabelStudio
    ) -> None:
        workshop = open_workshop(n_items=3, overlap=2)
        workshop.sync()
        workshop.hand_in(workshop.items[:1], "kim", "sam")
        workshop.hand_in(workshop.items[1:2], "kim")
        workshop.sync()
        eve = workshop.person("eve").client
        for overlap in (1, 9):
            eve.patch(f"/api/projects/{workshop.ls_project}/", json={"maximum_annotations": overlap})
        for task in fake_studio.tasks.values():  # such a change moves no task's time: the pull sees none of it
            task.updated_at = LONG_AGO

        workshop.sync()

        number_of = {task.item_id: task.ls_task for task in workshop.tasks()}
        wanted = [fake_studio.tasks[number_of[item] or 0].overlap for item in workshop.items]
        assert wanted == [0, 1, 2]

    def test_the_number_of_a_task_that_is_gone_changes_no_other(
        self, open_workshop: Open, fake_studio: FakeLabelStudio
    ) -> None:
        workshop = open_workshop(n_items=1, overlap=1)
        workshop.sync()
        (number,) = workshop.task_numbers()
        workshop.hand_in(workshop.items, "kim")
        workshop.admin.delete(f"/api/tasks/{number}/")
        other = {"data": {"text": "other", "ext_id": "not ours", "ext_batch": "b"}}
        workshop.admin.post(f"/api/projects/{workshop.ls_project}/import?return_task_ids=true", json=[other])

        workshop.sync(only=Way.PUSH)

        assert (fake_studio.tasks[number].overlap, fake_studio.tasks[number].is_labeled) == (1, False)

    def test_what_is_handed_in_while_a_task_is_on_its_way_is_seen(
        self, open_workshop: Open, fake_studio: FakeLabelStudio
    ) -> None:
        workshop = open_workshop(n_items=1, overlap=1)

        def hand_in_first(request: httpx.Request) -> None:
            if request.url.path.endswith("/import"):
                fake_studio.interfere = None
                workshop.hand_in(workshop.items, "kim")

        fake_studio.interfere = hand_in_first
        workshop.sync()

        assert [task.state for task in workshop.tasks()] == ["closed"]
        assert workshop.person("ann").next_task(workshop.ls_project) is None

    def test_where_the_same_person_answers_here_and_there_another_one_is_asked(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=1, overlap=2)
        workshop.sync()
        ann = workshop.person("ann")
        workshop.hand_in(workshop.items, ann.email)
        workshop.sync()
        ann.answer(workshop.task_numbers()[0])

        workshop.sync()

        assert workshop.person("bob").next_task(workshop.ls_project) == workshop.task_numbers()[0]

    def test_however_many_answer_what_is_not_allowed_the_queue_has_an_end(self) -> None:
        assert wanted_overlap(2, 0, Given(11, 11)) == 13
        assert wanted_overlap(2, 0, Given(12, 12)) == 0
        assert wanted_overlap(2, 1, Given(30, 1)) == 31

    def test_what_has_to_be_told_is_found_without_a_look_at_all_tasks(self, workshop: Workshop) -> None:
        explain = "EXPLAIN QUERY PLAN" if not workshop.database.is_postgresql else "EXPLAIN"
        statement = untold_tasks(workshop.project_id).compile(
            workshop.database.engine, compile_kwargs={"literal_binds": True}
        )
        with workshop.database.engine.connect() as connection:
            if workshop.database.is_postgresql:
                connection.exec_driver_sql("SET enable_seqscan = off")
            plan = str(connection.exec_driver_sql(f"{explain} {statement}").all())

        assert "ix_tasks_untold" in plan


class TestPushOnlyWhenAsked:
    def test_nothing_goes_out_until_somebody_asks_and_then_once(
        self, open_workshop: Open, fake_studio: FakeLabelStudio
    ) -> None:
        workshop = open_workshop(n_items=6, backlog=4, overlap=1)
        workshop.revise(push="manual")
        workshop.sync()
        assert (workshop.tasks(), fake_studio.projects) == ([], {})

        workshop.hand_in(workshop.items[:5], "kim")
        workshop.ask_for_push()
        assert workshop.sync()["pushed"] == 1
        workshop.person("ann").answer_all(workshop.ls_project)
        with unit_of_work(workshop.database) as session:
            add_items(session, workshop.project_id, [{"text": "new"}])

        assert (workshop.sync()["pushed"], workshop.sync()["counted"]) == (0, 0)
        assert len(workshop.counted()) == 6
        workshop.ask_for_push()
        assert workshop.sync()["pushed"] == 1

    def test_a_wish_outlives_a_sync_that_fails(self, workshop: Workshop, fake_studio: FakeLabelStudio) -> None:
        workshop.revise(push="manual")
        workshop.ask_for_push()
        fake_studio.refuse_imports(503)
        with pytest.raises(StudioUnavailable):
            workshop.sync()
        fake_studio.interfere = None

        workshop.sync()

        assert len(workshop.listed()) == 5

    def test_a_wish_uttered_during_a_push_is_fulfilled_by_the_next(
        self, open_workshop: Open, fake_studio: FakeLabelStudio
    ) -> None:
        workshop = open_workshop(n_items=3, backlog=2, overlap=1)
        workshop.revise(push="manual")
        workshop.ask_for_push()

        def ask_again(request: httpx.Request) -> None:
            if request.url.path.endswith("/import"):
                fake_studio.interfere = None
                workshop.ask_for_push()

        fake_studio.interfere = ask_again
        workshop.sync()
        workshop.hand_in([task.item_id for task in workshop.tasks()], "kim")

        assert workshop.sync()["pushed"] == 1

    def test_what_is_there_is_looked_after_all_the_same(self, workshop: Workshop) -> None:
        workshop.sync()
        workshop.revise(push="manual")
        workshop.withdraw(workshop.items[:2])
        workshop.hand_in(workshop.items[2:3], "kim", "sam")

        workshop.sync()

        assert len(workshop.listed()) == 3
        assert workshop.person("ann").answer_all(workshop.ls_project) == 2


class TestStanding:
    def test_it_tells_what_is_there_whatever_the_last_run_moved(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=6, backlog=3, overlap=1)
        assert standing_of(workshop)["label_studio"] is None
        workshop.sync()
        workshop.person("ann").answer(workshop.task_numbers()[0])
        workshop.sync(only=Way.PULL)

        standing = standing_of(workshop)

        assert standing == {
            "tasks": {"open": 2, "answered": 1, "on_their_way": 0, "being_removed": 0, "removed": 0},
            "untold": 0,
            "items_waiting": 3,
            "push": "auto",
            "label_studio": f"http://studio.test/projects/{workshop.ls_project}/data",
        }

    def test_items_wait_for_somebody_to_ask(self, workshop: Workshop) -> None:
        workshop.revise(push="manual")
        workshop.sync()

        standing = standing_of(workshop)

        assert (standing["items_waiting"], standing["push"], standing["label_studio"]) == (5, "manual", None)
