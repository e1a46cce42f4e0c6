"""A worker dies at a step, anywhere: it is done again from its beginning, the work completes once, and no fact is doubled."""

from __future__ import annotations

import signal
import uuid
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlmodel import col, select

from collector import queries
from collector.subjects.erasure import ERASURE
from foundation.activity import Activity, chain_holds
from foundation.database import Database, unit_of_work, utc_now
from foundation.running.parts import wait_until
from foundation.settings import Settings
from foundation.step_rows import StepRow, StepState
from foundation.steps import Effect, owe, steps_of
from tests.crash import slow
from tests.crash.processes import WITHIN_S, run, start, wait_until_stopped
from tests.signals import Held, Phone, empty, make_project, make_signal, rows_of
from tests.steps import declaring, end_pauses

pytestmark = pytest.mark.slow
FLOORS = ("collector", "labeling", "quality", "exports")
PLACES = (
    *(f"{place}=kill@{number}" for place in ("steps.after_claim", "steps.before_done") for number in range(1, 5)),
    "erase.signals=kill",
    "erase.versions=kill",
)
FACTS = {
    "collector": {"signals": 2, "items": 1},
    "labeling": {"tasks": 0, "annotations": 0},
    "quality": {},
    "exports": {"versions": 0, "downloads": 0},
}


@pytest.fixture
def project(opened_database: Database) -> Held:
    empty(opened_database)
    queries._FILES.clear()
    return make_project(opened_database)


@pytest.fixture
def erasure(app: Flask, project: Held) -> uuid.UUID:
    """Somebody has sent two signals, one of them with a content that somebody else has sent, too, and leaves."""
    phone = Phone(app.test_client(), project)
    phone.send(make_signal(subject="anna"), make_signal(subject="anna", payload={"text": "said by two"}))
    phone.send(make_signal(subject="bert", payload={"text": "said by two"}))
    asked = phone.as_role("backend").call("DELETE", "/subject", headers={"Winnow-Subject": "anna"})
    return uuid.UUID((asked.json or {})["erasure"])


def steps(database: Database, effect: Effect, project: Held, of: object) -> list[StepRow]:
    with unit_of_work(database, read_only=True) as session:
        return steps_of(session, effect, project.id, [str(of)])[str(of)]


def receipt(app: Flask, project: Held, erasure: uuid.UUID) -> Any:
    """What each floor did; None while it is not complete."""
    answer = Phone(app.test_client(), project, "manage").call("GET", f"/erasures/{erasure}").json or {}
    floors = (answer["receipt"] or {}).get("floors")
    return floors and {name: {key: n for key, n in told.items() if key != "done_at"} for name, told in floors.items()}


def told(database: Database, project: Held, action: str) -> int:
    """How often the activity log tells of something; it has to hold."""
    with unit_of_work(database, read_only=True) as session:
        assert chain_holds(session, project.id)
        return len(session.exec(select(Activity).where(col(Activity.action) == action)).all())


class TestKilledErasure:
    @pytest.mark.parametrize("place", PLACES)
    def test_it_completes_once_and_counts_nothing_twice(
        self,
        settings: Settings,
        opened_database: Database,
        project: Held,
        app: Flask,
        erasure: uuid.UUID,
        tmp_path: Path,
        place: str,
    ) -> None:
        assert run(settings, tmp_path, "follow", failpoints=place) == -signal.SIGKILL
        assert receipt(app, project, erasure) is None

        assert run(settings, tmp_path, "follow") == 0
        while_it_is_leased = receipt(app, project, erasure)
        end_pauses(opened_database)
        assert run(settings, tmp_path, "follow") == 0

        assert while_it_is_leased is None
        assert receipt(app, project, erasure) == FACTS
        assert told(opened_database, project, "erasure_completed") == 1
        rows = steps(opened_database, ERASURE, project, erasure)
        assert sorted((row.attempts, row.deaths, row.strikes) for row in rows) == [(1, 0, 0)] * 3 + [(2, 1, 0)]
        left = rows_of(opened_database)
        assert (left["signals"], left["items"], left["suppressions"]) == (1, 1, 2)


class TestOvertaken:
    @pytest.mark.parametrize("floor", range(1, 5))
    def test_who_wakes_up_after_another_has_done_it_changes_nothing(
        self,
        settings: Settings,
        opened_database: Database,
        project: Held,
        app: Flask,
        erasure: uuid.UUID,
        tmp_path: Path,
        floor: int,
    ) -> None:
        late = start(settings, tmp_path, "follow", failpoints=f"steps.after_claim=stop@{floor}")
        try:
            wait_until_stopped(late)
            end_pauses(opened_database)
            assert run(settings, tmp_path, "follow") == 0
            before = receipt(app, project, erasure)
            late.send_signal(signal.SIGCONT)
            assert late.wait(WITHIN_S) == 0
        finally:
            late.kill()
            late.wait()

        assert before == receipt(app, project, erasure) == FACTS
        assert told(opened_database, project, "erasure_completed") == 1


class TestKilledRenewal:
    def test_another_takes_over_once_the_lease_is_past(
        self,
        settings: Settings,
        opened_database: Database,
        project: Held,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        with declaring(monkeypatch):
            slow.declare(0)
            with unit_of_work(opened_database) as session:
                owe(session, slow.SLOW, project.id, "a-work", now=utc_now())

            assert run(settings, tmp_path, "slow", str(WITHIN_S), failpoints="steps.renew=kill") == -signal.SIGKILL
            end_pauses(opened_database)
            assert run(settings, tmp_path, "slow", "0") == 0

            (row,) = steps(opened_database, slow.SLOW, project, "a-work")
        assert (row.attempts, row.deaths, row.facts) == (2, 1, {"acts": 1})
        assert told(opened_database, project, slow.COMPLETED) == 1

    def test_a_step_that_takes_longer_than_a_lease_is_nobody_elses(
        self,
        settings: Settings,
        opened_database: Database,
        project: Held,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        with declaring(monkeypatch):
            slow.declare(0)
            with unit_of_work(opened_database) as session:
                owe(session, slow.SLOW, project.id, "a-work", now=utc_now())
            worker = start(settings, tmp_path, "slow", "8")
            assert wait_until(
                lambda: steps(opened_database, slow.SLOW, project, "a-work")[0].state == StepState.RUNNING,
                timeout_s=WITHIN_S,
            )

            while worker.poll() is None:
                assert run(settings, tmp_path, "slow", "0") == 0

            (row,) = steps(opened_database, slow.SLOW, project, "a-work")
        assert (row.attempts, row.deaths, row.facts) == (1, 0, {"acts": 1})
