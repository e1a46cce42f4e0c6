"""What every call shares: problems, request ids, limits, the log-in's form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from foundation.cursors import page_after, read_cursor
from foundation.document.definitions import pointer_to
from foundation.errors import (
    Conflict,
    DomainError,
    Fault,
    InvalidBody,
    TimedOut,
    TooLarge,
    TooMany,
    Unavailable,
    Unparseable,
)
from foundation.http.each_request import refuse
from foundation.http.limits import open_limiter
from foundation.http.problems import problem, register_problems, slug_of, status_of
from foundation.http.web import load_json
from foundation.settings import Settings
from tests.signals import Phone, make_signal


class TestProblems:
    def test_a_document_has_what_rfc_9457_asks_for(self) -> None:
        error = Conflict("it is taken", faults=[Fault("/a", "wrong_value", "choose another")], revision=4)

        answer = problem(error)

        assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
        assert json.loads(answer.data) == {
            "type": "/docs/problems#conflict",
            "title": Conflict.title,
            "status": 409,
            "detail": "it is taken",
            "revision": 4,
            "errors": [{"pointer": "/a", "reason": "wrong_value", "detail": "choose another"}],
        }

    @pytest.mark.parametrize("error", [TooMany("slow down", retry_after_s=7), Unavailable("away", retry_after_s=7)])
    def test_who_may_come_back_is_told_when(self, error: DomainError) -> None:
        assert problem(error).headers["Retry-After"] == "7"

    def test_a_class_without_a_status_has_that_of_the_one_above(self) -> None:
        class Taken(Conflict):
            title = "Taken"

        assert (status_of(Taken), slug_of(Taken)) == (409, "taken")

    def test_a_bug_is_a_500_without_its_text(self, capsys: pytest.CaptureFixture[str]) -> None:
        app = Flask("bug")
        register_problems(app)

        @app.get("/")
        def bug() -> str:
            raise RuntimeError("bob@example.com")

        answer = app.test_client().get("/")

        assert answer.status_code == 500
        assert answer.content_type == "application/problem+json"
        assert "bob" not in answer.text
        assert "bob" not in capsys.readouterr().err


class TestRequestId:
    @pytest.mark.parametrize("given", ["0199f0aa-7b1c-7000-8000-5d3e2f1a0b9c", "4bf92f3577b34da6a3ce929d0e0e4736"])
    def test_a_uuid_or_trace_id_is_taken_over(self, phone: Phone, given: str) -> None:
        answer = phone.call("POST", "/signals", json=make_signal(), headers={"X-Request-Id": given})

        assert answer.headers["X-Request-Id"] == given

    @pytest.mark.parametrize("given", ["4539148803436467", "536-90-4399", "anna", "x" * 64, ""])
    def test_anything_else_gives_way_to_one_of_ours(self, phone: Phone, given: str) -> None:
        answer = phone.call("POST", "/signals", json=make_signal(), headers={"X-Request-Id": given})

        assert len(answer.headers["X-Request-Id"]) == 36


class TestLimits:
    @pytest.fixture
    def limited(self, app: Flask, phone: Phone, settings: Settings) -> Iterator[Phone]:
        from dataclasses import replace

        from foundation.http.web import EXTENSION, services_of

        before = services_of(app)
        small = {"ingest_requests_per_minute": 3, "subject_requests_per_minute": 2, "project_requests_per_minute": 100}
        app.extensions[EXTENSION] = replace(before, limiter=open_limiter(settings.model_copy(update=small)))
        yield phone
        app.extensions[EXTENSION] = before

    def send(self, phone: Phone, address: str, subject: str) -> Any:
        return phone.call(
            "POST", "/signals", json=make_signal(subject=subject), environ_overrides={"REMOTE_ADDR": address}
        )

    def test_one_address_does_not_silence_another(self, limited: Phone) -> None:
        statuses = [self.send(limited, "198.51.100.1", f"{number}").status_code for number in range(5)]

        assert statuses == [200, 200, 200, 429, 429]
        assert self.send(limited, "198.51.100.2", "other").status_code == 200

    def test_one_person_is_limited_from_any_address(self, limited: Phone) -> None:
        answers = [self.send(limited, f"198.51.100.{number}", "same") for number in range(4)]

        assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
        assert answers[-1].json["limit"] == "subject"

    def test_larger_keys_are_not_limited(self, limited: Phone) -> None:
        backend = limited.as_role("backend")

        assert {self.send(backend, "198.51.100.1", "same").status_code for _ in range(8)} == {200}


class TestLogIn:
    def enter(self, phone: Phone, key: str) -> Any:
        page = phone.client.get("/").text
        token = page.split('name="csrf" value="')[1].split('"')[0]
        return phone.client.post("/", data={"csrf": token, "key": key})

    @pytest.mark.parametrize(("role", "status"), [("read", 303), ("manage", 303), ("admin", 303), ("ingest", 403), ("backend", 403), ("retired", 401)])  # fmt: skip
    def test_who_may_read_may_look(self, phone: Phone, role: str, status: int) -> None:
        answer = self.enter(phone, phone.held.keys[role])

        assert answer.status_code == status
        assert (phone.client.get(f"/p/{phone.held.name}/quality").status_code == 302) is (status != 303)

    def test_the_cookie_is_for_us_alone(self, phone: Phone) -> None:
        cookie = self.enter(phone, phone.held.keys["read"]).headers["Set-Cookie"]

        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert phone.held.keys["read"] not in cookie

    def test_a_form_from_elsewhere_is_refused(self, phone: Phone) -> None:
        assert phone.client.post("/", data={"key": phone.held.keys["read"]}).status_code == 403
        assert phone.client.post("/", data={"key": phone.held.keys["read"], "csrf": "x"}).status_code == 403

    def test_a_form_is_small_and_no_upload(self, phone: Phone) -> None:
        upload = phone.client.post("/", data={"key": (BytesIO(b"x" * 10), "x")})
        large = phone.client.post("/", data={"csrf": "x" * 10_000})

        assert (upload.status_code, large.status_code) == (415, 413)

    @pytest.mark.parametrize("path", ["/", "/docs", "/docs/", "/docs/settings", "/docs/flow.svg", "/nothing", "//docs"])
    def test_pages_allow_no_script_and_no_frame(self, phone: Phone, path: str) -> None:
        headers = phone.client.get(path, headers={"Accept": "text/html"}).headers

        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"


class TestAnswers:
    def test_no_answer_of_the_api_is_kept_by_anybody(self, phone: Phone) -> None:
        sent = phone.call("POST", "/signals", json=make_signal())
        answers = [
            sent,
            phone.call("GET", "/plan"),
            phone.call("GET", "/nothing"),
            phone.client.get("/v1/projects"),
        ]

        assert [answer.headers["Cache-Control"] for answer in answers] == ["no-store"] * len(answers)

    @pytest.mark.parametrize("path", ["//", "//docs", "//healthz", "///docs", "//evil.example/docs", "//v1/projects"])
    def test_two_slashes_are_no_path(self, phone: Phone, path: str) -> None:
        answer = phone.client.open(path="/x", environ_overrides={"PATH_INFO": path, "REQUEST_URI": path})

        assert answer.status_code == 404
        assert "Location" not in answer.headers

    @pytest.mark.parametrize("error", [TimedOut("too slow"), Unavailable("too many")])
    def test_what_the_server_refuses_is_answered_as_any_problem(self, error: DomainError) -> None:
        status, headers, body = refuse({"raw_path": b"/v1/projects", "headers": []}, error)

        told, document = dict(headers), json.loads(body)
        assert (status, told[b"content-type"]) == (document["status"], b"application/problem+json")
        assert document["type"] in {"/docs/problems#timed-out", "/docs/problems#unavailable"}
        assert (told[b"cache-control"], len(told[b"x-request-id"])) == (b"no-store", 36)
        assert (b"retry-after" in told) is (status == 503)

    def test_a_request_that_the_server_refuses_keeps_its_id(self) -> None:
        given = b"0199f0aa-7b1c-7000-8000-5d3e2f1a0b9c"

        _, headers, _ = refuse({"raw_path": b"/v1/x", "headers": [(b"x-request-id", given)]}, TimedOut("too slow"))

        assert dict(headers)[b"x-request-id"] == given


class TestJson:
    @pytest.mark.parametrize("body", [b"", b"  ", b"{", b"\xff", b"[" * 100_000, b'"\\ud800"', b"NaN"])
    def test_what_is_no_json_is_unparseable(self, body: bytes) -> None:
        with pytest.raises(Unparseable):
            load_json(body)

    def test_what_would_be_large_in_memory_is_refused_before_it_is(self) -> None:
        with pytest.raises(TooLarge) as refused:
            load_json(b'{"ids": [' + b"1," * 500_000 + b"1]}")
        assert refused.value.facts == {"reason": "too_many_values", "limit_bytes": 4_000_000}

    def test_ten_thousand_ids_are_not(self) -> None:
        ids = ["0199f0aa-7b1c-7000-8000-5d3e2f1a0b9c"] * 10_000

        assert load_json(json.dumps(ids).encode()) == ids

    @pytest.mark.parametrize(
        ("body", "place"),
        [
            (b'{"a": 1,\n "b" 2}', "line 2, column 6"),
            (b'{"a": 1', "line 1, column 8"),
            ('{"ü": é}'.encode(), "line 1, column 7"),
        ],
    )
    def test_a_mistake_is_told_with_its_line_and_column(self, body: bytes, place: str) -> None:
        with pytest.raises(Unparseable, match=place):
            load_json(body)

    @given(st.lists(st.text() | st.integers()))
    def test_a_pointer_leads_back_to_its_place(self, places: list[str | int]) -> None:
        parts = pointer_to("", *places).split("/")[1:]

        assert [part.replace("~1", "/").replace("~0", "~") for part in parts] == [str(place)[:64] for place in places]


class TestCursors:
    @given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"])), min_size=1))
    def test_a_cursor_leads_back_to_its_place(self, place: list[str]) -> None:
        assert read_cursor(page_after(place)) == place

    @given(st.text())
    def test_no_text_raises_anything_but_a_fault(self, text: str) -> None:
        try:
            read_cursor(text)
        except InvalidBody as error:
            assert error.faults[0].pointer == "?cursor"  # noqa: PT017 - most texts are no cursor, a few are
