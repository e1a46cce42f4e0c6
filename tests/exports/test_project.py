"""The export section: defaults, overrides, and a pointer for every mistake."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.project import load_file
from exports.gates import AlphaGate, Bound, ExpectationsGate, MinRowsGate, UnmeasuredGate
from exports.project import LabelRules, Unresolved, Weights, parse_export, parse_settings, with_overrides
from exports.section import SECTION
from exports.shares import Shares
from foundation.document.definitions import Reader
from foundation.errors import UsageError
from tests.exports.rigs import CONFIG, project_file

QUESTIONS = ("sentiment", "topic")
WHOLE = {
    "targets": ["sentiment"],
    "labels": {"min_annotations": 2, "min_confidence": 0.5, "unresolved": "keep"},
    "split": {"train": 0.7, "validation": 0.2, "test": 0.1},
    "weights": "population",
    "gates": {
        "sentiment": {"alpha": 0.6, "bound": "lower"},
        "audit_error_upper": 0.05,
        "population_tvd": 0.2,
        "expectations": "pass",
        "k": 5,
        "min_rows": 20,
    },
    "formats": ["parquet"],
}


class TestParse:
    def test_an_empty_section_takes_all_questions_and_the_defaults(self):
        section, faults = parse_export({}, QUESTIONS)

        assert faults == []
        assert section.targets == QUESTIONS
        assert (section.labels, section.split, section.gates) == (LabelRules(), Shares(), ())
        assert section.min_rows == 1
        assert section.not_in_effect == ()

    def test_the_example_of_the_contract_is_read(self):
        section, faults = parse_export(WHOLE, QUESTIONS)

        assert faults == []
        assert section.targets == ("sentiment",)
        assert section.labels == LabelRules(2, 0.5, Unresolved.KEEP)
        assert section.split == Shares(0.7, 0.2, 0.1)
        assert set(section.gates) == {
            AlphaGate("sentiment", 0.6, Bound.LOWER),
            UnmeasuredGate("audit_error_upper", 0.05),
            UnmeasuredGate("population_tvd", 0.2),
            ExpectationsGate(),
            UnmeasuredGate("k", 5),
            MinRowsGate(20),
        }
        assert section.min_rows == 20

    def test_population_weights_are_accepted_and_named_as_not_in_effect(self):
        section, _ = parse_export({"weights": "population"}, QUESTIONS)

        assert section.weights is Weights.POPULATION
        assert section.not_in_effect == ("/export/weights",)

    def test_the_section_in_effect_reads_as_itself(self):
        section, _ = parse_export(WHOLE, QUESTIONS)

        assert parse_export(section.as_document(), QUESTIONS) == (section, [])

    @pytest.mark.parametrize(
        ("section", "pointer", "reason"),
        [
            ({"taget": []}, "/export/taget", "unknown_field"),
            ({"targets": "sentiment"}, "/export/targets", "wrong_type"),
            ({"targets": ["mood"]}, "/export/targets/0", "not_in_list"),
            ({"targets": ["topic", "topic"]}, "/export/targets/1", "not_in_list"),
            ({"targets": [{}]}, "/export/targets/0", "not_in_list"),
            ({"labels": []}, "/export/labels", "wrong_type"),
            ({"labels": {"min_annotations": -1}}, "/export/labels/min_annotations", "out_of_range"),
            ({"labels": {"min_annotations": 1.5}}, "/export/labels/min_annotations", "wrong_type"),
            ({"labels": {"min_annotations": "2"}}, "/export/labels/min_annotations", "wrong_type"),
            ({"labels": {"min_confidence": 1.1}}, "/export/labels/min_confidence", "out_of_range"),
            ({"labels": {"min_confidence": float("nan")}}, "/export/labels/min_confidence", "out_of_range"),
            ({"labels": {"unresolved": "maybe"}}, "/export/labels/unresolved", "not_in_list"),
            ({"labels": {"unresolved": ["drop"]}}, "/export/labels/unresolved", "not_in_list"),
            ({"split": {"train": 0.8}}, "/export/split", "out_of_range"),
            ({"split": {"train": True}}, "/export/split/train", "wrong_type"),
            ({"split": {"train": 1, "dev": 0}}, "/export/split/dev", "unknown_field"),
            ({"weights": "inverse"}, "/export/weights", "not_in_list"),
            ({"gates": {"mood": {"alpha": 0.5}}}, "/export/gates/mood", "unknown_field"),
            ({"gates": {"topic": 0.5}}, "/export/gates/topic", "wrong_type"),
            ({"gates": {"topic": {"bound": "lower"}}}, "/export/gates/topic/alpha", "missing_field"),
            ({"gates": {"topic": {"alpha": 2}}}, "/export/gates/topic/alpha", "out_of_range"),
            ({"gates": {"topic": {"alpha": 0.5, "bound": "upper"}}}, "/export/gates/topic/bound", "not_in_list"),
            ({"gates": {"expectations": "fail"}}, "/export/gates/expectations", "not_in_list"),
            ({"gates": {"k": 0}}, "/export/gates/k", "out_of_range"),
            ({"gates": {"min_rows": -1}}, "/export/gates/min_rows", "out_of_range"),
            ({"gates": {"min_rows": 1.5}}, "/export/gates/min_rows", "wrong_type"),
            ({"gates": {"min_rows": True}}, "/export/gates/min_rows", "wrong_type"),
            ({"gates": {"min_rows": {"test": 5}}}, "/export/gates/min_rows", "wrong_type"),
            ({"formats": ["parquet", "csv"]}, "/export/formats/1", "not_in_list"),
            ({"formats": []}, "/export/formats", "wrong_type"),
        ],
    )
    def test_a_mistake_is_pointed_at(self, section, pointer, reason):
        _, faults = parse_export(section, QUESTIONS)

        assert [(fault.pointer, fault.reason) for fault in faults] == [(pointer, reason)]

    def test_a_format_to_come_says_what_is_allowed_now(self):
        _, faults = parse_export({"formats": ["tfrecord"]}, QUESTIONS)

        assert "only parquet" in faults[0].detail

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from([*WHOLE, *WHOLE["gates"], *WHOLE["labels"], "train"]), inner, max_size=4
                )
            ),
            max_leaves=12,
        )
    )
    def test_anything_gives_a_section_and_faults_below_export(self, anything):
        section, faults = parse_export(anything, QUESTIONS)

        assert set(section.targets) <= set(QUESTIONS)
        assert all(fault.pointer.startswith("/export") for fault in faults)


class TestOverrides:
    def test_objects_merge_values_replace_and_null_takes_away(self):
        merged = with_overrides(WHOLE, {"labels": {"min_annotations": 3}, "gates": {"k": None}, "targets": ["topic"]})

        assert merged["labels"] == {"min_annotations": 3, "min_confidence": 0.5, "unresolved": "keep"}
        assert "k" not in merged["gates"]
        assert merged["targets"] == ["topic"]
        assert "k" in WHOLE["gates"]

    def test_settings_are_dotted_keys(self):
        overrides = parse_settings(["gates.sentiment.alpha=0.7", "gates.k=null", "targets=[topic]", "weights=none"])

        assert overrides == {
            "gates": {"sentiment": {"alpha": 0.7}, "k": None},
            "targets": ["topic"],
            "weights": "none",
        }

    @pytest.mark.parametrize(
        "word", ["weights", "=none", "a..b=1", "targets=[", ".=1", "a=2020-01-01", "a=.nan", "a=&b [*b]"]
    )
    def test_a_word_that_is_no_setting_is_a_mistake_of_usage(self, word):
        with pytest.raises(UsageError):
            parse_settings([word])


class TestSection:
    def test_a_file_whose_columns_differ_has_no_fault(self):
        assert faults_of_file() == []

    @pytest.mark.parametrize("name", ["mood", "mood_n"])
    def test_a_field_named_as_a_column_of_a_question_is_pointed_at(self, name: str):
        assert faults_of_file(fields={"text": {"kind": "text"}, name: {"kind": "text"}}) == [f"/fields/{name}"]

    def test_a_question_that_no_version_holds_may_be_named_as_a_field(self):
        assert faults_of_file(fields={"text": {"kind": "text"}, "mood": {"kind": "text"}}, export={"targets": []}) == []

    def test_an_attribute_named_as_a_field_is_pointed_at(self):
        assert faults_of_file(context={"keep": [], "attributes": ["price"]}) == ["/context"]

    def test_a_question_named_as_a_column_of_every_version_is_pointed_at(self):
        config = CONFIG.replace('name="mood"', 'name="weight"')

        assert faults_of_file(labeling={"config": config}, export={}) == ["/labeling/config"]


def faults_of_file(**changes: Any) -> list[str]:
    body = project_file(**changes)
    reader = Reader()
    SECTION.read(reader, load_file(body))
    return [fault.pointer for fault in reader.faults]
