from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlmodel import col, func, select

from collector.models import Signal, Subject
from foundation.database import Database, unit_of_work, utc_now
from labeling.questions.levels import Level
from quality.agreement.measure import measure_agreement
from quality.expectations import run_suite
from quality.models import FailingRow
from quality.queries import is_stale, newest_report
from quality.results import SuiteResult, errored
from quality.service import REPORTS_KEPT, forget_erased, measure_project, store_report
from tests.quality.conftest import RATINGS, Rated
from tests.signals import make_signal


class TestMeasureProject:
    def test_figures_are_those_of_the_answers_that_came_in(self, database: Database, rated: Rated) -> None:
        with unit_of_work(database, read_only=True) as session:
            report = measure_project(session, rated.held.id, run=run_suite)

        votes = [(word, person, value) for word, values in RATINGS.items() for person, value in enumerate(values)]
        alone = measure_agreement(*zip(*votes, strict=True), Level.ORDINAL, rng=np.random.default_rng(0))
        agreement = report.agreement["stars_of"]
        assert agreement.n_annotations == 12
        assert agreement.alpha == pytest.approx(alone.alpha)
        assert agreement.percent_agreement == pytest.approx(alone.percent_agreement)

    def test_items_whose_answers_are_a_tie_are_counted(self, database: Database, rated: Rated) -> None:
        with unit_of_work(database, read_only=True) as session:
            report = measure_project(session, rated.held.id, run=run_suite).as_json()

        assert report["questions"]["stars_of"]["ties"] == 1

    def test_measuring_twice_gives_the_same_interval(self, database: Database, rated: Rated) -> None:
        with unit_of_work(database, read_only=True) as session:
            first, second = (measure_project(session, rated.held.id, run=run_suite).as_json() for _ in range(2))

        assert first == second

    def test_an_item_whose_person_withdrew_consent_is_not_counted(self, database: Database, rated: Rated) -> None:
        with unit_of_work(database) as session:
            for subject in session.exec(select(Subject)):
                subject.passes = False
                session.add(subject)

        with unit_of_work(database, read_only=True) as session:
            report = measure_project(session, rated.held.id, run=run_suite)

        assert report.agreement["stars_of"].n_annotations == 0
        assert report.expectations is not None
        assert report.expectations.n_rows == 0

    def test_what_counted_at_a_number_stays_what_it_was(self, database: Database, rated: Rated) -> None:
        with unit_of_work(database, read_only=True) as session:
            before = measure_project(session, rated.held.id, run=run_suite)
        change = {
            "signal": rated.signals["odd"],
            "question": "stars_of",
            "annotator": "person0@example.com",
            "value": 5,
        }
        rated.phone.as_role("manage").call("POST", "/annotations", json=[change])

        with unit_of_work(database, read_only=True) as session:
            again = measure_project(session, rated.held.id, upto_seq=before.annotations_upto_seq, run=run_suite)
            now = measure_project(session, rated.held.id, run=run_suite)

        assert again.agreement == before.agreement
        assert now.agreement != before.agreement


class TestStoreReport:
    def test_every_failing_row_is_kept(self, database: Database, rated: Rated) -> None:
        rated.measure(database)

        with unit_of_work(database, read_only=True) as session:
            failing = session.exec(select(FailingRow.signal_id).where(col(FailingRow.expectation) == 1)).all()
        assert {str(signal) for signal in failing} == {rated.signals["fine"], rated.signals["odd"]}

    def test_the_oldest_reports_make_room(self, database: Database, rated: Rated) -> None:
        with unit_of_work(database, read_only=True) as session:
            report = measure_project(session, rated.held.id, run=run_suite)
        for _ in range(REPORTS_KEPT + 2):
            with unit_of_work(database) as session:
                store_report(session, rated.held.id, report, now=utc_now())

        with unit_of_work(database, read_only=True) as session:
            assert len(set(session.exec(select(FailingRow.report_no)))) == REPORTS_KEPT

    def test_a_report_is_stale_once_something_came_in(self, database: Database, rated: Rated) -> None:
        rated.measure(database)
        with unit_of_work(database, read_only=True) as session:
            assert not is_stale(session, rated.held.id, 1, now=utc_now())

        change = {
            "signal": rated.signals["odd"],
            "question": "stars_of",
            "annotator": "person9@example.com",
            "value": 5,
        }
        rated.phone.as_role("manage").call("POST", "/annotations", json=[change])

        with unit_of_work(database, read_only=True) as session:
            assert is_stale(session, rated.held.id, 1, now=utc_now())
            assert newest_report(session, rated.held.id) is not None

    def test_a_few_new_signals_wait_for_ten_minutes_and_many_do_not(self, database: Database, rated: Rated) -> None:
        rated.phone.send(*(make_signal() for _ in range(30)))
        rated.measure(database)

        def is_due(later: timedelta = timedelta()) -> bool:
            with unit_of_work(database, read_only=True) as session:
                return is_stale(session, rated.held.id, 1, now=utc_now() + later)

        assert not is_due(timedelta(days=1))
        rated.phone.send(make_signal())
        assert not is_due(timedelta(minutes=9))
        assert is_due(timedelta(minutes=10))
        rated.phone.send(*(make_signal() for _ in range(10)))
        assert is_due()

    def test_what_met_a_limit_is_not_run_again_by_itself_for_an_hour_unless_it_was_changed(
        self, database: Database, rated: Rated
    ) -> None:
        def stopped(frame: Any, suite: Any, *, row_id: str) -> SuiteResult:
            return SuiteResult(len(frame), tuple(errored(one, 0, "took long", is_unfinished=True) for one in suite))

        with unit_of_work(database) as session:
            report = measure_project(session, rated.held.id, run=stopped)
            store_report(session, rated.held.id, report, now=utc_now())
        rated.phone.send(make_signal())

        with unit_of_work(database, read_only=True) as session:
            assert not is_stale(session, rated.held.id, 1, now=utc_now())
            assert is_stale(session, rated.held.id, 1, now=utc_now() + timedelta(hours=1, minutes=1))
            assert is_stale(session, rated.held.id, 2, now=utc_now())

    def test_no_kept_row_names_an_erased_signal(self, database: Database, rated: Rated) -> None:
        rated.measure(database)
        with unit_of_work(database) as session:
            for signal in session.exec(select(Signal)):
                session.delete(signal)

        with unit_of_work(database) as session:
            assert forget_erased(session, rated.held.id) == 2
            assert session.exec(select(func.count()).select_from(FailingRow)).one() == 0
