from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import Fault
from labeling.questions.choice import ChoiceQuestion
from labeling.questions.levels import Level, Method
from labeling.questions.number import NumberQuestion
from labeling.questions.rating import RatingQuestion
from labeling.questions.values import key_of, number_in

SENTIMENT = ChoiceQuestion("sentiment", "t", choices=("negative", "neutral", "positive"))
STARS = RatingQuestion("stars", "t", minimum=1, maximum=5)
PRICE = NumberQuestion("price", "t", minimum=0, maximum=10.5)
FREE = NumberQuestion("free", "t")


def reason_of(read: object) -> str:
    assert isinstance(read, Fault)
    return read.reason


class TestReadValue:
    def test_a_choice_is_one_of_the_choices(self):
        assert SENTIMENT.read("neutral") == "neutral"
        assert reason_of(SENTIMENT.read("Neutral")) == "not_in_list"
        assert reason_of(SENTIMENT.read(1)) == "wrong_type"
        assert reason_of(SENTIMENT.read(None)) == "wrong_type"

    def test_a_rating_is_a_whole_number_within_its_stars(self):
        assert STARS.read(5) == 5
        assert isinstance(STARS.read(4.0), int)
        assert reason_of(STARS.read(0)) == "out_of_range"
        assert reason_of(STARS.read(6)) == "out_of_range"
        assert reason_of(STARS.read(2.5)) == "wrong_type"
        assert reason_of(STARS.read(True)) == "wrong_type"
        assert reason_of(STARS.read("4")) == "wrong_type"

    def test_a_number_is_finite_and_within_its_bounds(self):
        assert PRICE.read(10.5) == 10.5
        assert isinstance(PRICE.read(3), float)
        assert reason_of(PRICE.read(-0.1)) == "out_of_range"
        assert reason_of(PRICE.read(11)) == "out_of_range"
        assert reason_of(FREE.read(float("nan"))) == "out_of_range"
        assert reason_of(FREE.read(float("inf"))) == "out_of_range"
        assert reason_of(FREE.read(10**400)) == "out_of_range"

    def test_a_fault_points_at_the_place_and_repeats_no_value(self):
        fault = SENTIMENT.read("jane@example.org", "/3/value")

        assert isinstance(fault, Fault)
        assert fault.pointer == "/3/value"
        assert "jane" not in fault.detail


class TestKey:
    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_a_number_comes_back_from_its_key(self, number):
        value = FREE.read(number)

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
        assert SENTIMENT.levels() == (Level.NOMINAL, Level.ORDINAL)

    def test_choices_that_are_numbers_may_be_measured_as_numbers(self):
        grades = ChoiceQuestion("g", "t", choices=("10", "2", "0"))

        assert grades.levels() == tuple(Level)
        assert grades.order == ("0", "2", "10")

    def test_a_ratio_needs_a_true_zero(self):
        assert Level.RATIO not in NumberQuestion("n", "t", minimum=-4).levels()
        assert Level.RATIO in PRICE.levels()
        assert Level.RATIO not in ChoiceQuestion("g", "t", choices=("1", "-1")).levels()

    def test_each_default_level_is_allowed(self):
        for question in (SENTIMENT, STARS, PRICE, FREE):
            assert question.default_level in question.levels()


class TestMethods:
    def test_a_mean_needs_distances_and_a_median_an_order(self):
        assert Method.MEAN in PRICE.methods(Level.INTERVAL)
        assert Method.MEAN not in STARS.methods(Level.ORDINAL)
        assert Method.MEDIAN in STARS.methods(Level.ORDINAL)
        assert Method.MEDIAN not in SENTIMENT.methods(Level.NOMINAL)

    def test_a_choice_has_no_mean(self):
        assert Method.MEAN not in SENTIMENT.methods(Level.INTERVAL)

    def test_models_of_annotators_need_a_list_of_values(self):
        assert Method.DAWID_SKENE in SENTIMENT.methods(Level.NOMINAL)
        assert Method.DAWID_SKENE not in PRICE.methods(Level.INTERVAL)
