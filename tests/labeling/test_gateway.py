"""The door to Label Studio when behind it stands something that lies, hangs or breaks."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import httpx
import pytest

from labeling.errors import StudioRefused, StudioUnavailable, StudioUnreadable
from labeling.studio import wire
from labeling.studio.gateway import LabelStudio
from labeling.studio.rows import NewTask
from tests.fakes import FakeLabelStudio
from tests.labeling.workshop import CONFIG, Workshop

Respond = Callable[[httpx.Request], httpx.Response]
TOKEN = "f" * 40


def door(respond: Respond, token: str = TOKEN) -> LabelStudio:
    transport = httpx.MockTransport(respond)
    return LabelStudio("http://studio.test", token, timeout_s=2, transport=transport, sleep=lambda _: None)


def failing(error: Exception) -> Respond:
    def respond(request: httpx.Request) -> httpx.Response:
        raise error

    return respond


def slow_stream(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=(b"[" for _ in range(10)))


BROKEN: dict[str, tuple[Respond, type[Exception]]] = {
    "no connection": (failing(httpx.ConnectError("refused")), StudioUnavailable),
    "no answer in time": (failing(httpx.ReadTimeout("slow")), StudioUnavailable),
    "the answer breaks off": (failing(httpx.RemoteProtocolError("cut")), StudioUnavailable),
    "500": (lambda _: httpx.Response(500, text="<html>"), StudioUnreadable),
    "502 as HTML": (lambda _: httpx.Response(502, text="<html>Bad gateway"), StudioUnavailable),
    "503": (lambda _: httpx.Response(503, headers={"Retry-After": "7"}), StudioUnavailable),
    "429": (lambda _: httpx.Response(429, headers={"Retry-After": "7"}), StudioUnavailable),
    "401": (lambda _: httpx.Response(401, json={"id": "x"}), StudioRefused),
    "403": (lambda _: httpx.Response(403, json={"detail": "no"}), StudioRefused),
    "409": (lambda _: httpx.Response(409, json={"detail": "no"}), StudioRefused),
    "a redirect": (lambda _: httpx.Response(302, headers={"Location": "http://evil.test/"}), StudioRefused),
    "truncated JSON": (lambda _: httpx.Response(200, content=b'{"tasks": [{"id"'), StudioUnreadable),
    "JSON too deep": (lambda _: httpx.Response(200, content=b"[" * 100_000), StudioUnreadable),
    "an empty object": (lambda _: httpx.Response(200, json={}), StudioUnreadable),
    "nothing": (lambda _: httpx.Response(200), StudioUnreadable),
    "HTML": (lambda _: httpx.Response(200, text="<html>"), StudioUnreadable),
    "gzip that is none": (
        lambda _: httpx.Response(200, stream=httpx.ByteStream(b"x"), headers={"Content-Encoding": "gzip"}),
        StudioUnreadable,
    ),
}


class TestWhatBreaks:
    @pytest.mark.parametrize("name", BROKEN)
    def test_every_broken_answer_is_an_expected_failure(self, name: str) -> None:
        respond, expected = BROKEN[name]

        with door(respond) as studio, pytest.raises(expected) as caught:
            studio.changed_tasks(1, None, limit=10)
        assert TOKEN not in str(caught.value)

    def test_an_answer_larger_than_the_cap_is_not_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(wire, "MAX_RESPONSE_BYTES", 1000)

        with door(lambda _: httpx.Response(200, content=b" " * 2000)) as studio, pytest.raises(StudioUnreadable):
            studio.list_users()

    def test_an_answer_that_drips_is_given_up(self) -> None:
        transport = httpx.MockTransport(slow_stream)

        with (
            LabelStudio(
                "http://studio.test", TOKEN, timeout_s=0.0, transport=transport, sleep=lambda _: None
            ) as studio,
            pytest.raises(StudioUnavailable),
        ):
            studio.list_users()

    def test_the_token_goes_to_no_other_host(self) -> None:
        seen: list[str] = []

        def respond(request: httpx.Request) -> httpx.Response:
            seen.append(request.url.host)
            return httpx.Response(307, headers={"Location": "http://evil.test/"})

        with door(respond) as studio, pytest.raises(StudioRefused):
            studio.list_users()
        assert seen == ["studio.test"]


class TestAddresses:
    def test_many_ids_far_apart_are_asked_for_by_name_in_addresses_that_servers_take(self) -> None:
        asked: list[httpx.Request] = []

        def respond(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            return httpx.Response(200, json={"tasks": []})

        door(respond).find_tasks(1, [n * 10_000_000 for n in range(1, 501)])

        assert len(asked) == 3
        assert max(len(str(request.url)) for request in asked) < 4_000


class TestRepeating:
    @pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
    def test_a_read_is_tried_three_times(self, status: int) -> None:
        answers = iter([httpx.Response(status), httpx.Response(status), httpx.Response(200, json=[])])

        with door(lambda _: next(answers)) as studio:
            assert studio.list_users() == {}

    @pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
    def test_a_write_is_made_once(self, status: int) -> None:
        calls: list[str] = []

        def respond(request: httpx.Request) -> httpx.Response:
            calls.append(request.url.path)
            return httpx.Response(status)

        with door(respond) as studio, pytest.raises((StudioUnavailable, StudioRefused)):
            studio.import_tasks(1, [NewTask(uuid.uuid4(), uuid.uuid4(), {})])
        assert len(calls) == 1


class TestAccessTokens:
    def test_a_personal_token_buys_a_short_one_and_buys_again_when_it_is_refused(self) -> None:
        bought = iter(["first", "second"])
        seen: list[str] = []

        def respond(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/api/token/refresh/":
                return httpx.Response(200, json={"access": next(bought)})
            seen.append(request.headers["Authorization"])
            return httpx.Response(401 if len(seen) == 2 else 200, json=[])

        with door(respond, "a.b.c") as studio:
            studio.list_users()
            with pytest.raises(StudioRefused):
                studio.list_users()
            studio.list_users()

        assert seen == ["Bearer first", "Bearer first", "Bearer second"]


class TestJunk:
    def test_a_lone_surrogate_becomes_a_question_mark(self) -> None:
        body = b'[{"id": 1, "email": "a\\ud800b"}]'

        with door(lambda _: httpx.Response(200, content=body)) as studio:
            assert studio.list_users() == {1: "a?b"}

    def test_a_time_from_the_future_does_not_make_us_deaf(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        workshop.sync()
        numbers = workshop.task_numbers()
        ann = workshop.person("ann")
        ann.answer(numbers[0])
        fake_studio.tasks[numbers[0]].updated_at = fake_studio.tasks[numbers[0]].updated_at.replace(year=2099)
        workshop.sync()
        ann.answer(numbers[1])
        workshop.sync()
        fake_studio.tasks[numbers[2]].updated_at = fake_studio.tasks[numbers[2]].updated_at.replace(year=2099)

        workshop.sync()

        assert len(workshop.counted()) == 2


class TestSyncWhenItBreaks:
    def test_an_import_whose_answer_was_lost_is_not_made_twice(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        fake_studio.lose_answer_to_import()
        with pytest.raises(StudioUnavailable):
            workshop.sync()

        assert workshop.sync()["resolved"] == 5
        assert sorted(workshop.listed()) == sorted(workshop.task_numbers())
        assert len(workshop.listed()) == 5

    def test_an_import_that_never_arrived_is_made_at_the_next_run(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        fake_studio.refuse_imports(502)
        with pytest.raises(StudioUnavailable):
            workshop.sync()
        fake_studio.interfere = None
        workshop.withdraw(workshop.items[:1])

        workshop.sync()

        assert len(workshop.listed()) == 4
        assert workshop.verify() == []

    def test_an_import_that_never_arrived_is_made_as_the_newest_configuration_wants_it(
        self, open_workshop: Callable[..., Workshop], fake_studio: FakeLabelStudio
    ) -> None:
        workshop = open_workshop(content=lambda n: {"text": f"text {n}", "note": f"note {n}"})

        fake_studio.refuse_imports(502)
        with pytest.raises(StudioUnavailable):
            workshop.sync()
        fake_studio.interfere = None
        workshop.revise(config=CONFIG.replace("$text", "$note"))

        workshop.sync()

        assert {task.data["note"] for task in fake_studio.tasks.values()} == {f"note {n}" for n in range(5)}

    def test_what_a_task_shows_is_repeated_in_no_refusal(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        told = {"non_field_errors": ["Error at item 0: \"x\" key is expected :: {'data': {'text': 'text 0'}}"]}

        def refuse(request: httpx.Request) -> httpx.Response | None:
            refusal = {"detail": "Validation error", "validation_errors": told}
            return httpx.Response(400, json=refusal) if request.url.path.endswith("/import") else None

        fake_studio.interfere = refuse
        with pytest.raises(StudioRefused, match="Validation error") as refused:
            workshop.sync()

        assert "text 0" not in str(refused.value)

    def test_an_import_that_label_studio_made_twice_is_made_single_again(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        fake_studio.lose_answer_to_import(made=2)
        with pytest.raises(StudioUnavailable):
            workshop.sync()
        assert len(fake_studio.tasks) == 10

        workshop.sync()

        assert sorted(workshop.listed()) == sorted(workshop.task_numbers()) == [1, 2, 3, 4, 5]

    def test_a_pull_that_breaks_half_way_goes_on_where_it_was(
        self, workshop: Workshop, fake_studio: FakeLabelStudio
    ) -> None:
        workshop.sync()
        for number in workshop.task_numbers():
            workshop.person("ann").answer(number)

        def refuse_users(request: httpx.Request) -> httpx.Response | None:
            return httpx.Response(503) if request.url.path == "/api/users/" else None

        fake_studio.interfere = refuse_users
        with pytest.raises(StudioUnavailable):
            workshop.sync()
        fake_studio.interfere = None

        assert workshop.sync()["counted"] == 5
