"""What the domains declare to happen later fits together, and nobody waits for a floor above."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from foundation.steps import Step, all_steps
from tests.architecture.sources import PACKAGES
from wsgi import worker


@pytest.fixture(autouse=True)
def _composed() -> None:
    worker()


def declared() -> Iterator[Step]:
    for steps in all_steps().values():
        yield from steps.values()


def floor_of(step: Step) -> int:
    """How high the domain stands whose function it is."""
    return PACKAGES.index(step.function.__module__.split(".")[0])


class TestSteps:
    def test_an_erasure_goes_through_every_domain_that_holds_something_of_a_person(self) -> None:
        assert {*all_steps()["erasure"]} == {"collector", "labeling", "quality", "exports"}

    def test_each_comes_after_steps_that_are_there_and_of_no_floor_above(self) -> None:
        steps = all_steps()

        above = {
            (step.effect.name, step.name, before)
            for step in declared()
            for before in step.after
            if floor_of(steps[step.effect.name][before]) > floor_of(step)
        }

        assert above == set()

    def test_the_owner_of_a_kind_stands_below_whatever_follows(self) -> None:
        owners = {step.effect.name: step.effect.completed.__module__.split(".")[0] for step in declared()}

        assert set(owners.values()) <= set(PACKAGES)
        assert not [step for step in declared() if PACKAGES.index(owners[step.effect.name]) > floor_of(step)]

    def test_each_is_an_edge_of_its_domain(self) -> None:
        assert not [step for step in declared() if not step.function.__module__.endswith(".tasks")]

    def test_names_and_kinds_fit_into_their_columns(self) -> None:
        assert not [step for step in declared() if len(step.effect.name) > 16 or len(step.name) > 32]
