from hypothesis import given
from hypothesis import strategies as st

from collector.near_duplicates.sketches import SHINGLE_CHARS, jaccard, normalized, shingles, similarity


class TestNormalized:
    def test_width_case_and_white_space_make_no_difference(self):
        assert normalized("\u3000Ｓｔｒａße\t\n ﬁn ") == "strasse fin"
        assert normalized("") == normalized(" \u00a0\n") == ""

    @given(st.text())
    def test_white_space_is_single_blanks_inside(self, text):
        words = normalized(text)

        assert words == words.strip()
        assert words.split() == words.split(" ") or words == ""


class TestShingles:
    @given(st.text(max_size=30))
    def test_they_are_the_windows_of_five_characters(self, text):
        found = shingles(text)

        assert all(len(shingle) == SHINGLE_CHARS and shingle in text for shingle in found)
        assert bool(found) == (len(text) >= SHINGLE_CHARS)


class TestSimilarity:
    def test_a_worked_example(self):
        """abcdef has {abcde, bcdef}, abcdeg has {abcde, bcdeg}: one shared of three."""
        assert similarity("abcdef", "ABCDEG") == 1 / 3

    def test_short_texts_are_near_their_equals_only(self):
        assert similarity("lol", " LOL ") == 1
        assert similarity("lol", "lol!") == 0
        assert similarity("", " ") == 1

    def test_nothing_shares_nothing(self):
        assert jaccard(set(), set()) == 0
