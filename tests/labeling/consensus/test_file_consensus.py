import csv
import math
from itertools import starmap
from pathlib import Path

import pytest

from foundation.errors import UsageError
from labeling.consensus.choice import Vote
from labeling.consensus.file_consensus import compare_with_gold, consensus_of_file, wilson_interval
from labeling.questions.levels import Level, Method

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="the shared data sets are not here")


def rows_of(*path: str, delimiter: str = ",") -> list[dict[str, str]]:
    with SHARED.joinpath(*path).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter=delimiter))


def crowd(name: str) -> tuple[list[Vote], dict[str, str]]:
    votes = [Vote(row["item"], row["worker"], row["label"]) for row in rows_of(name, "label.csv")]
    return votes, {row["item"]: row["truth"] for row in rows_of(name, "truth.csv")}


def snow(name: str, file: str) -> tuple[list[Vote], dict[str, str]]:
    rows = rows_of(name, file, delimiter="\t")
    votes = [Vote(row["orig_id"], row["!amt_worker_ids"], row["response"]) for row in rows]
    return votes, {row["orig_id"]: row["gold"] for row in rows}


def shared_ties(votes: list[Vote], gold: dict[str, str]) -> float:
    """Accuracy of the majority where a tie counts by the share of right values in it, as the sets' figures do."""
    found = {one.item: one.votes for one in consensus_of_file(votes, Method.MAJORITY)}
    right = []
    for item, truth in gold.items():
        tied = [value for value, count in found[item] if count == found[item][0][1]]
        right.append((truth in tied) / len(tied))
    return math.fsum(right) / len(right)


@needs_shared
class TestRealCrowds:
    @pytest.mark.parametrize(
        ("name", "items", "with_ties_shared"),
        [
            ("crowd-bluebirds", 108, 0.7593),
            ("crowd-dog", 807, 0.8222),
            ("crowd-sentiment-ms", 700, 0.7042),
            ("crowd-web", 2653, 0.7307),
        ],
    )
    def test_the_majority_is_as_right_as_the_set_says(self, name, items, with_ties_shared):
        votes, gold = crowd(name)

        comparison = compare_with_gold(
            consensus_of_file(votes, Method.MAJORITY), gold, method=Method.MAJORITY, level=Level.NOMINAL
        )

        assert comparison.n == items
        assert shared_ties(votes, gold) == pytest.approx(with_ties_shared, abs=5e-5)
        ties = sum(
            one.votes[0][1] == one.votes[1][1] for one in consensus_of_file(votes, Method.MAJORITY) if one.votes[1:]
        )
        assert comparison.accuracy == pytest.approx(with_ties_shared, abs=ties / items + 5e-5)

    def test_without_ties_the_accuracy_is_the_published_one(self):
        votes, gold = crowd("crowd-bluebirds")

        found = consensus_of_file(votes, Method.MAJORITY)
        comparison = compare_with_gold(found, gold, method=Method.MAJORITY, level=Level.NOMINAL)

        assert comparison.accuracy == pytest.approx(0.7593, abs=5e-5)

    def test_textual_entailment_of_snow_and_others(self):
        assert shared_ties(*snow("crowd-snow2008-rte", "rte.standardized.tsv")) == pytest.approx(0.8969, abs=5e-5)

    @pytest.mark.parametrize(
        ("name", "file", "of_mean", "of_median"),
        [
            ("crowd-snow2008-valence", "valence.standardized.tsv", 0.8498, 0.7332),
            ("crowd-snow2008-wordsim", "wordsim.standardized.tsv", 0.9519, 0.9241),
        ],
    )
    def test_mean_and_median_correlate_with_gold_as_the_set_says(self, name, file, of_mean, of_median):
        from numpy import corrcoef

        votes, gold = snow(name, file)
        for method, expected in ((Method.MEAN, of_mean), (Method.MEDIAN, of_median)):
            found = consensus_of_file(votes, method)
            known = [float(gold[one.item]) for one in found]

            assert corrcoef([one.value for one in found], known)[0, 1] == pytest.approx(expected, abs=5e-5)

    def test_the_mean_of_valences_is_as_far_from_gold_as_the_set_says(self):
        votes, gold = snow("crowd-snow2008-valence", "valence.standardized.tsv")

        found = consensus_of_file(votes, Method.MEAN)
        comparison = compare_with_gold(found, gold, method=Method.MEAN, level=Level.INTERVAL)

        assert comparison.mean_absolute_error == pytest.approx(21.695, abs=5e-4)

    def test_repeated_judgements_count_once(self):
        votes, _ = crowd("crowd-zencrowd-us")

        found = consensus_of_file(votes, Method.MAJORITY)

        assert sum(one.n for one in found) == 12190 - 1035


class TestConsensusOfFile:
    VOTES = tuple(starmap(Vote, [("1", "a", "1.0"), ("1", "b", "1"), ("1", "c", "2"), ("2", "a", "2")]))

    def test_a_majority_keeps_what_was_read(self):
        assert [one.value for one in consensus_of_file(self.VOTES, Method.MAJORITY)] == ["2", "2"]

    def test_at_a_numeric_level_equal_numbers_are_one_value(self):
        found = consensus_of_file(self.VOTES, Method.MAJORITY, level=Level.INTERVAL)

        assert (found[0].value, found[0].votes) == ("1.0", (("1.0", 2), ("2", 1)))

    def test_a_median_of_ranks_is_printed_as_it_was_read(self):
        found = consensus_of_file(self.VOTES, Method.MEDIAN, level=Level.ORDINAL)

        assert found[1].value == "2"

    def test_words_need_an_order_for_a_median(self):
        votes = [Vote("1", "a", "low"), Vote("1", "b", "high"), Vote("1", "c", "mid")]

        with pytest.raises(UsageError, match="--order"):
            consensus_of_file(votes, Method.MEDIAN)
        assert consensus_of_file(votes, Method.MEDIAN, order=["low", "mid", "high"])[0].value == "mid"

    def test_an_order_names_every_value_once(self):
        votes = [Vote("1", "a", "low"), Vote("1", "b", "high")]

        for order in (["low"], ["low", "high", "low"]):
            with pytest.raises(UsageError, match="order"):
                consensus_of_file(votes, Method.MEDIAN, order=order)
        with pytest.raises(UsageError, match="own order"):
            consensus_of_file(self.VOTES, Method.MEAN, order=["1", "2"])

    def test_a_mean_of_words_is_refused(self):
        with pytest.raises(UsageError, match="not a finite number"):
            consensus_of_file([Vote("1", "a", "low")], Method.MEAN)


class TestCompareWithGold:
    def test_items_that_nobody_labelled_are_counted(self):
        found = consensus_of_file([Vote("1", "a", "x")], Method.MAJORITY)

        comparison = compare_with_gold(found, {"1": "x", "9": "y"}, method=Method.MAJORITY, level=Level.NOMINAL)
        nothing = compare_with_gold(found, {"9": "y"}, method=Method.MAJORITY, level=Level.NOMINAL)

        assert (comparison.n, comparison.missing, comparison.accuracy) == (1, 1, 1.0)
        assert (nothing.n, nothing.missing, nothing.accuracy) == (0, 1, None)

    def test_equal_numbers_are_right_however_they_are_written(self):
        found = consensus_of_file([Vote("1", "a", "1.0")], Method.MAJORITY, level=Level.RATIO)

        comparison = compare_with_gold(found, {"1": "1"}, method=Method.MAJORITY, level=Level.RATIO)

        assert comparison.accuracy == 1.0


class TestWilsonInterval:
    def test_the_worked_examples_of_newcombe(self):
        """Newcombe 1998, Statistics in Medicine 17, table I, method 3.

        DOI 10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E
        """
        rounded = {
            pair: tuple(round(bound, 4) for bound in wilson_interval(*pair))
            for pair in [(81, 263), (15, 148), (0, 20), (1, 29)]
        }

        assert rounded == {
            (81, 263): (0.2553, 0.3662),
            (15, 148): (0.0624, 0.1605),
            (0, 20): (0.0, 0.1611),
            (1, 29): (0.0061, 0.1718),
        }

    def test_no_trial_is_an_error(self):
        with pytest.raises(ValueError, match="at least one trial"):
            wilson_interval(0, 0)
