"""Labeling's part of an erasure: nothing of the person's items is left in Label Studio or here, and it says so."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlmodel import col, delete, select

from collector.models import Erasure, ErasureItem, Item, Signal
from collector.subjects.erasure import ERASURE, describe_erasure, read_erasure
from foundation.database import unit_of_work, utc_now
from foundation.leases import MAX_STRIKES
from foundation.queue import Runtime
from foundation.steps import owe, steps_of
from foundation.tasks import follow_steps
from labeling.erasure import erase_annotations, needs_studio, remove_tasks
from labeling.errors import StudioUnavailable
from labeling.studio.desk import sit_down
from tests.fakes import FakeLabelStudio
from tests.labeling.workshop import CONFIG, NOW, Workshop, bare_signal, mood
from tests.steps import close_free, end_pauses, free_of, take


def leave(workshop: Workshop, gone: list[uuid.UUID], stay: list[uuid.UUID] | None = None) -> Erasure:
    """What the collector leaves behind when a person left."""
    erasure = Erasure(
        project_id=workshop.project_id, id=uuid.uuid4(), subject_id=uuid.uuid4(), state="received", requested_at=NOW
    )
    with unit_of_work(workshop.database) as session:
        session.add(erasure)
        for table, key in ((Signal, Signal.item_id), (Item, Item.id)):
            session.connection().execute(
                delete(table).where(col(table.project_id) == workshop.project_id, col(key).in_(gone))
            )
        rows = [*((item, True) for item in gone), *((item, False) for item in stay or [])]
        for item, removed in rows:
            session.add(
                ErasureItem(project_id=workshop.project_id, erasure_id=erasure.id, item_id=item, removed=removed)
            )
        session.flush()
        owe(session, ERASURE, workshop.project_id, str(erasure.id), now=utc_now())
    close_free(here_of(workshop), "collector", {"signals": 1})
    return erasure


def here_of(workshop: Workshop) -> Runtime:
    return Runtime(workshop.settings, workshop.database)


def follow(workshop: Workshop, erasure: Erasure) -> None:
    """Labeling's step, with the gateway of the workshop."""
    with sit_down(workshop.database, workshop.gateway, workshop.settings, workshop.project_id, wait_s=1) as desk:
        remove_tasks(desk, erasure)
    here = here_of(workshop)
    mine = [row for row in free_of(here, "labeling") if row.of == str(erasure.id)]
    work = take(here, mine[0]) if mine else None
    with unit_of_work(workshop.database) as session:
        counts = erase_annotations(session, erasure)
        if work is not None:
            work.done(session, counts)


def waits(workshop: Workshop) -> list[str]:
    """The erasures for which labeling has not done its part, and may."""
    end_pauses(workshop.database)
    return [row.of for row in free_of(here_of(workshop), "labeling")]


def shown(workshop: Workshop, erasure: Erasure) -> dict[str, object]:
    with unit_of_work(workshop.database, read_only=True) as session:
        return describe_erasure(session, read_erasure(session, workshop.project_id, erasure.id))


def signal_of(workshop: Workshop, item: uuid.UUID, place: str, *, hours: int = 0) -> uuid.UUID:
    """One more signal of an item, with a field beside what makes it."""
    number = uuid.uuid4()
    at = NOW - timedelta(days=1) + timedelta(hours=hours)
    with unit_of_work(workshop.database) as session:
        some = session.exec(select(Signal).where(col(Signal.item_id) == item)).first()
        assert some is not None
        more = {"id": number, "source_hmac": number.bytes, "received_at": at, "extra": {"place": place}}
        session.add(Signal(**{**some.model_dump(), **more}))
    return number


class TestFollow:
    def test_tasks_annotations_and_answers_of_removed_items_go(self, workshop: Workshop) -> None:
        workshop.sync()
        for number in workshop.task_numbers():
            workshop.person("ann").answer(number, mood("bad"))
        workshop.sync()
        erasure = leave(workshop, workshop.items[:2], stay=[workshop.items[2]])

        follow(workshop, erasure)

        assert len(workshop.listed()) == 3
        assert {row.item_id for row in workshop.rows()} == set(workshop.items[2:])
        assert {one.item for one in workshop.counted()} == set(workshop.items[2:])
        assert (shown(workshop, erasure)["tasks"], shown(workshop, erasure)["annotations"]) == (2, 2)

    def test_what_winnow_took_out_is_not_reported_as_vanished(self, workshop: Workshop) -> None:
        workshop.sync()
        follow(workshop, leave(workshop, workshop.items[:2]))

        assert workshop.sync()["vanished_tasks"] == 0
        assert workshop.drift() == {}
        assert workshop.verify() == []
        assert len(workshop.listed()) == 3

    def test_an_import_that_was_cut_off_is_looked_up_first(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        fake_studio.lose_answer_to_import()
        with pytest.raises(StudioUnavailable):
            workshop.sync()

        follow(workshop, leave(workshop, workshop.items[:2]))

        left = [task.data["text"] for task in fake_studio.tasks.values()]
        assert sorted(left) == ["text 2", "text 3", "text 4"]

    def test_an_annotation_that_label_studio_cannot_show_keeps_no_task_there(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        workshop.sync()
        doomed = workshop.tasks()[1]
        workshop.person("eve").spoil(doomed.ls_task or 0)

        follow(workshop, leave(workshop, [doomed.item_id]))

        assert doomed.ls_task not in fake_studio.tasks

    def test_a_number_that_another_task_has_by_now_is_left_alone(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        workshop.sync()
        last = max(workshop.task_numbers())
        doomed = next(task for task in workshop.tasks() if task.ls_task == last)
        workshop.admin.delete(f"/api/tasks/{last}/")
        stranger = {"data": {"text": "stranger", "ext_id": "", "ext_batch": ""}}
        workshop.admin.post(f"/api/projects/{workshop.ls_project}/import?return_task_ids=true", json=[stranger])

        follow(workshop, leave(workshop, [doomed.item_id]))

        assert fake_studio.tasks[last].data["text"] == "stranger"

    def test_repeated_it_changes_nothing(self, workshop: Workshop) -> None:
        workshop.sync()
        erasure = leave(workshop, workshop.items[:2])
        follow(workshop, erasure)
        before = shown(workshop, erasure)

        follow(workshop, erasure)

        assert shown(workshop, erasure) == before

    def test_the_same_content_sent_anew_is_pushed_anew(self, workshop: Workshop) -> None:
        workshop.sync()
        item = workshop.items[0]
        with unit_of_work(workshop.database, read_only=True) as session:
            kept = session.get_one(Item, (workshop.project_id, item)).model_dump()
        follow(workshop, leave(workshop, [item]))
        with unit_of_work(workshop.database) as session:
            session.add(Item(**kept))
            session.add(bare_signal(workshop.project_id, item))

        assert workshop.sync()["pushed"] == 1
        assert sorted(task.round for task in workshop.tasks() if task.item_id == item) == [1, 2]


class TestProjectGone:
    def test_an_import_that_was_cut_off_keeps_no_erasure_waiting(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        fake_studio.refuse_imports(502)
        with pytest.raises(StudioUnavailable):
            workshop.sync()
        fake_studio.interfere = None
        workshop.admin.delete(f"/api/projects/{workshop.ls_project}/")
        erasure = leave(workshop, workshop.items[:1])

        follow(workshop, erasure)

        assert str(erasure.id) not in waits(workshop)


class TestSharedItems:
    def test_a_task_shows_nothing_more_of_what_the_person_sent_beside_the_item(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        workshop.revise(config=CONFIG.replace("<Choices", '<Text name="p" value="$place"/><Choices', 1))
        item = workshop.items[0]
        own = signal_of(workshop, item, "hers")
        signal_of(workshop, item, "his", hours=1)
        workshop.sync()
        number = next(task.ls_task for task in workshop.tasks() if task.item_id == item)
        assert fake_studio.tasks[number or 0].data["place"] == "hers"
        workshop.person("ann").answer(number or 0, mood("bad"))
        workshop.sync()

        with unit_of_work(workshop.database) as session:
            session.delete(session.get_one(Signal, (workshop.project_id, own)))
        follow(workshop, leave(workshop, [], stay=[item]))

        assert "hers" not in str(fake_studio.tasks)
        workshop.sync()
        shown = {task.data["place"] for task in fake_studio.tasks.values()}
        assert (shown, workshop.values()) == ({"", "his"}, ["bad"])

    def test_one_that_shows_the_item_alone_stays(self, workshop: Workshop) -> None:
        workshop.sync()
        before = workshop.listed()

        follow(workshop, leave(workshop, [], stay=workshop.items[:1]))

        assert workshop.listed() == before


class TestWaiting:
    def test_while_label_studio_is_away_the_erasure_waits(self, workshop: Workshop) -> None:
        workshop.sync()
        erasure = leave(workshop, workshop.items[:1])

        for _ in range(MAX_STRIKES):
            end_pauses(workshop.database)
            follow_steps(here_of(workshop))

        with unit_of_work(workshop.database, read_only=True) as session:
            assert needs_studio(session, erasure)
            step = steps_of(session, ERASURE, workshop.project_id, [str(erasure.id)])[str(erasure.id)][2]
        assert waits(workshop) == [str(erasure.id)]
        assert (step.step, step.attempts, step.strikes) == ("labeling", MAX_STRIKES, 0)
        assert shown(workshop, erasure)["status"] == "running"

    def test_without_a_task_nothing_waits_for_label_studio(self, workshop: Workshop) -> None:
        erasure = leave(workshop, workshop.items[:1])

        follow_steps(here_of(workshop))

        assert waits(workshop) == []
        assert shown(workshop, erasure)["tasks"] == 0
