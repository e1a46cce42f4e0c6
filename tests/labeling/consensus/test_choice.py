import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import UsageError
from labeling.consensus.choice import Consensus, Judge, Vote, consensus_of, method_in_effect
from labeling.consensus.votes import Background
from labeling.questions.choice import ChoiceQuestion
from labeling.questions.levels import Level, Method
from labeling.questions.number import NumberQuestion
from labeling.questions.rating import RatingQuestion


def votes_of(*rows: tuple) -> list[Vote]:
    return [Vote(*row) for row in rows]


class TestMethodInEffect:
    def test_auto_without_known_answers_is_the_majority(self):
        assert method_in_effect(ChoiceQuestion, Method.AUTO) is Method.MAJORITY
        assert method_in_effect(RatingQuestion, Method.AUTO) is Method.MAJORITY

    def test_auto_for_numbers_is_the_mean(self):
        assert method_in_effect(NumberQuestion, Method.AUTO) is Method.MEAN

    def test_models_that_are_not_built_fall_back_to_the_majority(self):
        assert method_in_effect(ChoiceQuestion, Method.DAWID_SKENE) is Method.MAJORITY

    def test_what_is_built_stays(self):
        assert method_in_effect(RatingQuestion, Method.MEDIAN) is Method.MEDIAN


class TestConsensusOf:
    def test_items_come_in_order_of_first_appearance(self):
        votes = votes_of(("2", "a", "x"), ("1", "a", "y"), ("2", "b", "x"))

        assert list(consensus_of(votes, Method.MAJORITY, Level.NOMINAL)) == [
            Consensus("2", "x", 1.0, 2, (("x", 2),)),
            Consensus("1", "y", 1.0, 1, (("y", 1),)),
        ]

    def test_the_last_vote_of_an_annotator_counts(self):
        votes = votes_of(("1", "a", "x"), ("1", "b", "y"), ("1", "a", "y"))

        assert list(consensus_of(votes, Method.MAJORITY, Level.NOMINAL)) == [Consensus("1", "y", 1.0, 2, (("y", 2),))]

    def test_repeats_do_not_count_for_ties_either(self):
        votes = votes_of(
            ("1", "a", "x"), ("1", "a", "y"), ("2", "a", "x"), ("2", "b", "y"), ("3", "a", "x"), ("3", "b", "x")
        )

        found = {one.item: one.value for one in consensus_of(votes, Method.MAJORITY, Level.NOMINAL)}

        assert found == {"1": "y", "2": "x", "3": "x"}

    def test_a_mean_is_as_sure_as_its_votes_are_close(self):
        votes = votes_of(("1", "a", 1.0), ("1", "b", 1.0), ("2", "a", 1.0), ("2", "b", 5.0))

        same, apart = consensus_of(votes, Method.MEAN, Level.INTERVAL)

        assert (same.value, same.confidence) == (1.0, 1.0)
        assert (apart.value, apart.confidence) == (3.0, 0.0)

    def test_a_median_of_numbers_may_lie_between_and_one_of_ranks_may_not(self):
        votes = votes_of(("1", "a", 1), ("1", "b", 2))

        assert next(consensus_of(votes, Method.MEDIAN, Level.INTERVAL)).value == 1.5
        ordinal = next(consensus_of(votes, Method.MEDIAN, Level.ORDINAL))
        assert (ordinal.value, ordinal.confidence) == (1, 0.5)

    def test_a_median_of_ranks_follows_the_order_given(self):
        votes = votes_of(("1", "a", "low"), ("1", "b", "high"), ("1", "c", "mid"))

        found = next(consensus_of(votes, Method.MEDIAN, Level.ORDINAL, order=("low", "mid", "high")))

        assert (found.value, found.confidence) == ("mid", 1 / 3)

    def test_no_votes_have_no_consensus(self):
        assert list(consensus_of([], Method.MAJORITY, Level.NOMINAL)) == []

    @pytest.mark.parametrize(
        ("method", "level"),
        [
            (Method.MEAN, Level.ORDINAL),
            (Method.MEDIAN, Level.NOMINAL),
            (Method.DAWID_SKENE, Level.NOMINAL),
            (Method.AUTO, Level.NOMINAL),
        ],
    )
    def test_methods_that_do_not_fit_are_refused(self, method, level):
        with pytest.raises(UsageError):
            consensus_of([], method, level)

    @given(
        st.lists(st.tuples(st.sampled_from("12"), st.sampled_from("abc"), st.integers(-3, 3))),
        st.sampled_from([Method.MAJORITY, Method.MEAN, Method.MEDIAN]),
    )
    def test_every_item_has_one_value_and_a_confidence_that_is_a_share(self, rows, method):
        found = list(consensus_of(votes_of(*rows), method, Level.INTERVAL))

        assert [one.item for one in found] == list(dict.fromkeys(item for item, _, _ in rows))
        for one in found:
            values = [value for value, _ in one.votes]
            assert min(values) <= one.value <= max(values)
            assert 0 <= one.confidence <= 1
            assert one.n == sum(count for _, count in one.votes)


class TestJudge:
    def test_items_may_stream_past_a_background(self):
        judge = Judge(Method.MAJORITY, Level.NOMINAL, Background({"a": 2, "b": 5}))

        assert judge.consensus("1", ["a", "b"]).value == "b"

    def test_an_item_without_votes_is_an_error(self):
        with pytest.raises(ValueError, match="without a vote"):
            Judge(Method.MEAN, Level.RATIO, Background({})).consensus("1", [])
