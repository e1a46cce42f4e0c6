"""After a campaign: is all that was acknowledged there once, nothing else, and does everything go on by itself?"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from foundation.running.parts import wait_until
from tests.chaos.oracle import CANARY_EVERY, PROJECT, WRONG_EVERY, Oracle, mood_of
from tests.chaos.phones import BATCH, Fleet, send
from tests.chaos.raters import annotations_in_studio, rate, studio_project, tasks_in_studio
from tests.chaos.world import World

SETTLED_WITHIN_S = 180.0
FRESH_WITHIN_S = 60.0
LABELLED = 60
LARGEST_READ_BYTES = 64 << 20
FRESH = 1_000_000_000
"""Number of the signal that is sent when all is over."""


@dataclass
class Verdict:
    """What was looked at and what is wrong; an empty `wrong` is a campaign that held."""

    acknowledged: int = 0
    lost: list[int] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def expect(self, holds: bool, words: str) -> None:
        if not holds:
            self.wrong.append(words)


def judge(world: World, fleet: Fleet) -> Verdict:
    """Speaks to the healed system by public calls alone, and reads the files it has written."""
    verdict = Verdict(acknowledged=len(fleet.acknowledged))
    verdict.wrong.extend(fleet.strange[:20])
    verdict.expect(world.wait_until_ready(FRESH_WITHIN_S), "not ready a minute after everything was healed")
    _judge_intake(world, fleet, verdict)
    _judge_erasures(world, verdict)
    if world.studio is not None:
        _judge_labeling(world, verdict)
    _judge_fresh_signal(world, verdict)
    _judge_jobs(world, verdict)
    _judge_version(world, fleet, verdict)
    verdict.wrong += [f"a canary lies readable in {path}" for path in canaries_in(world, fleet.issued)]
    return verdict


def _judge_intake(world: World, fleet: Fleet, verdict: Verdict) -> None:
    """Everything that was issued is sent once more: what was acknowledged must be there, by its id and its content."""
    oracle, alive = world.oracle, []
    with httpx.Client(base_url=world.url, timeout=60) as client:
        for first in range(0, fleet.issued, 5 * BATCH):
            numbers = list(range(first, min(first + 5 * BATCH, fleet.issued)))
            answer = send(client, world.keys["ingest"], oracle, numbers)
            verdict.expect(answer.status_code == 200, f"the last sending was answered {answer.status_code}")
            if answer.status_code == 200:
                for number, result in zip(numbers, answer.json()["results"], strict=True):
                    _judge_result(world, fleet, verdict, number, result)
                    alive += [number] if result["status"] != "rejected" else []
    counts = world.project("GET")["counts"]
    verdict.expect(not verdict.lost, f"{len(verdict.lost)} acknowledged signals are lost, such as {verdict.lost[:5]}")
    verdict.expect(
        counts["signals"] == len(alive), f"{counts['signals']} signals are stored, {len(alive)} were issued and live"
    )
    items = len({oracle.text_of(number) for number in alive})
    verdict.expect(counts["items"] == items, f"{counts['items']} items are stored for {items} contents")
    verdict.facts |= {"issued": fleet.issued, "alive": len(alive), "failures": fleet.failures, "counts": counts}


def _judge_result(world: World, fleet: Fleet, verdict: Verdict, number: int, result: dict[str, Any]) -> None:
    status, reasons = result["status"], [fault["reason"] for fault in result.get("errors", [])]
    if world.oracle.person_of(number) in world.erased:
        verdict.expect(status == "rejected", f"{number} of an erased person is {status}")
    elif world.oracle.is_wrong(number):
        verdict.expect(reasons == ["missing_field"], f"{number} has to be refused: {result}")
    elif number in fleet.acknowledged and status != "replayed":
        verdict.lost.append(number)
    elif status == "rejected":
        verdict.wrong.append(f"{number}: {result}")


def _judge_erasures(world: World, verdict: Verdict) -> None:
    for person in world.erased:
        done = world.erasure_ends(person, within_s=SETTLED_WITHIN_S)
        verdict.expect(done, f"the erasure of {person} does not end")
    verdict.facts["erasures"] = len(world.erased)


def _judge_labeling(world: World, verdict: Verdict) -> None:
    """Both sides are equal, no item has two tasks, and each answer is stored once."""
    row = world.job("POST", "/sync")
    verdict.expect(row.get("status") == "done", f"the last sync did not end well: {row}")
    compared = world.command("labeling", "verify", PROJECT, "--json")
    verdict.expect(compared.returncode == 0, f"both sides differ: {compared.stdout[:600]} {compared.stderr[:300]}")
    texts = tasks_in_studio(world)
    verdict.expect(len(texts) == len(set(texts)), "an item has two tasks in Label Studio")
    answers, counts = annotations_in_studio(world), world.project("GET")["counts"]
    verdict.expect(
        counts["annotations"] >= answers, f"{counts['annotations']} annotations are stored, {answers} were given"
    )
    wrong = list(gone_astray(_annotations(world), world.edited))
    verdict.expect(not wrong, f"{len(wrong)} answers went to another item, such as {wrong[:3]}")
    verdict.facts |= {"tasks": len(texts), "answers": answers}


def _annotations(world: World) -> list[dict[str, Any]]:
    """All of them, with the text of their item."""
    page = world.project("GET", "/annotations")
    found = page["annotations"]
    while page["cursor"] is not None:
        page = world.project("GET", "/annotations", params={"cursor": page["cursor"]})
        found += page["annotations"]
    texts = {item: world.project("GET", f"/items/{item}")["content"]["text"] for item in {one["item"] for one in found}}
    return [{**one, "text": texts[one["item"]]} for one in found]


def gone_astray(annotations: Iterable[dict[str, Any]], edited: Container[str]) -> Iterator[str]:
    """Raters answer by the text alone: whatever else stands at an item was meant for another one."""
    for one in annotations:
        is_wrong = any(answer["value"] != mood_of(one["text"]) for answer in one["answers"])
        if is_wrong and one["source"] == "label_studio" and one["text"] not in edited:
            yield f"{one['annotation']} at {one['text']}"


def _judge_fresh_signal(world: World, verdict: Verdict) -> None:
    """A new signal passes the whole way."""
    with httpx.Client(base_url=world.url, timeout=60) as client:
        answer = send(client, world.keys["ingest"], world.oracle, [FRESH])
        stored = answer.status_code == 200 and answer.json()["accepted"] == 1
    verdict.expect(stored, f"a fresh signal is not taken: {answer.text[:300]}")
    before = world.project("GET")["counts"]
    verdict.expect(before["ready"] == before["items"], f"of {before['items']} items {before['ready']} are ready")
    if world.studio is None or studio_project(world) is None:
        return
    verdict.expect(rate(world, 1) == 1, "nobody can answer a task any more")
    came = wait_until(
        lambda: world.project("GET")["counts"]["annotations"] > before["annotations"], timeout_s=FRESH_WITHIN_S
    )
    verdict.expect(came, "a fresh answer does not come back from Label Studio")


def _judge_jobs(world: World, verdict: Verdict) -> None:
    def open_jobs() -> list[dict[str, Any]]:
        rows = world.project("GET", "/jobs")["jobs"]
        return [row for row in rows if row["status"] in {"queued", "running"} and row["kind"] != "labeling.sync"]

    verdict.expect(
        wait_until(lambda: not open_jobs(), timeout_s=SETTLED_WITHIN_S), f"jobs that do not end: {open_jobs()[:3]}"
    )
    rows = world.project("GET", "/jobs")["jobs"]
    failed = [
        row for row in rows if row["status"] == "failed" and not any(words in row["error"] for words in world.may_fail)
    ]
    verdict.expect(not failed, f"jobs that failed for good: {failed[:3]}")


def _judge_version(world: World, fleet: Fleet, verdict: Verdict) -> None:
    """Labels made elsewhere are taken, and a version of them is built, downloaded and whole."""
    row = world.build_version(min(fleet.issued, LABELLED))
    verdict.expect(row.get("status") == "done", f"no version can be built: {row}")
    if row.get("status") != "done":
        return
    taken, folder = world.download(row["result"]["version"])
    whole = world.command("exports", "verify", str(folder))
    verdict.expect(
        taken.returncode == 0 and whole.returncode == 0, f"the version does not hold: {taken.stderr} {whole.stdout}"
    )


def canaries_in(world: World, issued: int) -> Iterator[str]:
    """Files below the campaign's folder in which an address that had to be scrubbed lies in readable form."""
    needles = [
        world.oracle.canary_of(number).encode()
        for number in range(0, min(issued, 2_000), CANARY_EVERY)
        if number % WRONG_EVERY
    ]
    common, tail = b"canary-", b"@mailbox-kq7.org"
    for path in (path for folder in world.written for path in folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            content = _read(path)
            if common in content and tail in content and any(needle in content for needle in needles):
                yield path.name


def _read(path: Path) -> bytes:
    try:
        with closing(path.open("rb")) as file:
            return file.read(LARGEST_READ_BYTES)
    except OSError:
        return b""


def expected_canaries(oracle: Oracle, issued: int) -> int:
    """How many signals carry one: a sweep that looks for none finds none."""
    return sum(1 for number in range(0, issued, CANARY_EVERY) if not oracle.is_wrong(number))
