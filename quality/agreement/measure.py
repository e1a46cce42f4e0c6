"""All agreement coefficients of one question, in one pass over its annotations, each with a reason where it has no value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from labeling.questions.levels import Level
from quality.agreement.alpha import alpha_interval, krippendorff_alpha
from quality.agreement.coefficients import fleiss_kappa, gwet_ac1, percent_agreement
from quality.agreement.distances import Floats, ranked
from quality.agreement.few_items import Interval, Precision
from quality.agreement.pairs import PairKappa, cohen_kappas
from quality.agreement.patterns import Patterns, patterns_of
from quality.agreement.votes_table import Codes, Votes, votes_of

__all__ = ["Agreement", "Interval", "Level", "PairKappa", "measure_agreement", "measure_votes"]

_NO_PAIR = "not enough data: no item has annotations by two annotators; at least {more} more needed"
_ONE_VALUE = "undefined: all annotations of items with two or more carry one value, so agreement by chance is certain"
_ONE_VALUE_AT_ALL = "undefined: only one value occurs, so agreement by chance cannot be told"
_FLEISS_ONE_VALUE = "undefined: the items with the most common number of annotations all carry one value"
_BELOW_ZERO = "undefined: the level ratio needs values of 0 or more"
_NO_ALPHA = "undefined, because alpha is"
_ONE_ITEM = "not enough data: only 1 item has two annotations; at least 1 more needed"
_NO_PARTNERS = "not enough data: no two annotators share an item"
_PARTNERS_ONE_VALUE = (
    "undefined for {undefined} of {pairs} pairs: both annotators gave one value to all items they share"
)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement on one question. A coefficient that is undefined for the data is None; `reasons` says why.

    Attributes:
        n_items: items with at least one annotation; n_annotators and n_annotations likewise.
        percent_agreement: share of agreeing pairs, averaged over items with two annotations or more, in [0, 1].
        alpha: Krippendorff's alpha at the level asked for, over items with two annotations or more.
        alpha_ci: its 95 % interval; after a few items wide, also where all of them agree.
        fleiss_kappa: over the items with the most common number of annotations of two or more.
        gwet_ac1: AC1; it, percent agreement and both kappas ask only whether values are the same.
        cohen_kappa: one entry for each two annotators who share an item.
        reasons: from the name of an undefined figure to a sentence.
        precision: what the interval rests on, and how many more items a narrower one would need; None without interval.
    """

    n_items: int
    n_annotators: int
    n_annotations: int
    percent_agreement: float | None
    alpha: float | None
    alpha_ci: Interval | None
    fleiss_kappa: float | None
    gwet_ac1: float | None
    cohen_kappa: tuple[PairKappa, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)
    precision: Precision | None = None

    def as_json(self) -> dict[str, object]:
        """The object that the command prints, figures as they were measured; `reasons` only where there are some."""
        ci = self.alpha_ci
        members: dict[str, object] = {
            "n_items": self.n_items,
            "n_annotators": self.n_annotators,
            "n_annotations": self.n_annotations,
            "percent_agreement": self.percent_agreement,
            "alpha": self.alpha,
            "alpha_ci": None if ci is None else [ci.low, ci.high],
            "fleiss_kappa": self.fleiss_kappa,
            "gwet_ac1": self.gwet_ac1,
            "cohen_kappa": [{"a": pair.a, "b": pair.b, "n": pair.n, "kappa": pair.kappa} for pair in self.cohen_kappa],
        }
        return members | ({"reasons": dict(self.reasons)} if self.reasons else {})


def measure_agreement(
    items: Sequence[Any],
    annotators: Sequence[Any],
    values: Sequence[Any],
    level: Level,
    *,
    order: Sequence[str] | None = None,
    resamples: int = 1000,
    rng: np.random.Generator,
) -> Agreement:
    """All agreement coefficients of one question.

    Args:
        items, annotators, values: one entry for each annotation, as sequences or numpy arrays (numbers are fastest). A
            value of None or NaN is a missing annotation. Of a repeated (item, annotator) the last counts.
        level: the level of measurement, for alpha.
        order: the ordinal values from lowest to highest; needed where they are not all numbers.
        resamples: bootstrap resamples for alpha's interval.
        rng: source of randomness; the same state gives the same interval, whatever the order of the annotations.

    Raises:
        ValueDoesNotFit: a value is not a number where the level needs one, or does not stand in `order`.

    >>> measured = measure_agreement(
    ...     list("112233"), list("ababab"), list("xxyyxy"), Level.NOMINAL, rng=np.random.default_rng(0))
    >>> round(measured.alpha, 4), round(measured.percent_agreement, 4), measured.n_items
    (0.4444, 0.6667, 3)
    """
    return measure_votes(votes_of(items, annotators, values), level, order=order, resamples=resamples, rng=rng)


def measure_votes(
    votes: Votes, level: Level, *, order: Sequence[str] | None = None, resamples: int = 1000, rng: np.random.Generator
) -> Agreement:
    """As `measure_agreement`, from annotations that are codes already."""
    values, scale = _on_scale(votes, level, order)
    patterns = patterns_of(votes.items, values, len(scale))
    alpha, interval, precision = None, None, None
    if level is not Level.RATIO or not (scale < 0).any():
        alpha = krippendorff_alpha(patterns, level, scale)
    if alpha is not None:
        interval, precision = alpha_interval(patterns, level, scale, resamples=resamples, rng=rng)
    measured = Agreement(
        n_items=votes.n_items,
        n_annotators=len(votes.annotator_names),
        n_annotations=len(votes.values),
        percent_agreement=percent_agreement(patterns),
        alpha=alpha,
        alpha_ci=interval,
        fleiss_kappa=fleiss_kappa(patterns),
        gwet_ac1=gwet_ac1(patterns),
        cohen_kappa=cohen_kappas(votes, values, len(scale)),
        precision=precision,
    )
    return _with_reasons(measured, patterns, below_zero=level is Level.RATIO and bool((scale < 0).any()))


def _on_scale(votes: Votes, level: Level, order: Sequence[str] | None) -> tuple[Codes, Floats]:
    """Code of each annotation's value among those that count, ascending, and the numbers of these."""
    labels = votes.labels
    counting = np.flatnonzero(np.bincount(votes.values, minlength=len(labels)))
    kept = labels[counting] if isinstance(labels, np.ndarray) else [labels[code] for code in counting]
    scale, place = np.unique(ranked(kept, level, order), return_inverse=True)
    code_of_label = np.zeros(len(labels), dtype=np.int64)
    code_of_label[counting] = place
    unchanged = np.array_equal(code_of_label, np.arange(len(labels)))
    return votes.values if unchanged else code_of_label[votes.values], scale


def _with_reasons(measured: Agreement, patterns: Patterns, *, below_zero: bool) -> Agreement:
    pairable = int(patterns.of_size(2).items.sum())
    no_pair = None if pairable else _NO_PAIR.format(more=1 if measured.n_annotations else 2)
    candidates = {
        "percent_agreement": (measured.percent_agreement, no_pair or ""),
        "alpha": (measured.alpha, no_pair or (_BELOW_ZERO if below_zero else _ONE_VALUE)),
        "alpha_ci": (measured.alpha_ci, no_pair or (_NO_ALPHA if measured.alpha is None else _ONE_ITEM)),
        "fleiss_kappa": (measured.fleiss_kappa, no_pair or _FLEISS_ONE_VALUE),
        "gwet_ac1": (measured.gwet_ac1, no_pair or _ONE_VALUE_AT_ALL),
    }
    reasons = {name: reason for name, (figure, reason) in candidates.items() if figure is None}
    return replace(measured, reasons=reasons | _pair_reasons(measured.cohen_kappa))


def _pair_reasons(pairs: Sequence[PairKappa]) -> dict[str, str]:
    undefined = sum(pair.kappa is None for pair in pairs)
    if not pairs:
        return {"cohen_kappa": _NO_PARTNERS}
    return {"cohen_kappa": _PARTNERS_ONE_VALUE.format(undefined=undefined, pairs=len(pairs))} if undefined else {}
