"""What to label next: a fresh draw each time, the same probability for each, and on record."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable

import pytest

from foundation.database import unit_of_work
from labeling.selection import Pick, pick_items
from tests.labeling.workshop import Workshop


def draw(workshop: Workshop, how_many: int) -> list[Pick]:
    with unit_of_work(workshop.database) as session:
        return pick_items(session, workshop.project_id, how_many=how_many, overlap=1)


class TestPickItems:
    def test_it_takes_as_many_as_asked_each_once(self, open_workshop: Callable[..., Workshop]) -> None:
        workshop = open_workshop(n_items=20)

        picks = draw(workshop, 5)

        assert len({pick.item for pick in picks}) == 5
        assert {pick.propensity for pick in picks} == {0.25}

    @pytest.mark.parametrize("how_many", [0, -3])
    def test_of_none_it_takes_none(self, workshop: Workshop, how_many: int) -> None:
        assert draw(workshop, how_many) == []

    def test_of_few_it_takes_all(self, workshop: Workshop) -> None:
        picks = draw(workshop, 500)

        assert {pick.item for pick in picks} == set(workshop.items)
        assert {pick.propensity for pick in picks} == {1.0}

    @pytest.mark.slow
    def test_every_item_comes_as_often_as_its_probability_says(self, open_workshop: Callable[..., Workshop]) -> None:
        workshop = open_workshop(n_items=10)
        draws = 200

        seen: Counter[uuid.UUID] = Counter()
        for _ in range(draws):
            seen.update(pick.item for pick in draw(workshop, 3))

        expected = draws * 0.3
        chi_squared = sum((seen[item] - expected) ** 2 / expected for item in workshop.items)
        # 9 degrees of freedom, less for drawing without replacement; 27.9 is passed once in a thousand times.
        assert chi_squared < 27.9
