"""Faults of the servers behind Winnow: the broker and PostgreSQL die, forget, and lose the end of their log."""

from __future__ import annotations

import os
import random
import socket
import time

from foundation.running.parts import LOOPBACK
from tests.chaos.faults.registry import SOME_S, fault, kill
from tests.chaos.world import World


@fault("F7", "PostgreSQL is killed as a whole, and comes back", "postgresql")
def kill_postgres(world: World, _: random.Random) -> None:
    assert world.postgres is not None
    kill(world.postgres)
    time.sleep(SOME_S / 2)
    world.postgres.start()
    world.postgres.wait_until_it_answers(timeout_s=60)


@fault("F8", "Valkey is killed, and comes back")
def kill_broker(world: World, _: random.Random) -> None:
    kill(world.valkey)
    world.valkey.start()
    world.valkey.wait_until_it_answers(timeout_s=30)


@fault("F8b", "Valkey forgets everything it holds")
def flush_broker(world: World, _: random.Random) -> None:
    forget_messages(world)


def forget_messages(world: World) -> None:
    with socket.create_connection((LOOPBACK, world.valkey_server.port), timeout=5) as connection:
        connection.sendall(f"AUTH {world.valkey_server.password}\r\nFLUSHALL\r\n".encode())
        connection.recv(64)


@fault("F8c", "Valkey's log of messages is cut in the middle of a message")
def cut_broker_log(world: World, chance: random.Random) -> None:
    kill(world.valkey)
    for log in (world.folder / "valkey" / "appendonlydir").glob("*.incr.aof"):
        os.truncate(log, max(0, log.stat().st_size - chance.randint(1, 40)))
    world.valkey.start()
    world.valkey.wait_until_it_answers(timeout_s=30)
