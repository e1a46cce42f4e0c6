"""One campaign: phones send without end, the nemesis does one fault after another, and the judge looks at what is left."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from foundation.running.parts import wait_until
from tests.chaos.faults import FAULTS
from tests.chaos.judge import judge
from tests.chaos.oracle import Oracle
from tests.chaos.phones import Fleet
from tests.chaos.raters import rate
from tests.chaos.world import World, running_world

CALM_S = 0.5
SOME_SIGNALS = 100
"""So many are stored before the first fault, which may want to work with them."""
RECOVERED_WITHIN_S = 60.0


def run_campaign(
    folder: Path,
    *,
    seed: int,
    database: str,
    faults: Sequence[str],
    with_studio: bool,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """What came of it: `wrong` is empty where all held.

    Args:
        folder: an empty one, for everything the campaign writes.
        faults: numbers of the list; those that do not apply are left out. A seed decides their order.
    """
    began = time.monotonic()
    oracle, chance = Oracle.starting_now(seed), random.Random(seed)
    with running_world(folder / "world", oracle, database=database, with_studio=with_studio) as world:
        fleet = Fleet(oracle, world.phones_url, world.keys["ingest"], erased=world.erased)
        fleet.start()
        wait_until(lambda: len(fleet.acknowledged) >= SOME_SIGNALS, timeout_s=RECOVERED_WITHIN_S)
        applied = [name for name in faults if FAULTS[name].applies(world)]
        chance.shuffle(applied)
        wrong = [words for name in applied for words in _disturb(world, fleet, name, chance, say)]
        world.heal()
        fleet.stop()
        verdict = judge(world, fleet)
    outcome = {
        "seed": seed,
        "database": database,
        "label_studio": with_studio,
        "faults": applied,
        "acknowledged": verdict.acknowledged,
        "lost": len(verdict.lost),
        **verdict.facts,
        "wrong": [*wrong, *verdict.wrong],
        "seconds": round(time.monotonic() - began),
    }
    for words in verdict.wrong:
        say(f"  WRONG: {words}")
    return outcome


def _disturb(world: World, fleet: Fleet, name: str, chance: random.Random, say: Callable[[str], None]) -> Sequence[str]:
    """One fault, and the way back: within a minute all parts answer, and signals are taken again."""
    wrong, began = [], time.monotonic()
    try:
        FAULTS[name].act(world, chance)
    except Exception as error:  # noqa: BLE001 - whatever a fault meets in a broken world is told, and the campaign goes on
        wrong.append(f"{name}: {type(error).__name__}: {error}")
    world.heal()
    hurt_s = time.monotonic() - began
    if not world.wait_until_ready(RECOVERED_WITHIN_S):
        wrong.append(f"{name}: not ready {RECOVERED_WITHIN_S:.0f} s later")
    taken = len(fleet.acknowledged)
    if not wait_until(lambda: len(fleet.acknowledged) > taken, timeout_s=RECOVERED_WITHIN_S):
        wrong.append(f"{name}: no signal is taken {RECOVERED_WITHIN_S:.0f} s later")
    if world.studio is not None:
        rate(world, 2)
    say(f"{name:5} {FAULTS[name].what}: {hurt_s:.1f} s, ready {time.monotonic() - began - hurt_s:.1f} s later")
    for words in wrong:
        say(f"  WRONG: {words}")
    time.sleep(CALM_S)
    return wrong
