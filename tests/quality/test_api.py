from __future__ import annotations

import pytest

from foundation.database import Database
from tests.quality.conftest import Rated

pytestmark = pytest.mark.slow


class TestGetQuality:
    def test_before_the_first_report_it_says_what_to_do(self, rated: Rated) -> None:
        answer = rated.phone.as_role("read").call("GET", "/quality")

        assert answer.status_code == 404
        assert "POST /quality" in answer.json["detail"]

    def test_the_newest_report_has_figures_with_n_and_interval(self, database: Database, rated: Rated) -> None:
        rated.measure(database)

        report = rated.phone.as_role("read").call("GET", "/quality").json

        agreement = report["questions"]["stars_of"]["agreement"]
        assert agreement["n_items"] == 4
        assert agreement["alpha_ci"][0] <= agreement["alpha"] <= agreement["alpha_ci"][1]
        assert [one["success"] for one in report["expectations"]["expectations"]] == [True, False]

    def test_nobody_is_named(self, database: Database, rated: Rated) -> None:
        rated.measure(database)

        text = rated.phone.as_role("read").call("GET", "/quality").text

        assert "example.com" not in text
        assert "annotator-1" in text

    def test_failing_signals_come_page_by_page(self, database: Database, rated: Rated) -> None:
        rated.measure(database)

        page = rated.phone.as_role("read").call("GET", "/quality/expectations/1").json

        assert sorted(page["signals"]) == sorted([rated.signals["fine"], rated.signals["odd"]])
        assert page["cursor"] is None

    def test_an_expectation_that_is_not_there_is_404(self, database: Database, rated: Rated) -> None:
        rated.measure(database)

        reader = rated.phone.as_role("read")

        assert [reader.call("GET", f"/quality/expectations/{name}").status_code for name in ("7", "x", "-1")] == [
            404
        ] * 3

    def test_a_cursor_of_nobody_is_422(self, database: Database, rated: Rated) -> None:
        rated.measure(database)

        assert rated.phone.as_role("read").call("GET", "/quality/expectations/1?cursor=zzz").status_code == 422
