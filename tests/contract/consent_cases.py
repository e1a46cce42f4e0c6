"""The table of consent: what a person did, one step after another, and which of their signals may be used in the end.

Times are days from now: -2 is what a phone's clock said two days ago, 1 a clock that is a day ahead. Each step is received now;
0 is the moment of the step itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

MINUTE = 1 / 1440
By = Literal["call", "app", "backend"]
"""By `PUT /subject/consent`, or in the envelope of a batch sent with an app's key or a server's."""


@dataclass(frozen=True)
class Agrees:
    at: float
    purposes: tuple[str, ...] = ("training",)
    notice: str = "1"
    by: By = "call"


@dataclass(frozen=True)
class Withdraws:
    at: float
    by: By = "call"


@dataclass(frozen=True)
class Sends:
    """A signal; `taken`: what the door says when it comes in."""

    name: str
    at: float
    taken: bool = True


@dataclass(frozen=True)
class Leaves:
    """Asks to be erased; no worker has come to it yet."""


Step = Agrees | Withdraws | Sends | Leaves


@dataclass(frozen=True)
class Case:
    what: str
    steps: tuple[Step, ...]
    usable: frozenset[str] = field(default_factory=frozenset)


def case(what: str, *steps: Step, usable: str = "") -> Case:
    return Case(what, steps, frozenset(usable.split()))


CASES = (
    case("never asked", Sends("a", -1, taken=False)),
    case("agreed before the capture", Agrees(-3), Sends("a", -2), usable="a"),
    case("agreed four minutes after it", Agrees(-2 + 4 * MINUTE), Sends("a", -2), usable="a"),
    case("agreed six minutes after it", Agrees(-2 + 6 * MINUTE), Sends("a", -2, taken=False)),
    case("agreed to something else", Agrees(-3, purposes=("research",)), Sends("a", -2, taken=False)),
    case("agreed to more than is asked", Agrees(-3, purposes=("research", "training")), Sends("a", -2), usable="a"),
    case("agreed to a notice that is not accepted", Agrees(-3, notice="3"), Sends("a", -2, taken=False)),
    case("took it back", Agrees(-9), Sends("a", -5), Withdraws(0), Sends("b", -4, taken=False)),
    case("took it back and agreed again", Agrees(-9), Sends("a", -5), Withdraws(-3), Agrees(-2), Sends("b", -1),
         Sends("c", -4, taken=False), usable="b"),
    case("agreed again a moment ago: nothing old comes back", Agrees(-9), Sends("a", -5), Withdraws(0), Agrees(0),
         Sends("b", 0), usable="b"),
    case("renewed under the same notice", Agrees(-9), Sends("a", -5), Agrees(-2), Sends("b", -4), Sends("c", -1),
         usable="a b c"),
    case("renewed under another accepted notice", Agrees(-9), Sends("a", -5), Agrees(-2, notice="2"), Sends("b", -1),
         usable="a b"),
    case("renewed under a notice that is not accepted", Agrees(-9), Sends("a", -5), Agrees(-2, notice="3"),
         Sends("b", -1, taken=False)),
    case("a gap: other terms in between", Agrees(-9), Sends("a", -8), Agrees(-7, purposes=()), Agrees(-5), Sends("b", -4),
         Sends("c", -6, taken=False), usable="b"),
    case("took it back and renewed twice", Agrees(-9), Sends("a", -8), Withdraws(-7), Agrees(-6), Sends("b", -5), Agrees(-4),
         Sends("c", -3), usable="b c"),
    case("an older consent that arrives late adds to the past only", Agrees(-2), Sends("a", -1), Agrees(-4), Sends("b", -3),
         usable="a b"),
    case("older terms that arrive late close nothing", Agrees(-2), Sends("a", -1), Agrees(-4, purposes=()),
         Sends("b", -3, taken=False), usable="a"),
    case("agreed by a clock a day ahead", Agrees(0.9), Sends("a", 0), usable="a"),
    case("agreed by a clock a day ahead, then took it back", Agrees(0.9), Sends("a", 0), Withdraws(0),
         Sends("b", 0, taken=False)),
    case("took it back by a clock a day ahead, then agreed", Agrees(-9), Withdraws(0.9), Agrees(0), Sends("a", 0), usable="a"),
    case("took it back by a clock that is late: it counts from its receipt", Agrees(-2), Sends("a", -1), Withdraws(-5),
         Sends("b", 0, taken=False)),
    case("a withdrawal that was sent again", Agrees(-9), Withdraws(-5), Agrees(-4), Sends("a", -3), Withdraws(-5), Sends("b", -2),
         usable="a b"),
    case("a consent from before the withdrawal that was sent again", Agrees(-2), Sends("a", -1), Withdraws(-3), Agrees(-2),
         Sends("b", 0, taken=False)),
    case("one from before the withdrawal that arrives late", Agrees(-9), Sends("a", -8), Withdraws(-3), Agrees(-4),
         Sends("b", 0, taken=False)),
    case("by an envelope with an app's key", Agrees(-3, by="app"), Sends("a", -2), usable="a"),
    case("an app's envelope takes it back", Agrees(-3), Sends("a", -2), Withdraws(0, by="app"), Sends("b", 0, taken=False)),
    case("an app's envelope does not lift a withdrawal", Agrees(-9), Sends("a", -8), Withdraws(-3), Agrees(-2, by="app"),
         Sends("b", -1, taken=False)),
    case("a server's envelope does", Agrees(-9), Sends("a", -8), Withdraws(-3), Agrees(-2, by="backend"), Sends("b", -1),
         usable="b"),
    case("one stamped before the erasure does not lift it", Agrees(-9), Sends("a", -8), Leaves(), Agrees(-1),
         Sends("b", 0, taken=False)),
    case("an app's envelope stamped ahead does not lift it", Agrees(0.9), Sends("a", 0), Leaves(), Agrees(0.9, by="app"),
         Sends("b", 0.9, taken=False)),
    case("who comes back after an erasure", Agrees(-9), Sends("a", -8), Leaves(), Agrees(0), Sends("b", 0),
         Sends("c", -7, taken=False), usable="b"),
)  # fmt: skip
