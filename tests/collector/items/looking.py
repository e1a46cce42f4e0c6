"""Two steps of items, as a domain declares them: a look at each, and another one after it."""

from __future__ import annotations

from collector.items.settling import ITEM
from foundation.step_rows import Facts
from foundation.steps import NotYet, StepWork, follows

waits_for: list[str] = []


def declare() -> None:
    """What the decorators of a `tasks.py` do as it is imported."""
    follows(ITEM, step="tests.look")(look)
    follows(ITEM, step="tests.look_again", after="tests.look")(look_again)


def look(_: StepWork) -> Facts:
    if waits_for:
        raise NotYet(f"{waits_for[0]} is not there yet")
    return {"looks": 1}


def look_again(_: StepWork) -> Facts:
    return {"looks": 1}
