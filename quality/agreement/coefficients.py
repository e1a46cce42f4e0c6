"""Agreement by same or not the same: percent agreement, Fleiss' kappa, Gwet's AC1, from patterns of answers.

Each returns None where it is undefined for the data; `measure.py` says why. Alpha has a module of its own, `alpha.py`, and
Cohen's kappa, which is about two annotators, too: `pairs.py`.
"""

from __future__ import annotations

import numpy as np

from quality.agreement.distances import Floats
from quality.agreement.patterns import Patterns


def percent_agreement(patterns: Patterns) -> float | None:
    """Share of agreeing pairs of annotations, averaged over the items that have a pair.

    Args:
        patterns: any; items with one annotation are left out.

    Returns:
        A share in [0, 1]; None where no item has two annotations.

    Source: P_i and its mean in J. L. Fleiss, "Measuring nominal scale agreement among many raters", Psychological
    Bulletin 76(5), 1971, 378-382, doi:10.1037/h0031619; for unequal counts p_a in K. L. Gwet, Handbook of Inter-Rater
    Reliability, 4th edition, 2014, chapter 2.

    >>> from quality.agreement.patterns import patterns_of
    >>> round(percent_agreement(patterns_of(np.array([0, 0, 1, 1, 1]), np.array([0, 0, 0, 0, 1]), 2)), 4)
    0.6667
    """
    pairable = patterns.of_size(2)
    n_items = int(pairable.items.sum())
    if not n_items:
        return None
    agreeing = pairable.sums(pairable.counts * (pairable.counts - 1)) / (pairable.sizes * (pairable.sizes - 1))
    return float(agreeing @ pairable.items) / n_items


def fleiss_kappa(patterns: Patterns) -> float | None:
    """Fleiss' kappa over the items that have the most common number of annotations of two or more.

    Of two equally common numbers the larger is taken.

    Returns:
        A figure of at most 1; None where no item has two annotations or all of them carry one value.

    Source: J. L. Fleiss 1971, doi:10.1037/h0031619: kappa = (P - P_e) / (1 - P_e), P_e the sum of p_j^2.

    >>> from quality.agreement.patterns import patterns_of
    >>> fleiss_kappa(patterns_of(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), 2))
    1.0
    """
    pairable = patterns.of_size(2)
    if not len(pairable.items):
        return None
    items_of_size = np.bincount(pairable.sizes, weights=pairable.items)
    size = len(items_of_size) - 1 - int(np.argmax(items_of_size[::-1]))
    alike = pairable.of_size(size, size)
    marginals = alike.marginals()
    if np.count_nonzero(marginals) < 2:
        return None
    expected = float(np.sum((marginals / marginals.sum()) ** 2))
    observed = percent_agreement(alike)
    return None if observed is None else (observed - expected) / (1 - expected)


def gwet_ac1(patterns: Patterns) -> float | None:
    """Gwet's AC1 for any number of annotators, with missing annotations.

    Observed agreement is taken over items with two annotations or more; the shares of the values over all items, each
    item counting once. The values are those that occur.

    Returns:
        A figure of at most 1; None where no item has two annotations or only one value occurs.

    Source: K. L. Gwet, "Computing inter-rater reliability and its variance in the presence of high agreement", British
    Journal of Mathematical and Statistical Psychology 61(1), 2008, 29-48, doi:10.1348/000711006X126600; with missing
    annotations: Gwet, Handbook of Inter-Rater Reliability, 4th edition, 2014, chapter 2.

    >>> from quality.agreement.patterns import patterns_of
    >>> gwet_ac1(patterns_of(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]), 2))
    0.2
    """
    observed = percent_agreement(patterns)
    shares = _shares_of_values(patterns)
    occurring = int(np.count_nonzero(shares))
    if observed is None or occurring < 2:
        return None
    expected = float(np.sum(shares * (1 - shares))) / (occurring - 1)
    return (observed - expected) / (1 - expected)


def _shares_of_values(patterns: Patterns) -> Floats:
    """Share of each value, averaged over the items, shape (n_values,)."""
    weights = patterns.counts / patterns.sizes[patterns.rows] * patterns.items[patterns.rows]
    return np.bincount(patterns.columns, weights=weights, minlength=patterns.n_values) / max(
        int(patterns.items.sum()), 1
    )
