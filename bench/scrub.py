"""How fast structured personal data is scrubbed, on one core, beside Presidio with a blank model.

Presidio is no dependency. To measure it too, install it somewhere else and run this file with that Python:

    uv venv bench-venv && VIRTUAL_ENV=bench-venv uv pip install presidio-analyzer google-re2 orjson zstandard click rich
    PYTHONPATH=. bench-venv/bin/python bench/scrub.py

Without it, ours alone is reported and the ratios are null.
"""

from __future__ import annotations

import importlib.util
import json
import random
import time
from collections.abc import Callable, Sequence
from statistics import median

from collector.anonymization.patterns import Personal
from collector.anonymization.scrub import scrub_texts

SEED = 7
TEXTS = 2000
BATCH = 100
PRESIDIO_TEXTS = 100
ROUNDS = 7
SHARE_WITH_A_FIND = 0.05

_TEXT = (
    "the a my your this that it was is not very good bad nice slow fast today tomorrow again really please thanks when "
    "after update app screen battery order delivery weather music game level train station coffee friend meeting so "
    "and but because with without for from they we you i he she open closed works broken crashed opens never always"
)
_WORDS = _TEXT.split()


def measure() -> dict[str, object]:
    """Texts a second and CPU core, ours and Presidio's, and their ratio, on dense and on sparse text."""
    numbers = random.Random(SEED)
    dense = [_dense_text(numbers) for _ in range(TEXTS)]
    sparse = [
        _dense_text(numbers) if numbers.random() < SHARE_WITH_A_FIND else _plain_text(numbers) for _ in range(TEXTS)
    ]
    return {
        "bench": "scrub",
        "unit": "texts per CPU second, batches of 100, one core",
        "dense": _compared(dense),
        "sparse": _compared(sparse),
    }


def _compared(texts: Sequence[str]) -> dict[str, object]:
    """Both sides take turns, so that what else the machine does meets both; the middle round counts."""
    finds = sum(len(scrubbed.entities) for scrubbed in scrub_texts(texts))
    analyze = _presidio()
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(_seconds_a_text(_scrub_in_batches, texts))
        if analyze:
            theirs.append(_seconds_a_text(analyze, texts[:PRESIDIO_TEXTS]))
    return {
        "finds_per_text": round(finds / len(texts), 3),
        "characters_per_text": round(sum(map(len, texts)) / len(texts), 1),
        "ours": round(1 / median(ours)),
        "presidio": round(1 / median(theirs)) if theirs else None,
        "ratio": round(median(theirs) / median(ours), 1) if theirs else None,
    }


def _seconds_a_text(work: Callable[[Sequence[str]], object], texts: Sequence[str]) -> float:
    start = time.process_time()
    work(texts)
    return (time.process_time() - start) / len(texts)


def _scrub_in_batches(texts: Sequence[str]) -> None:
    for first in range(0, len(texts), BATCH):
        scrub_texts(texts[first : first + BATCH])


def _presidio() -> Callable[[Sequence[str]], object] | None:
    """Presidio's analysis of a list of texts, structured types only, with spaCy's blank English model."""
    if importlib.util.find_spec("presidio_analyzer") is None:
        return None
    import logging

    import spacy  # type: ignore[import-not-found]
    from presidio_analyzer import AnalyzerEngine  # type: ignore[import-not-found]
    from presidio_analyzer.nlp_engine import SpacyNlpEngine  # type: ignore[import-not-found]

    class BlankEngine(SpacyNlpEngine):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(models=[{"lang_code": "en", "model_name": "blank"}])
            self.nlp = {"en": spacy.blank("en")}

    logging.disable(logging.ERROR)
    engine = AnalyzerEngine(nlp_engine=BlankEngine(), supported_languages=["en"])
    kinds = [kind.value for kind in Personal]
    return lambda texts: [engine.analyze(text, language="en", entities=kinds) for text in texts]


def _plain_text(numbers: random.Random) -> str:
    words = [numbers.choice(_WORDS) for _ in range(numbers.randrange(8, 26))]
    if numbers.random() < 0.3:
        words.insert(numbers.randrange(len(words)), str(numbers.randrange(2000)))
    return " ".join(words).capitalize() + "."


def _dense_text(numbers: random.Random) -> str:
    finds = 2 if numbers.random() < 0.2 else 1
    sentences = [numbers.choice(_TEMPLATES).format(numbers.choice(_MAKERS)(numbers)) for _ in range(finds)]
    return " ".join([_plain_text(numbers), *sentences])


_TEMPLATES = ("Reach me under {}.", "It was {} I think", "please call {} or write", "My data: {}, thanks", "see {}")


def _digits(numbers: random.Random, count: int) -> str:
    return "".join(numbers.choice("0123456789") for _ in range(count))


def _card(numbers: random.Random) -> str:
    body = "4" + _digits(numbers, 14)
    total = sum(
        int(digit) * 2 - 9 * (int(digit) > 4) if place % 2 == 0 else int(digit) for place, digit in enumerate(body)
    )
    return body + str(-total % 10)


def _iban(numbers: random.Random) -> str:
    account = _digits(numbers, 18)
    return f"DE{98 - int(account + '131400') % 97:02d}{account}"


def _address(numbers: random.Random) -> str:
    return ".".join(str(numbers.randrange(1, 255)) for _ in range(4))


def _name(numbers: random.Random) -> str:
    return numbers.choice(_WORDS) + str(numbers.randrange(99))


_MAKERS: tuple[Callable[[random.Random], str], ...] = (
    _card,
    _iban,
    _address,
    lambda numbers: f"{_name(numbers)}@{_name(numbers)}.com",
    lambda numbers: f"https://www.{_name(numbers)}.org/{_name(numbers)}",
    lambda numbers: f"+44 20 {_digits(numbers, 4)} {_digits(numbers, 4)}",
    lambda numbers: f"({numbers.randrange(201, 989)}) {numbers.randrange(201, 989)}-{_digits(numbers, 4)}",
    lambda numbers: f"0{numbers.randrange(10, 99)} {_digits(numbers, 4)} {_digits(numbers, 4)}",
    lambda numbers: f"{numbers.randrange(101, 665)}-{numbers.randrange(10, 99)}-{numbers.randrange(1000, 9999)}",
)


if __name__ == "__main__":
    print(json.dumps(measure()))
