"""Settings that cannot work together are refused by name."""

from __future__ import annotations

import pytest

from foundation.settings import BadSettings, load_settings


class TestMaxBodies:
    def test_a_budget_that_no_body_fits_is_refused(self) -> None:
        with pytest.raises(BadSettings) as refused:
            load_settings({"WINNOW_MAX_UNPACKED_BYTES": "200000000"})

        assert [fault.pointer for fault in refused.value.faults] == ["WINNOW_MAX_BODIES_BYTES"]
        assert "at least 573333334" in refused.value.faults[0].detail

    def test_one_that_fits_is_taken(self) -> None:
        given = {"WINNOW_MAX_UNPACKED_BYTES": "200000000", "WINNOW_MAX_BODIES_BYTES": "573333334"}

        assert load_settings(given).max_bodies_bytes == 573_333_334
