"""Faults of Label Studio and of those who work in it."""

from __future__ import annotations

import random
import signal
import time
from contextlib import suppress

import httpx

from foundation.running.parts import wait_until
from tests.chaos.faults.registry import SOME_S, fault, for_a_while, kill
from tests.chaos.oracle import PROJECT
from tests.chaos.proxy import Mode
from tests.chaos.raters import answer_of, delete_tasks, rate, studio_client, tasks_in_studio, tasks_of
from tests.chaos.world import World

HINTS = 100
AGAIN_WITHIN_S = 30
VANISHED = "vanished from Label Studio at once"
"""What a sync says that finds a whole page of tasks gone."""


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
    kill(world.label_studio)
    world.label_studio.start()
    world.label_studio.wait_until_it_answers(timeout_s=120)


@fault("F16", "Label Studio takes calls and says nothing, or loses its answers", "label_studio")
def silence_studio(world: World, chance: random.Random) -> None:
    assert world.studio is not None
    for_a_while(world.studio, chance.choice([Mode.SILENT, Mode.LOSE_ANSWER, Mode.CUT, Mode.SLOW]), seconds=2 * SOME_S)


@fault("F17", "Label Studio is not to be reached", "label_studio")
def refuse_studio(world: World, _: random.Random) -> None:
    assert world.studio is not None
    for_a_while(world.studio, Mode.REFUSE, seconds=2 * SOME_S)


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
    answered = [task for task in tasks_of(world) if task["total_annotations"]]
    with studio_client(world) as studio:
        for task in answered[:1]:
            world.edited.add(task["data"]["text"])
            for annotation in studio.get(f"/api/tasks/{task['id']}/annotations/").json():
                studio.patch(f"/api/annotations/{annotation['id']}/", json={"result": answer_of("bad")["result"]})


@fault("F19", "a task is deleted by hand in Label Studio, and then a whole page of them", "label_studio")
def delete_by_hand(world: World, chance: random.Random) -> None:
    """One is made again by itself; of many nothing is taken over until somebody says that it was meant."""
    world.job("POST", "/sync")
    rate(world, 2)
    victim = chance.choice(tasks_of(world))
    delete_tasks(world, [victim["id"]])
    if victim["total_annotations"] == 0 and not wait_until(
        lambda: victim["data"]["text"] in tasks_in_studio(world), timeout_s=AGAIN_WITHIN_S
    ):
        raise AssertionError(f"a task deleted by hand is not made again within {AGAIN_WITHIN_S} s")
    page = [task["id"] for task in tasks_of(world)]
    world.may_fail.add(VANISHED)
    delete_tasks(world, page[: len(page) // 2])
    row = world.job("POST", "/sync")
    if VANISHED not in str(row.get("error")):
        raise AssertionError(f"{len(page) // 2} of {len(page)} tasks were deleted, and the sync did not stop: {row}")
    accepted = world.command("labeling", "verify", PROJECT, "--rebuild", "--json")
    if accepted.returncode:
        raise AssertionError(f"accepted, both sides differ: {accepted.stdout[:400]} {accepted.stderr[:300]}")
