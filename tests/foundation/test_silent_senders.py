"""A real server, and clients that stop in the middle of a body: their threads come back, others are not disturbed."""

from __future__ import annotations

import http.client
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from foundation.bodies import declared_length, read_body
from foundation.errors import DomainError
from foundation.parts import LOOPBACK, Part, free_port, port_is_free, running, wait_until
from foundation.silent_senders import end_longest

pytestmark = pytest.mark.slow
DEADLINE_S = 1.0
THREADS = 4


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    """Reads bodies as the API does, on a server with few threads."""
    try:
        body = read_body(
            environ["wsgi.input"],
            content_length=declared_length(environ),
            encoding=environ.get("HTTP_CONTENT_ENCODING"),
            max_packed=1 << 20,
            max_unpacked=1 << 20,
            deadline_s=DEADLINE_S,
            port=int(environ["SERVER_PORT"]),
        )
    except DomainError as refused:
        start_response("400 Bad Request", [])
        return [type(refused).__name__.encode()]
    start_response("200 OK", [])
    return [str(len(body)).encode()]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    server = [sys.executable, "-m", "granian", f"{__name__}:application", "--interface", "wsgi", "--http", "1"]
    server += [
        "--host",
        LOOPBACK,
        "--port",
        str(port),
        "--blocking-threads",
        str(THREADS),
        "--no-ws",
        "--workers-kill-timeout",
        "1",
    ]
    log, root = tmp_path_factory.mktemp("granian") / "log", Path(__file__).parents[2]
    part = Part("granian", server, os.environ, log, folder=root, answers=lambda: not port_is_free(LOOPBACK, port))
    with running(part, timeout_s=30):
        yield port


def send(port: int, raw: bytes) -> socket.socket:
    connection = socket.create_connection((LOOPBACK, port), timeout=20)
    connection.sendall(raw)
    return connection


def next_tick() -> None:
    """Linux tells how long a connection is silent in its own ticks of up to 10 ms: who came in the same one looks as old."""
    came_at = time.monotonic()
    assert wait_until(lambda: time.monotonic() > came_at + 0.02, timeout_s=5)


def post(connection: http.client.HTTPConnection, body: bytes) -> bytes:
    connection.request("POST", "/", body=body)
    return connection.getresponse().read()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when something last moved on a connection")
class TestSilentSenders:
    def test_they_are_ended_and_their_threads_serve_others(self, port):
        with ExitStack() as stack:
            silent = [
                stack.enter_context(send(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nabc"))
                for _ in range(3 * THREADS)
            ]
            next_tick()
            client = stack.enter_context(closing(http.client.HTTPConnection(LOOPBACK, port, timeout=30)))

            assert post(client, bytes(1000)) == b"1000"
            for connection in silent:
                assert b" 200 " not in connection.recv(1000)
            client.close()  # a connection that rests between two calls may be ended: HTTP clients open another one
            assert post(client, bytes(1000)) == b"1000"

    def test_who_was_told_to_continue_and_does_not_is_ended_too(self, port):
        told = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\nExpect: 100-continue\r\n\r\n"
        with ExitStack() as stack:
            silent = [stack.enter_context(send(port, told)) for _ in range(THREADS)]
            for connection in silent:
                assert b" 100 " in connection.recv(1000)
            next_tick()
            with closing(http.client.HTTPConnection(LOOPBACK, port, timeout=30)) as client:
                assert post(client, bytes(1000)) == b"1000"

    def test_one_who_dribbles_is_refused(self, port):
        with send(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n") as connection:
            connection.settimeout(0.05)
            answer = b""
            for _ in range(200):
                try:
                    connection.sendall(b"x")
                    answer = connection.recv(1000)
                except TimeoutError:
                    continue
                break
        assert b"TimedOut" in answer

    def test_one_who_starts_fast_and_then_dribbles_is_ended(self, port):
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n"
        with send(port, head + bytes(4096)) as connection:
            connection.settimeout(0.1)
            began = time.monotonic()
            while time.monotonic() - began < 20:
                try:
                    connection.sendall(b"x")
                    assert b" 200 " not in connection.recv(1000)
                    break
                except TimeoutError:
                    continue
                except OSError:
                    break

            assert time.monotonic() - began < 10 * DEADLINE_S

    def test_looking_leaves_nothing_open(self):
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names, not paths

        for _ in range(3):
            end_longest({1}, lambda _connection: 0, at_most=1, over_ms=1)

        assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - names, not paths

    def test_chunks_that_are_cut_are_seen_where_they_can_be(self, port):
        with send(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nabc") as connection:
            connection.shutdown(socket.SHUT_WR)
            assert b" 200 " not in connection.recv(1000)
