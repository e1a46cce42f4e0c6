"""Faults between phones and the API, and between the parts and the broker."""

from __future__ import annotations

import random
import socket
import threading
import time
from contextlib import suppress

import httpx

from foundation.running.parts import LOOPBACK
from tests.chaos.faults.registry import SOME_S, fault, for_a_while
from tests.chaos.oracle import PROJECT
from tests.chaos.proxy import Mode
from tests.chaos.world import World

SLOW_CLIENTS = 100
LARGE_BODIES = 24
LARGEST_BODY_BYTES = 19_000_000


@fault("F1", "answers of the API are lost on their way")
def lose_answers(world: World, _: random.Random) -> None:
    for_a_while(world.api, Mode.LOSE_ANSWER)


@fault("F9", "the broker takes connections and says nothing")
def silence_broker(world: World, _: random.Random) -> None:
    for_a_while(world.broker, Mode.SILENT, seconds=2 * SOME_S)


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
    for_a_while(world.api, Mode.CUT)


@fault("F15b", "the network to the API is slow")
def slow_network(world: World, _: random.Random) -> None:
    for_a_while(world.api, Mode.SLOW)


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
