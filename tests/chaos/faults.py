"""What the nemesis can do, each fault by the number it has in the list of faults; each leaves the world to be healed."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Final

import httpx

from foundation.parts import LOOPBACK, Part, kill_group, wait_until
from tests.chaos.oracle import PEOPLE, PROJECT, project_file
from tests.chaos.proxy import Mode, Proxy
from tests.chaos.raters import rate, studio_project
from tests.chaos.world import PROCESSES, World

SOME_S = 2.0
SLOW_CLIENTS = 100
HINTS = 100
POISON_WITHIN_S = 240
LARGE_BODIES = 24
LARGEST_BODY_BYTES = 19_000_000

Act = Callable[[World, random.Random], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """`needs`: `label_studio`, `sqlite`, `postgresql` or `own_disk`, without which the fault does not apply."""

    name: str
    what: str
    act: Act
    needs: frozenset[str] = frozenset()

    def applies(self, world: World) -> bool:
        has = {"sqlite" if world.postgres is None else "postgresql"}
        has |= {"label_studio"} if world.studio is not None else set()
        return self.needs <= has | ({"own_disk"} if world.has_own_disk else set())


FAULTS: dict[str, Fault] = {}


def fault(name: str, what: str, *needs: str) -> Callable[[Act], Act]:
    def add(act: Act) -> Act:
        FAULTS[name] = Fault(name, what, act, frozenset(needs))
        return act

    return add


@fault("F1", "answers of the API are lost on their way")
def lose_answers(world: World, _: random.Random) -> None:
    _for_a_while(world.api, Mode.LOSE_ANSWER)


@fault("F2", "the API is killed while batches are being written")
def kill_api(world: World, chance: random.Random) -> None:
    time.sleep(chance.random() / 2)
    world.hurt("api", signal.SIGKILL)


@fault("F4", "the worker is killed with its children at whatever it does")
def kill_worker(world: World, chance: random.Random) -> None:
    time.sleep(chance.random())
    world.hurt("worker", signal.SIGKILL)


@fault("F4b", "one child of the worker is killed")
def kill_child(world: World, chance: random.Random) -> None:
    if pids := world.pids("worker")[1:]:
        with suppress(ProcessLookupError):
            os.kill(chance.choice(pids), signal.SIGKILL)


@fault("F5", "the worker is killed in the middle of a push, a few times", "label_studio")
def kill_pushing(world: World, chance: random.Random) -> None:
    for _ in range(2):
        with suppress(RuntimeError, httpx.HTTPError):
            world.project("POST", "/sync")
        time.sleep(0.2 + chance.random())
        world.hurt("worker", signal.SIGKILL)
        wait_until(lambda: bool(world.pids("worker")), timeout_s=30)


@fault("F6", "Label Studio is killed, and comes back", "label_studio")
def kill_studio(world: World, _: random.Random) -> None:
    assert world.label_studio is not None
    _kill(world.label_studio)
    world.label_studio.start()
    world.label_studio.wait_until_it_answers(timeout_s=120)


@fault("F7", "PostgreSQL is killed as a whole, and comes back", "postgresql")
def kill_postgres(world: World, _: random.Random) -> None:
    assert world.postgres is not None
    _kill(world.postgres)
    time.sleep(SOME_S / 2)
    world.postgres.start()
    world.postgres.wait_until_it_answers(timeout_s=60)


@fault("F8", "Valkey is killed, and comes back")
def kill_broker(world: World, _: random.Random) -> None:
    _kill(world.valkey)
    world.valkey.start()
    world.valkey.wait_until_it_answers(timeout_s=30)


@fault("F8b", "Valkey forgets everything it holds")
def flush_broker(world: World, _: random.Random) -> None:
    with socket.create_connection((LOOPBACK, world.valkey_server.port), timeout=5) as connection:
        connection.sendall(f"AUTH {world.valkey_server.password}\r\nFLUSHALL\r\n".encode())
        connection.recv(64)


@fault("F8c", "Valkey's log of messages is cut in the middle of a message")
def cut_broker_log(world: World, chance: random.Random) -> None:
    _kill(world.valkey)
    for log in (world.folder / "valkey" / "appendonlydir").glob("*.incr.aof"):
        os.truncate(log, max(0, log.stat().st_size - chance.randint(1, 40)))
    world.valkey.start()
    world.valkey.wait_until_it_answers(timeout_s=30)


@fault("F9", "the broker takes connections and says nothing")
def silence_broker(world: World, _: random.Random) -> None:
    _for_a_while(world.broker, Mode.SILENT, seconds=2 * SOME_S)


@fault("F10", "the disk is full to the last byte; reads and health go on, and intake stops before harm", "own_disk")
def fill_disk(world: World, _: random.Random) -> None:
    ballast = world.home / "ballast"
    try:
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 20))
        with suppress(OSError), ballast.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(1))
        time.sleep(SOME_S)
        seen = {
            "health": world.call("GET", "/healthz").status_code,
            "a read": world.call("GET", f"/v1/projects/{PROJECT}").status_code,
            "a signal": world.call("POST", f"/v1/projects/{PROJECT}/signals", json={"signals": []}).status_code,
        }
        time.sleep(SOME_S)
    finally:
        ballast.unlink(missing_ok=True)
    if seen != {"health": 200, "a read": 200, "a signal": 503}:
        raise AssertionError(f"with a full disk: {seen}")


@fault("F13", "a second `winnow up` is started on the same HOME, and refuses")
def start_twice(world: World, _: random.Random) -> None:
    again = world.command("up", "--port", str(world.port + 1), "--no-label-studio")
    if again.returncode == 0 or "another" not in again.stderr:
        raise AssertionError(f"a second one did not refuse: {again.returncode} {again.stderr[-300:]}")


@fault("F14", "a hundred clients begin a body and do not go on")
def crawl(world: World, _: random.Random) -> None:
    head = (
        f"POST /v1/projects/{PROJECT}/signals HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {world.keys['ingest']}\r\n"
    )
    head += "Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"
    opened = []
    with suppress(OSError):
        for _number in range(SLOW_CLIENTS):
            connection = socket.create_connection((LOOPBACK, world.port), timeout=5)
            connection.sendall(head.encode())
            opened.append(connection)
    time.sleep(SOME_S)
    for connection in opened:
        connection.close()


@fault("F15", "connections are cut in the middle of a body")
def cut_bodies(world: World, _: random.Random) -> None:
    _for_a_while(world.api, Mode.CUT)


@fault("F15b", "the network to the API is slow")
def slow_network(world: World, _: random.Random) -> None:
    _for_a_while(world.api, Mode.SLOW)


@fault("F16", "Label Studio takes calls and says nothing, or loses its answers", "label_studio")
def silence_studio(world: World, chance: random.Random) -> None:
    assert world.studio is not None
    _for_a_while(world.studio, chance.choice([Mode.SILENT, Mode.LOSE_ANSWER, Mode.CUT, Mode.SLOW]), seconds=2 * SOME_S)


@fault("F17", "Label Studio is not to be reached", "label_studio")
def refuse_studio(world: World, _: random.Random) -> None:
    assert world.studio is not None
    _for_a_while(world.studio, Mode.REFUSE, seconds=2 * SOME_S)


@fault("F18", "a burst of hints from Label Studio, none of them with the secret", "label_studio")
def burst_of_hints(world: World, _: random.Random) -> None:
    with httpx.Client(base_url=world.url, timeout=10) as client:
        for _number in range(HINTS):
            answer = client.post(f"/v1/webhooks/label-studio/{PROJECT}", json={"action": "ANNOTATION_CREATED"})
            if answer.status_code != 401:
                raise AssertionError(f"a hint without the secret was answered {answer.status_code}")


@fault("F20", "people answer, and one changes an answer that was pulled", "label_studio")
def answer_and_edit(world: World, _: random.Random) -> None:
    rate(world, 3)
    server, project = world.label_studio_server, studio_project(world)
    if server is None or project is None:
        return
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Token {server.token}"}, timeout=30) as studio:
        tasks = studio.get("/api/tasks/", params={"project": project, "page_size": 100}).json()["tasks"]
        answered = [task["id"] for task in tasks if task["total_annotations"]]
        for annotation in studio.get(f"/api/tasks/{answered[0]}/annotations/").json() if answered else []:
            changed = {"choices": ["bad"]}
            result = [{"from_name": "mood", "to_name": "t", "type": "choices", "value": changed}]
            studio.patch(f"/api/annotations/{annotation['id']}/", json={"result": result})


@fault("F22", "somebody holds SQLite's lock for seconds", "sqlite")
def lock_sqlite(world: World, _: random.Random) -> None:
    import pysqlite3.dbapi2 as fixed  # the library whose log of changes loses nothing, as Winnow's own

    path = world.home / "winnow.sqlite3"
    with (
        closing(fixed.connect(path, isolation_level=None, timeout=5)) as connection,
        suppress(fixed.OperationalError),  # it was not to be had: others hold it long, which is no fault of ours
    ):
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(SOME_S)
        connection.execute("ROLLBACK")


@fault("F24", "a project's expectation holds a regular expression that would run for ever")
def poison(world: World, _: random.Random) -> None:
    """Texts are some words and a number: the expression tries every way to cut the words before it finds no `!`."""
    endless = {
        "type": "expect_column_values_to_match_regex",
        "kwargs": {"column": "text", "regex": "^(?=.)([a-z]+ ?)+!$"},
    }
    body = project_file()
    _put(world, {**body, "expectations": [*body["expectations"], endless]})
    try:
        row = world.job("POST", "/quality", within_s=POISON_WITHIN_S)
    finally:
        _put(world, body)
    world.was_poisoned = True
    told = str(row.get("error")) + str(world.project("GET", "/quality"))
    if row.get("status") not in {"done", "failed"} or "s of CPU" not in told:
        raise AssertionError(f"an endless expectation is not told: {row}")


@fault("F25", "two dozen bodies as large as may be, at once")
def send_large(world: World, _: random.Random) -> None:
    body = b'{"signals": [' + b"[],," * (LARGEST_BODY_BYTES // 4) + b"]}"
    answered: list[int] = []

    def post() -> None:
        try:
            headers = {"Content-Type": "application/json"}
            path = f"/v1/projects/{PROJECT}/signals"
            answered.append(world.call("POST", path, role="ingest", content=body, headers=headers).status_code)
        except httpx.HTTPError:
            answered.append(0)  # refused before it had sent all

    threads = [threading.Thread(target=post) for _number in range(LARGE_BODIES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if strange := {*answered} - {0, 400, 413, 503}:
        raise AssertionError(f"large bodies were answered {strange}")


@fault("F26", "the worker is killed in the middle of a build")
def kill_building(world: World, chance: random.Random) -> None:
    _ask(world, "/versions", {"draft": True})
    time.sleep(chance.random() * 2)
    world.hurt("worker", signal.SIGKILL)


@fault("F27", "the worker is killed in the middle of an erasure")
def kill_erasing(world: World, chance: random.Random) -> None:
    person = world.oracle.person_of(chance.randrange(PEOPLE))
    if person not in world.erased and len(world.erased) < PEOPLE // 4:
        with suppress(httpx.HTTPError):
            world.erase(person)
        time.sleep(chance.random())
        world.hurt("worker", signal.SIGKILL)


@fault("F28", "all is ended in order under load, and started again")
def end_in_order(world: World, _: random.Random) -> None:
    assert world.up is not None
    world.up.terminate()
    world.up.wait(60)
    if left := [part for part in PROCESSES if world.pids(part)]:
        raise AssertionError(f"still running after the end: {left}")
    world.start_up()


@fault("F28b", "`winnow up` itself is killed, and started again")
def kill_up(world: World, _: random.Random) -> None:
    assert world.up is not None
    world.up.kill()
    world.up.wait(10)
    world.start_up()


@fault("F31", "the worker, then the scheduler, stand still for seconds")
def stop_parts(world: World, _: random.Random) -> None:
    for part in ("worker", "scheduler"):
        world.hurt(part, signal.SIGSTOP)
        time.sleep(SOME_S)
        world.hurt(part, signal.SIGCONT)


def _for_a_while(proxy: Proxy, mode: Mode, *, seconds: float = SOME_S) -> None:
    proxy.set(mode)
    time.sleep(seconds)
    proxy.set(Mode.PASS)


def _kill(part: Part) -> None:
    """With all it has started, and waits until it is gone."""
    if part.pid:
        kill_group(part.pid)
        part.wait(10)


def _put(world: World, body: dict[str, Any]) -> None:
    world.project("PUT", content=json.dumps(body), headers={"Content-Type": "application/json"})


def _ask(world: World, path: str, body: dict[str, bool]) -> None:
    """A wish that may meet a system that is half down: then the next campaign has another chance."""
    with suppress(RuntimeError, httpx.HTTPError):
        world.project("POST", path, json=body)


NUMBERS: Final = tuple(FAULTS)
