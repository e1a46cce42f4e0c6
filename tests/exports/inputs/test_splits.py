"""The split keeps every rule of invariant 6, for any candidates."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from unittest.mock import ANY

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import exports.inputs.splits
from exports.inputs.splits import FIRST_REASON, REASONS, LeftOut, OrderedItems, Split, group_names, short_keys
from exports.shares import SIDES, Shares, Side
from tests.exports.making import Candidate, make_candidates, split_of

FROZEN_SIDES = st.sampled_from([None, None, "train", "validation", "test"])


@st.composite
def candidate_lists(draw: st.DrawFn) -> list[Candidate]:
    names = draw(st.lists(st.integers(0, 10**6), min_size=1, max_size=40, unique=True))
    sets = [f"set{number}" for number in range(6)]
    return [
        Candidate(
            f"{name:08d}",
            near_set=draw(st.sampled_from([None, *sets])),
            subject=draw(st.sampled_from([None, 1, 2, 3])),
            frozen=draw(FROZEN_SIDES),
            random=draw(st.booleans()),
        )
        for name in sorted(names)
    ]


SHARES = st.sampled_from([Shares(), Shares(0.4, 0.3, 0.3), Shares(0, 0.5, 0.5), Shares(1, 0, 0), Shares(0.5, 0.5, 0)])


def groups_of(candidates: list[Candidate]) -> list[str]:
    """The rule in plain Python: the subject of a set that one alone has sent, else the set."""
    senders: dict[str, set[object]] = defaultdict(set)
    for one in candidates:
        senders[one.near_set or one.item].add(one.subject)
    names = []
    for one in candidates:
        sent_by = senders[one.near_set or one.item]
        sole = len(sent_by) == 1 and None not in sent_by
        names.append(f"subject {one.subject}" if sole else f"set {one.near_set or one.item}")
    return names


def side_of(split: Split, place: int) -> Side | None:
    code = int(split.codes[place])
    return SIDES[code] if code < FIRST_REASON else None


def reason_of(split: Split, place: int) -> LeftOut | None:
    code = int(split.codes[place])
    return REASONS[code - FIRST_REASON] if code >= FIRST_REASON else None


class TestRules:
    @given(candidate_lists(), SHARES)
    def test_no_near_duplicate_set_stands_on_two_sides(self, candidates, shares):
        split = split_of(candidates, shares=shares)

        sides = defaultdict(set)
        for place, one in enumerate(candidates):
            sides[one.near_set or one.item].add(side_of(split, place))
        assert all(len(found - {None}) <= 1 for found in sides.values())

    @given(candidate_lists(), SHARES)
    def test_no_group_stands_on_two_sides(self, candidates, shares):
        split = split_of(candidates, shares=shares)

        sides = defaultdict(set)
        for place, group in enumerate(groups_of(candidates)):
            sides[group].add(side_of(split, place))
        assert all(len(found - {None}) <= 1 for found in sides.values())

    @given(candidate_lists(), SHARES)
    def test_held_out_sides_hold_only_random_items(self, candidates, shares):
        split = split_of(candidates, shares=shares)

        held_out = [place for place in range(len(candidates)) if side_of(split, place) in (Side.VALIDATION, Side.TEST)]
        assert all(candidates[place].random for place in held_out)

    @given(candidate_lists(), SHARES)
    def test_an_item_is_on_its_frozen_side_or_left_out(self, candidates, shares):
        split = split_of(candidates, shares=shares)

        for place, one in enumerate(candidates):
            if one.frozen is not None:
                assert side_of(split, place) in (one.frozen, None)

    @given(candidate_lists(), SHARES)
    def test_a_group_follows_the_side_that_froze_most_then_the_smaller_item(self, candidates, shares):
        split = split_of(candidates, shares=shares)

        frozen = defaultdict(list)
        for one, group in zip(candidates, groups_of(candidates), strict=True):
            if one.frozen:
                frozen[group].append((one.frozen, one.item))
        for place, group in enumerate(groups_of(candidates)):
            if not frozen[group]:
                continue
            counts = Counter(side for side, _ in frozen[group])
            first = {side: min(item for s, item in frozen[group] if s == side) for side in counts}
            winner = min(counts, key=lambda side: (-counts[side], first[side]))
            one = candidates[place]
            if one.frozen not in (None, winner):
                assert reason_of(split, place) is LeftOut.FROZEN_ELSEWHERE
            elif winner != "train" and not one.random:
                assert reason_of(split, place) is LeftOut.NOT_RANDOM
            else:
                assert side_of(split, place) == winner

    @given(candidate_lists(), SHARES)
    def test_nothing_is_left_out_without_a_reason(self, candidates, shares):
        split = split_of(candidates, shares=shares)

        for place, one in enumerate(candidates):
            if reason_of(split, place) is LeftOut.FROZEN_ELSEWHERE:
                assert one.frozen is not None
            if reason_of(split, place) is LeftOut.NOT_RANDOM:
                assert not one.random

    @given(candidate_lists(), st.integers(1, 7))
    def test_the_size_of_the_batches_changes_nothing(self, candidates, batch_rows):
        whole, cut = split_of(candidates), split_of(candidates, batch_rows=batch_rows)

        assert whole.codes.tolist() == cut.codes.tolist()
        assert whole.leaders.tolist() == cut.leaders.tolist()
        assert whole.items_sha256 == cut.items_sha256

    @given(st.lists(st.integers(0, 10**6), min_size=2, max_size=40, unique=True), st.data())
    def test_fresh_random_items_keep_their_side_when_others_are_added(self, names, data):
        everybody = [Candidate(f"{name:08d}", subject=data.draw(st.integers(1, 5))) for name in sorted(names)]
        some = data.draw(st.lists(st.sampled_from(everybody), min_size=1, unique=True))
        before = sorted(some, key=lambda one: one.item)

        all_sides = dict(zip([one.item for one in everybody], split_of(everybody).codes.tolist(), strict=True))
        some_sides = dict(zip([one.item for one in before], split_of(before).codes.tolist(), strict=True))

        assert some_sides.items() <= all_sides.items()

    def test_a_group_without_a_random_item_goes_to_train(self):
        candidates = [Candidate(f"{number:04d}", random=False) for number in range(200)]

        split = split_of(candidates, shares=Shares(0, 0.5, 0.5))

        assert split.count(Side.TRAIN) == 200

    def test_a_set_of_several_subjects_is_a_group_of_its_own(self):
        shared = [Candidate("a", near_set="a", subject=1), Candidate("b", near_set="a", subject=2)]
        own = [Candidate(f"c{number:03d}", subject=number % 2 + 1) for number in range(50)]

        split = split_of(shared + own)

        assert split.leaders[0] == split.leaders[1] == 0
        assert len(set(split.leaders.tolist())) == 3

    def test_a_subject_and_a_set_of_the_same_name_are_two_groups(self):
        split = split_of([Candidate("x", subject="y"), Candidate("y", subject=None)])

        assert split.leaders.tolist() == [0, 1]

    def test_the_looking_at_parts_of_the_key_space_changes_nothing(self, monkeypatch):
        candidates = make_candidates(3000, subjects=400)
        for place in range(0, 3000, 7):
            candidates[place] = Candidate(candidates[place].item, near_set="set", subject=place % 3, frozen="test")
        whole = split_of(candidates)
        monkeypatch.setattr(exports.inputs.splits, "ITEMS_LOOKED_AT_TOGETHER", 64)

        cut = split_of(candidates)

        assert np.array_equal(whole.codes, cut.codes)
        assert np.array_equal(whole.leaders, cut.leaders)

    def test_no_candidates_give_an_empty_split(self):
        assert split_of([]).codes.tolist() == []


class TestShares:
    @pytest.mark.slow
    def test_sides_get_about_their_shares(self):
        candidates = [Candidate(f"{number:06d}") for number in range(20_000)]

        split = split_of(candidates)

        assert split.count(Side.TRAIN) == pytest.approx(16_000, abs=300)
        assert split.count(Side.VALIDATION) == pytest.approx(2_000, abs=200)

    def test_the_side_is_the_sha256_of_seed_and_group(self):
        """Fixed bytes, so that a split made elsewhere or later is the same."""
        key = int(short_keys(pa.array(["0199f0aa"]))[0])
        hashed = int.from_bytes(hashlib.sha256(b"seed\0" + key.to_bytes(8, "big")).digest()[:8], "big")

        split = split_of([Candidate("0199f0aa")], shares=Shares(0.5, 0.25, 0.25))

        assert SIDES[int(split.codes[0])] == (
            "train" if hashed < 2**63 else "validation" if hashed < 3 * 2**62 else "test"
        )

    def test_another_seed_gives_another_split(self):
        candidates = [Candidate(f"{number:06d}") for number in range(500)]

        assert split_of(candidates).codes.tolist() != split_of(candidates, seed="other").codes.tolist()


def splitmix64(state: int) -> int:
    """The next number after a state, in plain Python: Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195."""
    mixed = (state + 0x9E3779B97F4A7C15) % 2**64
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB % 2**64
    return mixed ^ mixed >> 31


class TestShortKeys:
    def test_the_second_implementation_gives_the_number_that_others_publish(self):
        assert splitmix64(1234567) == 6457827717110365317

    @given(st.text(max_size=40))
    def test_a_key_is_the_same_in_every_release(self, text):
        """Another key would move groups from one side to another in the next version."""
        content = text.encode()
        key = len(content)
        for at in range(0, len(content), 8):
            key = splitmix64(key + int.from_bytes(content[at : at + 8], "little"))

        assert short_keys(pa.array([text])).tolist() == [key]

    @given(st.lists(st.text(max_size=40), min_size=1, max_size=20))
    def test_equal_texts_and_only_they_have_equal_keys(self, texts):
        keys = short_keys(pa.array(texts, pa.string())).tolist()

        assert len(set(keys)) == len(set(texts))
        assert keys == [int(short_keys(pa.array([text], pa.string()))[0]) for text in texts]

    @given(st.lists(st.text(max_size=20), min_size=2, max_size=20), st.integers(0, 10))
    def test_a_slice_has_the_keys_of_its_texts(self, texts, start):
        whole = pa.array(texts, pa.string())

        assert short_keys(whole[start:]).tolist() == short_keys(whole).tolist()[start:]


class TestGroupNames:
    def test_groups_have_names_of_their_own_that_change_with_the_version(self):
        leaders = np.array([0, 0, 5, 7], dtype=np.uint32)

        first = group_names(leaders, seed="s", version="1.0.0").to_pylist()
        second = group_names(leaders, seed="s", version="1.1.0").to_pylist()

        assert first == [first[0], first[0], ANY, ANY]
        assert len(set(first)) == 3
        assert not set(first) & set(second)
        assert all(len(name) == 16 and set(name) <= set("0123456789abcdef") for name in first)

    def test_a_name_is_the_groups_number_mixed_with_the_salt(self):
        salt = int.from_bytes(hashlib.sha256(b"s\x001.0.0\0split group").digest()[:8], "big")

        names = group_names(np.array([0, 7], dtype=np.uint32), seed="s", version="1.0.0").to_pylist()

        assert names == [f"{splitmix64(salt + number):016x}" for number in (0, 7)]

    def test_names_are_those_of_the_group_number_and_tell_no_subject(self):
        """Two projects of other people with the same grouping get the same names."""
        mine = split_of([Candidate("a", subject=1), Candidate("b", subject=1), Candidate("c", subject=2)])
        yours = split_of([Candidate("a", subject=8), Candidate("b", subject=8), Candidate("c", subject=9)])

        assert mine.leaders.tolist() == yours.leaders.tolist()


class TestOrderedItems:
    @pytest.mark.parametrize("batches", [[["b", "a"]], [["a", "a"]], [["b"], ["a"]], [["a"], ["a"]], [["a", None]]])
    def test_items_out_of_order_are_refused(self, batches):
        items, arrays = OrderedItems(), [pa.array(batch, pa.string()) for batch in batches]
        for array in arrays[:-1]:
            items.add(array)

        with pytest.raises(ValueError, match="ascending order"):
            items.add(arrays[-1])

    @settings(max_examples=30)
    @given(st.lists(st.text(min_size=1, max_size=5), unique=True, max_size=20), st.integers(1, 5))
    def test_the_digest_is_that_of_all_items_one_after_the_other(self, texts, size):
        ordered = sorted(texts, key=str.encode)
        items = OrderedItems()

        for start in range(0, len(ordered), size):
            items.add(pa.array(ordered[start : start + size], pa.string()))

        assert items.sha256() == hashlib.sha256("".join(ordered).encode()).hexdigest()
