"""How sure alpha is where it rests on few items: an interval that has a width even when everybody agrees.

The bootstrap draws from the items that were seen. Where all of them agree it draws agreement alone, and its interval has
no width, after three items as after three thousand. Here alpha is 1 - D_o / D_e, a ratio of two means over items, and its
interval is Fieller's for a ratio, over the items and two more: items answered at random which show it. They do for a
ratio of disagreements what two successes and two failures do for a share.

Sources: E. C. Fieller, "Some Problems in Interval Estimation", Journal of the Royal Statistical Society B 16(2), 1954,
175-185, doi:10.1111/j.2517-6161.1954.tb00159.x; A. Agresti and B. A. Coull, "Approximate Is Better than 'Exact' for
Interval Estimation of Binomial Proportions", The American Statistician 52(2), 1998, 119-126,
doi:10.1080/00031305.1998.10480550. Items answered at random are Winnow's own choice; bench/gates.py shows what it does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

# Items answered at random that are counted beside those that were seen.
ITEMS_AT_RANDOM = 2
MOST_ITEMS_ADVISED = 1_000_000
_QUANTILE = 0.975
_LOWEST, _HIGHEST = -1.0, 1.0


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Precision:
    """What the items say of alpha = 1 - observed / expected, and how much they differ in it.

    Attributes:
        n_items: items with two annotations or more, >= 2.
        observed, expected: disagreement within items and among all annotations, in squared units of the level's scale;
            expected > 0.
        observed_variance, expected_variance, covariance: of what single items contribute to both, divided by n_items.
        at_random: disagreement of an item that is answered at random and shows it, same units.
        effective_items: equally weighty items that alpha rests on; 0 where none moves it.
    """

    n_items: int
    observed: float
    expected: float
    observed_variance: float
    expected_variance: float
    covariance: float
    at_random: float
    effective_items: float

    @property
    def alpha(self) -> float:
        return 1 - self.observed / self.expected

    def interval(self) -> Interval:
        """Interval of alpha in [-1, 1]; all of it where the expected disagreement cannot be told from none.

        The lower end counts the items at random; the upper end is the higher of both with and without them.

        >>> agreeing = Precision(40, 0.0, 0.5, 0.0, 0.0, 0.0, at_random=1.0, effective_items=0.0)
        >>> found = agreeing.interval()
        >>> round(found.low, 2), found.high
        (0.77, 1.0)
        >>> replace(agreeing, n_items=3).interval()
        Interval(low=-1.0, high=1.0)
        """
        highest, lowest = self._ends(ITEMS_AT_RANDOM)
        return Interval(lowest, max(highest, self._ends(0)[0]))

    def items_needed(self, threshold: float) -> int | None:
        """Items to add until the lower end would reach a threshold, if agreement and its spread stay what they are.

        Returns:
            A whole number >= 0; None where a million of them would not do.

        >>> Precision(3, 0.0, 0.5, 0.0, 0.0, 0.0, at_random=1.0, effective_items=0.0).items_needed(0.6)
        20
        """
        if self.interval().low >= threshold:
            return 0
        enough = self.n_items
        while replace(self, n_items=enough).interval().low < threshold:
            enough *= 2
            if enough > MOST_ITEMS_ADVISED:
                return None
        too_few = enough // 2
        while enough - too_few > 1:
            middle = (enough + too_few) // 2
            reached = replace(self, n_items=middle).interval().low >= threshold
            too_few, enough = (too_few, middle) if reached else (middle, enough)
        return enough - self.n_items

    def _ends(self, at_random: int) -> tuple[float, float]:
        """Upper and lower end: where (D_o - r D_e)^2 = t^2 Var(D_o - r D_e) for a ratio r = 1 - alpha."""
        n = self.n_items + at_random
        share = self.n_items / n
        gap = self.at_random - self.observed
        observed = share * self.observed + (1 - share) * self.at_random
        # An item at random leaves the expected disagreement as it is, and lies `gap` from the others in the observed.
        variance = share * self.observed_variance + share * (1 - share) * gap**2
        t2 = _t_quantile(self.n_items - 1) ** 2 / (n - 1)
        square = self.expected**2 - t2 * share * self.expected_variance
        if square <= 0:
            return _HIGHEST, _LOWEST
        half = observed * self.expected - t2 * share * self.covariance
        root = math.sqrt(max(0.0, half**2 - square * (observed**2 - t2 * variance)))
        highest, lowest = 1 - (half - root) / square, 1 - (half + root) / square
        return min(max(highest, _LOWEST), _HIGHEST), min(max(lowest, _LOWEST), _HIGHEST)


def _t_quantile(degrees: int) -> float:
    from scipy.special import stdtrit  # type: ignore[import-untyped, unused-ignore]

    return float(stdtrit(degrees, _QUANTILE))
