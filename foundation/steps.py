"""What happens later to an erasure, an item, a revision or a version: who owes which step, after which other, and who is told.

A domain declares a kind of work once, as an `Effect`; each domain, its own and those above, adds steps with `@follows`. The
transaction that causes the work calls `owe`, which writes a row a step. The worker takes what is owed and free
(`foundation/tasks.py`), and each step closes with `step.done`, in the transaction of its last effect. The last of them
calls `completed`, in that same transaction.

What only this release declares is owed to whatever is still open: work is not complete before each declared step is done.
A step that a release gives up needs a migration that deletes its rows, since a worker leaves alone what it does not know.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from typing import TYPE_CHECKING

from sqlmodel import Session

from foundation.database import after_commit, unit_of_work, utc_now
from foundation.failpoints import failpoint
from foundation.step_rows import (
    Facts,
    Owed,
    StepRow,
    StepState,
    add_rows,
    delete_rows,
    finish,
    let_begin,
    renew,
    rows_of,
)

if TYPE_CHECKING:
    from foundation.queue import Runtime

STEPS = "steps"
"""What is announced when something is owed."""


class StepsMisdeclared(Exception):
    """The steps that the domains declare do not fit together: nothing may start with them."""


class NotYet(Exception):
    """Something else has to end first, in words: the step is tried again a little later, and that is no strike."""


class Standing(StrEnum):
    """How work stands that is not complete. `failing`: one of its steps has failed three times, and goes on being tried."""

    RUNNING = "running"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Effect:
    """A kind of work, declared by the domain that owns it; the functions are called in the transaction of what they tell.

    Args:
        completed: every step is done.
        moved: a step is done and others are owed, or one has failed too often.
        hold: locks the row of what the steps are owed to, where somebody may take it away with its steps: a step that ends
            comes to both in the same order as they do, so neither waits for what the other has.
    """

    name: str
    completed: Callable[[Session, Owed, datetime], object]
    moved: Callable[[Session, Owed, Standing], object] = lambda session, owed, standing: None  # noqa: ARG005
    hold: Callable[[Session, Owed], object] = lambda session, owed: None  # noqa: ARG005


@dataclass
class StepWork:
    """One leased step, as its function sees it."""

    runtime: Runtime
    row: StepRow
    holder: uuid.UUID
    is_closed: bool = field(default=False, init=False)

    @property
    def project_id(self) -> int:
        return self.row.project_id

    @property
    def of(self) -> str:
        """The id of what the step is owed to."""
        return self.row.of

    def renew(self, **progress: int) -> None:
        """Keeps the lease.

        Raises:
            LeaseLost: somebody else has the step now: stop, without a trace.
        """
        with unit_of_work(self.runtime.database) as session:
            renew(session, self.row, holder=self.holder, lease_s=self.runtime.settings.lease_s, **progress)
            failpoint("steps.renew")

    def progress(self, done: int, total: int) -> None:
        """Notes how far the step is, and keeps its lease. Raises LeaseLost as `renew` does."""
        self.renew(parts_done=done, parts_total=total)

    def done(self, session: Session, facts: Facts | None = None) -> None:
        """Closes the step, once, in the transaction of its last effect; what comes after it may begin.

        Raises:
            LeaseLost: somebody else has the step now: nothing of this transaction holds.
        """
        failpoint("steps.before_done")
        now = utc_now()
        all_steps()[self.row.kind][self.row.step].effect.hold(session, self.row.owed)
        rows = finish(session, self.row, holder=self.holder, facts=facts or {}, now=now)
        _go_on(session, self.row.owed, rows, now=now)
        self.is_closed = True


StepFunction = Callable[[StepWork], Facts | None]
"""Calls `step.done`, or returns the facts where nothing of the effect needs to hold together with the word that it is done."""


Preparation = Callable[["Runtime"], object]


def _nothing(_: Runtime) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Step:
    """`after`: the steps of the same work that have to be done before; `prepare`: as for `follows`."""

    effect: Effect
    name: str
    after: tuple[str, ...]
    function: StepFunction
    prepare: Preparation = field(compare=False)


_STEPS: dict[str, dict[str, Step]] = {}
_MODULES: list[str] = []
"""Those that declare steps, in an installation; without them nobody may say what is owed."""


def follows(
    effect: Effect, *, step: str, after: str | Sequence[str] = (), prepare: Preparation = _nothing
) -> Callable[[StepFunction], StepFunction]:
    """Declares a step. Repeated, its function must change nothing more: it may have died anywhere.

    Args:
        after: steps of the own domain or of those below it.
        prepare: what serves as many of these steps as are free together. It is called once for them, when all that comes
            before each of them is done, as a part of the first; where it fails, that one has failed, and the next tries it.
    """

    def register(function: StepFunction) -> StepFunction:
        of_kind = _STEPS.setdefault(effect.name, {})
        if step in of_kind:
            raise StepsMisdeclared(f"two steps of the kind {effect.name} are called {step}")
        before = (after,) if isinstance(after, str) else tuple(after)
        of_kind[step] = Step(effect, step, before, function, prepare)
        all_steps.cache_clear()
        return function

    return register


def compose(modules: Iterable[str]) -> None:
    """Says which modules declare steps. They are imported when somebody first asks what is owed."""
    _MODULES[:] = modules
    all_steps.cache_clear()


@lru_cache(maxsize=1)
def all_steps() -> Mapping[str, Mapping[str, Step]]:
    """Every step that the domains declare, by kind and by name; checked once, and anew after one more was declared.

    Raises:
        StepsMisdeclared: they do not fit together, or not all of them are known here.
    """
    if not _MODULES:
        raise StepsMisdeclared("nobody has said which modules declare steps: what is owed cannot be told")
    for name in _MODULES:
        import_module(name)
    for kind, steps in _STEPS.items():
        _check(kind, steps)
    return _STEPS


def has_steps(effect: Effect) -> bool:
    """Whether anything follows at all; where nothing does, nothing will ever call `completed`."""
    return effect.name in all_steps()


def owe(session: Session, effect: Effect, project_id: int, *of: str, now: datetime) -> None:
    """Every step of this kind is owed to each of these, at most some hundred; owed already, nothing changes."""
    steps = all_steps().get(effect.name, {})
    # In one order for everybody: two who owe the same would wait for each other.
    owed = [Owed(effect.name, project_id, one) for one in sorted(set(of))]
    if not steps or not add_rows(session, owed, steps, now=now):
        return
    let_begin(session, effect.name, project_id, of, [name for name, step in steps.items() if not step.after])
    _wake(session)


def forget(session: Session, effect: Effect, project_id: int, of: Collection[str]) -> None:
    """What is gone owes nothing; whoever works at a step of it finds the lease lost. At most some hundred."""
    delete_rows(session, effect.name, project_id, of)


def steps_of(session: Session, effect: Effect, project_id: int, of: Collection[str]) -> dict[str, list[StepRow]]:
    """The steps of at most some hundred works of a kind, each by name; empty lists where nothing was ever owed."""
    found: dict[str, list[StepRow]] = {one: [] for one in of}
    for row in rows_of(session, effect.name, project_id, of):
        found[row.of].append(row)
    return found


def tell_failing(session: Session, row: StepRow) -> None:
    """Tells the owner of the work that a step of it has failed too often."""
    if row.is_failing:
        all_steps()[row.kind][row.step].effect.moved(session, row.owed, Standing.FAILING)


def _go_on(session: Session, owed: Owed, rows: Sequence[StepRow], *, now: datetime) -> None:
    """After a step was done: what it held up may begin, and the owner is told. All rows of the work are locked."""
    steps = all_steps()[owed.kind]
    effect = next(iter(steps.values())).effect
    done = {row.step for row in rows if row.state == StepState.DONE}
    missing = steps.keys() - {row.step for row in rows}
    add_rows(session, [owed], missing, now=now)
    if not missing and len(done) == len(rows):
        effect.completed(session, owed, now)
        return
    may_begin = [name for name, step in steps.items() if done.issuperset(step.after)]
    let_begin(session, owed.kind, owed.project_id, [owed.of], may_begin)
    is_failing = any(row.is_failing for row in rows)
    effect.moved(session, owed, Standing.FAILING if is_failing else Standing.RUNNING)


def _wake(session: Session) -> None:
    """Wakes a worker after the commit, once however much is owed."""
    from foundation.queue import announce

    if not session.info.get(STEPS):
        session.info[STEPS] = True
        after_commit(session, announce, STEPS)


def _check(kind: str, steps: Mapping[str, Step]) -> None:
    if len({step.effect for step in steps.values()}) != 1:
        raise StepsMisdeclared(f"the kind {kind} is declared twice")
    for step in steps.values():
        if unknown := set(step.after) - steps.keys():
            raise StepsMisdeclared(
                f"{kind}: {step.name} comes after {', '.join(sorted(unknown))}, which nobody declares"
            )
    try:
        TopologicalSorter({step.name: step.after for step in steps.values()}).prepare()
    except CycleError as error:
        raise StepsMisdeclared(f"{kind}: these wait for each other: {', '.join(error.args[1])}") from error
