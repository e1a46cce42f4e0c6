"""The demo's input: the words as their authors published them, and a fleet that follows from one seed."""

from datetime import UTC, datetime

import pytest

from collector.anonymization.scrub import scrub_texts
from examples.slang.fleet import ConsentCall, Fleet, simulate_fleet
from examples.slang.words import DISTINCT_WORDS, SLOTS, read_words

BEGAN_AT = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return simulate_fleet(read_words(), BEGAN_AT)


class TestWords:
    def test_there_are_as_many_as_published_each_with_ten_ratings(self) -> None:
        words = read_words()

        assert len(words) == DISTINCT_WORDS
        assert {len(word.ratings) for word in words} == {SLOTS}
        assert {rating for word in words for rating in word.ratings} == set(range(-4, 5))

    def test_of_a_word_that_stands_twice_the_later_row_counts(self) -> None:
        found = {word.text: word for word in read_words()}

        assert found["lol"].mean == pytest.approx(1.8)


class TestFleet:
    @pytest.mark.slow
    def test_the_same_words_make_the_same_fleet(self, fleet: Fleet) -> None:
        assert simulate_fleet(read_words(), BEGAN_AT) == fleet

    def test_no_two_signals_share_an_id(self, fleet: Fleet) -> None:
        ids = [signal["id"] for phone in fleet.phones for signal in (*phone.signals, *phone.mended)]

        assert len(ids) == len(set(ids)) == fleet.to_be_stored + fleet.to_be_refused

    def test_people_who_agreed_hold_every_word(self, fleet: Fleet) -> None:
        agreed = {phone.number for phone in fleet.phones if phone.consent is not ConsentCall.NEVER}
        held = {signal["id"] for phone in fleet.phones if phone.number in agreed for signal in phone.signals}

        assert len(fleet.signal_of) == DISTINCT_WORDS
        assert set(fleet.signal_of.values()) <= held


class TestScrubbing:
    def test_no_word_is_altered(self) -> None:
        words = [word.text for word in read_words()]

        assert [scrubbed.text for scrubbed in scrub_texts(words)] == words

    def test_each_planted_value_is_replaced_by_its_type_and_nothing_else_is(self, fleet: Fleet) -> None:
        scrubbed = scrub_texts([planted.text for planted in fleet.planted])

        assert [found.text for found in scrubbed] == [
            planted.text.replace(planted.value, f"<{planted.entity}>") for planted in fleet.planted
        ]
