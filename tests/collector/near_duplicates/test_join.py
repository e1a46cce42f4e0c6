import math
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.near_duplicates.join import SimilarPair, similar_pairs
from collector.near_duplicates.sketches import jaccard

THRESHOLDS = st.sampled_from([0.85, 0.9, 1.0, 0.5, 2 / 3, 1 / 3, 0.8, 0.1, 1e-9]) | st.floats(0.01, 1.0)


def compared_one_by_one(records, threshold) -> list[SimilarPair]:
    return [
        SimilarPair(i, j, jaccard(set(records[i]), set(records[j])))
        for i, j in combinations(range(len(records)), 2)
        if jaccard(set(records[i]), set(records[j])) >= threshold
    ]


class TestSimilarPairs:
    @pytest.mark.slow
    @settings(max_examples=300, deadline=None)
    @given(st.lists(st.frozensets(st.sampled_from("abcdefghij")), max_size=20), THRESHOLDS)
    def test_it_finds_what_comparing_all_pairs_finds(self, records, threshold):
        assert similar_pairs(records, threshold) == compared_one_by_one(records, threshold)

    @settings(deadline=None)  # the first example imports numpy
    @given(
        st.integers(10, 60).flatmap(
            lambda size: st.lists(
                st.integers(0, size).map(lambda drop: frozenset(map(str, range(drop, size)))), max_size=12
            )
        ),
        THRESHOLDS,
    )
    def test_nested_sets_of_every_size_are_not_missed(self, records, threshold):
        assert similar_pairs(records, threshold) == compared_one_by_one(records, threshold)

    @pytest.mark.parametrize(("shared", "union"), [(17, 20), (9, 10), (1, 3), (2, 3), (7, 10), (29, 100), (57, 100)])
    def test_a_similarity_of_exactly_the_threshold_counts(self, shared, union):
        records = [frozenset(map(str, range(union))), frozenset(map(str, range(shared)))]

        assert similar_pairs(records, shared / union) == [SimilarPair(0, 1, shared / union)]
        assert similar_pairs(records, math.nextafter(shared / union, 2)) == []

    def test_nothing_has_no_pairs(self):
        assert similar_pairs([], 0.5) == []
        assert similar_pairs([frozenset(), frozenset()], 0.5) == []
        assert similar_pairs([frozenset("a")], 0.5) == []

    @pytest.mark.parametrize("threshold", [0, -1, 1.01, math.nan, math.inf])
    def test_a_threshold_outside_its_range_is_refused(self, threshold):
        with pytest.raises(ValueError, match="threshold"):
            similar_pairs([], threshold)
