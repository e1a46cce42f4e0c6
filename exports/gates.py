"""Gates: may a version be published? Each answer names its figure, what was required, and what to do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quality.agreement.few_items import Precision

from exports.sides import SideFigure

PAIRABLE_ITEMS_FOR_ALPHA = 2
MOST_ITEMS_ADVISED = 1_000_000
MORE_ROWS = (
    "What one person alone sent stays on one side, and validation and test hold only items chosen at random: label more "
    "of them, from more people; or ask for fewer sides (export.split), or lower export.gates.min_rows, in the project file"
)


class Bound(StrEnum):
    POINT = "point"
    LOWER = "lower"


@dataclass(frozen=True)
class AlphaGate:
    """Agreement of one target: its alpha, or the lower end of the interval, must reach the threshold."""

    target: str
    threshold: float
    bound: Bound = Bound.POINT

    @property
    def lower_end(self) -> float:
        """What the interval's lower end must reach. An alpha that cannot be told from chance, 0, is no figure yet."""
        return self.threshold if self.bound is Bound.LOWER else min(0.0, self.threshold)


@dataclass(frozen=True)
class ExpectationsGate:
    """Every expectation of the project must hold."""


@dataclass(frozen=True)
class MinRowsGate:
    """Every side that the split asks for must hold at least so many rows; 0 asks for none."""

    rows: int


@dataclass(frozen=True)
class UnmeasuredGate:
    """A gate of the contract that this release cannot measure. It refuses, so that nobody believes it was met."""

    name: str
    threshold: float


GateRule = AlphaGate | ExpectationsGate | MinRowsGate | UnmeasuredGate


@dataclass(frozen=True)
class AgreementFigure:
    """Krippendorff's alpha of one target as measured.

    Args:
        alpha: None when undefined; then `reason` says why.
        lower, upper: ends of the 95 % interval, None when there is none.
        n_items: items that carry two answers or more.
        more_items: further items with two answers that are needed, where the measurement knows it.
        precision: what the interval rests on, where there is one.
    """

    target: str
    level: str
    alpha: float | None
    lower: float | None
    upper: float | None
    n_items: int
    n_annotations: int
    reason: str | None = None
    more_items: int | None = None
    precision: Precision | None = None


@dataclass(frozen=True)
class ExpectationsFigure:
    """Outcome of the expectation suite: how many rules there are, how many broke, and why some of these were not evaluated."""

    rules: int
    broken: int
    unfinished: tuple[str, ...] = ()


@dataclass(frozen=True)
class GateResult:
    """One gate's answer. `figure` and `required` are numbers where the gate has numbers, rounded to 4 decimals."""

    name: str
    passed: bool
    figure: float | None
    required: float | str
    detail: str


def evaluate_gates(
    rules: Iterable[GateRule],
    *,
    agreement: Sequence[AgreementFigure],
    expectations: ExpectationsFigure | None,
    sides: Sequence[SideFigure] = (),
) -> tuple[GateResult, ...]:
    """Answers each rule, in the order given. No rules give no answers, and a version without gates may be published."""
    by_target = {figure.target: figure for figure in agreement}
    return tuple(_evaluate(rule, by_target, expectations, sides) for rule in rules)


def all_passed(results: Iterable[GateResult]) -> bool:
    return all(result.passed for result in results)


def items_still_needed(*, point: float, lower: float, threshold: float, n_items: int) -> int | None:
    """Items to add until the lower bound would reach the threshold, if the agreement stays what it is.

    The half width of an interval shrinks with the square root of n, so n must grow by ((point - lower) /
    (point - threshold)) squared.

    Args:
        point, lower, threshold: alphas, at most 1; lower <= point.
        n_items: items measured so far, > 0.

    Returns:
        A whole number >= 0, or None where more items of the same agreement would not help.

    >>> items_still_needed(point=0.7, lower=0.5, threshold=0.6, n_items=50)
    150
    """
    if lower >= threshold:
        return 0
    if point <= threshold:
        return None
    narrower = (point - lower) / (point - threshold)
    if n_items * narrower > MOST_ITEMS_ADVISED:
        return None
    needed = math.ceil(round(n_items * (narrower**2 - 1), 6))
    return needed if needed <= MOST_ITEMS_ADVISED else None


def _evaluate(
    rule: GateRule,
    agreement: Mapping[str, AgreementFigure],
    expectations: ExpectationsFigure | None,
    sides: Sequence[SideFigure],
) -> GateResult:
    if isinstance(rule, AlphaGate):
        return _evaluate_alpha(rule, agreement.get(rule.target))
    if isinstance(rule, ExpectationsGate):
        return _evaluate_expectations(expectations)
    if isinstance(rule, MinRowsGate):
        return _evaluate_min_rows(rule, sides)
    detail = f"{rule.name} is not measured by this release, so it cannot be met: remove this gate, or build a draft"
    return GateResult(rule.name, passed=False, figure=None, required=rule.threshold, detail=detail)


def _evaluate_alpha(rule: AlphaGate, measured: AgreementFigure | None) -> GateResult:
    name = f"{rule.target}.alpha"
    if measured is None:
        detail = "agreement of this question was not measured yet: run the quality report, then build again"
        return GateResult(name, passed=False, figure=None, required=rule.threshold, detail=detail)
    figure = measured.alpha if rule.bound is Bound.POINT else measured.lower
    if measured.alpha is None or measured.lower is None or figure is None:
        return GateResult(name, passed=False, figure=None, required=rule.threshold, detail=_not_enough(measured))
    passed = figure >= rule.threshold and measured.lower >= rule.lower_end
    what = "alpha" if rule.bound is Bound.POINT else "the lower bound of alpha"
    detail = f"{what} is {figure:.4f} over {measured.n_items} items, {rule.threshold:g} is required"
    if not passed:
        detail += "; " + _advice(rule, measured, alpha=measured.alpha, lower=measured.lower)
    return GateResult(name, passed=passed, figure=round(figure, 4), required=rule.threshold, detail=detail)


def _not_enough(measured: AgreementFigure) -> str:
    missing = max(1, PAIRABLE_ITEMS_FOR_ALPHA - measured.n_items)
    more = measured.more_items if measured.more_items is not None else missing
    because = f" ({measured.reason})" if measured.reason else ""
    return (
        f"not enough data{because}: {measured.n_items} items have two answers, "
        f"at least {more} more {'is' if more == 1 else 'are'} needed"
    )


def _advice(rule: AlphaGate, measured: AgreementFigure, *, alpha: float, lower: float) -> str:
    clearer = "make the guidelines clearer where annotators disagree, or lower the gate in the project file"
    if alpha < rule.threshold:
        return clearer
    needed = measured.precision.items_needed(rule.lower_end) if measured.precision else None
    needed = needed or items_still_needed(
        point=alpha, lower=lower, threshold=rule.lower_end, n_items=max(1, measured.n_items)
    )
    if needed is None:
        return clearer
    why = "" if rule.bound is Bound.LOWER else f" to tell alpha from chance (its 95 % interval begins at {lower:.4f})"
    return (
        f"not enough data{why}: about {needed} more items with two answers are needed if agreement stays at {alpha:.4f}"
    )


def _evaluate_expectations(measured: ExpectationsFigure | None) -> GateResult:
    if measured is None:
        detail = "the expectations were not run yet: run the quality report, then build again"
        return GateResult("expectations", passed=False, figure=None, required="pass", detail=detail)
    if measured.rules == 0:
        detail = "not enough data: the project declares no expectations, at least 1 is needed"
        return GateResult("expectations", passed=False, figure=None, required="pass", detail=detail)
    held = measured.rules - measured.broken
    detail = f"{held} of {measured.rules} expectations hold"
    if measured.broken:
        detail += "; the quality report lists every failing row"
    if measured.unfinished:
        detail += f"; {measured.unfinished[0]}"
    share = round(held / measured.rules, 4)
    return GateResult("expectations", passed=measured.broken == 0, figure=share, required="pass", detail=detail)


def _evaluate_min_rows(rule: MinRowsGate, sides: Sequence[SideFigure]) -> GateResult:
    asked = [figure for figure in sides if figure.is_asked_for]
    fewest = min((figure.rows for figure in asked), default=0)
    held = ", ".join(f"{figure.side} {figure.rows} rows in {figure.groups} groups" for figure in sides)
    detail = f"on each side that the split asks for, {rule.rows} rows are required; there are: {held}"
    if fewest < rule.rows:
        detail += f"; not enough data: {'; '.join(_missing_rows(rule, asked))}. {MORE_ROWS}"
    return GateResult("min_rows", passed=fewest >= rule.rows, figure=fewest, required=rule.rows, detail=detail)


def _missing_rows(rule: MinRowsGate, asked: Sequence[SideFigure]) -> list[str]:
    short = [figure for figure in asked if figure.rows < rule.rows]
    return [f"{figure.side} needs {rule.rows - figure.rows} more" for figure in short]
