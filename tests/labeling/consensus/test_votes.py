from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.consensus.votes import Background, in_order, majority, ranked, share_of

VALUES = st.sampled_from(["a", "b", "c"])


class TestMajority:
    def test_most_votes_win(self):
        assert majority({"a": 1, "b": 2}, Background({"a": 100, "b": 2})) == "b"

    def test_a_tie_goes_to_the_value_most_frequent_over_all_items(self):
        assert majority({"a": 1, "b": 1}, Background({"a": 3, "b": 4})) == "b"

    def test_then_to_the_first_in_order(self):
        assert majority({"b": 1, "a": 1}, Background({"a": 3, "b": 3})) == "a"
        assert majority({"10": 1, "9": 1}, Background({"10": 3, "9": 3})) == "9"
        assert majority({"b": 1, "a": 1}, Background({"a": 3, "b": 3}, order=("b", "a"))) == "b"

    def test_no_vote_is_an_error(self):
        with pytest.raises(ValueError, match="empty"):
            majority({}, Background({}))

    @given(st.lists(VALUES, min_size=1), st.lists(VALUES), st.randoms(use_true_random=False))
    def test_it_does_not_depend_on_the_order_of_votes(self, own, others, random):
        shuffled = random.sample(own, len(own))
        all_votes = own + others

        first = majority(Counter(own), Background(Counter(all_votes)))
        second = majority(Counter(shuffled), Background(Counter(reversed(all_votes))))

        assert first == second
        assert own.count(first) == max(Counter(own).values())


class TestOrder:
    def test_numbers_are_ordered_as_numbers_where_all_are(self):
        assert in_order(["10", "-2", "9.5"]) == ["-2", "9.5", "10"]
        assert in_order(["10", "9", "x"]) == ["10", "9", "x"]
        assert in_order([3, 1.5]) == [1.5, 3]
        assert in_order([]) == []


class TestShares:
    def test_the_most_frequent_vote_stands_first(self):
        assert ranked(Counter("bbaac"), Background(Counter("bbaac"))) == (("a", 2), ("b", 2), ("c", 1))

    def test_a_share_is_of_all_votes(self):
        assert share_of("a", Counter("aab")) == 2 / 3
        assert share_of("x", Counter("aab")) == 0
