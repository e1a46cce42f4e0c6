"""The real input: words, slang and emoticons, each rated by ten people from -4 (very negative) to 4 (very positive).

Source: vader_lexicon.txt of the package vaderSentiment (MIT licence). C.J. Hutto and E. Gilbert, "VADER: A Parsimonious
Rule-based Model for Sentiment Analysis of Social Media Text", ICWSM 2014.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

SLOTS = 10
DISTINCT_WORDS = 7506


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its ratings: one of each rater slot 1 to 10, in this order.

    The slots are columns of the file; the same person does not sit in a slot throughout.
    """

    text: str
    ratings: tuple[int, ...]

    @property
    def mean(self) -> float:
        return sum(self.ratings) / SLOTS


def read_words() -> list[Word]:
    """All distinct words in the order of the file. 14 stand there twice: the later row's ratings count."""
    words: dict[str, Word] = {}
    for line in _lexicon_path().read_text("utf-8").splitlines():
        text, _mean, _deviation, ratings = line.split("\t")
        words[text] = Word(text, tuple(json.loads(ratings)))
    return list(words.values())


def _lexicon_path() -> Path:
    """Found without importing the package, which would load a client for a translation service."""
    spec = find_spec("vaderSentiment")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the package vaderSentiment is missing: run `make setup` first")
    return Path(spec.submodule_search_locations[0]) / "vader_lexicon.txt"
