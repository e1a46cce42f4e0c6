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


class TestProcessesOfTheApi:
    def test_one_a_core_on_postgresql_as_far_as_each_may_hold_the_largest_body(self) -> None:
        on_postgresql = load_settings({"WINNOW_DATABASE_URL": "postgresql+psycopg://winnow@/winnow"})

        assert [on_postgresql.processes_of_the_api(cores) for cores in (1, 2, 16)] == [1, 2, 2]
        assert load_settings({}).processes_of_the_api(16) == 1
        assert load_settings({"WINNOW_API_PROCESSES": "2"}).processes_of_the_api(1) == 2
        assert load_settings({"WINNOW_API_PROCESSES": "9"}).processes_of_the_api(1) == 2
