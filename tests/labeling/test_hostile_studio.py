"""Sync against a Label Studio that answers anything: nothing wrong is stored, neighbours are, and all comes in the end."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import httpx
import pytest

from foundation.database import Database
from foundation.errors import DomainError
from foundation.settings import Settings
from labeling.errors import StudioUnreadable
from labeling.studio import pages, wire
from labeling.studio.gateway import LabelStudio
from tests.fakes import FakeLabelStudio
from tests.hostile_studio import ANSWERS, HOST, ODD, UNREADABLE, HostileStudio, put
from tests.labeling.workshop import Workshop, make_workshop, mood


@pytest.fixture
def hostile(fake_studio: FakeLabelStudio) -> HostileStudio:
    return HostileStudio(fake_studio)


@pytest.fixture
def shop(
    database: Database, settings: Settings, fake_studio: FakeLabelStudio, hostile: HostileStudio
) -> Iterator[Workshop]:
    """Five items, two annotators each; Winnow speaks with the hostile one, people with the true one."""
    token, transport = fake_studio.admin_token, hostile.transport
    with LabelStudio(f"http://{HOST}", token, timeout_s=5, transport=transport, sleep=lambda _: None) as gateway:
        workshop = make_workshop(database, settings, fake_studio, gateway)
        yield workshop
        workshop.close()


@pytest.fixture
def answered(shop: Workshop) -> Workshop:
    """Pushed, and answered by two people; nothing is pulled yet."""
    shop.sync()
    for number in shop.task_numbers():
        shop.person("ann").answer(number, mood("good"))
        shop.person("bob").answer(number, mood("bad"))
    return shop


def item_of(workshop: Workshop, number: int) -> uuid.UUID:
    return next(task.item_id for task in workshop.tasks() if task.ls_task == number)


def held(workshop: Workshop) -> list[tuple[uuid.UUID, Any]]:
    return sorted(((one.item, one.value) for one in workshop.counted()), key=str)


def truth(workshop: Workshop) -> list[tuple[uuid.UUID, Any]]:
    return sorted(((item, value) for item in workshop.items for value in ("good", "bad")), key=str)


def sync_may_fail(workshop: Workshop) -> None:
    """What a job may end with; anything else is a bug."""
    with suppress(DomainError):
        workshop.sync()


def all_is_well(workshop: Workshop) -> None:
    """Everything true is here, once, and both sides are equal."""
    assert workshop.verify() == []
    assert held(workshop) == truth(workshop)
    assert sorted(workshop.listed()) == sorted(workshop.task_numbers())
    assert len(workshop.task_numbers()) == len(workshop.items)


@pytest.mark.slow
class TestOneTask:
    @pytest.mark.parametrize("name", UNREADABLE)
    def test_one_that_cannot_be_read_is_named_and_tried_again_and_its_neighbours_come(
        self, answered: Workshop, hostile: HostileStudio, name: str
    ) -> None:
        victim = answered.task_numbers()[2]
        spoiled = item_of(answered, victim)

        with hostile.spoiling(victim, UNREADABLE[name]):
            figures = answered.sync()
            named = answered.verify()

        assert figures["unreadable_tasks"] == 1
        assert held(answered) == [pair for pair in truth(answered) if pair[0] != spoiled]
        assert any(difference.kind == "task_unreadable" for difference in named)
        assert answered.drift()["task_unreadable"] == 1
        assert (figures["vanished_tasks"], figures["vanished_annotations"]) == (0, 0)
        answered.sync()
        all_is_well(answered)

    @pytest.mark.parametrize("name", UNREADABLE)
    def test_what_was_known_of_one_stands_while_it_cannot_be_read(
        self, answered: Workshop, hostile: HostileStudio, name: str
    ) -> None:
        answered.sync()

        with hostile.spoiling(answered.task_numbers()[2], UNREADABLE[name]):
            answered.sync()
            before = held(answered)

        assert before == truth(answered)
        answered.sync()
        all_is_well(answered)

    @pytest.mark.parametrize("name", ODD)
    def test_one_that_is_odd_costs_at_most_an_annotation(
        self, answered: Workshop, hostile: HostileStudio, name: str
    ) -> None:
        victim = answered.task_numbers()[2]
        spoiled = item_of(answered, victim)

        with hostile.spoiling(victim, ODD[name]):
            answered.sync()
            stored = held(answered)

        assert [pair for pair in stored if pair[0] != spoiled] == [p for p in truth(answered) if p[0] != spoiled]
        assert set(stored) <= set(truth(answered))
        assert (spoiled, "bad") in stored

    def test_an_annotation_in_two_tasks_is_nobodys(self, answered: Workshop, hostile: HostileStudio) -> None:
        first, victim = answered.task_numbers()[0], answered.task_numbers()[2]
        first_ids = [one.id for one in hostile.fake.annotations.values() if one.task == first]

        def stolen(row: dict[str, Any], _: list[Any]) -> None:
            for annotation, number in zip(row.get("annotations", []), first_ids, strict=False):
                annotation["id"] = number

        with hostile.spoiling(victim, stolen):
            assert answered.sync()["unreadable_tasks"] == 2
            both = {item_of(answered, first), item_of(answered, victim)}
            assert held(answered) == [pair for pair in truth(answered) if pair[0] not in both]
        answered.sync()
        all_is_well(answered)

    def test_an_annotation_that_is_anothers_already_stays_there(
        self, answered: Workshop, hostile: HostileStudio
    ) -> None:
        first, victim = answered.task_numbers()[0], answered.task_numbers()[2]
        first_ids = [one.id for one in hostile.fake.annotations.values() if one.task == first]
        hostile.fake.tasks[first].updated_at -= timedelta(days=1)
        with hostile.spoiling(victim, put("overlap", "junk")):
            answered.sync()

        def stolen(row: dict[str, Any], _: list[Any]) -> None:
            for annotation, number in zip(row.get("annotations", []), first_ids, strict=False):
                annotation["id"] = number

        with hostile.spoiling(victim, stolen):
            assert answered.sync()["unreadable_tasks"] == 1

        assert {item for item, _ in held(answered)} == set(answered.items) - {item_of(answered, victim)}
        answered.sync()
        all_is_well(answered)

    def test_another_ones_number_moves_no_annotation(self, answered: Workshop, hostile: HostileStudio) -> None:
        first, victim = answered.task_numbers()[0], answered.task_numbers()[2]

        with hostile.spoiling(victim, put("id", first)):
            answered.sync()

        assert held(answered) == [pair for pair in truth(answered) if pair[0] != item_of(answered, victim)]
        answered.sync()
        all_is_well(answered)

    def test_one_that_changed_long_ago_is_tried_again(self, answered: Workshop, hostile: HostileStudio) -> None:
        victim = answered.task_numbers()[2]
        hostile.fake.tasks[victim].updated_at -= timedelta(days=1)
        with hostile.spoiling(victim, put("overlap", "two")):
            answered.sync()
            assert answered.sync()["unreadable_tasks"] == 1

        figures = answered.sync()

        assert (figures["counted"], figures["unreadable_tasks"]) == (2, 0)
        all_is_well(answered)

    def test_a_list_in_which_nobody_tells_a_time_is_passed_page_by_page(
        self, answered: Workshop, hostile: HostileStudio, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pages, "PAGE", 1)
        victim = answered.task_numbers()[2]

        with hostile.spoiling(victim, put("updated_at", None)):
            answered.sync()

        assert len(held(answered)) == 8


@pytest.mark.slow
class TestWholeAnswers:
    @pytest.mark.parametrize("name", ANSWERS)
    def test_whatever_is_answered_nothing_wrong_is_stored_and_all_comes_in_the_end(
        self, shop: Workshop, hostile: HostileStudio, name: str
    ) -> None:
        with hostile.answering(ANSWERS[name]):
            sync_may_fail(shop)
        shop.sync()
        for number in shop.task_numbers():
            shop.person("ann").answer(number, mood("good"))
            shop.person("bob").answer(number, mood("bad"))
        with hostile.answering(ANSWERS[name]):
            sync_may_fail(shop)
            assert set(held(shop)) <= set(truth(shop))
            with suppress(DomainError):
                assert shop.verify()
        shop.sync()

        all_is_well(shop)
        assert hostile.told == {("http", HOST, None)}

    def test_of_100_mb_no_more_is_read_than_may_be(self, monkeypatch: pytest.MonkeyPatch) -> None:
        read = 0

        def drip() -> Iterator[bytes]:
            nonlocal read
            for _ in range(100):
                read += 1
                yield b" " * 1024 * 1024

        transport = httpx.MockTransport(lambda _: httpx.Response(200, content=drip()))
        with (
            LabelStudio(f"http://{HOST}", "f" * 40, transport=transport, sleep=lambda _: None) as gateway,
            pytest.raises(StudioUnreadable),
        ):
            gateway.list_users()

        assert read <= wire.MAX_RESPONSE_BYTES // (1024 * 1024) + 1

    @pytest.mark.parametrize("path", ["/api/users/", "/api/projects/", "/import"])
    @pytest.mark.parametrize("name", ANSWERS)
    def test_one_call_answered_so_is_no_worse(
        self, shop: Workshop, hostile: HostileStudio, name: str, path: str
    ) -> None:
        def only_here(request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith(path):
                return ANSWERS[name](request)
            return hostile.fake.transport.handle_request(request)

        with hostile.answering(only_here):
            sync_may_fail(shop)
            for number in shop.task_numbers():
                shop.person("ann").answer(number, mood("good"))
                shop.person("bob").answer(number, mood("bad"))
            sync_may_fail(shop)
            assert set(held(shop)) <= set(truth(shop))
        shop.sync()
        for number in shop.task_numbers():
            shop.person("ann").answer(number, mood("good")) if not shop.counted() else None
            shop.person("bob").answer(number, mood("bad")) if not shop.counted() else None
        shop.sync()

        all_is_well(shop)


class TestStrangers:
    def test_who_answers_tasks_that_are_not_ours_is_no_annotator(
        self, answered: Workshop, hostile: HostileStudio
    ) -> None:
        def strangers(request: httpx.Request) -> httpx.Response:
            answer = hostile.fake.transport.handle_request(request)
            if request.url.path != "/api/tasks/":
                return answer
            listed = json.loads(answer.read())
            listed["tasks"] += [
                {**row, "id": row["id"] + 1000, "data": {"ext_id": str(uuid.uuid4())}, **_by(range(500, 600))}
                for row in listed["tasks"]
            ]
            return httpx.Response(200, json=listed)

        with hostile.answering(strangers):
            answered.sync()

        assert len(answered.annotators()) == 2
        assert held(answered) == truth(answered)

    def test_junk_among_the_accounts_is_left_out(self, answered: Workshop, hostile: HostileStudio) -> None:
        junk = [None, 7, [], {}, {"id": "1"}, {"id": 2**70, "email": "x"}, {"id": [1]}, {"id": True}]

        def respond(request: httpx.Request) -> httpx.Response:
            answer = hostile.fake.transport.handle_request(request)
            is_users = request.url.path == "/api/users/"
            return httpx.Response(200, json=[*junk, *answer.json()]) if is_users else answer

        with hostile.answering(respond):
            answered.sync()

        all_is_well(answered)


def _by(users: range) -> dict[str, Any]:
    stamp = "2026-11-22T08:00:00Z"
    return {
        "annotations": [
            {
                "id": 10_000 + n,
                "completed_by": n,
                "updated_by": n,
                "result": [],
                "created_at": stamp,
                "updated_at": stamp,
            }
            for n in users
        ]
    }
