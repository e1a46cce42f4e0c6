"""The list of faults: each by its number, with what it needs, and what several of them do."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from shutil import which

from foundation.running.parts import Part, kill_group
from tests.chaos.proxy import Mode, Proxy
from tests.chaos.world import World

SOME_S = 2.0

Act = Callable[[World, random.Random], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """`needs`: `label_studio`, `sqlite`, `postgresql`, `own_disk`, `own_clock` or `strace`, without which it does not apply."""

    name: str
    what: str
    act: Act
    needs: frozenset[str] = frozenset()

    def applies(self, world: World) -> bool:
        has = {"sqlite" if world.postgres is None else "postgresql"}
        has |= {"label_studio"} if world.studio is not None else set()
        has |= {"own_disk"} if world.has_own_disk else set()
        has |= {"own_clock"} if world.clocks is not None else set()
        return self.needs <= has | ({"strace"} if which("strace") else set())


FAULTS: dict[str, Fault] = {}


def fault(name: str, what: str, *needs: str) -> Callable[[Act], Act]:
    """Adds a function to the list; it leaves the world to be healed."""

    def add(act: Act) -> Act:
        FAULTS[name] = Fault(name, what, act, frozenset(needs))
        return act

    return add


def for_a_while(proxy: Proxy, mode: Mode, *, seconds: float = SOME_S) -> None:
    proxy.set(mode)
    time.sleep(seconds)
    proxy.set(Mode.PASS)


def kill(part: Part) -> None:
    """With all it has started, and waits until it is gone."""
    if part.pid:
        kill_group(part.pid)
        part.wait(10)
