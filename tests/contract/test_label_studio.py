"""What Winnow relies on in Label Studio, held against the real one and against the one in memory."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from foundation.database import Database, open_database
from foundation.settings import Settings
from labeling.errors import MassDeletion, StudioGone, StudioRefused, StudioUnreadable
from labeling.project import Guidelines
from labeling.studio.gateway import LabelStudio
from labeling.studio.instruction import instruction_of
from labeling.studio.rows import NewTask
from tests.fakes import FakeLabelStudio
from tests.labeling.workshop import CONFIG, Person, Studio, Workshop, make_workshop, mood, stars

TITLE = "Contract"
Imported = tuple[list[NewTask], list[int]]
"""Four tasks, and their numbers in Label Studio."""
People = dict[str, Person]


@pytest.fixture(scope="module", params=["memory", pytest.param("real", marks=pytest.mark.slow)])
def studio(request: pytest.FixtureRequest) -> Studio:
    found: Studio = FakeLabelStudio() if request.param == "memory" else request.getfixturevalue("label_studio")
    return found


@pytest.fixture
def gateway(studio: Studio) -> Iterator[LabelStudio]:
    with door_to(studio) as door:
        yield door


def door_to(studio: Studio, token: str | None = None) -> LabelStudio:
    if isinstance(studio, FakeLabelStudio):
        return LabelStudio("http://studio.test", token or studio.admin_token, transport=studio.transport)
    return LabelStudio(studio.url, token or studio.token)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def people(studio: Studio) -> Iterator[People]:
    made = {}
    for name in ("ann", "bob", "cem", "eve"):
        email = f"{name}-{uuid.uuid4().hex[:8]}@example.org"
        client = studio.client(studio.invite(email))
        made[name] = Person(client, client.get("/api/current-user/whoami").json()["id"], email)
    yield made
    for person in made.values():
        person.client.close()


@pytest.fixture
def project(gateway: LabelStudio) -> int:
    return gateway.create_project(title=TITLE, description="made by a test", config=CONFIG, overlap=2)


@pytest.fixture
def imported(gateway: LabelStudio, project: int) -> Imported:
    tasks = new_tasks(4)
    return tasks, gateway.import_tasks(project, tasks)


def new_tasks(how_many: int) -> list[NewTask]:
    batch = uuid.uuid4()
    return [NewTask(uuid.uuid4(), batch, {"text": f"<b>text</b> {n} é 🙂"}) for n in range(how_many)]


class TestProjects:
    def test_a_project_is_found_by_the_token_in_its_description(self, gateway: LabelStudio) -> None:
        token = uuid.uuid4().hex
        made = gateway.create_project(title="Words", description=f"Made. [{token}]", config=CONFIG, overlap=3)

        assert gateway.find_project(token) == made
        assert gateway.find_project(uuid.uuid4().hex) is None
        state = gateway.read_project(made)
        assert state is not None
        assert (state.overlap, state.n_tasks, state.config) == (3, 0, CONFIG)

    def test_the_instruction_comes_back_as_it_was_sent_and_can_be_taken_away(
        self, gateway: LabelStudio, project: int
    ) -> None:
        text = "Is it < 3 & > 1?\n\n<script>alert('x')</script>\né 🙂 \u200d &amp; \x01 \"quoted\""
        for instruction in (instruction_of(Guidelines("1 <b>", text)), ""):
            gateway.change_instruction(project, instruction)

            state = gateway.read_project(project)
            assert state is not None
            assert state.instruction == instruction

    @pytest.mark.parametrize("title", ["x", "x" * 51])
    def test_titles_that_label_studio_does_not_take_are_fitted(self, gateway: LabelStudio, title: str) -> None:
        assert gateway.create_project(title=title, description="", config=CONFIG, overlap=1)

    def test_a_project_that_is_gone_is_said_to_be_gone(
        self, gateway: LabelStudio, project: int, studio: Studio
    ) -> None:
        with studio.client() as admin:
            admin.delete(f"/api/projects/{project}/")

        assert gateway.read_project(project) is None
        with pytest.raises(StudioGone):
            gateway.changed_tasks(project, None, limit=10)
        with pytest.raises(StudioGone):
            gateway.import_tasks(project, new_tasks(1))

    def test_a_token_that_is_not_known_is_refused(self, studio: Studio) -> None:
        with door_to(studio, "f" * 40) as door, pytest.raises(StudioRefused, match="token"):
            door.list_users()


class TestTasks:
    def test_ids_come_in_the_order_sent_and_the_content_comes_back_unchanged(
        self, gateway: LabelStudio, project: int, imported: Imported, studio: Studio
    ) -> None:
        tasks, ids = imported
        by_id = {task.id: task.ext_id for task in gateway.list_tasks(project)}

        assert [by_id[number] for number in ids] == [task.ext_id for task in tasks]
        state = gateway.read_project(project)
        assert state is not None
        assert state.n_tasks == 4

    def test_a_batch_is_found_by_its_name(self, gateway: LabelStudio, project: int, imported: Imported) -> None:
        tasks, ids = imported
        gateway.import_tasks(project, new_tasks(2))

        assert [task.id for task in gateway.find_batch(project, tasks[0].batch)] == ids
        assert gateway.find_batch(project, uuid.uuid4()) == []

    def test_an_import_with_one_bad_task_brings_none(self, gateway: LabelStudio, project: int) -> None:
        with pytest.raises(StudioRefused):
            gateway.import_tasks(project, [*new_tasks(2), NewTask(uuid.uuid4(), uuid.uuid4(), {})])

        assert list(gateway.list_tasks(project)) == []

    def test_only_the_named_tasks_are_deleted_and_those_that_are_gone_do_no_harm(
        self, gateway: LabelStudio, project: int, imported: Imported
    ) -> None:
        _, ids = imported
        gateway.delete_tasks(project, [*ids[:2], 99_999_999])
        gateway.delete_tasks(project, ids[:2])

        assert [task.id for task in gateway.list_tasks(project)] == ids[2:]
        assert [task.id for task in gateway.find_tasks(project, ids)] == ids[2:]
        assert [task.id for task in gateway.read_tasks(project, ids).tasks] == ids[2:]

    def test_numbers_of_deleted_tasks_are_used_again(
        self, gateway: LabelStudio, project: int, imported: Imported
    ) -> None:
        _, ids = imported
        gateway.delete_tasks(project, [ids[-1]])

        assert gateway.import_tasks(project, new_tasks(1)) == [ids[-1]]


class TestAnnotations:
    def test_an_annotation_comes_with_its_author_its_writer_and_its_time(
        self, gateway: LabelStudio, project: int, imported: Imported, people: People
    ) -> None:
        _, ids = imported
        number = people["ann"].answer(ids[1], mood("bad"), stars(2), lead_time=2.5)

        newest = gateway.changed_tasks(project, None, limit=10).tasks[-1]

        (annotation,) = newest.annotations
        ann = people["ann"].id
        assert (newest.id, newest.updated_by) == (ids[1], ann)
        assert (annotation.id, annotation.author, annotation.updated_by) == (number, ann, ann)
        assert (annotation.cancelled, annotation.lead_time_s) == (False, 2.5)
        assert annotation.result[1]["value"] == {"rating": 2}
        assert annotation.updated_at <= newest.updated_at

    def test_a_change_moves_a_task_to_the_end_and_the_edge_is_included(
        self, gateway: LabelStudio, project: int, imported: Imported, people: People
    ) -> None:
        _, ids = imported
        people["ann"].answer(ids[0])

        every = gateway.changed_tasks(project, None, limit=10).tasks

        assert [task.id for task in every] == [*ids[1:], ids[0]]
        since = gateway.changed_tasks(project, every[2].updated_at, limit=10).tasks
        assert [task.id for task in since] == [ids[3], ids[0]]
        at_once = gateway.tasks_changed_at(project, every[2].updated_at, after=0, limit=10).tasks
        assert [task.id for task in at_once] == [ids[3]]

    def test_skips_are_listed(self, gateway: LabelStudio, project: int, imported: Imported, people: People) -> None:
        _, ids = imported
        people["ann"].skip(ids[0])

        assert gateway.changed_tasks(project, None, limit=10).tasks[-1].annotations[0].cancelled

    def test_a_forged_author_is_told_by_who_wrote_it(
        self, gateway: LabelStudio, project: int, imported: Imported, people: People
    ) -> None:
        _, ids = imported
        forged = people["eve"].answer(ids[0], completed_by=people["ann"].id)
        own = people["ann"].answer(ids[1])
        people["eve"].edit(own, mood("bad"), updated_by=people["ann"].id)

        by_id = {
            one.id: one for task in gateway.changed_tasks(project, None, limit=10).tasks for one in task.annotations
        }

        assert (by_id[forged].author, by_id[forged].updated_by) == (people["ann"].id, people["eve"].id)
        assert (by_id[own].author, by_id[own].updated_by) == (people["ann"].id, people["eve"].id)

    @pytest.mark.parametrize("deleter", ["ann", "eve"])
    def test_who_deleted_an_annotation_stands_at_the_task(
        self, gateway: LabelStudio, project: int, imported: Imported, people: People, deleter: str
    ) -> None:
        _, ids = imported
        people[deleter].delete(people["ann"].answer(ids[0]))

        newest = gateway.changed_tasks(project, None, limit=10).tasks[-1]

        assert (newest.id, newest.updated_by, newest.annotations) == (ids[0], people[deleter].id, ())

    def test_a_lone_surrogate_kills_every_list_it_stands_in_but_not_the_light_one(
        self, gateway: LabelStudio, project: int, imported: Imported, people: People
    ) -> None:
        _, ids = imported
        people["eve"].spoil(ids[1])

        with pytest.raises(StudioUnreadable):
            gateway.changed_tasks(project, None, limit=10)
        with pytest.raises(StudioUnreadable):
            gateway.read_tasks(project, ids)
        assert gateway.changed_tasks_barely(project, None, limit=10).n_rows == 4
        assert gateway.read_tasks(project, [ids[0], *ids[2:]]).n_rows == 3
        assert [task.id for task in gateway.find_tasks(project, ids)] == ids

    def test_content_with_a_lone_surrogate_is_listed_without_our_name(
        self, gateway: LabelStudio, project: int, imported: Imported, people: People
    ) -> None:
        tasks, ids = imported
        people["eve"].spoil_content(ids[1])

        names = {task.id: task.ext_id for task in gateway.list_tasks(project)}

        assert names == {ids[0]: tasks[0].ext_id, ids[1]: None, ids[2]: tasks[2].ext_id, ids[3]: tasks[3].ext_id}
        assert gateway.changed_tasks_barely(project, None, limit=10).n_rows == 4

    def test_a_changed_configuration_that_lacks_a_control_with_answers_is_refused(
        self, gateway: LabelStudio, project: int, imported: Imported, people: People
    ) -> None:
        people["ann"].answer(imported[1][0], mood("good"))

        gateway.change_config(project, CONFIG.replace("</View>", '<Header value="x"/></View>'))
        with pytest.raises(StudioRefused):
            gateway.change_config(project, CONFIG.replace('name="mood"', 'name="feeling"'))


class TestQueue:
    def test_a_task_is_handed_out_until_its_overlap_is_reached_and_again_when_more_are_asked(
        self, gateway: LabelStudio, project: int, imported: Imported, people: People
    ) -> None:
        _, ids = imported
        gateway.delete_tasks(project, ids[1:])
        for name in ("ann", "bob"):
            assert people[name].next_task(project) == ids[0]
            people[name].answer(ids[0])
        assert people["cem"].next_task(project) is None

        gateway.ask_for_annotators(ids[0], 3)

        assert people["cem"].next_task(project) == ids[0]

    def test_a_task_that_is_closed_is_given_to_nobody_keeps_what_it_holds_and_no_skip_brings_it_back(
        self, gateway: LabelStudio, project: int, imported: Imported, people: People
    ) -> None:
        _, ids = imported
        people["ann"].answer(ids[1])
        gateway.ask_for_annotators(ids[0], 0)
        gateway.ask_for_annotators(ids[1], 0)
        people["bob"].skip(ids[0])

        assert people["cem"].next_task(project) == ids[2]
        overlap_of = {task.id: task.overlap for task in gateway.list_tasks(project)}
        assert overlap_of == {ids[0]: 0, ids[1]: 0, ids[2]: 2, ids[3]: 2}
        assert [len(task.annotations) for task in gateway.read_tasks(project, ids).tasks] == [1, 1, 0, 0]
        gateway.ask_for_annotators(ids[0], 1)
        assert people["eve"].next_task(project) == ids[0]

    @pytest.mark.parametrize(("changes", "left"), [((9, 2), [0, 1, 2]), ((1, 2), [2, 2, 2])])
    def test_an_overlap_for_all_leaves_those_alone_that_have_one_or_none_unless_it_is_one(
        self, gateway: LabelStudio, project: int, imported: Imported, changes: tuple[int, ...], left: list[int]
    ) -> None:
        _, ids = imported
        gateway.ask_for_annotators(ids[0], 0)
        gateway.ask_for_annotators(ids[1], 1)

        for overlap in changes:
            gateway.change_overlap(project, overlap)

        overlap_of = {task.id: task.overlap for task in gateway.list_tasks(project)}
        assert [overlap_of[number] for number in ids[:3]] == left


@pytest.fixture
def open_workshop(
    studio: Studio, gateway: LabelStudio, migrated_sqlite: Path, tmp_path: Path
) -> Iterator[Callable[..., Workshop]]:
    path = tmp_path / "winnow.sqlite3"
    shutil.copy(migrated_sqlite, path)
    database: Database = open_database(f"sqlite:///{path}")
    settings = Settings(home=tmp_path, pseudonym_key=SecretStr("p" * 43))
    made: list[Workshop] = []

    def make(**wishes: Any) -> Workshop:
        made.append(make_workshop(database, settings, studio, gateway, **wishes))
        return made[-1]

    yield make
    for workshop in made:
        workshop.close()
    database.engine.dispose()


class TestSync:
    def test_several_accounts_label_everything_and_both_sides_are_equal(
        self, open_workshop: Callable[..., Workshop], people: People
    ) -> None:
        workshop = open_workshop(n_items=6, overlap=3)
        workshop.sync()
        for name in ("ann", "bob", "cem", "eve"):
            while (task := people[name].next_task(workshop.ls_project)) is not None:
                people[name].answer(task, mood("good" if name != "eve" else "bad"), stars(3))

        workshop.sync()

        assert len(workshop.counted()) == 18
        assert {task.state for task in workshop.tasks()} == {"closed"}
        assert workshop.verify() == []

    def test_answers_from_elsewhere_leave_annotators_only_what_is_lacking(
        self, open_workshop: Callable[..., Workshop], people: People
    ) -> None:
        workshop = open_workshop(n_items=4, overlap=3)
        workshop.sync()
        workshop.hand_in(workshop.items[:2], "kim", "sam", "lee")
        workshop.hand_in(workshop.items[2:3], "kim", "sam")
        workshop.sync()

        answered = [people[name].answer_all(workshop.ls_project) for name in ("ann", "bob", "cem", "eve")]
        workshop.sync()

        assert answered == [2, 1, 1, 0]
        assert len(workshop.counted()) == 12
        assert {task.state for task in workshop.tasks()} == {"closed"}
        assert workshop.verify() == []

    def test_hostile_accounts_change_no_answer(self, open_workshop: Callable[..., Workshop], people: People) -> None:
        workshop = open_workshop(n_items=8, overlap=3)
        ann, bob, eve = people["ann"], people["bob"], people["eve"]
        workshop.sync()
        numbers = workshop.task_numbers()
        given = [ann.answer(number, mood("good")) for number in numbers]
        workshop.sync()

        eve.answer(numbers[0], mood("bad"), completed_by=bob.id)
        eve.edit(given[1], mood("bad"))
        eve.edit(given[2], mood("bad"), completed_by=eve.id)
        eve.delete(given[3])
        for _ in range(3):
            eve.client.post(f"/api/tasks/{numbers[4]}/annotations/", json={"result": [mood("meh"), mood("good")]})
        eve.spoil(numbers[5])
        eve.client.delete(f"/api/tasks/{numbers[6]}/")
        ann.edit(given[7], mood("bad"))
        workshop.sync()

        counted = {one.item: one.value for one in workshop.counted()}
        changed = next(task.item_id for task in workshop.tasks() if task.ls_task == numbers[7])
        assert len(workshop.counted()) == 8
        assert {value for item, value in counted.items() if item != changed} == {"good"}
        assert counted[changed] == "bad"
        assert workshop.drift() == {
            "annotation_forged": 1,
            "annotation_changed": 2,
            "annotation_vanished": 1,
            "annotation_invalid": 3,
            "task_unreadable": 1,
            "task_vanished": 1,
        }
        assert [found.kind for found in workshop.verify()] == ["task_unreadable"]

    def test_numbers_used_again_bring_no_answer_to_another_item(
        self, open_workshop: Callable[..., Workshop], people: People
    ) -> None:
        workshop = open_workshop(n_items=2, overlap=2)
        workshop.sync()
        last = workshop.task_numbers()[-1]
        workshop.admin.delete(f"/api/tasks/{last}/")
        stranger = {"data": {"text": "not ours", "ext_id": str(uuid.uuid4()), "ext_batch": ""}}
        answer = workshop.admin.post(
            f"/api/projects/{workshop.ls_project}/import?return_task_ids=true", json=[stranger]
        )
        assert answer.json()["task_ids"] == [last]
        people["ann"].answer(last, mood("bad"))

        workshop.sync()

        assert workshop.counted() == []
        assert workshop.drift() == {"task_vanished": 1, "task_foreign": 1}

    def test_a_project_deleted_by_hand_stops_the_sync_until_it_is_accepted(
        self, open_workshop: Callable[..., Workshop], people: People
    ) -> None:
        workshop = open_workshop(n_items=2)
        workshop.sync()
        people["ann"].answer(workshop.task_numbers()[0], mood("bad"))
        workshop.sync()
        workshop.admin.delete(f"/api/projects/{workshop.ls_project}/")

        with pytest.raises(StudioGone):
            workshop.sync()
        assert workshop.rebuild() == []
        assert workshop.values() == ["bad"]

    def test_many_tasks_gone_at_once_stop_the_sync(self, open_workshop: Callable[..., Workshop]) -> None:
        workshop = open_workshop(n_items=40)
        workshop.sync()
        workshop.gateway.delete_tasks(workshop.ls_project, workshop.task_numbers()[:3])

        with pytest.raises(MassDeletion):
            workshop.sync()
        assert workshop.rebuild() == []
        assert len(workshop.listed()) == 40


@pytest.mark.slow
class TestAccessTokens:
    def test_a_personal_access_token_is_taken_as_well(self, request: pytest.FixtureRequest) -> None:
        real = request.getfixturevalue("label_studio")
        with real.client() as admin:
            admin.post("/api/jwt/settings", json={"api_tokens_enabled": True, "legacy_api_tokens_enabled": True})
            made: httpx.Response = admin.post("/api/token/")
        with LabelStudio(real.url, made.json()["token"]) as door:
            assert door.list_users()
