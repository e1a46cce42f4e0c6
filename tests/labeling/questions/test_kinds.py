from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import Fault
from labeling.questions.kinds import (
    DEFAULT_LEVEL,
    Level,
    Method,
    Question,
    QuestionKind,
    key_of,
    levels_of,
    methods_of,
    number_in,
    read_value,
)

SENTIMENT = Question("sentiment", QuestionKind.CHOICE, "t", choices=("negative", "neutral", "positive"))
STARS = Question("stars", QuestionKind.RATING, "t", minimum=1, maximum=5)
PRICE = Question("price", QuestionKind.NUMBER, "t", minimum=0, maximum=10.5)
FREE = Question("free", QuestionKind.NUMBER, "t")


def reason_of(read: object) -> str:
    assert isinstance(read, Fault)
    return read.reason


class TestReadValue:
    def test_a_choice_is_one_of_the_choices(self):
        assert read_value(SENTIMENT, "neutral") == "neutral"
        assert reason_of(read_value(SENTIMENT, "Neutral")) == "not_in_list"
        assert reason_of(read_value(SENTIMENT, 1)) == "wrong_type"
        assert reason_of(read_value(SENTIMENT, None)) == "wrong_type"

    def test_a_rating_is_a_whole_number_within_its_stars(self):
        assert read_value(STARS, 5) == 5
        assert isinstance(read_value(STARS, 4.0), int)
        assert reason_of(read_value(STARS, 0)) == "out_of_range"
        assert reason_of(read_value(STARS, 6)) == "out_of_range"
        assert reason_of(read_value(STARS, 2.5)) == "wrong_type"
        assert reason_of(read_value(STARS, True)) == "wrong_type"
        assert reason_of(read_value(STARS, "4")) == "wrong_type"

    def test_a_number_is_finite_and_within_its_bounds(self):
        assert read_value(PRICE, 10.5) == 10.5
        assert isinstance(read_value(PRICE, 3), float)
        assert reason_of(read_value(PRICE, -0.1)) == "out_of_range"
        assert reason_of(read_value(PRICE, 11)) == "out_of_range"
        assert reason_of(read_value(FREE, float("nan"))) == "out_of_range"
        assert reason_of(read_value(FREE, float("inf"))) == "out_of_range"
        assert reason_of(read_value(FREE, 10**400)) == "out_of_range"

    def test_a_fault_points_at_the_place_and_repeats_no_value(self):
        fault = read_value(SENTIMENT, "jane@example.org", "/3/value")

        assert isinstance(fault, Fault)
        assert fault.pointer == "/3/value"
        assert "jane" not in fault.detail


class TestKey:
    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_a_number_comes_back_from_its_key(self, number):
        value = read_value(FREE, number)

        assert float(key_of(value)) == value

    def test_equal_values_have_one_key(self):
        assert key_of(3.0) == key_of(3) == "3"
        assert key_of(-0.0) == key_of(0.0) == "0"

    @given(st.text())
    def test_any_text_is_a_finite_number_or_none(self, text):
        number = number_in(text)

        assert number is None or abs(number) < float("inf")


class TestLevels:
    def test_texts_have_no_distances(self):
        assert levels_of(SENTIMENT) == (Level.NOMINAL, Level.ORDINAL)

    def test_choices_that_are_numbers_may_be_measured_as_numbers(self):
        grades = Question("g", QuestionKind.CHOICE, "t", choices=("10", "2", "0"))

        assert levels_of(grades) == tuple(Level)
        assert grades.order == ("0", "2", "10")

    def test_a_ratio_needs_a_true_zero(self):
        assert Level.RATIO not in levels_of(Question("n", QuestionKind.NUMBER, "t", minimum=-4))
        assert Level.RATIO in levels_of(PRICE)
        assert Level.RATIO not in levels_of(Question("g", QuestionKind.CHOICE, "t", choices=("1", "-1")))

    def test_each_default_level_is_allowed(self):
        for question in (SENTIMENT, STARS, PRICE, FREE):
            assert DEFAULT_LEVEL[question.kind] in levels_of(question)


class TestMethods:
    def test_a_mean_needs_distances_and_a_median_an_order(self):
        assert Method.MEAN in methods_of(QuestionKind.NUMBER, Level.INTERVAL)
        assert Method.MEAN not in methods_of(QuestionKind.RATING, Level.ORDINAL)
        assert Method.MEDIAN in methods_of(QuestionKind.RATING, Level.ORDINAL)
        assert Method.MEDIAN not in methods_of(QuestionKind.CHOICE, Level.NOMINAL)

    def test_a_choice_has_no_mean(self):
        assert Method.MEAN not in methods_of(QuestionKind.CHOICE, Level.INTERVAL)

    def test_models_of_annotators_need_a_list_of_values(self):
        assert Method.DAWID_SKENE in methods_of(QuestionKind.CHOICE, Level.NOMINAL)
        assert Method.DAWID_SKENE not in methods_of(QuestionKind.NUMBER, Level.INTERVAL)
