"""Readiness: side by side, within a bound, one thread a part, and nothing said to strangers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from foundation.database import Database, clock_ms, unit_of_work
from foundation.heartbeats import SCHEDULER, WORKER, Heartbeat, beat, forget_silent, silences_s
from foundation.http.health import READINESS
from foundation.readiness import WITHIN_S, Check, Readiness, checks_of, status_of
from foundation.running.parts import LOOPBACK
from foundation.settings import Settings
from tests.signals import Held

pytestmark = pytest.mark.slow

LONG_S = 60.0


@contextmanager
def server(answer: Callable[[socket.socket], object]) -> Iterator[str]:
    """A server that answers each connection in a thread of its own."""
    with closing(socket.create_server((LOOPBACK, 0))) as listening:

        def serve() -> None:
            while True:
                try:
                    link, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(link,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://{LOOPBACK}:{listening.getsockname()[1]}/health"
        listening.shutdown(socket.SHUT_RDWR)


def says(content: bytes) -> Callable[[socket.socket], None]:
    def answer(link: socket.socket) -> None:
        with link:
            link.recv(4096)
            link.sendall(content)

    return answer


def trickles(link: socket.socket) -> None:
    """A byte now and then, for ever: no single wait is long."""
    pause = threading.Event()
    with link, suppress(OSError):
        while not pause.wait(0.05):
            link.sendall(b"H")


def hangs(link: socket.socket) -> None:
    with link, suppress(OSError):
        while link.recv(4096):
            pass


class TestStatusOf:
    @pytest.mark.parametrize(
        ("content", "status"),
        [
            (b"HTTP/1.1 200 OK\r\n\r\n", 200),
            (b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\n\r\n", 302),
            (b"HTTP/1.1 503 \r\n\r\n" + b"x" * 100_000, 503),
            (b"SSH-2.0 200\r\n", None),
            (b"x" * 100_000, None),
            (b"", None),
        ],
    )
    def test_it_reads_the_first_line_alone(self, content: bytes, status: int | None) -> None:
        with server(says(content)) as url:
            assert status_of(url, within_s=10) == status

    @pytest.mark.parametrize("answer", [trickles, hangs])
    def test_what_hangs_or_trickles_is_not_there(self, answer: Callable[[socket.socket], object]) -> None:
        with server(answer) as url:
            assert status_of(url, within_s=0.3) is None

    def test_nobody_listens(self) -> None:
        with closing(socket.create_server((LOOPBACK, 0))) as taken:
            port = taken.getsockname()[1]

        assert status_of(f"http://{LOOPBACK}:{port}/", within_s=5) is None


class TestReadiness:
    def test_a_part_that_hangs_holds_one_thread_however_many_ask(self) -> None:
        stop, asked = threading.Event(), []

        def hang() -> dict[str, bool]:
            asked.append(threading.get_ident())
            stop.wait(LONG_S)
            return {"slow": True}

        readiness = Readiness([Check(["slow"], hang), Check(["quick"], lambda: {"quick": True})])

        found = [readiness.look(within_s=0.05) for _ in range(20)]
        stop.set()

        assert found == [{"slow": False, "quick": True}] * 20
        assert len(asked) == 1

    def test_parts_are_asked_side_by_side(self) -> None:
        meeting = threading.Barrier(3, timeout=LONG_S)

        def meet(name: str) -> dict[str, bool]:
            meeting.wait()
            return {name: True}

        readiness = Readiness([Check([name], lambda name=name: meet(name)) for name in "abc"])  # type: ignore[misc]

        assert readiness.look(within_s=LONG_S) == {"a": True, "b": True, "c": True}

    def test_an_answer_is_shared_for_a_moment(self) -> None:
        asked: list[int] = []
        readiness = Readiness([Check(["a"], lambda: asked.append(1) or {"a": True})])

        for _ in range(5):
            readiness.look(within_s=LONG_S)

        assert len(asked) < 5

    def test_a_check_that_raises_is_a_part_that_does_not_answer(self) -> None:
        readiness = Readiness([Check(["a", "b"], lambda: {}["x"])])

        assert readiness.look(within_s=LONG_S) == {"a": False, "b": False}

    def test_what_hung_before_is_not_waited_for_again(self) -> None:
        stop = threading.Event()
        readiness = Readiness([Check(["slow"], lambda: {"slow": stop.wait(LONG_S)})])
        readiness.look(within_s=WITHIN_S + 0.1)

        begun = time.monotonic()
        readiness.look(within_s=LONG_S)
        stop.set()

        assert time.monotonic() - begun < LONG_S / 2


def beat_now(database: Database, *parts: str) -> None:
    with unit_of_work(database) as session:
        for part in parts:
            beat(session, part)


def age_beats(database: Database, seconds: int) -> None:
    with unit_of_work(database) as session:
        session.connection().execute(update(Heartbeat).values(beat_at_ms=clock_ms() - seconds * 1000))


class TestHeartbeats:
    def test_a_sign_from_before_the_clock_was_set_back_says_nothing(self, database: Database) -> None:
        beat_now(database, WORKER)
        age_beats(database, -3600)

        with unit_of_work(database, read_only=True) as session:
            assert WORKER not in silences_s(session)

    def test_a_part_that_never_beat_or_is_silent_for_long_is_not_well(
        self, database: Database, settings: Settings
    ) -> None:
        seen = checks_of(settings, database)[0].ask

        never = dict(seen())
        beat_now(database, WORKER, SCHEDULER)
        beat_now(database, WORKER)
        fresh = dict(seen())
        age_beats(database, 31)
        silent = dict(seen())
        beat_now(database, SCHEDULER)

        well = {"database": True, WORKER: True, SCHEDULER: True}
        assert never == silent == {**well, WORKER: False, SCHEDULER: False}
        assert fresh == well
        assert seen() == {**well, WORKER: False}

    def test_the_newest_of_several_processes_counts_and_old_ones_are_forgotten(self, database: Database) -> None:
        beat_now(database, WORKER)
        age_beats(database, 3 * 24 * 3600)
        with unit_of_work(database) as session:
            session.connection().execute(update(Heartbeat).values(process="another"))
        beat_now(database, WORKER)

        with unit_of_work(database) as session:
            assert silences_s(session)[WORKER] < LONG_S
            forget_silent(session)
            assert len(session.connection().execute(Heartbeat.__table__.select()).all()) == 1  # type: ignore[attr-defined]


class TestReadyz:
    @pytest.fixture
    def answered(self, app: Flask, app_client: FlaskClient, project: Held) -> Iterator[Callable[..., Any]]:
        before = app.extensions[READINESS]

        def ask(key: str | None, **parts: bool) -> Any:
            told = {"database": True, **parts}
            app.extensions[READINESS] = Readiness([Check(list(told), lambda: told)])
            named = {"Authorization": f"Bearer {key}"} if key else {}
            return app_client.get("/readyz", headers=named)

        yield ask
        app.extensions[READINESS] = before

    def test_a_stranger_learns_whether_and_no_more(self, answered: Callable[..., Any]) -> None:
        for key in (None, "winnow_read_guessed"):
            well, ill = answered(key, worker=True), answered(key, worker=False)

            assert (well.status_code, well.json) == (200, {"status": "ready"})
            assert ill.status_code == 503
            assert "parts" not in ill.json
            assert "worker" not in ill.text

    def test_a_key_learns_which_part_does_not_answer(self, answered: Callable[..., Any], keys: dict[str, str]) -> None:
        ill = answered(keys["read"], worker=False, disk=True)

        assert ill.json["parts"] == {"database": True, "worker": False, "disk": True}
        assert "worker" in ill.json["detail"]
        assert answered(keys["manage"], worker=True).json["parts"] == {"database": True, "worker": True}

    def test_while_the_database_is_away_no_key_is_looked_up(
        self, answered: Callable[..., Any], keys: dict[str, str]
    ) -> None:
        assert "parts" not in answered(keys["read"], database=False).json
