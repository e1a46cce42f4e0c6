"""Cohen's kappa by table and by list are the same figures."""

from __future__ import annotations

import numpy as np
import pytest

from quality.agreement import pairs
from quality.agreement.votes_table import votes_of


def votes(n_items, n_annotators, share, seed=0):
    rng = np.random.default_rng(seed)
    items, annotators = np.nonzero(rng.random((n_items, n_annotators)) < share)
    return votes_of(items, annotators, (items + rng.integers(0, 2, size=len(items))) % 3)


def rows(blocks):
    return sorted(tuple(map(float, row)) for columns in blocks for row in zip(*columns, strict=True))


class TestCohenKappas:
    @pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
    def test_table_and_list_agree(self, share):
        some = votes(200, 12, share)

        assert rows(pairs._by_table(some, some.values, 3)) == rows(pairs._by_list(some, some.values, 3))

    def test_blocks_of_annotators_change_nothing(self):
        some = votes(100, 10, 0.4)
        whole = rows(pairs._by_list(some, some.values, 3))

        assert rows(pairs._by_list(some, some.values, 3, block=50)) == whole

    def test_annotators_without_a_shared_item_are_not_listed(self):
        some = votes_of(list("iijj"), list("abcd"), list("xyxy"))

        assert [(pair.a, pair.b) for pair in pairs.cohen_kappas(some, some.values, 2)] == [("a", "b"), ("c", "d")]
