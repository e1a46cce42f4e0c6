"""What became of a suite of expectations, as reports, commands and gates read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quality.expectation import Expectation


@dataclass(frozen=True, slots=True)
class ExpectationResult:
    """What became of one expectation.

    Attributes:
        success: whether it holds; never where there is an `error`.
        n: rows it was asked of.
        n_failed: rows that fail; 0 for a rule about the whole column or table, which has no failing rows.
        observed: the figure such a rule looked at, if it is a number, a time or a list of columns; never a text value.
        failing_rows: every failing row: its number from 0, or its value in the id column.
        error: why the rule could not be applied, in one sentence without a value of the table.
        is_unfinished: it met a limit, so that another attempt, or more time, could still tell.
    """

    type: str
    column: str | None
    kwargs: Mapping[str, Any]
    success: bool
    n: int
    n_failed: int
    observed: Any
    failing_rows: tuple[Any, ...]
    error: str | None = None
    is_unfinished: bool = False

    @classmethod
    def of(cls, expectation: Expectation, outcome: Mapping[str, Any]) -> ExpectationResult:
        """A result from its rule and what `outcome` gave."""
        rows = tuple(outcome["failing_rows"])
        return cls(expectation.type, expectation.column, expectation.kwargs, **{**outcome, "failing_rows": rows})

    def outcome(self) -> dict[str, Any]:
        """What is not the rule itself, for JSON."""
        names = ("success", "n", "n_failed", "observed", "failing_rows", "error")
        return {name: getattr(self, name) for name in names}

    def as_json(self) -> dict[str, Any]:
        members: dict[str, Any] = {
            "type": self.type,
            "kwargs": dict(self.kwargs),
            "success": self.success,
            "n": self.n,
            "n_failed": self.n_failed,
            "failing_rows": list(self.failing_rows),
        }
        if self.observed is not None:
            members["observed"] = self.observed
        members |= {"unfinished": True} if self.is_unfinished else {}
        return members | ({"error": self.error} if self.error else {})


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """What became of a suite, expectation by expectation in the order given."""

    n_rows: int
    results: tuple[ExpectationResult, ...]

    @property
    def success(self) -> bool:
        return all(result.success for result in self.results)

    @property
    def unfinished(self) -> tuple[str, ...]:
        """Why the rules that met a limit, or were left alone after others had, were not evaluated."""
        return tuple(result.error or "" for result in self.results if result.is_unfinished)

    def as_json(self) -> dict[str, Any]:
        return {
            "success": self.success,
            "n_rows": self.n_rows,
            "expectations": [result.as_json() for result in self.results],
        }


def errored(expectation: Expectation, n_rows: int, error: str, *, is_unfinished: bool = False) -> ExpectationResult:
    """The result of a rule that could not be applied, and why."""
    named = (expectation.type, expectation.column, expectation.kwargs)
    return ExpectationResult(*named, False, n_rows, 0, None, (), error=error, is_unfinished=is_unfinished)
