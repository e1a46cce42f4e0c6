"""Faults of Winnow's own processes: killed at their work, stopped, started twice, kept busy for ever."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from contextlib import suppress
from typing import Any

import httpx

from foundation.running.parts import wait_until
from tests.chaos.faults.registry import SOME_S, fault
from tests.chaos.oracle import PEOPLE, project_file
from tests.chaos.world import PROCESSES, World

POISON_WITHIN_S = 240
POISONED = "s of CPU and was ended"
"""What jobs say that met an expectation without end."""


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


@fault("F13", "a second `winnow up` is started on the same HOME, and refuses")
def start_twice(world: World, _: random.Random) -> None:
    again = world.command("up", "--port", str(world.port + 1), "--no-label-studio")
    if again.returncode == 0 or "another" not in again.stderr:
        raise AssertionError(f"a second one did not refuse: {again.returncode} {again.stderr[-300:]}")


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


@fault("F24", "a project's expectation holds a regular expression that would run for ever")
def poison(world: World, _: random.Random) -> None:
    """Texts are some words and a number: the expression tries every way to cut the words before it finds no `!`."""
    endless = {
        "type": "expect_column_values_to_match_regex",
        "kwargs": {"column": "text", "regex": "^(?=.)([a-z]+ ?)+!$"},
    }
    body = project_file()
    world.may_fail.add(POISONED)  # the periodic report may meet it three times
    _put(world, {**body, "expectations": [*body["expectations"], endless]})
    try:
        job = world.project("POST", "/quality")["job"]
        told = wait_until(
            lambda: POISONED in str(world.call("GET", f"/v1/jobs/{job}").json().get("error")), timeout_s=POISON_WITHIN_S
        )
    finally:
        _put(world, body)
    if not told:
        raise AssertionError(f"an endless expectation is not told: {world.call('GET', f'/v1/jobs/{job}').text}")
    if world.ended(job, within_s=POISON_WITHIN_S).get("status") not in {"done", "failed"}:
        raise AssertionError("a job that met an endless expectation does not end when it is taken away")


def _put(world: World, body: dict[str, Any]) -> None:
    world.project("PUT", content=json.dumps(body), headers={"Content-Type": "application/json"})


def _ask(world: World, path: str, body: dict[str, bool]) -> None:
    """A wish that may meet a system that is half down: then the next campaign has another chance."""
    with suppress(RuntimeError, httpx.HTTPError):
        world.project("POST", path, json=body)
