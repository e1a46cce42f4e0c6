"""The table of bad inputs against a real server, on both databases: a clear answer, its neighbours stored, never a 5xx."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest

from collector import queries
from foundation.database import Database
from foundation.settings import Settings
from tests.api_server import Answer, ApiServer, running_api
from tests.contract.bad_inputs import JSON, NDJSON, Fine, One, Whole, odd_but_fine, single_signals, whole_requests
from tests.signals import CONSENT, Held, empty, envelope, make_project, make_signal, ndjson, rows_of

pytestmark = pytest.mark.slow


class World:
    """A running server, a project, and the rows of its database."""

    def __init__(self, server: ApiServer, database: Database, project: Held, other: Held) -> None:
        self.server, self.database, self.project, self.other = server, database, project, other

    def headers(self, **more: str) -> dict[str, str]:
        given = {"Authorization": f"Bearer {self.project.keys['ingest']}", "Content-Type": JSON}
        given |= {name.replace("_", "-"): value for name, value in more.items()}
        return {name: value for name, value in given.items() if value}

    def post(self, body: bytes, **headers: str) -> Answer:
        return self.server.send("POST", f"{self.project.url}/signals", body, self.headers(**headers))

    def raw(self, head: str, body: bytes = b"", *, media_type: str = JSON, **options: Any) -> Answer:
        """A request to the signals' URL whose framing is written by hand."""
        headers = self.headers(Content_Type=media_type)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        first = f"POST {self.project.url}/signals HTTP/1.1\r\nHost: winnow\r\n"
        return self.server.send_bytes((first + lines + head + "\r\n").encode("latin-1") + body, **options)

    def rows(self) -> dict[str, int]:
        return rows_of(self.database)

    def is_well(self) -> bool:
        return self.server.send("GET", "/healthz").status == 200


@pytest.fixture(scope="module")
def world(opened_database: Database, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    empty(opened_database)
    queries._FILES.clear()
    project, other = make_project(opened_database), make_project(opened_database, "other")
    folder: Path = tmp_path_factory.mktemp("api")
    with running_api(settings, folder) as server:
        yield World(server, opened_database, project, other)
    assert '"event":"unforeseen"' not in server.part.log.read_text().replace(" ", "")


def chunked(*pieces: bytes) -> bytes:
    return b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces)


def batch() -> bytes:
    return orjson.dumps(envelope(make_signal(), make_signal()))


def assert_problem(answer: Answer, status: int) -> dict[str, Any]:
    assert answer.status == status, answer.body[:300]
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json
    assert problem["status"] == status
    assert {"type", "title", "detail"} <= problem.keys()
    return problem


class TestWholeRequest:
    @pytest.mark.parametrize("case", whole_requests(), ids=lambda case: case.name)
    def test_is_refused_and_leaves_nothing(self, world: World, case: Whole) -> None:
        before = world.rows()

        answer = world.server.send(
            "POST", f"{world.project.url}/signals", case.body, world.headers(**dict(case.headers))
        )

        problem = assert_problem(answer, case.status)
        found = [(problem.get("reason"), None), *((e["reason"], e["pointer"]) for e in problem.get("errors", []))]
        if case.reason:
            assert case.reason in {reason for reason, _ in found}
        if case.pointer:
            assert (case.reason, case.pointer) in found
        assert world.rows() == before

    def test_a_bomb_does_not_grow_the_process(self, world: World) -> None:
        bombs = [case for case in whole_requests() if "bomb" in case.name]
        process = psutil.Process(world.server.part.pid)
        everybody = [process, *process.children(recursive=True)]
        before = sum(one.memory_info().rss for one in everybody)

        for case in bombs:
            world.post(case.body, **dict(case.headers))

        assert sum(one.memory_info().rss for one in everybody) - before < 40 << 20


class TestOneSignal:
    @pytest.mark.parametrize("case", single_signals(), ids=lambda case: case.name)
    def test_is_refused_and_its_neighbours_are_stored(self, world: World, case: One) -> None:
        before = world.rows()

        answer = world.post(json.dumps(envelope(make_signal(), case.signal, make_signal())).encode())

        assert answer.status == 200, answer.body[:500]
        first, bad, last = answer.json["results"]
        assert (first["status"], bad["status"], last["status"]) == ("accepted", "rejected", "accepted"), bad
        assert (case.reason, case.pointer) in {(e["reason"], e["pointer"]) for e in bad["errors"]}
        after = world.rows()
        assert after["signals"] - before["signals"] == 2
        assert after["dead_letters"] - before["dead_letters"] == 1
        assert bad["retry"] == ("after_consent" if case.reason == "consent_missing" else "no")

    @pytest.mark.parametrize("case", odd_but_fine(), ids=lambda case: case.name)
    def test_is_taken(self, world: World, case: Fine) -> None:
        answer = world.post(json.dumps(envelope(case.signal)).encode())

        assert answer.status == 200, answer.body[:500]
        result = answer.json["results"][0]
        assert result["status"] == "accepted", result
        assert case.check(result), result


class TestForms:
    def test_a_byte_order_mark_is_the_same_in_json_and_ndjson(self, world: World) -> None:
        mark = b"\xef\xbb\xbf"

        alone = world.post(mark + batch())
        lines = world.post(mark + ndjson(make_signal()), Content_Type=NDJSON)

        assert alone.status == lines.status == 200
        assert alone.json["accepted"] == 2
        assert lines.json["accepted"] == 1

    def test_of_two_ids_the_last_wins_in_both_forms(self, world: World) -> None:
        for content_type in (JSON, NDJSON):
            first, last = make_signal(), make_signal()
            written = orjson.dumps(last).replace(b'{"id":', f'{{"id":"{first["id"]}","id":'.encode(), 1)

            answer = world.post(written + b"\n", Content_Type=content_type)

            assert answer.json["results"][0]["id"] == last["id"]

    def test_an_empty_list_is_answered_with_zeros(self, world: World) -> None:
        answer = world.post(b'{"signals": []}')

        assert answer.json == {"accepted": 0, "duplicate": 0, "replayed": 0, "rejected": 0, "results": []}

    def test_the_same_id_twice_in_a_batch(self, world: World) -> None:
        signal = make_signal()
        other = {**signal, "payload": {"text": "something else"}}

        answer = world.post(orjson.dumps(envelope(signal, signal, other)))

        assert [r["status"] for r in answer.json["results"]] == ["accepted", "replayed", "rejected"]
        assert answer.json["results"][2]["errors"][0]["reason"] == "id_conflict"

    def test_the_id_of_another_project_is_free_here(self, world: World) -> None:
        signal = make_signal()
        elsewhere = {"Authorization": f"Bearer {world.other.keys['ingest']}", "Content-Type": JSON}
        world.post(orjson.dumps(envelope(signal)))

        answer = world.server.send(
            "POST",
            f"{world.other.url}/signals",
            orjson.dumps(envelope({**signal, "payload": {"text": "b"}})),
            elsewhere,
        )

        assert answer.json["accepted"] == 1

    def test_lines_may_end_in_crlf_be_blank_or_be_no_json(self, world: World) -> None:
        good = [orjson.dumps(make_signal(consent=CONSENT)) for _ in range(3)]
        body = good[0] + b"\r\n\r\n" + b"{broken\n" + good[1] + b"\n\n" + good[2]

        answer = world.post(body, Content_Type=NDJSON)

        assert [r["status"] for r in answer.json["results"]] == ["accepted", "rejected", "accepted", "accepted"]
        fault = answer.json["results"][1]["errors"][0]
        assert fault["reason"] == "not_json"
        assert "line 3" in fault["detail"]
        assert answer.json["results"][1]["retry"] == "no"

    def test_the_packed_forms_are_read(self, world: World) -> None:
        import gzip

        import zstandard

        packed = {"gzip": gzip.compress(batch()), "zstd": zstandard.ZstdCompressor().compress(batch())}

        for encoding, body in packed.items():
            assert world.post(body, Content_Encoding=encoding).json["accepted"] == 2

    def test_unknown_parts_of_prefer_are_ignored(self, world: World) -> None:
        answer = world.post(batch(), Prefer="return=minimal, respond-async; x")

        assert answer.json["accepted"] == 2
        assert answer.json["results"] == []

    def test_an_idempotency_key_is_ignored(self, world: World) -> None:
        answers = [world.post(batch(), Idempotency_Key="same") for _ in range(2)]

        assert [answer.json["accepted"] for answer in answers] == [2, 2]

    def test_a_clock_five_years_off_is_corrected_within_bounds(self, world: World) -> None:
        from tests.signals import days_ago

        answer = world.post(
            orjson.dumps(envelope(make_signal(device="d", captured_at=days_ago(1)))), Winnow_Sent_At=days_ago(5 * 365)
        )

        assert answer.json["accepted"] == 1


class TestLastLine:
    """A bad last line without a line break: refused alone where the body is known to be whole, else the batch is sent again."""

    BAD = (rb'{"id": "\ud83d"}', b'{"id": 1,}', b"{broken", b'{"id": "0199f0aa', b"[" * 2_000)

    def lines(self, bad: bytes) -> bytes:
        return ndjson(make_signal(consent=CONSENT), make_signal(consent=CONSENT)) + bad

    def assert_refused_alone(self, answer: Answer) -> None:
        assert answer.status == 200, answer.body
        assert [result["status"] for result in answer.json["results"]] == ["accepted", "accepted", "rejected"]
        last = answer.json["results"][2]
        assert (last["retry"], last["errors"][0]["reason"]) == ("no", "not_json")

    @pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad[:12].decode())
    def test_with_a_length_that_was_met_it_is_refused_alone(self, world: World, bad: bytes) -> None:
        self.assert_refused_alone(world.post(self.lines(bad), Content_Type=NDJSON))

    @pytest.mark.parametrize("encoding", ["gzip", "zstd"])
    @pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunks"])
    def test_so_it_is_in_a_packing_that_ended_as_it_should(self, world: World, encoding: str, is_chunked: bool) -> None:
        import gzip

        import zstandard

        lines = self.lines(self.BAD[0])
        body = gzip.compress(lines) if encoding == "gzip" else zstandard.ZstdCompressor().compress(lines)
        if is_chunked:
            head = f"Content-Encoding: {encoding}\r\nTransfer-Encoding: chunked\r\n"
            answer = world.raw(head, chunked(body[:50], body[50:]) + b"0\r\n\r\n", media_type=NDJSON)
        else:
            answer = world.post(body, Content_Type=NDJSON, Content_Encoding=encoding)

        self.assert_refused_alone(answer)

    def test_in_chunks_that_came_to_their_end_too(self, world: World) -> None:
        body = self.lines(self.BAD[-1])

        self.assert_refused_alone(
            world.raw(
                "Transfer-Encoding: chunked\r\n",
                chunked(body[:100], body[100:]) + b"0\r\n\r\n",
                media_type=NDJSON,
            )
        )

    @pytest.mark.parametrize("end", [b'{"id": "0199f0aa', b""], ids=["within a line", "between two lines"])
    @pytest.mark.parametrize("ending", ["half-close", "reset"])
    def test_chunks_that_were_cut_are_incomplete_and_nothing_is_stored(
        self, world: World, end: bytes, ending: str
    ) -> None:
        before = world.rows()
        body = self.lines(end)

        answer = world.raw(
            "Transfer-Encoding: chunked\r\n", chunked(body[:100], body[100:]), media_type=NDJSON, ends_with=ending
        )

        assert (answer.status, ending) in {(400, "half-close"), (0, "reset")}
        assert not answer.status or answer.json["reason"] == "body_incomplete"
        assert world.is_well()
        assert world.rows() == before

    @pytest.mark.parametrize("content_type", [JSON, NDJSON])
    def test_a_torn_body_in_chunks_is_told_from_a_mistake(self, world: World, content_type: str) -> None:
        head, wrong = "Transfer-Encoding: chunked\r\n", b'{"id": 1,}'

        torn = world.raw(head, chunked(batch()[:-30]), media_type=content_type, ends_with="half-close")
        whole = world.raw(head, chunked(wrong) + b"0\r\n\r\n", media_type=content_type)

        assert (torn.status, torn.json["reason"]) == (400, "body_incomplete")
        is_told = whole.json["reason"] == "not_json" if content_type == JSON else whole.json["rejected"] == 1
        assert is_told, whole.body

    def test_a_body_torn_within_a_character_is_incomplete(self, world: World) -> None:
        torn = ndjson(make_signal(payload={"text": "ä"})).rpartition("ä".encode())[0] + b"\xc3"

        answer = world.raw("Transfer-Encoding: chunked\r\n", chunked(torn), media_type=NDJSON, ends_with="half-close")

        assert answer.status in {0, 400}
        assert not answer.status or answer.json["reason"] == "body_incomplete"


class TestFraming:
    def test_a_short_body_is_incomplete(self, world: World) -> None:
        before = world.rows()
        body = batch()

        for ending in ("half-close", "reset"):
            answer = world.raw(f"Content-Length: {len(body) + 10}\r\n", body, ends_with=ending)
            assert answer.status in {0, 400}
            if answer.status:
                assert answer.json["reason"] == "body_incomplete"

        assert world.rows() == before

    @pytest.mark.parametrize("size", [1_000, 1_000_000])
    def test_who_is_unknown_hears_the_same_however_much_is_sent(self, world: World, size: int) -> None:
        body = orjson.dumps(envelope(make_signal())) + b" " * size
        keys = {"Bearer winnow_ingest_none": 401, "": 401, f"Bearer {world.project.keys['retired']}": 403}

        statuses = {key: world.post(body, Authorization=key).status for key in keys}

        assert statuses == keys
        assert world.post(body).json["accepted"] == 1

    def test_a_chunked_body_is_read(self, world: World) -> None:
        body = batch()

        answer = world.raw("Transfer-Encoding: chunked\r\n", chunked(body[:50], body[50:]) + b"0\r\n\r\n")

        assert answer.json["accepted"] == 2

    @pytest.mark.parametrize(
        "tail",
        [b"", b"ZZ\r\nxx\r\n0\r\n\r\n", b"ffffff\r\nshort", b"-1\r\n\r\n"],
        ids=["no last chunk", "a size that is none", "a chunk cut short", "a negative size"],
    )
    def test_a_broken_chunk_leaves_nothing(self, world: World, tail: bytes) -> None:
        before = world.rows()
        body = batch()

        answer = world.raw("Transfer-Encoding: chunked\r\n", chunked(body[:100]) + tail, ends_with="half-close")

        assert answer.status in {0, 400}, answer.body
        assert world.rows() == before

    def test_chunks_and_a_length_together_cannot_smuggle(self, world: World) -> None:
        before = world.rows()
        smuggled = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

        answer = world.raw(f"Content-Length: {len(smuggled)}\r\nTransfer-Encoding: chunked\r\n", smuggled)

        assert answer.status in {0, 400}
        assert b"alive" not in answer.body
        assert world.rows() == before

    @pytest.mark.parametrize(
        "head",
        ["Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: -1\r\n", "Content-Length: x\r\n"],
        ids=["two lengths", "a negative length", "a length that is none"],
    )
    def test_a_length_that_is_none_is_refused(self, world: World, head: str) -> None:
        before = world.rows()

        answer = world.raw(head, b"{}{}{}", ends_with="half-close")

        assert answer.status in {0, 400}
        assert world.rows() == before

    def test_a_megabyte_of_header_is_refused(self, world: World) -> None:
        answer = world.raw(f"X-Long: {'a' * 1_000_000}\r\n")

        assert answer.status in {0, 400, 431}
        assert world.is_well()

    def test_hundreds_of_headers_are_refused(self, world: World) -> None:
        answer = world.raw("".join(f"X-{number}: 1\r\n" for number in range(500)))

        assert answer.status in {0, 400, 431}
        assert world.is_well()

    def test_a_body_over_the_limit_is_refused_before_it_is_sent(self, world: World) -> None:
        answer = world.raw("Content-Length: 30000000\r\nExpect: 100-continue\r\n")

        assert answer.status == 413

    def test_http2_and_websockets_do_not_hang_the_server(self, world: World) -> None:
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)
        upgrade = (
            f"GET {world.project.url}/signals HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        ).encode() + b"\xff\xfe\r\n\r\n"

        answers = [world.server.send_bytes(one, ends_with="half-close") for one in (preface, upgrade)]

        assert all(answer.status < 500 and answer.status != 200 for answer in answers)
        assert world.is_well()


class TestKeysAndPaths:
    @pytest.mark.parametrize(
        "authorization",
        [
            *(None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer nobody", "bearer KEY", "Bearer  KEY"),
            *("Bearer KEY x", "KEY", "Bearer KÉY", "Bearer KEY, Bearer KEY"),
        ],
    )
    def test_a_key_that_is_none_is_401(self, world: World, authorization: str | None) -> None:
        before = world.rows()
        headers = [("Content-Type", JSON)]
        if authorization is not None:
            headers.append(("Authorization", authorization.replace("KEY", world.project.keys["ingest"])))

        answer = world.server.send("POST", f"{world.project.url}/signals", batch(), headers)

        assert_problem(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"
        assert world.rows() == before

    def test_a_key_in_the_query_string_is_401_and_in_no_log(self, world: World) -> None:
        key = world.project.keys["ingest"]

        answer = world.server.send(
            "POST", f"{world.project.url}/signals?key={key}&access_token={key}", batch(), {"Content-Type": JSON}
        )

        assert_problem(answer, 401)
        assert key not in world.server.part.log.read_text()

    @pytest.mark.parametrize(
        ("method", "path"), [("GET", "/sync"), ("PUT", "/signals"), ("PATCH", "/signals"), ("DELETE", "/signals")]
    )
    def test_another_method_is_405_and_names_those_allowed(self, world: World, method: str, path: str) -> None:
        answer = world.server.send(method, f"{world.project.url}{path}", b"{}", world.headers())

        assert_problem(answer, 405)
        assert "POST" in answer.headers["allow"]

    @pytest.mark.parametrize(
        "name",
        ["../x", "%2e%2e", "A", "a" * 64, "%C3%A4", "x%00y", "%ff", "%F0%9F%98%80", "slang%2f", "slang%20", "'--"],
    )
    def test_a_project_that_is_none_is_404(self, world: World, name: str) -> None:
        for role in ("ingest", "admin"):
            headers = {"Authorization": f"Bearer {world.project.keys[role]}", "Content-Type": JSON}
            assert_problem(world.server.send("POST", f"/v1/projects/{name}/signals", batch(), headers), 404)

    @pytest.mark.parametrize("thing", ["erasures/x", "erasures/%00", f"erasures/{'0' * 5000}"])
    def test_a_thing_that_is_none_is_404(self, world: World, thing: str) -> None:
        headers = {"Authorization": f"Bearer {world.project.keys['manage']}"}

        assert_problem(world.server.send("GET", f"{world.project.url}/{thing}", b"", headers), 404)

    @pytest.mark.parametrize("path", ["/v1/activity", "/v1/projects/slang/dead-letters"])
    @pytest.mark.parametrize(
        "place",
        [["5"], ["x", "y"], ["2026-11-22", "x"], ["2026-11-22T00:00:00", "0199f0aa-0000-7000-8000-0000000000aa"],
         ["9" * 40], ["²"], [], ["2026-11-22T00:00:00Z", "0199f0aa-0000-7000-8000-0000000000aa", "z"], ["-1"], ["a\0b"]],
    )  # fmt: skip
    def test_a_cursor_of_another_list_is_422_or_goes_on(self, world: World, path: str, place: list[str]) -> None:
        from foundation.cursors import page_after

        headers = {"Authorization": f"Bearer {world.project.keys['manage']}"}

        answer = world.server.send("GET", f"{path}?cursor={page_after(place)}", b"", headers)

        assert answer.status in {200, 422}, answer.body

    @pytest.mark.parametrize("cursor", ["x", "%00", "%ff", "e30", "W10", "ZZZZ" * 1000, "bnVsbA", "%F0%9F%98%80"])
    def test_a_cursor_that_is_none_is_422(self, world: World, cursor: str) -> None:
        headers = {"Authorization": f"Bearer {world.project.keys['manage']}"}

        answer = world.server.send("GET", f"/v1/activity?cursor={cursor}", b"", headers)

        assert_problem(answer, 422)


class TestManyAtOnce:
    def test_a_hundred_posts_of_one_batch_store_it_once(self, world: World) -> None:
        before = world.rows()
        signals = [make_signal(subject="many", device="phone") for _ in range(5)]
        body = orjson.dumps(envelope(*signals))
        begin = threading.Barrier(25)

        def send(_: int) -> Answer:
            begin.wait()
            return world.post(body, Winnow_Sent_At="2026-11-22T08:00:00Z")

        with ThreadPoolExecutor(25) as pool:
            answers = list(pool.map(send, range(100)))

        assert {answer.status for answer in answers} <= {200, 503}
        taken = [answer.json for answer in answers if answer.status == 200]
        assert sum(answer["accepted"] for answer in taken) == 5
        assert sum(answer["replayed"] for answer in taken) == 5 * (len(taken) - 1)
        assert world.rows()["signals"] - before["signals"] == 5
        assert len(taken) >= 95

    def test_many_phones_at_once_lose_nothing(self, world: World) -> None:
        before = world.rows()
        bodies = [
            orjson.dumps(
                envelope(*(make_signal(subject=f"phone-{number}", device=f"phone-{number}") for _ in range(3)))
            )
            for number in range(64)
        ]

        with ThreadPoolExecutor(64) as pool:
            answers = list(pool.map(lambda body: world.post(body, Winnow_Sent_At="2026-11-22T08:00:00Z"), bodies))

        assert {answer.status for answer in answers} <= {200, 503}
        stored = sum(answer.json["accepted"] for answer in answers if answer.status == 200)
        assert world.rows()["signals"] - before["signals"] == stored
