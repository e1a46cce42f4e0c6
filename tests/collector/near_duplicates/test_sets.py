from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.near_duplicates.sets import connected_sets, near_duplicates_of
from collector.near_duplicates.sketches import similarity

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="the shared data sets are not here")

WORDS = st.lists(st.sampled_from(["hello", "there", "see", "you", "at", "8", "OK", " "]), max_size=7).map(" ".join)


def compared_one_by_one(texts: list[str], threshold: float) -> list[tuple[int, int, float]]:
    pairs = ((i, j, similarity(texts[i], texts[j])) for i, j in combinations(range(len(texts)), 2))
    return [pair for pair in pairs if pair[2] >= threshold]


def pairs_of(texts: list[str], threshold: float) -> list[tuple[int, int, float]]:
    return [(pair.first, pair.second, pair.similarity) for pair in near_duplicates_of(texts, threshold).pairs()]


def messages() -> list[str]:
    lines = (SHARED / "neardup-sms-spam" / "sms_first_half.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t", 1)[1] for line in lines]


class TestConnectedSets:
    @given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9))))
    def test_two_members_of_an_edge_are_in_one_set(self, edges):
        found = connected_sets(edges, 10)

        of_vertex = {vertex: number for number, members in enumerate(found) for vertex in members}
        assert all(one == other or of_vertex[one] == of_vertex[other] for one, other in edges)
        assert found == sorted(sorted(members) for members in found)
        assert all(len(members) > 1 for members in found)

    def test_chains_are_one_set(self):
        assert connected_sets([(4, 3), (2, 3), (1, 2), (0, 1)], 6) == [[0, 1, 2, 3, 4]]


class TestNearDuplicates:
    @settings(deadline=None)  # the first example imports numpy
    @given(st.lists(WORDS, max_size=14), st.sampled_from([0.3, 0.5, 0.85, 1.0]))
    def test_it_finds_what_comparing_all_pairs_finds(self, texts, threshold):
        expected = compared_one_by_one(texts, threshold)

        assert pairs_of(texts, threshold) == expected
        edges = [(one, other) for one, other, _ in expected]
        assert near_duplicates_of(texts, threshold).sets() == connected_sets(edges, len(texts))

    def test_every_pair_of_copies_is_listed(self):
        texts = (
            ["see you at eight"] * 40 + ["See you  at eight"] * 30 + ["see you at eight!"] * 20 + ["ok"] * 10 + ["ok!"]
        )

        assert len(pairs_of(texts, 0.85)) == 90 * 89 // 2 + 10 * 9 // 2
        assert near_duplicates_of(texts, 0.85).sets() == [list(range(90)), list(range(90, 100))]

    def test_different_texts_with_the_same_shingles_are_near(self):
        assert pairs_of(["a" * 6, "a" * 60], 1.0) == [(0, 1, 1.0)]

    def test_thousands_of_copies_cost_one_look(self):
        found = near_duplicates_of(["the very same message"] * 50_000, 0.85)

        assert [len(members) for members in found.sets()] == [50_000]

    @pytest.mark.slow
    @needs_shared
    @pytest.mark.parametrize("threshold", [0.85, 0.6])
    def test_real_messages_are_compared_exactly(self, threshold):
        texts = messages()[:250]

        assert pairs_of(texts, threshold) == compared_one_by_one(texts, threshold)

    @needs_shared
    def test_every_repeated_real_message_is_found(self):
        texts = messages()
        found = near_duplicates_of(texts, 1.0)

        repeats = sum(len(members) - 1 for members in found.sets())
        assert len(texts) == 2787
        assert 128 <= repeats <= 145  # 128 repeat an earlier text exactly, 145 after case and punctuation are removed

    @needs_shared
    def test_real_questions_that_mean_the_same_are_nearer(self):
        rows = (SHARED / "neardup-sts2016-questions" / "question-question.tsv").read_text(encoding="utf-8").splitlines()
        pairs = [row.split("\t") for row in rows]
        texts = [sentence for row in pairs for sentence in row[1:3]]
        found = {pair[:2] for pair in pairs_of(texts, 0.4)}

        def share_found(grade: str) -> float:
            graded = [number for number, row in enumerate(pairs) if row[0][0] == grade]
            return sum((2 * number, 2 * number + 1) in found for number in graded) / len(graded)

        assert len(pairs) == 209
        assert share_found("5") > share_found("0")
