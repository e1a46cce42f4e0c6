"""Both ways with Label Studio: nothing lost, nothing doubled, nobody believed."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event

from collector.queries import usable_items
from foundation.database import unit_of_work
from labeling.errors import MassDeletion, NothingToLabel, StudioGone
from labeling.queries import annotator_statistics, count_labeling, list_unanswerable, newest_seq
from labeling.service import import_annotations
from labeling.studio.sync import Way
from tests.fakes import FakeLabelStudio
from tests.labeling.workshop import NOW, Workshop, add_items, mood, stars

Open = Callable[..., Workshop]


def _usable_and_answered(workshop: Workshop) -> set[uuid.UUID]:
    with unit_of_work(workshop.database, read_only=True) as session:
        usable = {row[0] for row in session.connection().execute(usable_items(workshop.project_id))}
    return usable & {answer.item for answer in workshop.counted()}


class TestPush:
    def test_every_item_becomes_one_task_with_its_text_and_our_name_for_it(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        figures = workshop.sync()

        assert figures["pushed"] == 5
        assert sorted(task.data["text"] for task in fake_studio.tasks.values()) == [f"text {n}" for n in range(5)]
        assert all(set(task.data) == {"text", "ext_id", "ext_batch"} for task in fake_studio.tasks.values())
        assert workshop.verify() == []

    def test_again_it_pushes_nothing(self, workshop: Workshop) -> None:
        workshop.sync()

        assert workshop.sync()["pushed"] == 0
        assert len(workshop.listed()) == 5

    def test_no_task_costs_a_look_at_all_others(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=1_000, backlog=1_000)
        asked: dict[str, tuple[str, Any]] = {}

        def keep(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            if statement.startswith(("UPDATE tasks", "SELECT items.id, items.content")):
                asked[statement.split(maxsplit=1)[0]] = statement, parameters

        event.listen(workshop.database.engine, "before_cursor_execute", keep)
        try:
            workshop.sync()
        finally:
            event.remove(workshop.database.engine, "before_cursor_execute", keep)

        # A plan that PostgreSQL keeps for later calls goes through a list of parameters for each row.
        assert len(asked["SELECT"][1]) < 10
        explain = "EXPLAIN" if workshop.database.is_postgresql else "EXPLAIN QUERY PLAN"
        statement, (given, *_) = asked["UPDATE"]
        with workshop.database.engine.connect() as connection:
            plan = str(connection.exec_driver_sql(f"{explain} {statement}", given).all())
        assert "ix_tasks_state" not in plan

    def test_the_project_has_the_title_the_overlap_and_no_secret_of_ours(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        workshop.sync()

        (project,) = fake_studio.projects.values()
        assert project["title"].startswith("Title of p-")
        assert project["maximum_annotations"] == 2

    def test_no_more_than_the_backlog_is_open_at_a_time(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=10, backlog=4, overlap=1)

        workshop.sync()
        assert len(workshop.listed()) == 4
        workshop.person("ann").answer(workshop.task_numbers()[0])
        assert workshop.sync()["pushed"] == 1

    def test_each_pick_keeps_its_probability(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=10, backlog=4)

        workshop.sync()

        assert [(task.selected_by, task.propensity) for task in workshop.tasks()] == [("random", 0.4)] * 4

    def test_items_that_may_not_be_used_stay_here(self, workshop: Workshop) -> None:
        workshop.withdraw(workshop.items[:2])

        assert workshop.sync()["pushed"] == 3

    def test_tasks_of_items_that_may_not_be_used_any_more_go_and_come_back_with_them(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        workshop.sync()
        for number in workshop.task_numbers():
            workshop.person("ann").answer(number)
        workshop.sync()
        workshop.withdraw(workshop.items[:2])

        workshop.sync()

        assert sorted(task.data["text"] for task in fake_studio.tasks.values()) == ["text 2", "text 3", "text 4"]
        assert (workshop.drift(), workshop.verify()) == ({}, [])
        assert len(_usable_and_answered(workshop)) == 3
        workshop.withdraw(workshop.items[:2], hold=False)
        assert workshop.sync()["pushed"] == 2
        assert len(_usable_and_answered(workshop)) == 5

    def test_a_changed_configuration_reaches_label_studio(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        workshop.sync()
        config = next(iter(fake_studio.projects.values()))["label_config"].replace(
            "</Choices>", '<Choice value="so"/></Choices>'
        )
        workshop.revise(config=config)

        workshop.sync()

        assert next(iter(fake_studio.projects.values()))["label_config"] == config

    def test_a_configuration_that_label_studio_refuses_is_reported_and_work_goes_on(
        self, open_workshop: Open, fake_studio: FakeLabelStudio
    ) -> None:
        workshop = open_workshop(n_items=2)
        workshop.sync()
        workshop.person("eve").answer(workshop.task_numbers()[0], {"from_name": "zz", "value": {}})
        config = next(iter(fake_studio.projects.values()))["label_config"].replace(
            "</View>", '<Header value="x"/></View>'
        )
        workshop.revise(config=config)
        with unit_of_work(workshop.database) as session:
            add_items(session, workshop.project_id, [{"text": "new"}])

        figures = workshop.sync()

        assert figures["pushed"] == 1
        assert workshop.drift()["config_refused"] == 1

    def test_a_configuration_changed_by_hand_is_reported_and_put_back(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        workshop.sync()
        (project,) = fake_studio.projects.values()
        config = project["label_config"]
        by_hand = {"label_config": config.replace('"good"', '"great"'), "maximum_annotations": 9}
        workshop.admin.patch(f"/api/projects/{workshop.ls_project}/", json=by_hand)

        assert [found.kind for found in workshop.verify()] == ["config_differs", "overlap_differs"]
        workshop.sync()

        (project,) = fake_studio.projects.values()
        assert (project["label_config"], project["maximum_annotations"]) == (config, 2)
        assert workshop.drift() == {"config_changed": 2}

    def test_without_a_configuration_there_is_nothing_to_do(self, workshop: Workshop) -> None:
        workshop.revise(config="")

        with pytest.raises(NothingToLabel):
            workshop.sync()

    def test_a_larger_overlap_holds_for_tasks_pushed_later(
        self, open_workshop: Open, fake_studio: FakeLabelStudio
    ) -> None:
        workshop = open_workshop(n_items=2, overlap=1)
        workshop.sync()
        workshop.revise(overlap=3)
        with unit_of_work(workshop.database) as session:
            add_items(session, workshop.project_id, [{"text": "new"}])

        workshop.sync()

        assert sorted(task.overlap for task in fake_studio.tasks.values()) == [1, 1, 3]

    def test_items_with_enough_answers_from_elsewhere_need_no_task(self, workshop: Workshop) -> None:

        lines = [
            {"item": str(workshop.items[0]), "question": "mood", "annotator": name, "value": "good"}
            for name in ("a", "b")
        ]
        with unit_of_work(workshop.database) as session:
            import_annotations(session, workshop.project_id, lines, key=b"k" * 32, now=NOW)

        assert workshop.sync()["pushed"] == 4


class TestOverlap:
    def test_each_task_gets_as_many_annotators_as_asked_and_then_closes(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=3, overlap=2)
        workshop.sync()
        for name in ("ann", "bob", "cem"):
            person = workshop.person(name)
            while (task := person.next_task(workshop.ls_project)) is not None:
                person.answer(task, mood("good"), stars(4))

        workshop.sync()

        assert len(workshop.counted()) == 6
        assert workshop.values("stars") == [4] * 6
        assert {task.state for task in workshop.tasks()} == {"closed"}
        assert workshop.verify() == []

    def test_a_skip_counts_for_nobody(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=1, overlap=1)
        workshop.sync()
        workshop.person("ann").skip(workshop.task_numbers()[0])

        workshop.sync()

        assert workshop.counted() == []
        assert [row.cancelled for row in workshop.rows()] == [True]
        assert workshop.tasks()[0].state == "live"

    def test_after_three_skips_an_item_is_unanswerable_and_its_task_closed(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=1, overlap=1)
        workshop.sync()
        for name in ("ann", "bob", "cem"):
            workshop.person(name).skip(workshop.task_numbers()[0])

        workshop.sync()

        with unit_of_work(workshop.database, read_only=True) as session:
            assert list_unanswerable(session, workshop.project_id) == workshop.items
        assert workshop.tasks()[0].state == "closed"

    def test_where_an_answer_does_not_count_somebody_else_is_asked(
        self, open_workshop: Open, fake_studio: FakeLabelStudio
    ) -> None:
        workshop = open_workshop(n_items=1, overlap=1)
        workshop.sync()
        workshop.person("ann").answer(workshop.task_numbers()[0], mood("meh"))
        assert workshop.person("bob").next_task(workshop.ls_project) is None

        workshop.sync()

        assert workshop.person("bob").next_task(workshop.ls_project) == workshop.task_numbers()[0]

    def test_an_overlap_changed_by_hand_is_reported_and_put_back(
        self, open_workshop: Open, fake_studio: FakeLabelStudio
    ) -> None:
        workshop = open_workshop(n_items=4)
        workshop.sync()
        eve, numbers = workshop.person("eve").client, workshop.task_numbers()
        eve.patch(f"/api/projects/{workshop.ls_project}/", json={"maximum_annotations": 1})
        found = [one.kind for one in workshop.verify()]

        workshop.sync()

        assert set(found) == {"overlap_differs"}
        assert [fake_studio.tasks[number].overlap for number in numbers] == [2, 2, 2, 2]
        assert workshop.drift() == {"config_changed": 1}
        assert workshop.verify() == []

    @pytest.mark.parametrize("change", [{"overlap": 1}, {"overlap": 12}, {"is_labeled": True}])
    def test_a_task_that_somebody_took_from_the_queue_comes_back(
        self, workshop: Workshop, fake_studio: FakeLabelStudio, change: dict[str, object]
    ) -> None:
        workshop.sync()
        number = workshop.task_numbers()[0]
        workshop.person("eve").client.patch(f"/api/tasks/{number}/", json=change)

        workshop.sync()

        assert (fake_studio.tasks[number].overlap, fake_studio.tasks[number].is_labeled) == (2, False)
        assert workshop.verify() == []

    def test_one_person_who_answers_often_keeps_nobody_else_away(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=1)
        workshop.sync()
        (number,) = workshop.task_numbers()
        for _ in range(30):
            workshop.person("eve").answer(number)

        workshop.sync()

        assert workshop.person("ann").next_task(workshop.ls_project) == number


class TestPull:
    def test_an_answer_is_taken_once(self, workshop: Workshop) -> None:
        workshop.sync()
        workshop.person("ann").answer(workshop.task_numbers()[0], mood("bad"), stars(2), lead_time=3.5)

        assert workshop.sync()["counted"] == 1
        assert workshop.sync()["annotations"] == 0
        assert (workshop.values(), workshop.values("stars")) == (["bad"], [2])
        assert workshop.rows()[0].lead_time_s == 3.5

    def test_nobodys_name_is_kept(self, workshop: Workshop) -> None:
        workshop.sync()
        ann = workshop.person("ann")
        ann.answer(workshop.task_numbers()[0])

        workshop.sync()

        (annotator,) = workshop.annotators()
        assert (annotator.no, annotator.alias, annotator.ls_user) == (1, "annotator-1", ann.id)
        assert ann.email.encode() not in annotator.hmac

    def test_the_authors_newer_version_counts_and_the_older_one_is_kept(self, workshop: Workshop) -> None:
        workshop.sync()
        ann = workshop.person("ann")
        annotation = ann.answer(workshop.task_numbers()[0], mood("good"))
        workshop.sync()
        frozen = _newest(workshop)
        ann.edit(annotation, mood("bad"))
        workshop.sync()

        assert workshop.values() == ["bad"]
        assert [one.value for one in workshop.counted(upto_seq=frozen)] == ["good"]
        assert [row.counts for row in workshop.rows()] == [True, True]

    def test_one_person_has_one_answer_however_often_given(self, workshop: Workshop) -> None:
        workshop.sync()
        ann = workshop.person("ann")
        for value in ("good", "bad", "good", "bad"):
            ann.answer(workshop.task_numbers()[0], mood(value))

        workshop.sync()

        assert workshop.values() == ["bad"]

    def test_an_edit_that_leaves_a_question_out_takes_that_answer_back(self, workshop: Workshop) -> None:
        workshop.sync()
        ann = workshop.person("ann")
        annotation = ann.answer(workshop.task_numbers()[0], mood("good"), stars(3))
        workshop.sync()
        ann.edit(annotation, mood("good"))
        workshop.sync()

        assert (workshop.values(), workshop.values("stars")) == (["good"], [])

    def test_an_answer_turned_into_a_skip_stops_counting(self, workshop: Workshop) -> None:
        workshop.sync()
        ann = workshop.person("ann")
        annotation = ann.answer(workshop.task_numbers()[0])
        workshop.sync()
        ann.edit(annotation, was_cancelled=True)
        workshop.sync()

        assert workshop.counted() == []

    @pytest.mark.parametrize(
        "result",
        [
            [mood("meh")],
            [mood("good", name="other")],
            [mood("good"), mood("bad")],
            [{**mood("good"), "value": {"choices": ["good", "bad"]}}],
            [stars(6)],
            [stars(2), mood("meh")],
            [],
            [{"type": "relation"}],
            ["x"],
            [{"from_name": "mood", "value": {"choices": ["a\0"]}}],
            [{**mood("good"), "n": 2**70}, mood("bad")],
        ],
    )
    def test_what_the_configuration_does_not_allow_is_kept_and_does_not_count(
        self, workshop: Workshop, result: list[object]
    ) -> None:
        workshop.sync()
        body = {"result": result}
        number = workshop.task_numbers()[0]
        assert workshop.person("ann").client.post(f"/api/tasks/{number}/annotations/", json=body).status_code == 201
        workshop.person("bob").answer(workshop.task_numbers()[1])

        workshop.sync()

        assert workshop.values() == ["good"]
        assert [row.counts for row in workshop.rows()] == [False, True]
        assert workshop.verify() == []

    def test_a_task_that_cannot_be_read_stops_nobody_else(self, workshop: Workshop) -> None:
        workshop.sync()
        numbers = workshop.task_numbers()
        workshop.person("eve").spoil(numbers[2])
        for number in (numbers[0], numbers[4]):
            workshop.person("ann").answer(number)

        figures = workshop.sync()

        assert figures["unreadable_tasks"] == 1
        assert len(workshop.counted()) == 2
        assert workshop.drift() == {"task_unreadable": 1}
        assert [found.kind for found in workshop.verify()] == ["task_unreadable"]

    @pytest.mark.slow
    def test_however_many_tasks_cannot_be_read_the_others_are(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=70)
        workshop.sync()
        numbers = workshop.task_numbers()
        for number in numbers[:60]:
            workshop.person("eve").spoil(number)
        workshop.person("ann").answer(numbers[65])

        figures = workshop.sync()

        assert (figures["unreadable_tasks"], figures["counted"]) == (60, 1)
        assert workshop.sync()["pushed"] == 0

    def test_a_task_that_cannot_be_read_hides_none_that_changed_at_the_same_moment(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        workshop.sync()
        numbers = workshop.task_numbers()
        workshop.person("eve").spoil(numbers[1])
        for number in (numbers[0], numbers[2]):
            workshop.person("ann").answer(number)
        for task in fake_studio.tasks.values():
            task.updated_at = datetime(2026, 1, 2, tzinfo=UTC)

        figures = workshop.sync()

        assert (figures["unreadable_tasks"], figures["counted"]) == (1, 2)

    def test_a_task_whose_content_cannot_be_read_is_made_anew(self, workshop: Workshop) -> None:
        workshop.sync()
        numbers = workshop.task_numbers()
        workshop.person("eve").spoil_content(numbers[1])
        workshop.person("ann").answer(numbers[0])

        figures = workshop.sync()

        assert (figures["counted"], figures["recreated_tasks"]) == (1, 1)
        assert workshop.drift() == {"task_unreadable": 1, "task_vanished": 1, "task_foreign": 1}

    @pytest.mark.slow
    def test_thousands_of_tasks_changed_at_one_moment_are_all_read(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=1100, backlog=2000, overlap=1)
        workshop.sync()
        numbers = workshop.task_numbers()
        ann = workshop.person("ann")
        for number in numbers[:3]:
            ann.answer(number)
        workshop.sync()
        chosen = {"selectedItems": {"all": False, "included": numbers}}
        ann.client.post(f"/api/dm/actions?id=delete_tasks_annotations&project={workshop.ls_project}", json=chosen)

        workshop.sync()

        assert workshop.counted() == []
        assert workshop.drift() == {"annotation_vanished": 3}


class TestNotTrusted:
    def test_an_annotation_in_another_persons_name_does_not_count(self, workshop: Workshop) -> None:
        workshop.sync()
        victim, eve = workshop.person("ann"), workshop.person("eve")
        eve.answer(workshop.task_numbers()[0], mood("bad"), completed_by=victim.id)

        workshop.sync()

        assert workshop.counted() == []
        assert workshop.rows()[0].why_not == "not_by_author"
        assert workshop.drift() == {"annotation_forged": 1}

    def test_a_forged_one_does_not_replace_the_persons_own(self, workshop: Workshop) -> None:
        workshop.sync()
        victim, eve = workshop.person("ann"), workshop.person("eve")
        victim.answer(workshop.task_numbers()[0], mood("good"))
        eve.answer(workshop.task_numbers()[0], mood("bad"), completed_by=victim.id)

        workshop.sync()

        assert workshop.values() == ["good"]

    def test_a_change_by_somebody_else_does_not_count_and_the_answer_stays(self, workshop: Workshop) -> None:
        workshop.sync()
        annotation = workshop.person("ann").answer(workshop.task_numbers()[0], mood("good"))
        workshop.sync()
        workshop.person("eve").edit(annotation, mood("bad"))
        workshop.sync()

        assert workshop.values() == ["good"]
        assert [row.why_not for row in workshop.rows()] == [None, "changed_by_other"]
        assert workshop.drift() == {"annotation_changed": 1}
        assert workshop.verify() == []

    def test_an_annotation_taken_over_counts_for_its_author_as_before(self, workshop: Workshop) -> None:
        workshop.sync()
        annotation = workshop.person("ann").answer(workshop.task_numbers()[0], mood("good"))
        workshop.sync()
        eve = workshop.person("eve")
        eve.edit(annotation, mood("bad"), completed_by=eve.id)
        workshop.sync()

        assert [(one.annotator, one.value) for one in workshop.counted()] == [(1, "good")]

    def test_answers_about_a_content_changed_by_hand_do_not_count_and_the_task_is_made_anew(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        workshop.sync()
        numbers = workshop.task_numbers()
        workshop.person("ann").answer(numbers[1], mood("good"))
        workshop.sync()
        shown = fake_studio.tasks[numbers[1]].data
        changed = {"data": {**shown, "text": "something else"}}
        workshop.person("eve").client.patch(f"/api/tasks/{numbers[1]}/", json=changed)
        workshop.person("bob").answer(numbers[1], mood("bad"))
        assert "task_changed" in [one.kind for one in workshop.verify()]

        figures = workshop.sync()

        assert (figures["counted"], figures["recreated_tasks"]) == (0, 1)
        assert sorted(task.data["text"] for task in fake_studio.tasks.values()) == [f"text {n}" for n in range(5)]
        assert workshop.values() == ["good"]
        assert workshop.drift() == {"task_changed": 1}
        assert workshop.verify() == []

    def test_what_the_author_deletes_stops_counting(self, workshop: Workshop) -> None:
        workshop.sync()
        ann = workshop.person("ann")
        annotation = ann.answer(workshop.task_numbers()[0])
        workshop.sync()
        ann.delete(annotation)
        figures = workshop.sync()

        assert figures["vanished_annotations"] == 1
        assert workshop.counted() == []
        assert workshop.verify() == []
        assert workshop.sync()["vanished_annotations"] == 0

    def test_what_somebody_else_deletes_is_kept_and_reported(self, workshop: Workshop) -> None:
        workshop.sync()
        annotation = workshop.person("ann").answer(workshop.task_numbers()[0], mood("bad"))
        workshop.sync()
        workshop.person("eve").delete(annotation)
        workshop.sync()

        assert workshop.values() == ["bad"]
        assert workshop.drift() == {"annotation_vanished": 1}

    def test_when_the_newer_answer_is_deleted_by_its_author_the_older_one_counts_again(
        self, workshop: Workshop
    ) -> None:
        workshop.sync()
        ann = workshop.person("ann")
        ann.answer(workshop.task_numbers()[0], mood("good"))
        newer = ann.answer(workshop.task_numbers()[0], mood("bad"))
        workshop.sync()
        assert workshop.values() == ["bad"]
        ann.delete(newer)
        workshop.sync()

        assert workshop.values() == ["good"]

    def test_one_who_takes_another_accounts_e_mail_does_not_become_that_person(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        workshop.sync()
        ann, eve = workshop.person("ann"), workshop.person("eve")
        ann.answer(workshop.task_numbers()[0], mood("good"))
        workshop.sync()
        fake_studio.users |= {ann.id: "moved@example.org", eve.id: ann.email}
        eve.answer(workshop.task_numbers()[0], mood("bad"))
        workshop.sync()

        assert workshop.values() == ["bad", "good"]

    def test_an_annotation_imported_with_a_task_is_nobodys(self, workshop: Workshop) -> None:
        workshop.sync()
        ours = workshop.tasks()[0]
        copy = {
            "data": {"text": "x", "ext_id": str(ours.ext_id), "ext_batch": "b"},
            "annotations": [{"result": [mood("bad")], "completed_by": workshop.person("ann").id}],
        }
        workshop.admin.post(f"/api/projects/{workshop.ls_project}/import?return_task_ids=true", json=[copy])

        workshop.sync()

        assert workshop.counted() == []
        assert workshop.drift() == {"task_doubled": 1}

    def test_more_than_a_twentieth_of_the_annotations_gone_at_once_stops_and_asks(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=30, overlap=1)
        workshop.sync()
        ann = workshop.person("ann")
        given = [ann.answer(number) for number in workshop.task_numbers()]
        workshop.sync()
        for annotation in given[:2]:
            ann.delete(annotation)

        with pytest.raises(MassDeletion):
            workshop.sync()
        assert len(workshop.counted()) == 30
        assert workshop.rebuild() == []
        assert len(workshop.counted()) == 28


class TestTasksThatVanish:
    def test_a_task_deleted_by_hand_is_reported_and_made_again(self, workshop: Workshop) -> None:
        workshop.sync()
        gone = workshop.tasks()[1]
        workshop.admin.delete(f"/api/tasks/{gone.ls_task}/")

        figures = workshop.sync()

        assert (figures["vanished_tasks"], figures["recreated_tasks"]) == (1, 1)
        assert workshop.drift() == {"task_vanished": 1}
        assert sorted((task.round, task.state) for task in workshop.tasks() if task.item_id == gone.item_id) == [
            (1, "gone"),
            (2, "live"),
        ]
        assert workshop.verify() == []

    def test_answers_of_a_vanished_task_stay(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=1, overlap=2)
        workshop.sync()
        workshop.person("ann").answer(workshop.task_numbers()[0], mood("bad"))
        workshop.sync()
        workshop.admin.delete(f"/api/tasks/{workshop.task_numbers()[0]}/")
        workshop.sync()
        workshop.person("bob").answer(workshop.task_numbers()[0], mood("good"))
        workshop.sync()

        assert workshop.values() == ["bad", "good"]

    def test_a_number_used_again_brings_no_answer_to_the_wrong_item(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=1, overlap=2)
        workshop.sync()
        number = workshop.task_numbers()[0]
        workshop.admin.delete(f"/api/tasks/{number}/")
        other = {"data": {"text": "other", "ext_id": "not ours", "ext_batch": "b"}}
        response = workshop.admin.post(f"/api/projects/{workshop.ls_project}/import?return_task_ids=true", json=[other])
        assert response.json()["task_ids"] == [number]
        workshop.person("ann").answer(number, mood("bad"))

        workshop.sync()

        assert workshop.counted() == []
        assert workshop.drift() == {"task_vanished": 1, "task_foreign": 1}

    def test_more_than_a_twentieth_of_the_tasks_gone_at_once_stops_and_asks(self, open_workshop: Open) -> None:
        workshop = open_workshop(n_items=30)
        workshop.sync()
        for number in workshop.task_numbers()[:2]:
            workshop.admin.delete(f"/api/tasks/{number}/")

        for _ in range(2):
            with pytest.raises(MassDeletion):
                workshop.sync()
        assert workshop.drift() == {"mass_deletion": 1}
        assert len(workshop.listed()) == 28
        assert workshop.rebuild() == []
        assert len(workshop.listed()) == 30

    def test_a_project_that_is_gone_stops_the_sync_until_the_loss_is_accepted(self, workshop: Workshop) -> None:
        workshop.sync()
        workshop.person("ann").answer(workshop.task_numbers()[0], mood("bad"))
        workshop.sync()
        workshop.admin.delete(f"/api/projects/{workshop.ls_project}/")

        with pytest.raises(StudioGone):
            workshop.sync()
        assert [found.kind for found in workshop.verify()] == ["project_missing"]
        assert workshop.rebuild() == []
        assert len(workshop.listed()) == 5
        assert workshop.values() == ["bad"]

    def test_a_project_with_the_old_ones_token_is_not_taken_for_ours(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        workshop.sync()
        copied = fake_studio.projects[workshop.ls_project]["description"]
        eve = workshop.person("eve").client
        eve.delete(f"/api/projects/{workshop.ls_project}/")
        trap = {"title": "Trap", "description": copied, "label_config": "<View/>"}
        number = eve.post("/api/projects/", json=trap).json()["id"]

        assert workshop.rebuild() == []
        assert workshop.ls_project != number

    def test_an_empty_double_is_removed(self, workshop: Workshop) -> None:
        workshop.sync()
        ours = workshop.tasks()[0]
        copy = {"data": {"text": "x", "ext_id": str(ours.ext_id), "ext_batch": str(ours.batch)}}
        workshop.admin.post(f"/api/projects/{workshop.ls_project}/import?return_task_ids=true", json=[copy])

        workshop.sync()

        assert workshop.listed() == workshop.task_numbers()


class TestOneWay:
    def test_only_push_takes_nothing(self, workshop: Workshop) -> None:
        workshop.sync()
        workshop.person("ann").answer(workshop.task_numbers()[0])

        assert "annotations" not in workshop.sync(only=Way.PUSH)
        assert workshop.counted() == []

    def test_only_pull_sends_nothing(self, workshop: Workshop) -> None:
        workshop.sync(only=Way.PULL)

        assert workshop.tasks() == []


class TestFigures:
    def test_tasks_and_annotations_are_counted(self, workshop: Workshop) -> None:
        workshop.sync()
        workshop.person("ann").answer(workshop.task_numbers()[0], mood("good"), stars(1))
        workshop.person("bob").skip(workshop.task_numbers()[0])
        workshop.sync()

        with unit_of_work(workshop.database, read_only=True) as session:
            assert count_labeling(session, workshop.project_id) == {"tasks": 5, "annotations": 1}
            people = annotator_statistics(session, workshop.project_id)
        assert sorted((one.annotations, one.skips) for one in people) == [(0, 1), (1, 0)]


def _newest(workshop: Workshop) -> int:
    with unit_of_work(workshop.database, read_only=True) as session:
        return newest_seq(session, workshop.project_id)
