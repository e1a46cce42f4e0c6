from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.questions.choice import ChoiceQuestion
from labeling.questions.configuration import (
    MAX_CHARS,
    BreakReason,
    LabeledObject,
    UnmeasuredControl,
    compare,
    parse_configuration,
)
from labeling.questions.number import NumberQuestion
from labeling.questions.rating import RatingQuestion

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data"
EXAMPLES = SHARED / "labelstudio-examples"

SENTIMENT = (
    '<Choices name="sentiment" toName="t">'
    '<Choice value="negative"/><Choice value="neutral"/><Choice value="positive"/></Choices>'
)


def view(*tags: str) -> str:
    return f'<View><Text name="t" value="$text"/>{"".join(tags)}</View>'


def read(text: str):
    configuration, faults = parse_configuration(text, declared_fields=("text", "photo"))
    assert faults == []
    return configuration


def reasons(text: str) -> list[str]:
    _, faults = parse_configuration(text, declared_fields=("text", "photo"))
    assert {fault.pointer for fault in faults} <= {"/labeling/config"}
    return [fault.reason for fault in faults]


class TestParseConfiguration:
    def test_the_example_of_the_contract_asks_one_choice(self):
        configuration = read(view(SENTIMENT))

        question = ChoiceQuestion("sentiment", "t", choices=("negative", "neutral", "positive"))
        assert configuration.questions == (question,)
        assert configuration.objects == (LabeledObject("t", "Text", "text"),)
        assert configuration.unmeasured == ()
        assert configuration.fields == ("text",)

    def test_ratings_and_numbers_have_bounds(self):
        configuration = read(
            view(
                '<Rating name="stars" toName="t"/><Rating name="ten" toName="t" maxRating="10"/>'
                '<Number name="free" toName="t"/><Number name="price" toName="t" min="-1.5" max="4"/>'
            )
        )

        assert configuration.questions == (
            RatingQuestion("stars", "t", 1, 5),
            RatingQuestion("ten", "t", 1, 10),
            NumberQuestion("free", "t"),
            NumberQuestion("price", "t", -1.5, 4),
        )

    def test_an_alias_is_what_label_studio_stores(self):
        configuration = read(
            view('<Choices name="c" toName="t"><Choice value="Yes, it is" alias="yes"/><Choice value="No"/></Choices>')
        )

        assert configuration.questions[0].choices == ("yes", "No")

    def test_choices_may_stand_inside_views(self):
        configuration = read(
            view(
                '<View><Choices name="c" toName="t"><View><Choice value="a"/></View><Choice value="b"/></Choices></View>'
            )
        )

        assert configuration.questions[0].choices == ("a", "b")

    @pytest.mark.parametrize(
        "control",
        [
            '<Choices name="c" toName="t" choice="multiple"><Choice value="a"/></Choices>',
            '<Choices name="c" toName="t" perRegion="true"><Choice value="a"/></Choices>',
            '<Choices name="c" toName="t" allowNested="true"><Choice value="a"><Choice value="b"/></Choice></Choices>',
            '<Choices name="c" toName="t" value="$text"/>',
            '<Rating name="c" toName="t" perRegion="true"/>',
            '<Labels name="c" toName="t"><Label value="a"/></Labels>',
            '<TextArea name="c" toName="t"/>',
            '<Taxonomy name="c" toName="t"><Choice value="a"/></Taxonomy>',
            '<Repeater on="$text" indexFlag="{{i}}"><Number name="c" toName="t"/></Repeater>',
            '<Text name="u" value="$text"/><Pairwise name="c" toName="t,u"/>',
        ],
    )
    def test_what_is_not_one_answer_about_the_whole_item_is_kept_unmeasured(self, control):
        configuration = read(view(control))

        assert configuration.questions == ()
        assert [one.name for one in configuration.unmeasured] == ["c"]

    def test_labels_of_an_unmeasured_control_are_kept(self):
        configuration = read(
            '<View><Image name="i" value="$photo"/><RectangleLabels name="b" toName="i">'
            '<Label value="Cat" alias="cat"/><Label value="dog"/></RectangleLabels></View>'
        )

        assert configuration.unmeasured == (UnmeasuredControl("b", "RectangleLabels", "i", ("cat", "dog")),)

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "not_xml"),
            ("<View>", "not_xml"),
            ("a text", "not_xml"),
            ("<View>\x00</View>", "not_xml"),
            ("<View>\ud800</View>", "not_xml"),
            (f'<Collapse><Text name="t" value="$text"/>{SENTIMENT}</Collapse>', "wrong_type"),
            ('<View><Header value="Hello"/></View>', "missing_field"),
            ('<View><Text name="t" value="always the same"/></View>', "missing_field"),
            (view('<Choices name="c" toName="x"><Choice value="a"/></Choices>'), "unknown_field"),
            (view('<Choices toName="t"><Choice value="a"/></Choices>'), "missing_field"),
            (view('<Choices name="c" toName="t"/>'), "missing_field"),
            (view('<Choices name="c" toName="t"><Choice/></Choices>'), "missing_field"),
            (view('<Choices name="c" toName="t"><Choice value="a"/><Choice value="a"/></Choices>'), "duplicate"),
            (
                view('<Choices name="c" toName="t"><Choice value="a"/><Choice value="b" alias="a"/></Choices>'),
                "duplicate",
            ),
            (view('<Choices name="c" toName="t" choice="some"><Choice value="a"/></Choices>'), "not_in_list"),
            (view(SENTIMENT, SENTIMENT), "duplicate"),
            (view('<Number name="t" toName="t"/>'), "duplicate"),
            (view('<Rating name="r" toName="t" maxRating="0"/>'), "out_of_range"),
            (view('<Rating name="r" toName="t" maxRating="many"/>'), "out_of_range"),
            (view('<Number name="n" toName="t" min="low"/>'), "wrong_type"),
            (view('<Number name="n" toName="t" min="2" max="1"/>'), "out_of_range"),
            (view('<Header value="$undeclared"/>'), "unknown_field"),
            ('<View><Text name="t" value="$undeclared"/></View>', "unknown_field"),
        ],
    )
    def test_a_mistake_is_a_fault_of_its_kind(self, text, reason):
        assert reasons(text) == [reason]

    @pytest.mark.parametrize(
        "prologue",
        [
            '<!DOCTYPE View [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
            '<!DOCTYPE View [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>',
            '<!DOCTYPE View SYSTEM "http://localhost/x.dtd">',
        ],
    )
    def test_entities_and_document_types_are_refused(self, prologue):
        assert reasons(prologue + view(SENTIMENT)) == ["not_xml"]

    def test_a_huge_configuration_is_refused_unread(self):
        assert reasons("<" * (MAX_CHARS + 1)) == ["too_large"]

    def test_depth_is_no_crash(self):
        depth = MAX_CHARS // 7 - 100

        assert reasons("<a>" * depth + "</a>" * depth) == ["wrong_type", "missing_field"]

    def test_no_value_of_the_configuration_is_repeated_in_a_fault(self):
        secret = "jane@example.org"
        text = view(
            f'<Choices name="{secret}" toName="{secret}"><Choice value="{secret}"/><Choice value="{secret}"/></Choices>'
            f'<Rating name="{secret}" toName="t" maxRating="{secret}"/><Header value="$jane"/>'
        )

        _, faults = parse_configuration(text, declared_fields=["text"])

        assert len(faults) == 5
        assert not any("jane" in fault.detail for fault in faults)

    @given(st.text(max_size=200))
    def test_no_text_raises(self, text):
        parse_configuration(text, declared_fields=["text"])

    @pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/config.xml")), ids=lambda path: path.parent.name)
    def test_real_configurations_are_read(self, path):
        configuration, faults = parse_configuration(path.read_text(encoding="utf-8"))

        assert faults == []
        assert configuration.questions or configuration.unmeasured

    @pytest.mark.skipif(not EXAMPLES.exists(), reason="the shared examples are not here")
    def test_a_real_configuration_asks_what_it_shows(self):
        configuration, _ = parse_configuration((EXAMPLES / "references" / "config.xml").read_text(encoding="utf-8"))

        assert configuration.questions[0].choices == ("missing-words", "valid")


class TestCompare:
    OLD = view(SENTIMENT, '<Rating name="stars" toName="t"/>', '<Number name="price" toName="t" min="0"/>')

    def breaks(self, new: str) -> list[tuple[BreakReason, str | None, str | None]]:
        return [(one.reason, one.question, one.value) for one in compare(read(self.OLD), read(new))]

    def test_the_same_breaks_nothing(self):
        assert self.breaks(self.OLD) == []

    def test_a_choice_a_hint_a_title_and_a_question_may_be_added(self):
        new = self.OLD.replace('<Choice value="neutral"/>', '<Choice value="neutral" hint="h"/><Choice value="mixed"/>')
        new = new.replace("<View>", '<View><Header value="Read well"/>')
        new = new.replace("</View>", '<Rating name="more" toName="t"/></View>')

        assert self.breaks(new) == []

    def test_a_removed_choice_is_named(self):
        new = self.OLD.replace('<Choice value="neutral"/>', "")

        assert self.breaks(new) == [(BreakReason.CHOICE_REMOVED, "sentiment", "neutral")]

    def test_an_alias_renames_what_is_stored(self):
        new = self.OLD.replace('<Choice value="neutral"/>', '<Choice value="neutral" alias="n"/>')

        assert self.breaks(new) == [(BreakReason.CHOICE_REMOVED, "sentiment", "neutral")]

    def test_a_renamed_control_loses_its_answers(self):
        new = self.OLD.replace('name="sentiment"', 'name="mood"')

        assert self.breaks(new) == [(BreakReason.CONTROL_REMOVED, "sentiment", None)]

    def test_another_kind_breaks(self):
        new = self.OLD.replace('<Rating name="stars" toName="t"/>', '<Number name="stars" toName="t"/>')

        assert self.breaks(new) == [(BreakReason.KIND_CHANGED, "stars", None)]

    def test_several_choices_instead_of_one_break(self):
        new = self.OLD.replace('name="sentiment" toName="t"', 'name="sentiment" toName="t" choice="multiple"')

        assert self.breaks(new) == [(BreakReason.KIND_CHANGED, "sentiment", None)]

    def test_a_narrower_range_breaks_and_a_wider_one_does_not(self):
        narrower = self.OLD.replace('min="0"', 'min="0" max="9"')
        fewer_stars = self.OLD.replace('name="stars"', 'name="stars" maxRating="3"')
        wider = self.OLD.replace(' min="0"', "").replace('name="stars"', 'name="stars" maxRating="7"')

        assert self.breaks(narrower) == [(BreakReason.RANGE_NARROWED, "price", None)]
        assert self.breaks(fewer_stars) == [(BreakReason.RANGE_NARROWED, "stars", None)]
        assert self.breaks(wider) == []

    def test_a_field_that_tasks_lack_breaks(self):
        new = self.OLD.replace("<View>", '<View><Image name="i" value="$photo"/>')

        assert self.breaks(new) == [(BreakReason.FIELD_ADDED, None, "photo")]

    def test_a_question_about_another_object_breaks(self):
        new = self.OLD.replace("<View>", '<View><Text name="u" value="$text"/>').replace(
            'name="stars" toName="t"', 'name="stars" toName="u"'
        )

        assert self.breaks(new) == [(BreakReason.OBJECT_CHANGED, "stars", None)]

    def test_labels_of_an_unmeasured_control_count_too(self):
        old = read(view('<Labels name="l" toName="t"><Label value="a"/><Label value="b"/></Labels>'))
        fewer = read(view('<Labels name="l" toName="t"><Label value="a"/></Labels>'))
        gone = read(view(SENTIMENT))
        turned = read(view('<Number name="l" toName="t"/>'))

        assert [one.reason for one in compare(old, fewer)] == [BreakReason.CHOICE_REMOVED]
        assert [one.reason for one in compare(old, gone)] == [BreakReason.CONTROL_REMOVED]
        assert [one.reason for one in compare(old, turned)] == [BreakReason.KIND_CHANGED]
