import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.project import (
    Choose,
    Guidelines,
    Honeypots,
    Onboarding,
    Push,
    QuestionSettings,
    not_in_effect,
    parse_labeling,
)
from labeling.questions.levels import Level, Method

CONFIG = (
    '<View><Text name="t" value="$text"/><Choices name="sentiment" toName="t"><Choice value="a"/><Choice value="b"/>'
    '</Choices><Rating name="stars" toName="t"/><TextArea name="why" toName="t"/></View>'
)
FIELDS = {"text": "text"}


def read(questions: object = None, **section: object):
    parsed, faults = parse_labeling({"config": CONFIG, **section}, questions, FIELDS)
    assert faults == []
    return parsed


def faults_of(section: object, questions: object = None) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.reason) for fault in parse_labeling(section, questions, FIELDS)[1]]


class TestParseLabeling:
    def test_no_section_asks_nothing(self):
        parsed, faults = parse_labeling(None, None, FIELDS)

        assert faults == []
        assert (parsed.config, parsed.configuration.questions, parsed.overlap) == ("", (), 1)

    def test_a_configuration_alone_has_defaults(self):
        parsed = read()

        assert parsed.config == CONFIG
        assert (parsed.overlap, parsed.max_overlap, parsed.choose) == (1, 1, Choose(1.0, 0.0, 0.0, 500))
        assert (parsed.guidelines, parsed.honeypots, parsed.onboarding) == (None, None, None)
        assert parsed.push is Push.AUTO
        assert parsed.questions == {
            "sentiment": QuestionSettings(Level.NOMINAL, Method.AUTO),
            "stars": QuestionSettings(Level.ORDINAL, Method.AUTO),
        }
        assert not_in_effect(parsed) == []

    def test_everything_of_the_contract_is_read(self):
        parsed = read(
            {"sentiment": {"level": "ordinal", "consensus": "dawid-skene"}, "stars": {"consensus": "median"}},
            guidelines={"version": "1", "text": "Read twice."},
            overlap=3,
            max_overlap=5,
            choose={"random": 0.5, "quota": 0.3, "uncertain": 0.2, "backlog": 40},
            push="manual",
            honeypots={"share": 0.05, "max_exposures": 2},
            onboarding={"tasks": 10, "pass": 0.8},
        )

        assert parsed.guidelines == Guidelines("1", "Read twice.")
        assert (parsed.overlap, parsed.max_overlap) == (3, 5)
        assert parsed.choose == Choose(0.5, 0.3, 0.2, 40)
        assert parsed.push is Push.MANUAL
        assert parsed.honeypots == Honeypots(0.05, 2)
        assert parsed.onboarding == Onboarding(10, 0.8)
        assert parsed.questions["sentiment"] == QuestionSettings(Level.ORDINAL, Method.DAWID_SKENE)
        assert parsed.questions["stars"] == QuestionSettings(Level.ORDINAL, Method.MEDIAN)

    def test_random_takes_what_the_other_ways_leave(self):
        assert read(choose={"quota": 0.25}).choose == Choose(0.75, 0.25, 0.0, 500)

    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            ({"overlap": 0}, ("/labeling/overlap", "out_of_range")),
            ({"overlap": 21}, ("/labeling/overlap", "out_of_range")),
            ({"overlap": "3"}, ("/labeling/overlap", "wrong_type")),
            ({"overlap": True}, ("/labeling/overlap", "wrong_type")),
            ({"overlap": 3, "max_overlap": 2}, ("/labeling/max_overlap", "out_of_range")),
            ({"overlaps": 3}, ("/labeling/overlaps", "unknown_field")),
            ({"a/b~c": 3}, ("/labeling/a~1b~0c", "unknown_field")),
            ({"guidelines": {"version": 1, "text": "x"}}, ("/labeling/guidelines/version", "wrong_type")),
            ({"guidelines": {"version": "1"}}, ("/labeling/guidelines/text", "missing_field")),
            ({"guidelines": "x"}, ("/labeling/guidelines", "wrong_type")),
            ({"choose": {"random": 0.5}}, ("/labeling/choose", "out_of_range")),
            ({"choose": {"random": 1.5}}, ("/labeling/choose/random", "out_of_range")),
            ({"choose": {"quota": float("nan")}}, ("/labeling/choose/quota", "out_of_range")),
            ({"choose": {"quota": "half"}}, ("/labeling/choose/quota", "wrong_type")),
            ({"choose": {"backlog": 0}}, ("/labeling/choose/backlog", "out_of_range")),
            ({"choose": []}, ("/labeling/choose", "wrong_type")),
            ({"push": "never"}, ("/labeling/push", "not_in_list")),
            ({"push": True}, ("/labeling/push", "not_in_list")),
            ({"honeypots": {"share": 2}}, ("/labeling/honeypots/share", "out_of_range")),
            ({"honeypots": {"max_exposures": 1}}, ("/labeling/honeypots/share", "missing_field")),
            ({"onboarding": {"tasks": 3}}, ("/labeling/onboarding/pass", "missing_field")),
            ({"config": "<View>"}, ("/labeling/config", "not_xml")),
            ({"config": None}, ("/labeling/config", "missing_field")),
            ({"config": 5}, ("/labeling/config", "wrong_type")),
            ({"config": '<View><Text name="t" value="$photo"/></View>'}, ("/labeling/config", "unknown_field")),
        ],
    )
    def test_a_mistake_points_at_its_key(self, change, fault):
        assert faults_of({"config": CONFIG, **change}) == [fault]

    @pytest.mark.parametrize(
        ("questions", "fault"),
        [
            ({"mood": {}}, ("/questions/mood", "unknown_field")),
            ({"why": {"level": "nominal"}}, ("/questions/why", "unknown_field")),
            ({"sentiment": {"level": "interval"}}, ("/questions/sentiment/level", "not_in_list")),
            ({"sentiment": {"level": 5}}, ("/questions/sentiment/level", "not_in_list")),
            ({"sentiment": {"consensus": "median"}}, ("/questions/sentiment/consensus", "not_in_list")),
            ({"stars": {"consensus": "mean"}}, ("/questions/stars/consensus", "not_in_list")),
            ({"stars": {"match": 0.5}}, ("/questions/stars/match", "unknown_field")),
            ({"stars": "ordinal"}, ("/questions/stars", "wrong_type")),
            ([], ("/questions", "wrong_type")),
        ],
    )
    def test_a_mistake_in_a_question_points_at_its_key(self, questions, fault):
        assert faults_of({"config": CONFIG}, questions) == [fault]

    def test_a_fault_says_what_is_allowed(self):
        _, faults = parse_labeling({"config": CONFIG}, {"sentiment": {"level": "interval"}}, FIELDS)

        assert faults[0].detail == "allowed: nominal, ordinal"

    def test_a_section_without_a_configuration_says_that_one_is_needed(self):
        assert faults_of({"overlap": 3}) == [("/labeling/config", "missing_field")]
        assert faults_of("x") == [("/labeling", "wrong_type")]

    @given(
        st.dictionaries(
            st.sampled_from(
                ["config", "guidelines", "overlap", "max_overlap", "choose", "push", "honeypots", "onboarding", "x"]
            ),
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.text(max_size=5)
            | st.lists(st.integers(), max_size=2)
            | st.dictionaries(
                st.sampled_from(["random", "share", "tasks", "pass", "version", "text"]),
                st.floats() | st.text(max_size=3),
            ),
        ),
        st.none() | st.dictionaries(st.text(max_size=4), st.none() | st.text(max_size=4)),
    )
    def test_no_junk_raises(self, section, questions):
        parse_labeling(section, questions, FIELDS)


class TestNotInEffect:
    def test_what_this_release_does_not_act_upon_is_listed(self):
        parsed = read(
            {"sentiment": {"consensus": "one-coin"}},
            overlap=2,
            max_overlap=3,
            choose={"quota": 0.1, "uncertain": 0.2},
            honeypots={"share": 0.1},
            onboarding={"tasks": 5, "pass": 1},
        )

        assert not_in_effect(parsed) == [
            "/labeling/max_overlap",
            "/labeling/choose/quota",
            "/labeling/choose/uncertain",
            "/labeling/honeypots",
            "/labeling/onboarding",
            "/questions/sentiment/consensus",
        ]
