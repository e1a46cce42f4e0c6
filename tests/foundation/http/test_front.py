"""The part of the server that reads bodies and sends answers: alone, and on a real server with clients that misbehave."""

from __future__ import annotations

import asyncio
import http.client
import os
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from foundation.errors import DomainError, Unavailable
from foundation.http import front as front_module
from foundation.http.front import Bounds, Front
from foundation.http.wsgi_environment import IS_WHOLE, LEASE, Headers, Scope, environ_of
from foundation.memory_budget import SMALL_BODY_BYTES, Budget, Lease, bytes_for_one_body
from foundation.running.parts import LOOPBACK, Part, free_port, port_is_free, running

LIMIT, DEADLINE_S, BUDGET = 200_000, 1.0, 20_000_000
KEY = b"Bearer known"
Message = Mapping[str, Any]


class Pieces:
    """An answer of many pieces, as a download is; says when it was closed."""

    def __init__(self, n: int, piece: bytes) -> None:
        self.left, self.piece, self.is_closed = n, piece, threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self.left:
            raise StopIteration
        self.left -= 1
        return self.piece

    def close(self) -> None:
        self.is_closed.set()


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Any:
    """Says how long the body is; downloads under /pieces."""
    if environ["PATH_INFO"] == "/pieces":
        start_response("200 OK", [])
        return Pieces(20_000, bytes(65_536))
    said = str(len(environ["wsgi.input"].read()))
    start_response("200 OK", [("Content-Length", str(len(said)))])
    return [said.encode()]


def refuse(_: Scope, error: DomainError) -> tuple[int, Headers, bytes]:
    """Says the name of the refusal."""
    said = type(error).__name__.encode()
    return 400, [(b"content-length", str(len(said)).encode())], said


def make_front(
    app: Callable[..., Any] = application,
    *,
    budget: Budget | None = None,
    deadline_s: float = DEADLINE_S,
    most_waiting: int = front_module.MOST_WAITING,
) -> Front:
    return Front(
        app,
        refuse=refuse,
        bounds=Bounds(LIMIT, deadline_s),
        budget=budget or Budget(BUDGET),
        knows=lambda authorization: authorization.encode() == KEY,
        most_waiting=most_waiting,
    )


front = make_front()
"""What the real server below serves."""


def scope_of(headers: list[tuple[bytes, bytes]] | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "http_version": "1.1",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"host", b"winnow"), *(headers or [])],
        "server": ("127.0.0.1", "80"),
        "client": ("127.0.0.1", "50000"),
        **changes,
    }


def receiving(*messages: Message) -> Callable[[], Awaitable[Message]]:
    """The server's side: these messages, then silence for ever."""
    left = list(messages)

    async def receive() -> Message:
        return left.pop(0) if left else await asyncio.Future()

    return receive


def piece(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


GONE: Message = {"type": "http.disconnect"}


def ask(front: Front, scope: Mapping[str, Any], *messages: Message) -> tuple[int, dict[bytes, bytes], bytes]:
    """Status, headers and body of the answer to one request."""
    return asyncio.run(answer_of(front, scope, *messages))


async def answer_of(
    front: Front, scope: Mapping[str, Any], *messages: Message
) -> tuple[int, dict[bytes, bytes], bytes]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await front(scope, receiving(*messages), send)
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(message["body"] for message in sent[1:])


def of_length(n: int, *more: tuple[bytes, bytes]) -> dict[str, Any]:
    return scope_of([(b"content-length", str(n).encode()), *more])


IN_CHUNKS = (b"transfer-encoding", b"chunked")
KNOWN = (b"authorization", KEY)


class TestBodies:
    def test_one_with_a_length_is_handed_on_when_it_is_there(self) -> None:
        assert ask(make_front(), of_length(6), piece(b"abc"), piece(b"def"))[2] == b"6"

    def test_one_in_chunks_is_handed_on_when_its_end_came(self) -> None:
        assert ask(make_front(), scope_of([IN_CHUNKS]), piece(b"abc"), piece(b"", more=False))[2] == b"3"

    def test_without_one_nothing_is_waited_for(self) -> None:
        assert ask(make_front(), scope_of())[::2] == (200, b"0")

    @pytest.mark.parametrize("scope", [of_length(6), scope_of([IN_CHUNKS])], ids=["length", "chunks"])
    def test_one_that_was_cut_is_refused(self, scope: dict[str, Any]) -> None:
        status, headers, said = ask(make_front(), scope, piece(b"abc"), GONE)

        assert (status, said, headers[b"connection"]) == (400, b"Unparseable", b"close")

    def test_one_that_does_not_come_is_refused_at_the_deadline(self) -> None:
        status, headers, said = ask(make_front(deadline_s=0.05), of_length(6), piece(b"abc"))

        assert (status, said, headers[b"connection"]) == (400, b"TimedOut", b"close")

    @pytest.mark.parametrize("scope", [of_length(LIMIT + 1, KNOWN), scope_of([IN_CHUNKS, KNOWN])])
    def test_one_that_is_a_little_too_large_is_read_on_and_answered_on_a_connection_that_stays(
        self, scope: dict[str, Any]
    ) -> None:
        status, headers, said = ask(make_front(), scope, piece(bytes(LIMIT)), piece(b"x", more=False))

        assert (status, said) == (400, b"TooLarge")
        assert b"connection" not in headers

    @pytest.mark.parametrize("expects", [(), ((b"expect", b"100-continue"),)])
    def test_one_that_is_far_too_large_or_waits_is_refused_unread(
        self, expects: tuple[tuple[bytes, bytes], ...]
    ) -> None:
        length = LIMIT + 1 if expects else 3 * LIMIT

        status, headers, said = ask(make_front(), of_length(length, *expects))

        assert (status, said, headers[b"connection"]) == (400, b"TooLarge", b"close")

    def test_chunks_without_end_are_refused(self) -> None:
        endless = [piece(bytes(50_000)) for _ in range(20)]

        status, headers, said = ask(make_front(), scope_of([IN_CHUNKS]), *endless)

        assert (status, said, headers[b"connection"]) == (400, b"TooLarge", b"close")

    @pytest.mark.parametrize(("headers", "kept"), [((KNOWN,), 100_000), ((), SMALL_BODY_BYTES // 2)])
    def test_without_a_known_key_only_a_small_body_is_kept(self, headers: tuple[Any, ...], kept: int) -> None:
        half = SMALL_BODY_BYTES // 2
        seen: list[int] = []

        def app(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
            seen.extend((int(environ["CONTENT_LENGTH"]), len(environ["wsgi.input"].read())))
            start_response("200 OK", [])
            return [b""]

        ask(make_front(app), of_length(100_000, *headers), piece(bytes(half)), piece(bytes(100_000 - half)))

        assert seen == [100_000, kept]

    def test_where_nobody_can_say_whether_the_key_is_known_it_is_to_come_again(self) -> None:
        def away(_: str) -> bool:
            raise Unavailable("the database is away")

        front = Front(application, refuse=refuse, bounds=Bounds(LIMIT, DEADLINE_S), budget=Budget(BUDGET), knows=away)

        assert ask(front, of_length(100_000, KNOWN), piece(bytes(100_000)))[2] == b"Unavailable"


class TestBudget:
    def test_it_is_given_back_after_each_answer(self) -> None:
        budget = Budget(BUDGET)

        for message in (piece(b"abc", more=False), GONE):
            ask(make_front(budget=budget), scope_of([IN_CHUNKS]), message)

        assert budget.held_bytes == 0

    def test_a_large_body_is_refused_where_a_small_one_is_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(front_module, "PATIENCE_S", 0.05)
        budget = Budget(BUDGET)
        assert budget.take(BUDGET // 2, share=1)

        large = ask(make_front(budget=budget), of_length(150_000, KNOWN), *[piece(bytes(50_000))] * 3)
        small = ask(make_front(budget=budget), of_length(50_000, KNOWN), piece(bytes(50_000)))

        assert large[::2] == (400, b"Unavailable")
        assert small[::2] == (200, b"50000")
        assert budget.held_bytes == BUDGET // 2

    def test_a_large_body_waits_for_room(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(front_module, "PATIENCE_S", 60)
        budget = Budget(BUDGET)
        assert budget.take(BUDGET // 2, share=1)

        async def receive_all() -> list[dict[str, Any]]:
            sent: list[dict[str, Any]] = []

            async def send(message: dict[str, Any]) -> None:
                sent.append(message)

            asyncio.get_running_loop().call_later(0.05, budget.give_back, BUDGET // 2)
            pieces = receiving(*[piece(bytes(50_000))] * 3)
            await make_front(budget=budget, deadline_s=60)(of_length(150_000, KNOWN), pieces, send)
            return sent

        assert asyncio.run(receive_all())[1]["body"] == b"150000"

    def test_of_many_large_bodies_at_once_some_arrive(self) -> None:
        budget, arrived = Budget(10_000_000), Counter[Lease]()
        left = [Lease(budget) for _ in range(50)]

        for _ in range(2_000):
            for lease in list(left):
                with suppress(Unavailable):
                    lease.arrive(50_000, most_bytes=2_000_000)
                    arrived[lease] += 50_000
                if arrived[lease] == 2_000_000:
                    lease.end()
                    left.remove(lease)

        assert not left

    def test_what_is_unpacked_and_worked_on_counts(self) -> None:
        budget = Budget(10_000_000)
        lease, other = Lease(budget), Lease(budget)

        lease.arrive(1_000, most_bytes=1_000)
        lease.unpack(20_000)
        lease.work_on(100_000)

        assert budget.held_bytes == lease.held_bytes == 1_000 + 20_000 + 40 * 100_000
        with pytest.raises(Unavailable):
            other.work_on(1_000_000)
        lease.end()
        lease.end()
        assert budget.held_bytes == 0

    def test_one_body_of_the_largest_size_fits(self) -> None:
        lease = Lease(Budget(bytes_for_one_body(20_000_000)))

        lease.arrive(20_000_000, most_bytes=20_000_000)
        lease.unpack(20_000_000)
        lease.work_on(20_000_000)

    def test_who_finds_all_threads_taken_and_a_queue_is_told_to_come_back_and_reads_go_on(self) -> None:
        may_go_on = threading.Event()

        def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Any:
            if environ["CONTENT_LENGTH"] != "0":
                may_go_on.wait(60)
            return application(environ, start_response)

        async def more_than_can_wait() -> tuple[list[bytes], bytes, list[bytes]]:
            front = make_front(app, most_waiting=2)
            callers = [
                asyncio.ensure_future(answer_of(front, of_length(3), piece(b"abc")))
                for _ in range(front_module.STORING_AT_ONCE + 2 + 1)
            ]
            refused, held = await asyncio.wait(callers, return_when=asyncio.FIRST_COMPLETED)
            read = await answer_of(front, scope_of())
            may_go_on.set()
            return [one.result()[2] for one in refused], read[2], [(await one)[2] for one in held]

        refused, read, held = asyncio.run(more_than_can_wait())

        assert (refused, read) == ([b"Unavailable"], b"0")
        assert held == [b"3"] * (front_module.STORING_AT_ONCE + 2)

    def test_imports_do_not_stand_before_phones(self) -> None:
        may_go_on = threading.Event()
        large = front_module.LARGE_BODY_BYTES + 1

        def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Any:
            if int(environ["CONTENT_LENGTH"]) == large:
                may_go_on.wait(60)
            return application(environ, start_response)

        async def a_small_one_beside_many_large() -> tuple[bytes, list[bytes]]:
            front = Front(
                app, refuse=refuse, bounds=Bounds(2 * large, DEADLINE_S), budget=Budget(1 << 30), knows=lambda _: True
            )
            imports = [
                asyncio.ensure_future(answer_of(front, of_length(large, KNOWN), piece(bytes(large)))) for _ in range(4)
            ]
            await asyncio.wait(imports, timeout=0)
            small = await answer_of(front, of_length(3), piece(b"abc"))
            may_go_on.set()
            return small[2], [(await one)[2] for one in imports]

        small, imports = asyncio.run(a_small_one_beside_many_large())

        assert small == b"3"
        assert imports == [str(large).encode()] * 4


class TestEnvironment:
    def test_it_is_what_pep_3333_says(self) -> None:
        headers = [
            (b"content-type", b"a/b"),
            (b"x-a", b"1"),
            (b"x-a", b"\xff"),
            (b"cookie", b"a=1"),
            (b"cookie", b"b=2"),
        ]
        scope = scope_of([*headers, IN_CHUNKS], raw_path=b"/a%2Fb/%C3%A4", query_string=b"q=%20\xff")

        environ = environ_of(scope, BytesIO(b"abc"), 3)

        assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == ("/a/b/Ã¤", "q=%20ÿ")
        assert (environ["CONTENT_TYPE"], environ["CONTENT_LENGTH"]) == ("a/b", "3")
        assert (environ["HTTP_X_A"], environ["HTTP_COOKIE"], environ["HTTP_HOST"]) == ("1,ÿ", "a=1; b=2", "winnow")
        assert "HTTP_TRANSFER_ENCODING" not in environ
        assert (environ["REMOTE_ADDR"], environ["SERVER_PROTOCOL"]) == ("127.0.0.1", "HTTP/1.1")

    def test_a_name_with_an_underscore_does_not_pass_for_another(self) -> None:
        scope = scope_of([(b"winnow_subject", b"somebody")])

        assert not any("SUBJECT" in name for name in environ_of(scope, BytesIO(), 0))

    def test_the_application_is_told_that_the_body_is_whole_and_what_it_may_hold(self) -> None:
        seen: dict[str, Any] = {}

        def app(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
            seen.update(environ)
            start_response("204 No Content", [])
            return []

        ask(make_front(app), of_length(3), piece(b"abc"))

        assert seen[IS_WHOLE] is True
        assert seen[LEASE] is not None


class TestAnswers:
    def test_pieces_are_sent_one_by_one_and_closed(self) -> None:
        pieces = Pieces(5, b"abc")

        def app(_: dict[str, Any], start_response: Callable[..., object]) -> Pieces:
            start_response("200 OK", [("X-A", "1"), ("X-A", "2")])
            return pieces

        assert ask(make_front(app), scope_of())[2] == b"abc" * 5
        assert pieces.is_closed.is_set()

    def test_for_a_client_that_left_no_more_is_read(self) -> None:
        pieces = Pieces(10_000, b"abc")

        def app(_: dict[str, Any], start_response: Callable[..., object]) -> Pieces:
            start_response("200 OK", [])
            return pieces

        ask(make_front(app), scope_of(), piece(b"", more=False), GONE)

        assert pieces.left > 9_900
        assert pieces.is_closed.is_set()

    def test_one_who_takes_nothing_is_given_up_and_not_told_that_this_is_all(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(front_module, "STALLED_S", 0.05)
        pieces, sent = Pieces(10, b"abc"), []

        def app(_: dict[str, Any], start_response: Callable[..., object]) -> Pieces:
            start_response("200 OK", [])
            return pieces

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)
            if message.get("body"):
                await asyncio.Future()

        asyncio.run(make_front(app)(scope_of(), receiving(), send))

        assert pieces.is_closed.is_set()
        assert all(message.get("more_body", True) for message in sent)

    def test_a_fault_in_the_application_is_the_servers_to_tell(self) -> None:
        budget = Budget(BUDGET)

        def app(_: dict[str, Any], __: Callable[..., object]) -> list[bytes]:
            raise DomainError("a bug")

        with pytest.raises(DomainError):
            ask(make_front(app, budget=budget), of_length(3), piece(b"abc"))
        assert budget.held_bytes == 0


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    server = [sys.executable, "-m", "granian", f"{__name__}:front", "--interface", "asginl", "--http", "1", "--no-ws"]
    server += ["--host", LOOPBACK, "--port", str(port), "--workers-kill-timeout", "1"]
    log, root = tmp_path_factory.mktemp("granian") / "log", Path(__file__).parents[3]
    part = Part("granian", server, os.environ, log, folder=root, answers=lambda: not port_is_free(LOOPBACK, port))
    with running(part, timeout_s=30):
        yield port


def send(port: int, raw: bytes) -> socket.socket:
    connection = socket.create_connection((LOOPBACK, port), timeout=20)
    connection.sendall(raw)
    return connection


def all_of(connection: socket.socket) -> bytes:
    received = b""
    with suppress(ConnectionResetError):
        while got := connection.recv(65_536):
            received += got
    return received


def post(connection: http.client.HTTPConnection, body: bytes) -> bytes:
    connection.request("POST", "/", body=body, headers={"Authorization": KEY.decode()})
    return connection.getresponse().read()


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.slow
class TestOnARealServer:
    @pytest.mark.parametrize(
        "cut",
        [
            b"Content-Length: 10\r\n\r\nabc",
            b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            b"Transfer-Encoding: chunked\r\n\r\n9\r\nabc",
            b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n0\r\n\r\n",
        ],
    )
    def test_it_tells_of_every_body_that_was_cut(self, port: int, cut: bytes) -> None:
        with send(port, HEAD + cut) as connection:
            connection.shutdown(socket.SHUT_WR)

            assert b"Unparseable" in all_of(connection)

    @pytest.mark.parametrize("expects", [b"", b"Expect: 100-continue\r\n"])
    def test_silent_senders_hold_nobody_and_are_told_at_the_deadline(self, port: int, expects: bytes) -> None:
        with ExitStack() as stack:
            silent = [
                stack.enter_context(send(port, HEAD + expects + b"Content-Length: 500\r\n\r\n")) for _ in range(24)
            ]
            idle = stack.enter_context(closing(http.client.HTTPConnection(LOOPBACK, port, timeout=30)))
            assert post(idle, b"abc") == b"3"

            assert [b"TimedOut" in all_of(connection) for connection in silent] == [True] * len(silent)
            assert post(idle, b"abc") == b"3"

    def test_one_who_dribbles_is_told_at_the_deadline(self, port: int) -> None:
        began = time.monotonic()
        with send(port, HEAD + b"Content-Length: 150000\r\n\r\n" + bytes(4096)) as connection:
            connection.settimeout(0.05)
            answer = b""
            while not answer and time.monotonic() - began < 20:
                with suppress(TimeoutError):
                    connection.sendall(b"x")
                    answer = connection.recv(1000)

        assert b"TimedOut" in answer
        assert b"connection: close" in answer

    def test_slow_readers_hold_nobody(self, port: int) -> None:
        with ExitStack() as stack:
            for _ in range(24):
                stack.enter_context(send(port, b"GET /pieces HTTP/1.1\r\nHost: x\r\n\r\n")).recv(100)
            client = stack.enter_context(closing(http.client.HTTPConnection(LOOPBACK, port, timeout=30)))

            assert post(client, bytes(100_000)) == b"100000"

    def test_a_client_that_sends_all_before_it_reads_hears_that_it_was_too_much(self, port: int) -> None:
        with closing(http.client.HTTPConnection(LOOPBACK, port, timeout=30)) as client:
            assert post(client, bytes(2 * LIMIT)) == b"TooLarge"
            assert post(client, b"abc") == b"3"

    def test_the_bytes_of_a_header_come_as_they_were_sent(self, port: int) -> None:
        with send(port, HEAD + b"X-Name: \xff\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") as connection:
            assert b" 200 " in all_of(connection)
