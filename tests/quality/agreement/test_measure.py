"""All coefficients against published tables, real crowd sets, a slow second implementation, and on little or no data."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter, defaultdict
from importlib import resources

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from labeling.questions.levels import Level, ValueDoesNotFit
from quality.agreement.measure import Agreement, measure_agreement
from quality.agreement.pairs import PairKappa
from quality.agreement.votes_table import ColumnsDiffer
from tests.quality.agreement.published import Triples, crowd_set, published_case

LABEL = ("item", "worker", "label")
SNOW = ("orig_id", "!amt_worker_ids", "response")


def measured(triples: Triples, level: Level = Level.NOMINAL, **options: object) -> Agreement:
    items, annotators, values = zip(*triples, strict=True) if triples else ((), (), ())
    options.setdefault("rng", np.random.default_rng(0))
    return measure_agreement(items, annotators, values, level, **options)  # type: ignore[arg-type]


class TestPublishedTables:
    @pytest.mark.parametrize("level", list(Level))
    def test_krippendorff_2011_gives_alpha_at_every_level(self, level):
        triples, expected = published_case("krippendorff2011_C")

        assert measured(triples, level).alpha == pytest.approx(expected[f"alpha_{level}"], abs=5e-4)

    def test_gwet_with_missing_ratings_gives_alpha_ac1_and_percent_agreement(self):
        triples, expected = published_case("gwet_cac.raw4raters")

        figures = measured(triples)

        assert figures.percent_agreement == pytest.approx(expected["percent_agreement"], abs=1e-6)
        assert figures.gwet_ac1 == pytest.approx(expected["gwet_ac1"], abs=1e-5)
        assert figures.alpha == pytest.approx(expected["krippendorff_alpha"], abs=1e-5)

    @pytest.mark.parametrize(
        ("name", "digits"), [("fleiss1971_diagnoses", 5e-4), ("wikipedia_fleiss", 5e-4), ("gwet_distrib.6raters", 1e-6)]
    )
    def test_fleiss_kappa_is_as_printed(self, name, digits):
        triples, expected = published_case(name)

        assert measured(triples).fleiss_kappa == pytest.approx(expected["fleiss_kappa"], abs=digits)

    def test_six_raters_of_gwet_give_all_coefficients(self):
        triples, expected = published_case("gwet_distrib.6raters")

        figures = measured(triples)

        assert figures.gwet_ac1 == pytest.approx(expected["gwet_ac1"], abs=1e-6)
        assert figures.alpha == pytest.approx(expected["krippendorff_alpha"], abs=1e-6)
        assert figures.percent_agreement == pytest.approx(expected["percent_agreement"], abs=1e-6)

    def test_two_abstractors_of_gwet_give_ac1_alpha_and_cohen(self):
        triples, expected = published_case("gwet_cont3x3abstractors")

        figures = measured(triples)

        assert figures.gwet_ac1 == pytest.approx(expected["gwet_ac1"], abs=5e-4)
        assert figures.alpha == pytest.approx(expected["krippendorff_alpha_finite_sample"], abs=1e-6)
        assert figures.percent_agreement == pytest.approx(expected["percent_agreement"])
        assert figures.cohen_kappa == (PairKappa("A", "B", 100, pytest.approx(0.796409, abs=1e-6)),)

    def test_two_coders_of_artstein_and_poesio_give_scotts_pi(self):
        triples, expected = published_case("artstein_poesio")

        figures = measured(triples)

        assert figures.percent_agreement == pytest.approx(expected["observed_agreement"])
        assert figures.fleiss_kappa == pytest.approx(expected["scott_pi"], abs=1e-5)


@pytest.mark.slow
class TestRealCrowds:
    @pytest.mark.parametrize(
        ("path", "columns", "delimiter", "level", "alpha"),
        [
            ("crowd-bluebirds/label.csv", LABEL, ",", Level.NOMINAL, 0.1255),
            ("crowd-dog/label.csv", LABEL, ",", Level.NOMINAL, 0.5194),
            ("crowd-sentiment-ms/label.csv", LABEL, ",", Level.NOMINAL, 0.3010),
            ("crowd-web/label.csv", LABEL, ",", Level.NOMINAL, 0.2104),
            ("crowd-web/label.csv", LABEL, ",", Level.ORDINAL, 0.3828),
            ("crowd-web/label.csv", LABEL, ",", Level.INTERVAL, 0.3869),
            ("crowd-snow2008-rte/rte.standardized.tsv", SNOW, "\t", Level.NOMINAL, 0.2415),
            ("crowd-snow2008-valence/valence.standardized.tsv", SNOW, "\t", Level.INTERVAL, 0.3256),
            ("crowd-snow2008-valence/valence.standardized.tsv", SNOW, "\t", Level.ORDINAL, 0.3748),
            ("crowd-snow2008-wordsim/wordsim.standardized.tsv", SNOW, "\t", Level.INTERVAL, 0.6701),
            ("crowd-snow2008-wordsim/wordsim.standardized.tsv", SNOW, "\t", Level.RATIO, 0.4115),
        ],
    )
    def test_alpha_is_the_known_one(self, path, columns, delimiter, level, alpha):
        figures = measured(crowd_set(path, columns, delimiter), level)

        assert figures.alpha == pytest.approx(alpha, abs=5e-5)
        assert figures.alpha_ci.low < figures.alpha < figures.alpha_ci.high

    def test_of_a_repeated_answer_the_last_counts(self):
        triples = crowd_set("crowd-zencrowd-us/label.csv", LABEL)
        last = {(item, worker): value for item, worker, value in triples}
        kept = [(item, worker, value) for (item, worker), value in last.items()]

        figures = measured(triples)

        assert (figures.n_items, figures.n_annotators, figures.n_annotations) == (2040, 74, 12190 - 1035)
        assert figures.as_json() == measured(kept).as_json()

    def test_keeping_the_first_of_repeated_answers_gives_the_other_known_alpha(self):
        first = {
            (item, worker): value for item, worker, value in reversed(crowd_set("crowd-zencrowd-us/label.csv", LABEL))
        }
        kept = [(item, worker, value) for (item, worker), value in first.items()]

        assert measured(kept).alpha == pytest.approx(0.2225, abs=5e-5)

    @pytest.mark.parametrize(
        ("level", "alpha"), [(Level.INTERVAL, 0.7260), (Level.ORDINAL, 0.7332), (Level.NOMINAL, 0.2319)]
    )
    def test_ten_ratings_of_7506_slang_words_give_the_known_alpha(self, level, alpha):
        lexicon = (resources.files("vaderSentiment") / "vader_lexicon.txt").read_text(encoding="utf-8")
        rows = (line.split("\t") for line in lexicon.splitlines())
        ratings = {word: json.loads(raw) for word, _, _, raw in rows}
        triples = [(word, slot, value) for word, values in ratings.items() for slot, value in enumerate(values)]

        figures = measured(triples, level)

        assert (figures.n_items, figures.n_annotators, figures.n_annotations) == (7506, 10, 75_060)
        assert figures.alpha == pytest.approx(alpha, abs=5e-5)
        assert len(figures.cohen_kappa) == 45


VALUES = st.integers(min_value=0, max_value=4)
ANSWERS = st.lists(st.lists(st.none() | VALUES, min_size=1, max_size=5), min_size=1, max_size=12)


def triples_of(answers: list[list[int | None]]) -> Triples:
    return [(f"i{item}", f"a{who}", value) for item, row in enumerate(answers) for who, value in enumerate(row)]


@pytest.mark.slow
class TestAgainstASlowSecondImplementation:
    @settings(deadline=None, max_examples=150)
    @given(answers=ANSWERS, level=st.sampled_from(list(Level)))
    def test_alpha_is_what_the_definition_says(self, answers, level):
        figures = measured(triples_of(answers), level, resamples=1)

        assert figures.alpha == pytest.approx(alpha_by_definition(answers, level), abs=1e-6)

    @settings(deadline=None, max_examples=100)
    @given(answers=ANSWERS)
    def test_ac1_and_percent_agreement_are_what_the_definitions_say(self, answers):
        figures = measured(triples_of(answers), resamples=1)

        assert (figures.percent_agreement, figures.gwet_ac1) == pytest.approx(ac1_by_definition(answers))

    @pytest.mark.slow
    @settings(deadline=None, max_examples=60)
    @given(answers=st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=3, max_size=30))
    def test_cohens_kappa_is_scikit_learns(self, answers):
        from sklearn.metrics import cohen_kappa_score  # some seconds, which no other test needs

        columns = list(zip(*answers, strict=True))
        pairs = {(pair.a, pair.b): pair for pair in measured(triples_of([list(row) for row in answers])).cohen_kappa}

        for a, b in itertools.combinations(range(3), 2):
            pair = pairs[f"a{a}", f"a{b}"]
            assert pair.n == len(answers)
            if len({*columns[a], *columns[b]}) == 1:
                assert pair.kappa is None
            else:
                assert pair.kappa == pytest.approx(cohen_kappa_score(columns[a], columns[b]))


class TestWhatDoesNotMatter:
    @settings(deadline=None, max_examples=40)
    @given(answers=ANSWERS, seed=st.integers(0, 1000), level=st.sampled_from(list(Level)))
    def test_the_order_of_the_rows_changes_nothing(self, answers, seed, level):
        triples = triples_of(answers)
        shuffled = random.Random(seed).sample(triples, len(triples))

        assert measured(triples, level, resamples=20) == measured(shuffled, level, resamples=20)

    @settings(deadline=None, max_examples=40)
    @given(answers=ANSWERS, names=st.permutations("vwxyz"))
    def test_names_of_nominal_values_change_no_figure(self, answers, names):
        triples = triples_of(answers)
        renamed = [(item, who, None if value is None else names[value]) for item, who, value in triples]

        assert points(measured(triples, resamples=1)) == pytest.approx(points(measured(renamed, resamples=1)))

    @settings(deadline=None, max_examples=40)
    @given(answers=ANSWERS, names=st.permutations("vwxyz"))
    def test_names_of_annotators_change_no_figure(self, answers, names):
        triples = triples_of(answers)
        renamed = [(item, names[int(who[1:])], value) for item, who, value in triples]

        assert points(measured(triples, resamples=1)) == pytest.approx(points(measured(renamed, resamples=1)))

    @settings(deadline=None, max_examples=60)
    @given(answers=ANSWERS, scale=st.floats(1e-3, 1e6), shift=st.floats(-1e6, 1e6))
    def test_unit_and_zero_of_interval_values_change_no_alpha(self, answers, scale, shift):
        triples = triples_of(answers)
        moved = [(item, who, None if value is None else value * scale + shift) for item, who, value in triples]
        assume(len({value for *_, value in moved}) == len({value for *_, value in triples}))

        alpha = measured(triples, Level.INTERVAL, resamples=1).alpha

        assert measured(moved, Level.INTERVAL, resamples=1).alpha == pytest.approx(alpha, abs=1e-4)

    @settings(deadline=None, max_examples=60)
    @given(answers=ANSWERS, scale=st.floats(1e-6, 1e6))
    def test_the_unit_of_ratio_values_changes_no_alpha(self, answers, scale):
        triples = triples_of(answers)
        scaled = [(item, who, None if value is None else value * scale) for item, who, value in triples]

        alpha = measured(triples, Level.RATIO, resamples=1).alpha

        assert measured(scaled, Level.RATIO, resamples=1).alpha == pytest.approx(alpha, abs=1e-6)

    def test_arrays_of_codes_give_the_same_as_lists_of_names(self):
        rng = np.random.default_rng(3)
        items, annotators, values = rng.integers(0, [50, 6, 4], size=(400, 3)).T

        as_codes = measure_agreement(items, annotators, values, Level.ORDINAL, rng=np.random.default_rng(0))
        names = [list(map(str, column)) for column in (items, annotators, values)]
        as_names = measure_agreement(*names, Level.ORDINAL, rng=np.random.default_rng(0))

        assert as_codes == as_names

    def test_codes_far_apart_give_the_same_as_codes_side_by_side(self):
        rng = np.random.default_rng(3)
        items, annotators, values = rng.integers(0, [50, 6, 4], size=(400, 3)).T

        near = measure_agreement(items, annotators, values, Level.NOMINAL, rng=np.random.default_rng(0))
        far = measure_agreement(items * 10**9, annotators, values - 10**12, Level.NOMINAL, rng=np.random.default_rng(0))

        assert points(near) == pytest.approx(points(far))


class TestLittleOrNoData:
    def test_no_annotation_at_all_says_how_many_are_needed(self):
        figures = measured([])

        assert figures.as_json() == {
            "n_items": 0,
            "n_annotators": 0,
            "n_annotations": 0,
            "percent_agreement": None,
            "alpha": None,
            "alpha_ci": None,
            "fleiss_kappa": None,
            "gwet_ac1": None,
            "cohen_kappa": [],
            "reasons": {
                **dict.fromkeys(
                    ["percent_agreement", "alpha", "alpha_ci", "fleiss_kappa", "gwet_ac1"],
                    "not enough data: no item has annotations by two annotators; at least 2 more needed",
                ),
                "cohen_kappa": "not enough data: no two annotators share an item",
            },
        }

    def test_only_missing_values_count_as_no_annotation(self):
        assert measured([("i", "a", None), ("i", "b", float("nan"))]) == measured([])

    def test_a_missing_value_does_not_supersede_an_answer(self):
        figures = measured([("i", "a", "x"), ("i", "b", "y"), ("i", "a", None)])

        assert (figures.n_annotations, figures.percent_agreement) == (2, 0.0)

    def test_one_annotator_alone_needs_one_more_annotation(self):
        figures = measured([("i", "a", "x"), ("j", "a", "y")])

        assert (figures.n_items, figures.alpha, figures.cohen_kappa) == (2, None, ())
        assert figures.reasons["alpha"].endswith("at least 1 more needed")

    def test_one_value_alone_leaves_every_chance_corrected_figure_undefined(self):
        figures = measured([(item, who, "x") for item in "ijk" for who in "ab"])

        assert figures.percent_agreement == 1.0
        assert (figures.alpha, figures.alpha_ci, figures.fleiss_kappa, figures.gwet_ac1) == (None,) * 4
        assert figures.cohen_kappa == (PairKappa("a", "b", 3, None),)
        assert set(figures.reasons) == {"alpha", "alpha_ci", "fleiss_kappa", "gwet_ac1", "cohen_kappa"}

    def test_a_value_in_superseded_rows_only_is_no_value(self):
        figures = measured([("i", "a", "y"), *((item, who, "x") for item in "ij" for who in "ab")])

        assert figures.alpha is None

    def test_perfect_agreement_on_two_values_is_one(self):
        figures = measured([(item, who, item % 2) for item in range(20) for who in "abc"])

        assert (figures.alpha, figures.fleiss_kappa, figures.gwet_ac1, figures.percent_agreement) == (1, 1, 1, 1)
        assert figures.alpha_ci.high == 1.0
        assert 0.5 < figures.alpha_ci.low < 0.65  # twenty items that agree do not show that all would
        assert "reasons" not in figures.as_json()

    def test_one_item_has_an_alpha_but_no_interval(self):
        figures = measured([("i", "a", "x"), ("i", "b", "y")])

        assert figures.alpha == 0.0
        assert figures.alpha_ci is None
        assert figures.reasons["alpha_ci"].startswith("not enough data: only 1 item")

    def test_items_with_one_annotation_count_as_items_and_change_no_alpha(self):
        triples = [(item, who, (item + (who == "b" and item == 3)) % 2) for item in range(8) for who in "ab"]

        more = measured([*triples, ("lonely", "a", 0)])

        assert more.n_items == 9
        assert more.alpha == pytest.approx(measured(triples).alpha)
        assert more.fleiss_kappa == measured(triples).fleiss_kappa

    def test_fleiss_takes_the_larger_of_two_equally_common_counts(self):
        three = [(item, who, (item + (who == "c")) % 2) for item in range(4) for who in "abc"]
        two = [(item, who, item % 2) for item in range(10, 14) for who in "ab"]

        assert measured(three + two).fleiss_kappa == measured(three).fleiss_kappa

    def test_a_figure_never_prints_as_minus_zero(self):
        figures = measured([("i", "a", "x"), ("i", "b", "y"), ("j", "a", "x"), ("j", "b", "y")])

        assert "-0.0," not in json.dumps(figures.as_json())


class TestValues:
    def test_equal_numbers_are_one_value_where_numbers_are_meant(self):
        triples = [("i", "a", "1"), ("i", "b", "1.0"), ("j", "a", "2"), ("j", "b", " 2")]

        assert measured(triples, Level.ORDINAL).percent_agreement == 1.0
        assert measured(triples, Level.NOMINAL).percent_agreement == 0.0

    def test_ordinal_words_follow_the_order_given(self):
        words = ["low", "middle", "high"]
        triples = triples_of([[0, 1], [1, 1], [2, 1], [0, 0], [2, 2]])
        as_words = [(item, who, words[value]) for item, who, value in triples]

        assert measured(as_words, Level.ORDINAL, order=words) == measured(triples, Level.ORDINAL)

    def test_ordinal_words_without_an_order_are_refused(self):
        with pytest.raises(ValueDoesNotFit, match="order"):
            measured([("i", "a", "low"), ("i", "b", "2")], Level.ORDINAL)

    @pytest.mark.parametrize("value", ["many", "nan", "inf", "", "1e999", "1_0", "١"])
    def test_what_is_no_finite_number_has_no_interval(self, value):
        with pytest.raises(ValueDoesNotFit) as refused:
            measured([("i", "a", "1"), ("i", "b", value)], Level.INTERVAL)

        assert refused.value.value == value

    def test_a_value_that_was_put_right_need_not_fit(self):
        triples = [("i", "a", "many"), ("i", "b", "1"), ("i", "a", "1"), ("j", "a", "2"), ("j", "b", "2")]

        assert measured(triples, Level.INTERVAL) == measured(triples[1:], Level.INTERVAL)

    def test_ratios_of_numbers_close_together_are_told_apart(self):
        triples = triples_of([[0, 1], [1, 1], [2, 3], [0, 0], [3, 3]])
        far = [(item, who, 1e9 + value) for item, who, value in triples]

        assert measured(far, Level.RATIO).alpha == pytest.approx(measured(triples, Level.INTERVAL).alpha, abs=1e-4)

    def test_values_below_zero_have_no_ratio(self):
        figures = measured([("i", "a", -1), ("i", "b", 2), ("j", "a", 3), ("j", "b", 3)], Level.RATIO)

        assert figures.alpha is None
        assert "0 or more" in figures.reasons["alpha"]
        assert figures.percent_agreement == 0.5

    def test_values_that_are_nearly_all_distinct_give_the_alpha_of_the_definition(self):
        rng = np.random.default_rng(5)
        truth = rng.uniform(0.01, 1000, size=20)
        answers = [[float(value * noise) for noise in rng.uniform(0.8, 1.2, size=4)] for value in truth]

        for level in (Level.INTERVAL, Level.RATIO, Level.ORDINAL):
            alpha = measured(triples_of(answers), level, resamples=1).alpha  # type: ignore[arg-type]
            assert alpha == pytest.approx(alpha_by_definition(answers, level), abs=1e-6)

    def test_columns_of_different_length_are_refused(self):
        with pytest.raises(ColumnsDiffer):
            measure_agreement(["i"], ["a", "b"], ["x"], Level.NOMINAL, rng=np.random.default_rng(0))


class TestInterval:
    def test_the_same_seed_gives_the_same_interval(self):
        triples = triples_of([[item % 3, (item * item) % 3] for item in range(3000)])

        assert measured(triples).alpha_ci == measured(triples).alpha_ci
        assert measured(triples, rng=np.random.default_rng(1)).alpha_ci != measured(triples).alpha_ci

    @pytest.mark.slow
    @pytest.mark.parametrize("level", list(Level))
    def test_it_is_the_interval_of_alphas_of_items_drawn_anew(self, level):
        rng = np.random.default_rng(11)
        truth = rng.integers(1, 5, size=200)
        answers = [[int(value) if rng.random() < 0.7 else int(rng.integers(1, 5)) for _ in range(3)] for value in truth]
        anew = [
            alpha_by_definition([answers[item] for item in rng.integers(0, len(answers), size=len(answers))], level)
            for _ in range(600)
        ]

        interval = measured(triples_of(answers), level, resamples=4000).alpha_ci

        low, high = np.quantile(anew, [0.025, 0.975])
        assert interval.low == pytest.approx(low, abs=0.03)
        assert interval.high == pytest.approx(high, abs=0.03)


def points(figures: Agreement) -> list[float | None]:
    return [figures.percent_agreement, figures.alpha, figures.fleiss_kappa, figures.gwet_ac1]


def alpha_by_definition(answers, level):
    """Krippendorff 2011, section C, cell by cell."""
    units = [[value for value in row if value is not None] for row in answers]
    units = [unit for unit in units if len(unit) > 1]
    coincidences: dict[tuple[float, float], float] = defaultdict(float)
    for unit in units:
        for a, b in itertools.permutations(range(len(unit)), 2):
            coincidences[unit[a], unit[b]] += 1 / (len(unit) - 1)
    n_of = Counter(value for unit in units for value in unit)
    scale = sorted(n_of)
    metric = {
        (c, k): difference(level, c, k, [n_of[g] for g in scale if min(c, k) <= g <= max(c, k)])
        for c in scale
        for k in scale
    }
    expected = sum(n_of[c] * n_of[k] * metric[c, k] for c in scale for k in scale)
    if not expected:
        return None
    observed = sum(times * metric[pair] for pair, times in coincidences.items())
    return 1 - (sum(n_of.values()) - 1) * observed / expected


def difference(level, c, k, between):
    if c == k:
        return 0.0
    if level is Level.NOMINAL:
        return 1.0
    if level is Level.ORDINAL:
        return (sum(between) - (between[0] + between[-1]) / 2) ** 2
    return (c - k) ** 2 if level is Level.INTERVAL else ((c - k) / (c + k)) ** 2


def ac1_by_definition(answers):
    """Gwet 2014, chapter 2, item by item."""
    units = [[value for value in row if value is not None] for row in answers]
    units = [Counter(unit) for unit in units if unit]
    pairable = [unit for unit in units if unit.total() > 1]
    if not pairable:
        return None, None
    observed = np.mean(
        [sum(n * (n - 1) for n in unit.values()) / (unit.total() * (unit.total() - 1)) for unit in pairable]
    )
    values = {value for unit in units for value in unit}
    if len(values) < 2:
        return observed, None
    shares = [np.mean([unit[value] / unit.total() for unit in units]) for value in values]
    expected = sum(share * (1 - share) for share in shares) / (len(values) - 1)
    return observed, (observed - expected) / (1 - expected)
