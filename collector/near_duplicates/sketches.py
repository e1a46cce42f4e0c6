"""What two texts are compared by: the set of their character 5-grams."""

from __future__ import annotations

import unicodedata
from collections.abc import Set as AbstractSet

SHINGLE_CHARS = 5


def normalized(text: str) -> str:
    """The text as it is compared: NFKC, case folded, runs of white space as one blank, none at the ends.

    >>> normalized("  Lol\\t GR8 ")
    'lol gr8'
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def shingles(comparable: str) -> frozenset[str]:
    """The set of character 5-grams of a normalized text; empty for a text that is shorter.

    >>> sorted(shingles("abcdef")), sorted(shingles("abcd"))
    (['abcde', 'bcdef'], [])
    """
    return frozenset(comparable[i : i + SHINGLE_CHARS] for i in range(len(comparable) - SHINGLE_CHARS + 1))


def jaccard(one: AbstractSet[object], other: AbstractSet[object]) -> float:
    """Size of the intersection over size of the union, in [0, 1]; two empty sets share nothing: 0.

    Source: definition (Jaccard 1912, DOI 10.1111/j.1469-8137.1912.tb05611.x).

    >>> jaccard({1, 2, 3}, {2, 3, 4})
    0.5
    """
    shared = len(one & other)
    union = len(one) + len(other) - shared
    return shared / union if union else 0.0


def similarity(one: str, other: str) -> float:
    """How near two texts are, in [0, 1]: Jaccard of their 5-grams; a text under 5 characters is near its equals only.

    >>> similarity("See you at 8!", "see  you at 8!"), similarity("ok", "ok!")
    (1.0, 0.0)
    """
    first, second = normalized(one), normalized(other)
    if first == second:
        return 1.0
    return jaccard(shingles(first), shingles(second))
