"""The card can always be read, whatever a project is called, and tells what was measured."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exports.documents.card import card_text
from exports.documents.contents import Contents, LeftOutItem
from exports.gates import AgreementFigure, UnmeasuredGate, evaluate_gates
from exports.inputs.leakage import Leakage
from exports.inputs.plan import ConsentStatement, TargetSpec
from exports.inputs.splits import LeftOut
from exports.promises import Lowered, Setting
from exports.sides import SideFigure
from tests.exports.making import make_plan


def contents(**changes):
    figures = {
        "rows": {"train": 80, "validation": 0, "test": 20},
        "signals": 150,
        "labelled": {name: {"train": 79, "validation": 0, "test": 20} for name in ("sentiment", "valence")},
        "labels": {"sentiment": {"train": {"positive": 79}, "validation": {}, "test": {"negative": 20}}},
        "left_out": (LeftOutItem("a", LeftOut.NOT_RANDOM),),
        "leakage": Leakage(0, 0, None),
    }
    return Contents(**(figures | changes))


def header_of(card):
    """As `datasets` reads it: the lines between the first line and the next that is three dashes."""
    lines = card.splitlines()
    assert lines[0] == "---"
    return yaml.safe_load("\n".join(lines[1 : lines[1:].index("---") + 1]))


TEXTS = st.text(max_size=60) | st.sampled_from(
    ["a\n---\nb", "---", "x: y # z", "'", '"', "no", "\x85---\x85", "\u2028---\u2028"]
)


class TestHeader:
    @given(TEXTS, TEXTS)
    def test_any_title_and_purpose_leave_it_readable(self, title, purpose):
        card = card_text(make_plan(title=title, purpose=purpose), contents())

        header = header_of(card)
        assert header["pretty_name"] == (" ".join(title.split()) or "slang")
        assert [file["split"] for file in header["configs"][0]["data_files"]] == ["train", "test"]
        card.encode()

    def test_a_draft_is_marked_in_header_and_text(self):
        card = card_text(make_plan(draft=True), contents())

        assert "draft" in header_of(card)["tags"]
        assert "**This is a draft.**" in card

    @pytest.mark.parametrize(("rows", "size"), [(999, "n<1K"), (1000, "1K<n<10K"), (4 * 10**6, "1M<n<10M")])
    def test_the_size_is_counted(self, rows, size):
        card = card_text(make_plan(), contents(rows={"train": rows, "validation": 0, "test": 0}))

        assert header_of(card)["size_categories"] == [size]


class TestText:
    def test_agreement_stands_with_its_interval_and_n(self):
        assert "| sentiment | ordinal | 0.7000 | 0.6500 to 0.7500 | 500 | 1500 |" in card_text(make_plan(), contents())

    def test_agreement_that_is_undefined_says_why(self):
        unknown = AgreementFigure("sentiment", "ordinal", None, None, None, 0, 3, reason="no item has two answers")

        assert "no item has two answers" in card_text(make_plan(agreement=(unknown,)), contents())

    def test_gates_stand_with_their_figures(self):
        gates = evaluate_gates([UnmeasuredGate("k", 5)], agreement=[], expectations=None)

        assert "| k | no | none | 5 | k is not measured by this release" in card_text(
            make_plan(gates=gates), contents()
        )

    def test_what_was_left_out_is_counted(self):
        card = card_text(make_plan(not_used={"unresolved": 12}, not_in_effect=("weights: population",)), contents())

        assert "- 1 items: its group is held out" in card
        assert "- 12 items never reached the split: unresolved." in card
        assert "not in effect yet: weights: population" in card

    def test_consent_is_stated(self):
        consent = ConsentStatement(required=True, purposes=("training",))

        assert "(purposes: `training`)" in card_text(make_plan(consent=consent), contents())
        assert "requires no consent" in card_text(make_plan(consent=ConsentStatement(required=False)), contents())

    def test_a_title_cannot_become_markup(self):
        card = card_text(make_plan(title="<script>*x*</script>", purpose="# Not a heading"), contents())

        assert "<script>" not in card.split("---", 2)[2]
        assert "\n# Not" not in card

    def test_an_empty_side_is_warned_of_where_the_splits_stand(self):
        sides = (
            SideFigure("train", 0.8, 80, 3),
            SideFigure("validation", 0.1, 0, 0),
            SideFigure("test", 0.1, 20, 1),
        )

        card = card_text(make_plan(sides=sides), contents())

        assert "| train | 80 | 3 | 0.8000 | 0.8000 |" in card
        assert "**Warning:** validation is empty" in card
        assert "test is empty" not in card

    def test_near_duplicates_that_were_not_looked_for_are_not_counted(self):
        assert "Near-duplicates were not looked for" in card_text(make_plan(), contents())
        assert "near-duplicates stay together" not in card_text(make_plan(), contents())

    def test_leakage_that_was_found_stands_with_its_figures(self):
        card = card_text(make_plan(near_duplicates=True), contents(leakage=Leakage(1, 2, 3)))

        assert "on two sides: 1 items, 2 split groups, 3 near-duplicate sets" in card

    def test_overrides_and_lowered_promises_stand_with_both_values(self):
        card = card_text(
            make_plan(
                overrides=(Setting("/export/labels/min_annotations", 1, 3),),
                lowered=(
                    Lowered("/export/gates/sentiment/alpha", 0.8, 0.6, 2),
                    Lowered("/export/gates/k", 5, None),
                ),
            ),
            contents(),
        )

        assert "- `/export/labels/min_annotations`: `3` in place of `1`." in card
        assert "- `/export/gates/sentiment/alpha`: `0.6`, before `0.8`, since revision 2." in card
        assert "- `/export/gates/k`: none, before `5`, by the override of this draft." in card

    def test_a_question_cannot_become_markup(self):
        card = card_text(
            make_plan(targets=(TargetSpec("a`|b", "choice", "nominal", ("x",)),)),
            contents(labelled={"a`|b": {"train": 80, "validation": 0, "test": 20}}, labels={}),
        )

        assert "a\\`\\|b" in card
        assert "a`|b" not in card
