"""Recall and precision on the gold sets that are kept beside the repository; skipped where they are not."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from collector.anonymization.patterns import Personal
from collector.anonymization.scrub import scrub_text, scrub_texts

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data"
KINDS = {kind.value for kind in Personal}
SAME_AS = {"DOMAIN_NAME": "URL"}
RECOGNIZED = {
    "credit_card": "CREDIT_CARD",
    "crypto": "CRYPTO",
    "email": "EMAIL_ADDRESS",
    "ip": "IP_ADDRESS",
    "phone": "PHONE_NUMBER",
    "url": "URL",
    "us_ssn": "US_SSN",
}


def needs(*parts: str) -> Path:
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{'/'.join(parts)} is not kept beside this repository")
    return path


def json_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def counts():
    records = json.loads(needs("pii-presidio-synth", "synth_dataset_v2_first_half.json").read_text(encoding="utf-8"))
    hits, missed, wrong = Counter(), Counter(), Counter()
    for record, scrubbed in zip(records, scrub_texts([each["full_text"] for each in records]), strict=True):
        gold = {
            (SAME_AS.get(span["entity_type"], span["entity_type"]), span["start_position"], span["end_position"])
            for span in record["spans"]
        }
        gold = {span for span in gold if span[0] in KINDS}
        found = {(entity.type, entity.start, entity.end) for entity in scrubbed.entities}
        hits.update(kind for kind, *_ in gold & found)
        missed.update(kind for kind, *_ in gold - found)
        wrong.update(kind for kind, *_ in found - gold)
    return hits, missed, wrong


class TestSyntheticSentences:
    def test_recall(self, counts):
        hits, missed, _ = counts

        assert hits.total() / (hits.total() + missed.total()) >= 0.99

    def test_precision(self, counts):
        hits, _, wrong = counts

        assert hits.total() / (hits.total() + wrong.total()) >= 0.97

    def test_every_type_is_found(self, counts):
        hits, missed, _ = counts

        assert all(hits[kind] / (hits[kind] + missed[kind]) >= 0.95 for kind in hits | missed)


class TestRecognizerVectors:
    def test_nearly_all_hold(self):
        vectors = json_lines(needs("pii-recognizer-vectors", "vectors.jsonl"))
        structured = [each for each in vectors if each["recognizer"] in RECOGNIZED]

        failed = [each["text"] for each in structured if not self.holds(each)]

        assert len(structured) == 102
        assert len(failed) <= 2, failed

    def holds(self, vector: dict) -> bool:
        kind = RECOGNIZED[vector["recognizer"]]
        found = [[entity.start, entity.end] for entity in scrub_text(vector["text"]).entities if entity.type == kind]
        wanted = vector.get("expected_positions") or vector.get("expected_res") or []
        return len(found) == vector["expected_len"] and (not wanted or found == wanted)


class TestPhoneNumbers:
    @pytest.mark.parametrize(
        ("column", "sentence", "recall"),
        [
            ("e164", "{}", 0.99),
            ("international_format", "you can reach me on {} today", 0.99),
            ("national_format", "Please call me at {}.", 0.93),
            ("national_significant", "call {}", 0.93),
        ],
    )
    def test_numbers_of_every_region(self, column, sentence, recall):
        with needs("pii-phone-numbers", "example_numbers.csv").open(encoding="utf-8") as file:
            numbers = [row[column] for row in csv.DictReader(file)]
        start = sentence.index("{}")

        found = sum(
            ("PHONE_NUMBER", start, start + len(number))
            in {(entity.type, entity.start, entity.end) for entity in scrub_text(sentence.format(number)).entities}
            for number in numbers
        )

        assert found / len(numbers) >= recall


class TestValidators:
    @pytest.mark.parametrize(
        ("validator", "kind"),
        [
            ("isEmail", "EMAIL_ADDRESS"),
            ("isIBAN", "IBAN_CODE"),
            ("isCreditCard", "CREDIT_CARD"),
            ("isBtcAddress", "CRYPTO"),
            ("isEthereumAddress", "CRYPTO"),
            ("isIPRange", "IP_ADDRESS"),
        ],
    )
    def test_what_is_valid_is_found(self, validator, kind):
        cases = json_lines(needs("pii-validator-vectors", "vectors.jsonl"))
        valid = [case["input"] for case in cases if case["validator"] == validator and case["valid"]]

        missed = [text for text in valid if kind not in {entity.type for entity in scrub_text(text).entities}]

        assert valid
        assert missed == []

    @pytest.mark.parametrize("validator", ["isPostalCode", "isISO8601", "isUUID"])
    def test_what_is_something_else_is_left_alone(self, validator):
        cases = json_lines(needs("pii-validator-vectors", "vectors.jsonl"))
        valid = [case["input"] for case in cases if case["validator"] == validator and case["valid"]]

        changed = [text for text in valid if scrub_text(text).entities]

        assert len(changed) <= len(valid) * 0.01, changed


class TestMessages:
    def test_messages_that_are_no_spam_hardly_change(self):
        lines = needs("neardup-sms-spam", "sms_first_half.tsv").read_text(encoding="utf-8").splitlines()
        ham = [line.partition("\t")[2] for line in lines if line.startswith("ham")]

        touched = sum(bool(scrubbed.entities) for scrubbed in scrub_texts(ham))

        assert touched / len(ham) < 0.01

    def test_scrubbing_them_again_finds_nothing(self):
        lines = needs("neardup-sms-spam", "sms_first_half.tsv").read_text(encoding="utf-8").splitlines()
        once = [scrubbed.text for scrubbed in scrub_texts([line.partition("\t")[2] for line in lines])]

        assert [scrubbed.text for scrubbed in scrub_texts(once)] == once
