"""How values are distributed, in one pass and little memory: moments, histograms, text lengths, counts.

All of them give the same figures on any machine: sums are exact (`math.fsum`) or of whole numbers.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Numbers = npt.NDArray[np.float64]

MOST_BINS = 64
MOST_VALUES_LISTED = 200
DECIMALS = 4
FINEST_BIN = -1022


def rounded(figure: float) -> float:
    """A figure with 4 decimals, or with 4 significant digits where 4 decimals would lose them.

    >>> rounded(12.345678), rounded(0.000123456), rounded(0.0)
    (12.3457, 0.0001235, 0.0)
    """
    if figure == 0 or not math.isfinite(figure):
        return figure
    return round(figure, max(DECIMALS, DECIMALS - 1 - math.floor(math.log10(abs(figure)))))


class Moments:
    """Count, mean, standard deviation, smallest and largest value of a stream of numbers.

    Parts are merged as in Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing
    sample variances"; the sums within a part are exact.
    """

    def __init__(self) -> None:
        self.n = 0
        self.mean = 0.0
        self.minimum = math.inf
        self.maximum = -math.inf
        self._squares = 0.0

    def add(self, values: Numbers) -> None:
        """Takes finite numbers, shape (n,)."""
        if not len(values):
            return
        n = len(values)
        mean = math.fsum(values.tolist()) / n
        squares = math.fsum(((values - mean) ** 2).tolist())
        step, total = mean - self.mean, self.n + n
        self._squares += squares + step * step * (self.n * n / total)
        self.mean += step * n / total
        self.n = total
        self.minimum = min(self.minimum, float(values.min()))
        self.maximum = max(self.maximum, float(values.max()))

    @property
    def std(self) -> float:
        """Standard deviation of the population (divided by n), >= 0; 0 for no values."""
        return math.sqrt(self._squares / self.n) if self.n else 0.0


class DyadicHistogram:
    """At most 64 bins whose width is a power of two and whose edges are multiples of it.

    Bins of double width are pairs of bins, so the histogram can widen while it runs and is the same for any order
    of the values.
    """

    def __init__(self) -> None:
        self._exponent: int | None = None
        self._counts: Counter[int] = Counter()
        self._smallest = math.inf
        self._largest = -math.inf
        self._n = 0

    def add(self, values: Numbers) -> None:
        """Takes finite numbers, shape (n,)."""
        import numpy as np

        if not len(values):
            return
        constant = self._smallest
        self._smallest = min(self._smallest, float(values.min()))
        self._largest = max(self._largest, float(values.max()))
        if self._smallest < self._largest:
            exponent = _bin_exponent(self._smallest, self._largest)
            if self._exponent is None and self._n:
                self._counts[_bin(constant, exponent)] = self._n
            elif self._exponent is not None and exponent > self._exponent:
                self._widen(exponent - self._exponent)
            self._exponent = exponent
            scaled = np.ldexp(values, -exponent)
            # A negative value so small that scaling makes it zero is still below zero.
            bins = np.where((scaled == 0) & (values < 0), -1.0, np.floor(scaled)).astype(np.int64)
            found, counts = np.unique(bins, return_counts=True)
            self._counts.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))
        self._n += len(values)

    def as_document(self) -> dict[str, Any]:
        """`{edges, counts}` with one more edge than counts; a bin holds its lower edge and not its upper one."""
        if self._exponent is None:
            edges = [self._smallest, self._smallest] if self._n else []
            return {"edges": edges, "counts": [self._n] if self._n else []}
        first, last = min(self._counts), max(self._counts)
        edges = [_edge(place, self._exponent) for place in range(first, last + 2)]
        return {"edges": edges, "counts": [self._counts[place] for place in range(first, last + 1)]}

    def _widen(self, doublings: int) -> None:
        wider: Counter[int] = Counter()
        for place, count in self._counts.items():
            wider[place >> doublings] += count
        self._counts = wider


class TextLengths:
    """Lengths of texts in code points."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, texts: pa.Array) -> None:
        import pyarrow.compute as pc

        for pair in pc.value_counts(pc.utf8_length(texts.drop_null())).to_pylist():
            self._counts[pair["values"]] += pair["counts"]

    def as_document(self) -> dict[str, Any]:
        """Smallest, mean, largest length and the percentiles 50, 95 and 99 (nearest rank); empty for no text."""
        n = self._counts.total()
        if not n:
            return {}
        mean = math.fsum(length * count for length, count in self._counts.items()) / n
        return {
            "unit": "code points",
            "min": min(self._counts),
            "mean": rounded(mean),
            "p50": self._percentile(50, n),
            "p95": self._percentile(95, n),
            "p99": self._percentile(99, n),
            "max": max(self._counts),
        }

    def _percentile(self, percent: int, n: int) -> int:
        rank, seen = -(-percent * n // 100), 0
        for length in sorted(self._counts):
            seen += self._counts[length]
            if seen >= rank:
                return length
        return max(self._counts)


class ValueCounts:
    """How often each value of a column occurs."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, values: pa.Array) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        for pair in pc.value_counts(values.drop_null().cast(pa.string())).to_pylist():
            self._counts[pair["values"]] += pair["counts"]

    def total(self) -> int:
        return self._counts.total()

    def values(self) -> list[str]:
        return sorted(self._counts)

    def as_map(self) -> dict[str, int]:
        """Value to count, by the text of the value."""
        return dict(sorted(self._counts.items()))

    def in_order(self, values: Sequence[str]) -> dict[str, Any]:
        """`{values, counts, other}` of the values given, in their order; a value that was not seen counts 0."""
        counts = [self._counts[value] for value in values]
        return {"values": list(values), "counts": counts, "other": self.total() - sum(counts)}

    def as_document(self) -> dict[str, Any]:
        """`{values, counts, other}`: the 200 most frequent values, ties by their text; `other` counts the rest."""
        ordered = sorted(self._counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_VALUES_LISTED]
        listed = sum(count for _, count in ordered)
        return {
            "values": [value for value, _ in ordered],
            "counts": [count for _, count in ordered],
            "other": self.total() - listed,
        }


def _bin(value: float, exponent: int) -> int:
    scaled = math.ldexp(value, -exponent)
    return -1 if scaled == 0 and value < 0 else math.floor(scaled)


def _edge(place: int, exponent: int) -> float:
    """The lower edge of a bin; beyond the largest number it is the largest number."""
    try:
        return math.ldexp(place, exponent)
    except OverflowError:
        return math.copysign(sys.float_info.max, place)


def _bin_exponent(smallest: float, largest: float) -> int:
    """The finest power of two that needs at most `MOST_BINS` bins for the range."""
    exponent = max(FINEST_BIN, math.frexp(largest / MOST_BINS - smallest / MOST_BINS)[1] - 2)
    while _bin(largest, exponent) - _bin(smallest, exponent) >= MOST_BINS:
        exponent += 1
    return exponent
