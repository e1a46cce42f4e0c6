"""What is wrong with a body of nothing but mistakes: the first are told, the rest is counted, and nothing is made in vain."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import orjson
import pytest
from pydantic import BaseModel, ConfigDict

from foundation.errors import Fault, Faults, InvalidBody, errors_as_json, listed, told_of_each
from foundation.http.web import parse_as


def wrong(n: int) -> Faults:
    return Faults(Fault(f"/{place}", "wrong_type", "must be a text") for place in range(n))


class TestFaults:
    def test_what_is_beyond_the_first_is_counted_and_not_made(self) -> None:
        made = []

        def make() -> Fault:
            made.append(1)
            return Fault("", "wrong_type", "")

        faults = Faults(most=3)
        for _ in range(1000):
            faults.note(make)

        assert (len(faults), faults.more, faults.total, len(made)) == (3, 997, 1000, 3)

    def test_joined_they_count_what_neither_tells(self) -> None:
        joined = Faults(wrong(30))
        joined.extend(wrong(25))

        assert (len(joined), joined.more, joined.total) == (20, 35, 55)

    def test_an_error_tells_two_hundred(self) -> None:
        error = InvalidBody("", faults=[Fault("", "wrong_type", "")] * 201)

        assert (len(error.faults), error.faults.more) == (200, 1)


class TestAnAnswerOfMany:
    @pytest.mark.parametrize(
        ("found", "told"),
        [
            ([1, 0, 3], [1, 0, 3]),
            ([20] * 5, [20] * 5),
            ([20] * 11, [20] * 9 + [19, 1]),
            ([1] * 300, [1] * 200 + [0] * 100),
        ],
    )
    def test_the_first_mistake_of_each_comes_before_more_of_one(self, found: list[int], told: list[int]) -> None:
        assert told_of_each([wrong(n) for n in found]) == told

    def test_it_says_how_many_it_does_not_tell(self) -> None:
        assert errors_as_json(wrong(25), 2)["errors_more"] == 23
        assert "errors_more" not in errors_as_json(wrong(2))
        assert errors_as_json(wrong(0)) == {}


class TestListed:
    @pytest.mark.parametrize("names", [["n" * 20_000] * 500, [f"name-{n}" for n in range(50_000)], ["x"]])
    def test_what_is_allowed_takes_a_line_however_much_it_is(self, names: list[str]) -> None:
        assert len(listed(names)) < 1_200


class TestModels:
    """A small body that a model checks: pydantic would tell of every key."""

    def test_a_body_of_unknown_keys_costs_about_its_bytes(self) -> None:
        class Asked(BaseModel):
            model_config = ConfigDict(extra="forbid")

            known: int

        body = orjson.dumps({"known": 1} | {f"a{n}": 1 for n in range(15_000)})

        refused, peak = peak_of(lambda: parse_as(Asked, body))

        assert (len(refused.faults), refused.faults.total) == (200, 15_000)
        assert peak < 40 * len(body)


def peak_of(act: Callable[[], object]) -> tuple[InvalidBody, int]:
    tracemalloc.start()
    try:
        with pytest.raises(InvalidBody) as refused:
            act()
        return refused.value, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
