import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.questions.answers import (
    MAX_REGIONS,
    MAX_RESULT_BYTES,
    Answer,
    ReadAnswers,
    read_answers,
)
from labeling.questions.configuration import parse_configuration

CONFIGURATION, _ = parse_configuration(
    '<View><Text name="t" value="$text"/>'
    '<Choices name="sentiment" toName="t"><Choice value="negative"/><Choice value="positive"/></Choices>'
    '<Rating name="stars" toName="t"/><Number name="price" toName="t"/>'
    '<Labels name="spans" toName="t"><Label value="slang"/></Labels></View>'
)


def region(name: str = "sentiment", kind: str = "choices", value: object = ("positive",), **changes: object) -> dict:
    plain = list(value) if isinstance(value, tuple) else value
    return {"from_name": name, "to_name": "t", "type": kind, "value": {kind: plain}, "id": "a1", **changes}


def faults_of(result: object) -> list[tuple[str, str]]:
    read = read_answers(result, CONFIGURATION)
    assert read.answers == ()
    return [(fault.pointer, fault.reason) for fault in read.faults]


class TestReadAnswers:
    def test_each_kind_is_read(self):
        result = [region(), region("stars", "rating", 4), region("price", "number", 3.5)]

        answers = (Answer("sentiment", "positive"), Answer("stars", 4), Answer("price", 3.5))
        assert read_answers(result, CONFIGURATION) == ReadAnswers(answers)

    def test_an_empty_result_answers_nothing(self):
        assert read_answers([], CONFIGURATION) == ReadAnswers()

    def test_unmeasured_controls_are_named_once(self):
        span = {
            "from_name": "spans",
            "to_name": "t",
            "type": "labels",
            "value": {"start": 0, "end": 3, "text": "lol", "labels": ["slang"]},
        }

        read = read_answers([span, span, region()], CONFIGURATION)

        assert (read.answers, read.faults) == ((Answer("sentiment", "positive"),), ())
        assert [raw.control for raw in read.raw] == ["spans"]

    def test_a_relation_between_regions_is_no_answer(self):
        relation = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"}

        assert read_answers([relation], CONFIGURATION) == ReadAnswers()

    @pytest.mark.parametrize(
        ("result", "fault"),
        [
            ({}, ("", "wrong_type")),
            (None, ("", "wrong_type")),
            (["x"], ("/0", "wrong_type")),
            ([{}], ("/0/from_name", "wrong_type")),
            ([region("nobody")], ("/0/from_name", "unknown_field")),
            ([region(type="rating")], ("/0/type", "wrong_type")),
            ([region(to_name="u")], ("/0/to_name", "not_in_list")),
            ([region(value=("meh",))], ("/0/value/choices/0", "not_in_list")),
            ([region(value=("positive", "negative"))], ("/0/value/choices", "out_of_range")),
            ([region(value=())], ("/0/value/choices", "out_of_range")),
            ([region(value="positive")], ("/0/value/choices", "wrong_type")),
            ([{**region(), "value": {"text": "x"}}], ("/0/value", "missing_field")),
            ([{**region(), "value": None}], ("/0/value", "missing_field")),
            ([region("stars", "rating", 9)], ("/0/value/rating", "out_of_range")),
            ([region("stars", "rating", True)], ("/0/value/rating", "wrong_type")),
            ([region("price", "number", float("inf"))], ("/0/value/number", "out_of_range")),
        ],
    )
    def test_what_label_studio_lets_pass_is_refused(self, result, fault):
        assert faults_of(result) == [fault]

    def test_two_regions_for_one_question_leave_it_unanswered(self):
        assert faults_of([region(), region(value=("negative",))]) == [("/1/from_name", "duplicate")]

    def test_a_fault_spoils_its_own_question_only(self):
        read = read_answers([region(value=("meh",)), region("stars", "rating", 4)], CONFIGURATION)

        assert read.answers == (Answer("stars", 4),)
        assert len(read.faults) == 1

    def test_gross_results_are_refused_whole(self):
        assert faults_of([region()] * (MAX_REGIONS + 1)) == [("", "too_large")]
        assert faults_of([region(meta="x" * MAX_RESULT_BYTES)]) == [("", "too_large")]

    @pytest.mark.slow
    def test_depth_and_lone_surrogates_are_no_crash(self):
        deep: object = []
        for _ in range(100_000):
            deep = [deep]

        assert faults_of([deep]) == [("", "too_deep")]
        assert faults_of([region(meta="\ud800")]) == [("", "wrong_type")]

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(
                    st.sampled_from(["from_name", "to_name", "type", "value", "choices", "rating", "x"]),
                    inner | st.sampled_from(["sentiment", "stars", "t", "choices", "rating", "relation"]),
                    max_size=5,
                )
            ),
            max_leaves=12,
        )
    )
    def test_no_junk_raises(self, junk):
        read_answers(junk, CONFIGURATION)
        read_answers([junk], CONFIGURATION)
