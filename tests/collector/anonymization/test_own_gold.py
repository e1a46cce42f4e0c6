"""Our own gold: sentences of many languages with what must be found in them, and all else must stay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from collector.anonymization.patterns import Personal
from collector.anonymization.scrub import scrub_text

SENTENCES = [
    json.loads(line) for line in (Path(__file__).parent / "gold.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize("sentence", SENTENCES, ids=lambda sentence: f"{sentence['lang']}: {sentence['text'][:30]}")
def test_what_is_personal_is_found_whole_and_nothing_else(sentence):
    text = sentence["text"]

    scrubbed = scrub_text(text)

    assert [[each.type, text[each.start : each.end]] for each in scrubbed.entities] == sentence["find"]
    expected = text
    for kind, value in sentence["find"]:
        expected = expected.replace(value, f"<{kind}>", 1)
    assert scrubbed.text == expected


def test_every_type_must_be_found_somewhere():
    assert {kind for sentence in SENTENCES for kind, _ in sentence["find"]} == {kind.value for kind in Personal}


def test_most_languages_have_something_to_find_and_something_to_leave():
    found = {sentence["lang"] for sentence in SENTENCES if sentence["find"]}
    left = {sentence["lang"] for sentence in SENTENCES if not sentence["find"]}

    assert len(found) >= 20
    assert len(left) >= 10
