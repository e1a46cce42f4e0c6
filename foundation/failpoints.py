"""Named places where a test can kill, stop or fail a process: `WINNOW_FAILPOINTS="push.after_import=kill@2,erase.blobs=raise"`.

`kill@2` acts at the second time the place is passed. Nothing is armed with `WINNOW_ENV=production`.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count

_WRITTEN = re.compile(r"(?P<name>[a-z_]+(?:\.[a-z_]+)*)=(?P<action>kill|raise|stop)(?:@(?P<hit>[1-9][0-9]{0,8}))?")


class FailpointReached(RuntimeError):
    """A test asked for a failure here."""


class Action(StrEnum):
    KILL = "kill"
    RAISE = "raise"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Failpoint:
    name: str
    action: Action
    at_hit: int
    hits: count[int] = field(default_factory=lambda: count(1))

    def hit(self) -> None:
        if next(self.hits) != self.at_hit:
            return
        if self.action is Action.RAISE:
            raise FailpointReached(self.name)
        os.kill(os.getpid(), signal.SIGKILL if self.action is Action.KILL else signal.SIGSTOP)


def parse_failpoints(environment: Mapping[str, str]) -> dict[str, Failpoint]:
    """The armed places by name. Raises ValueError for a place it cannot read: a fault test that tests nothing is worse."""
    written = environment.get("WINNOW_FAILPOINTS", "")
    if not written or environment.get("WINNOW_ENV") == "production":
        return {}
    armed = {}
    for part in written.split(","):
        if not (match := _WRITTEN.fullmatch(part.strip())):
            raise ValueError("WINNOW_FAILPOINTS has to look like place.name=kill@2,other.place=raise")
        name, action, hit = match.group("name", "action", "hit")
        armed[name] = Failpoint(name, Action(action), int(hit or 1))
    return armed


_ARMED = parse_failpoints(os.environ)


def failpoint(name: str) -> None:
    """Does nothing unless a test has armed this name."""
    if armed := _ARMED.get(name):
        armed.hit()
