"""How often a gate on alpha is wrong: it passes a study although the annotators' true alpha is below what it asks.

Studies are drawn from populations whose alpha is known and just below the gate: annotators who sometimes guess on every
item, items that are clear or hopeless, items on which annotators are split; few and many values, rare values, the levels
nominal, ordinal and interval; two, three or ten annotators, or from two to five. Each study is measured as a version's
is, and asked of the gate {alpha: 0.6, bound: lower}. Beside it stands what the percentile interval of the bootstrap would
have said, for fewer studies; and how often the gate passes where the true alpha is 0.8.

    python -m bench.gates [STUDIES]     by default 1000 of each kind, some ten minutes
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from labeling.questions.levels import Level
from quality.agreement.alpha import alpha_interval, krippendorff_alpha, sums_of
from quality.agreement.patterns import Patterns, patterns_of
from quality.agreement.resampling import percentile_interval, resampled_weights

Answers: TypeAlias = npt.NDArray[np.float64]  # shape (items, annotators), NaN where nobody answered
Draw: TypeAlias = Callable[[np.random.Generator, int, int, float], Answers]

GATE = 0.6
BELOW = 0.597  # the true alpha of populations that must not pass; found by drawing, it is known to within 0.003
WELL_ABOVE = 0.8
ITEMS = (5, 10, 30, 100)
ANNOTATORS = (2, 3, 10, 0)  # 0: from two to five, item by item
STUDIES = 1000
SEED = 20
_LARGE = 100_000


@dataclass(frozen=True)
class Population:
    """Answers of some kind; `draw` takes a figure in [0, 1] with which alpha rises.

    `varies`: its alpha depends on how many annotators there are.
    """

    name: str
    level: Level
    draw: Draw
    varies: bool = False


@dataclass(frozen=True)
class Measured:
    """Of a population, by number of items: the largest shares of wrong passes, and a middling share of right ones."""

    name: str
    wrong: dict[int, float] = field(default_factory=dict)
    bootstrap_wrong: dict[int, float] = field(default_factory=dict)
    passes: dict[int, float] = field(default_factory=dict)


def measure(studies: int = STUDIES) -> dict[str, object]:
    """The largest share of wrong passes over all kinds of studies, by number of items; each population's largest."""
    rows = [_measured(population, studies) for population in POPULATIONS]
    return {
        "benchmark": "gates",
        "gate": {"alpha": GATE, "bound": "lower"},
        "studies_of_each_kind": studies,
        "kinds": len(POPULATIONS) * len(ANNOTATORS),
        "budget": {"wrong": 0.025},
        "wrong_at_most": {n: max(row.wrong[n] for row in rows) for n in ITEMS},
        "bootstrap_wrong_at_most": {n: max(row.bootstrap_wrong[n] for row in rows) for n in ITEMS},
        "passes_at_0.8_in_the_middle": {n: float(np.median([row.passes[n] for row in rows])) for n in ITEMS},
        "populations": {row.name: row.wrong for row in rows},
    }


def wrong_share(population: Population, *, items: int, annotators: int, studies: int, alpha: float = BELOW) -> float:
    """Share of studies that pass the gate, of a population of this true alpha."""
    figure = _figure(population, alpha, annotators)
    rng = np.random.default_rng([SEED, items, annotators])
    passed = [_passes(_study(population, rng, items, annotators, figure), population.level) for _ in range(studies)]
    return sum(passed) / studies


@cache
def figure_for(population: Population, alpha: float, annotators: int = 2) -> float:
    """The figure at which a population has this alpha, by bisection on one large study."""
    low, high = 0.0, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        drawn = _study(population, np.random.default_rng(SEED), _LARGE, annotators, middle)
        found = krippendorff_alpha(*_coded(drawn, population.level))
        low, high = (middle, high) if found is not None and found < alpha else (low, middle)
    return low


def _figure(population: Population, alpha: float, annotators: int) -> float:
    return figure_for(population, alpha, annotators if population.varies else 2)


def _measured(population: Population, studies: int) -> Measured:
    few = max(1, studies // 10)
    found = Measured(population.name)
    for n in ITEMS:
        wrong, by_bootstrap, passes = [], [], []
        for m in ANNOTATORS:
            below, above = (_figure(population, alpha, m) for alpha in (BELOW, WELL_ABOVE))
            rng = np.random.default_rng([SEED, n, m])
            drawn = (_study(population, rng, n, m, below) for _ in range(studies))
            wrong.append(sum(_passes(study, population.level) for study in drawn) / studies)
            drawn = (_study(population, rng, n, m, below) for _ in range(few))
            by_bootstrap.append(sum(_passes_by_bootstrap(study, population.level, rng) for study in drawn) / few)
            drawn = (_study(population, rng, n, m, above) for _ in range(few))
            passes.append(sum(_passes(study, population.level) for study in drawn) / few)
        found.wrong[n], found.bootstrap_wrong[n] = max(wrong), max(by_bootstrap)
        found.passes[n] = float(np.median(passes))
    return found


def _study(population: Population, rng: np.random.Generator, items: int, annotators: int, figure: float) -> Answers:
    answers = population.draw(rng, items, annotators or 5, figure).astype(np.float64)
    if not annotators:
        answers[np.arange(5) >= rng.integers(2, 6, size=(items, 1))] = np.nan
    return answers


def _coded(answers: Answers, level: Level) -> tuple[Patterns, Level, npt.NDArray[np.float64]]:
    rows, columns = np.nonzero(~np.isnan(answers))
    scale, values = np.unique(answers[rows, columns], return_inverse=True)
    return patterns_of(rows, values, len(scale)), level, scale


def _passes(answers: Answers, level: Level) -> bool:
    interval, _ = alpha_interval(*_coded(answers, level), resamples=1000, rng=np.random.default_rng(0))
    return interval is not None and interval.low >= GATE


def _passes_by_bootstrap(answers: Answers, level: Level, rng: np.random.Generator) -> bool:
    patterns, _, scale = _coded(answers, level)
    sums = sums_of(patterns, level, scale)
    alphas = np.concatenate([sums.alphas(weights) for weights in resampled_weights(patterns.items, 500, rng)])
    defined = alphas[~np.isnan(alphas)]
    return 2 * len(defined) > len(alphas) and percentile_interval(defined)[0] >= GATE


def _guessing(rng: np.random.Generator, n: int, m: int, figure: float, *, shares: Sequence[float]) -> Answers:
    """Every annotator knows the answer with this chance, and guesses otherwise."""
    truth, guess = (rng.choice(len(shares), p=shares, size=size) for size in ((n, 1), (n, m)))
    return np.where(rng.random((n, m)) < figure, truth, guess)


def _hopeless(rng: np.random.Generator, n: int, m: int, figure: float, *, shares: Sequence[float]) -> Answers:
    """All annotators know the answer to some items, and all guess on the others."""
    truth, guess = (rng.choice(len(shares), p=shares, size=size) for size in ((n, 1), (n, m)))
    return np.where(rng.random((n, 1)) < figure, truth, guess)


def _split(rng: np.random.Generator, n: int, m: int, figure: float, *, shares: Sequence[float]) -> Answers:
    """Annotators agree on some items, and on the others half of them say one thing and half another."""
    truth = rng.choice(len(shares), p=shares, size=(n, 1))
    return np.where(rng.random((n, 1)) < figure, truth, (truth + np.arange(m) % 2) % len(shares))


def _careless(rng: np.random.Generator, n: int, m: int, figure: float, *, shares: Sequence[float]) -> Answers:
    """One annotator always guesses; the others seldom do."""
    answers = _guessing(rng, n, m, figure, shares=shares)
    answers[:, 0] = np.where(rng.random(n) < figure**2, answers[:, 0], rng.choice(len(shares), p=shares, size=n))
    return answers


def _rated(
    rng: np.random.Generator, n: int, m: int, figure: float, *, steps: int = 0, shift: float = 0.0, clear: bool = False
) -> Answers:
    """Normal truth and normal noise, as they are or in steps; `clear`: noise alone on some items and none on others."""
    truth, noise = rng.normal(size=(n, 1)), rng.normal(size=(n, m))
    if clear:
        mixed = np.where(rng.random((n, 1)) < figure, truth, noise)
    else:
        mixed = truth * np.sqrt(figure) + noise * np.sqrt(1 - figure)
    return np.clip(np.floor((mixed + shift + 2.5) / 5 * steps), 0, steps - 1) if steps else mixed


_EVEN, _TEN, _RARE, _FIVE = (0.5, 0.5), (0.9, 0.1), (0.97, 0.03), (0.2,) * 5
_SKEWED = (0.8, 0.1, 0.05, 0.03, 0.02)
POPULATIONS = (
    *(
        Population(f"nominal, {told}, {draw.__name__[1:]}", Level.NOMINAL, partial(draw, shares=shares))
        for told, shares in (
            ("two values", _EVEN),
            ("two values 90:10", _TEN),
            ("two values 97:3", _RARE),
            ("five values", _FIVE),
            ("five values 80:10:5:3:2", _SKEWED),
        )
        for draw in (_guessing, _hopeless)
    ),
    Population("nominal, two values, split", Level.NOMINAL, partial(_split, shares=_EVEN), varies=True),
    Population("nominal, two values 90:10, split", Level.NOMINAL, partial(_split, shares=_TEN), varies=True),
    Population("nominal, two values, careless", Level.NOMINAL, partial(_careless, shares=_EVEN), varies=True),
    *(
        Population(f"{level.value}, {told}{', hopeless' if clear else ''}", level, partial(_rated, clear=clear, **form))
        for level, told, form in (
            (Level.ORDINAL, "five steps", {"steps": 5}),
            (Level.ORDINAL, "five skewed steps", {"steps": 5, "shift": 1.8}),
            (Level.INTERVAL, "five skewed steps", {"steps": 5, "shift": 1.8}),
            (Level.INTERVAL, "normal", {}),
        )
        for clear in (False, True)
    ),
)


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else STUDIES)))
