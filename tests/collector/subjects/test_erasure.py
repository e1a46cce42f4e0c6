"""A person leaves: the door shuts at once, each floor does its part, a receipt says so, nothing comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import select

from collector.models import Consent, DeadLetter, Erasure, ErasureState, Signal
from foundation import steps
from foundation.activity import chain_holds
from foundation.database import Database, unit_of_work, utc_now
from foundation.leases import MAX_STRIKES, AttemptFailed
from foundation.queue import Runtime
from foundation.step_rows import Facts
from foundation.steps import StepWork, all_steps
from foundation.tasks import follow_steps
from tests.signals import CONSENT, Held, Phone, days_ago, make_signal, rows_of
from tests.steps import close_free, declaring, do_free, end_pauses, free_of

FLOORS = ("collector", "labeling", "quality", "exports")
HEADERS = {"Winnow-Subject": "anna"}
OWN = {**HEADERS, "Winnow-Subject-Token": "t" * 43}
OTHERS = {**HEADERS, "Winnow-Subject-Token": "u" * 43}


def leave(phone: Phone, role: str = "backend", **headers: str) -> Any:
    return phone.as_role(role).call("DELETE", "/subject", headers={**HEADERS, **headers})


def do_collectors_part(here: Runtime) -> int:
    return do_free(here, "collector")


class TestLeaving:
    def test_an_app_needs_the_persons_token(self, phone: Phone, database: Database) -> None:
        token = {"Winnow-Subject-Token": "t" * 43}
        phone.call("PUT", "/subject/consent", json=CONSENT, headers={**HEADERS, **token})

        statuses = [
            leave(phone, "ingest").status_code,
            leave(phone, "ingest", **{"Winnow-Subject-Token": "u" * 43}).status_code,
            phone.call("DELETE", "/subject", headers={"Winnow-Subject": "unknown", **token}).status_code,
        ]

        assert statuses == [403, 403, 403]
        assert rows_of(database)["erasures"] == 0
        assert leave(phone, "ingest", **token).status_code == 202

    def test_an_app_that_lost_the_answer_asks_again(self, phone: Phone, database: Database, here: Runtime) -> None:
        phone.call("PUT", "/subject/consent", json=CONSENT, headers=OWN)

        first, again = leave(phone, "ingest", **OWN), leave(phone, "ingest", **OWN)
        do_collectors_part(here)
        later, other = leave(phone, "ingest", **OWN), leave(phone, "ingest", **OTHERS)

        assert first.json == again.json
        assert (later.status_code, other.status_code) == (202, 403)

    def test_who_came_back_with_a_new_token_is_out_of_reach_of_the_old_one(self, phone: Phone) -> None:
        phone.call("PUT", "/subject/consent", json=CONSENT, headers=OWN)
        leave(phone, "ingest", **OWN)
        phone.call("PUT", "/subject/consent", json=CONSENT, headers=OTHERS)

        assert leave(phone, "ingest", **OWN).status_code == 403

    def test_asked_twice_it_is_one(self, phone: Phone, database: Database) -> None:
        assert leave(phone).json == leave(phone).json
        assert rows_of(database)["erasures"] == 1

    def test_the_door_is_shut_at_once(self, phone: Phone) -> None:
        phone.send(make_signal(subject="anna"))
        leave(phone)

        phone.send(old := make_signal(subject="bert"))
        phone.as_role("backend").call("DELETE", "/subject", headers={"Winnow-Subject": "bert"})

        for signal in (make_signal(subject="anna"), old, {**old, "payload": {"text": "another"}}):
            result = phone.send_one(signal)
            assert result["errors"][0]["reason"] == "erased"
            assert result["retry"] == "no"

    def test_a_consent_given_since_opens_it_for_new_signals_only(
        self, phone: Phone, database: Database, here: Runtime
    ) -> None:
        old = make_signal(subject="anna", captured_at=days_ago(1))
        phone.send(old)
        leave(phone)
        do_collectors_part(here)
        soon = {**CONSENT, "given_at": (utc_now() + timedelta(minutes=1)).isoformat()}
        fresh = make_signal(subject="anna", captured_at=(utc_now() + timedelta(minutes=2)).isoformat())

        answer = phone.as_role("backend").send(
            fresh, old, make_signal(subject="anna", captured_at=days_ago(2)), consent=soon
        )

        assert [result["status"] for result in answer["results"]] == ["accepted", "rejected", "rejected"]

    def test_a_consent_given_before_does_not_open_it(self, phone: Phone) -> None:
        leave(phone)

        assert phone.send_one(make_signal(subject="anna"), consent=CONSENT)["errors"][0]["reason"] == "erased"

    def test_the_answer_does_not_claim_that_it_holds(self, phone: Phone) -> None:
        leave(phone)

        answer = phone.as_role("backend").call("PUT", "/subject/consent", json=CONSENT, headers=HEADERS)

        assert (answer.status_code, answer.json["granted"]) == (200, False)

    def test_who_comes_back_before_the_worker_begins_keeps_what_is_new(
        self, phone: Phone, database: Database, here: Runtime
    ) -> None:
        phone.send(make_signal(subject="anna", captured_at=days_ago(1)))
        leave(phone)
        fresh = come_back(phone)

        do_collectors_part(here)

        assert rows_of(database)["signals"] == 1
        assert phone.send_one(fresh)["status"] == "replayed"

    def test_who_leaves_again_before_the_worker_begins_is_gone(
        self, phone: Phone, database: Database, here: Runtime
    ) -> None:
        first = leave(phone).json
        come_back(phone)
        again = leave(phone).json

        assert do_collectors_part(here) == 2

        assert again != first
        rows = rows_of(database)
        assert (rows["signals"], rows["items"], rows["consents"]) == (0, 0, 0)
        assert phone.send_one(make_signal(subject="anna"))["errors"][0]["reason"] == "erased"


def come_back(phone: Phone) -> dict[str, Any]:
    """Agrees anew and sends a signal; the signal."""
    soon = {**CONSENT, "given_at": (utc_now() + timedelta(minutes=1)).isoformat()}
    fresh = make_signal(subject="anna", captured_at=(utc_now() + timedelta(minutes=2)).isoformat())
    assert phone.as_role("backend").send(fresh, consent=soon)["accepted"] == 1
    return fresh


class TestTheCollectorsPart:
    def test_it_removes_what_nobody_else_sent(self, phone: Phone, database: Database, here: Runtime) -> None:
        mine = make_signal(subject="anna", payload={"text": "mine"})
        phone.send(mine, make_signal(subject="anna", payload={"text": "ours"}), make_signal(subject="anna", payload={}))
        phone.send(make_signal(subject="bert", payload={"text": "ours"}))
        leave(phone)

        assert do_collectors_part(here) == 1

        rows = rows_of(database)
        assert (rows["signals"], rows["items"], rows["dead_letters"], rows["suppressions"]) == (1, 1, 0, 2)
        assert do_collectors_part(here) == 0

    def test_what_came_in_the_same_moment_as_the_order_goes_too(
        self, phone: Phone, database: Database, here: Runtime
    ) -> None:
        phone.send(make_signal(subject="anna"), make_signal(subject="anna", payload={"text": "x", "extra": 1}))
        leave(phone)
        with unit_of_work(database) as session:
            at = session.exec(select(Erasure.requested_at)).one()
            for table in (Signal, Consent, DeadLetter):
                session.connection().execute(update(table).values(received_at=at))

        do_collectors_part(here)

        left = rows_of(database)
        assert [left[name] for name in ("signals", "items", "consents", "dead_letters")] == [0, 0, 0, 0]

    def test_what_came_after_the_order_stays(self, phone: Phone, database: Database, here: Runtime) -> None:
        phone.send(make_signal(subject="anna"), make_signal(subject="anna", payload={"text": "x", "extra": 1}))
        leave(phone)
        with unit_of_work(database) as session:
            at = session.exec(select(Erasure.requested_at)).one()
            for table in (Signal, Consent, DeadLetter):
                session.connection().execute(update(table).values(received_at=at + timedelta(microseconds=1)))

        do_collectors_part(here)

        left = rows_of(database)
        assert [left[name] for name in ("signals", "items", "consents", "dead_letters")] == [1, 1, 1, 1]

    def test_a_resend_by_anybody_is_known(self, phone: Phone, database: Database, here: Runtime) -> None:
        signal = make_signal(subject="anna")
        phone.send(signal)
        leave(phone)
        do_collectors_part(here)

        for again in (signal, {**signal, "subject": "bert"}):
            assert phone.send_one(again)["errors"][0]["reason"] == "erased"
        assert rows_of(database)["signals"] == 0

    def test_the_receipt_comes_when_every_floor_has_done_its_part(
        self, phone: Phone, database: Database, here: Runtime, project: Held
    ) -> None:
        phone.send(make_signal(subject="anna"))
        erasure = leave(phone).json["erasure"]
        read = lambda: phone.as_role("manage").call("GET", f"/erasures/{erasure}").json  # noqa: E731

        assert read()["status"] == ErasureState.RECEIVED
        do_collectors_part(here)
        assert (read()["status"], read()["signals"], read()["receipt"]) == (ErasureState.RUNNING, 1, None)
        for floor in FLOORS[1:]:
            close_free(here, floor, {"tasks": 2})

        done = read()
        assert (done["status"], done["signals"], done["items"]) == (ErasureState.COMPLETED, 1, 1)
        assert set(done["receipt"]["floors"]) == set(FLOORS)
        with unit_of_work(database, read_only=True) as session:
            assert chain_holds(session, project.id)

    def test_a_floor_waits_for_those_below(self, phone: Phone, here: Runtime) -> None:
        leave(phone)

        assert [len(free_of(here, floor)) for floor in FLOORS] == [1, 0, 0, 0]
        do_collectors_part(here)
        assert [len(free_of(here, floor)) for floor in FLOORS] == [0, 1, 0, 0]

    def test_the_persons_key_reads_only_their_own(self, phone: Phone) -> None:
        phone.call("PUT", "/subject/consent", json=CONSENT, headers=OWN)
        erasure = leave(phone, "ingest", **OWN).json["erasure"]

        statuses = [
            phone.call("GET", f"/erasures/{erasure}", headers=headers).status_code
            for headers in (OWN, {**OWN, "Winnow-Subject": "bert"}, OTHERS, HEADERS)
        ]

        assert statuses == [200, 404, 403, 403]


class TestFailing:
    def test_after_three_failures_a_manager_reads_which_step_and_why_and_it_is_tried_on(
        self, phone: Phone, here: Runtime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        phone.call("PUT", "/subject/consent", json=CONSENT, headers=OWN)
        erasure = leave(phone, "ingest", **OWN).json["erasure"]
        read = lambda role, **headers: phone.as_role(role).call("GET", f"/erasures/{erasure}", headers=headers).json  # noqa: E731

        with declaring(monkeypatch):
            broken = replace(all_steps()["erasure"]["quality"], function=_fail)
            steps._STEPS["erasure"]["quality"] = broken
            seen = [_after_a_round(here, lambda: read("manage")["status"]) for _ in range(MAX_STRIKES)]
            manager, app = read("manage"), read("ingest", **OWN)
            (listed,) = phone.as_role("manage").call("GET", "/erasures?status=failed").json["erasures"]
        _after_a_round(here, lambda: None)

        assert seen == ["running", "running", "failed"]
        assert manager == listed == {**app, "error": "quality: the disk of reports is broken"}
        assert (read("manage")["status"], "error" in read("manage")) == ("completed", False)


def _fail(_: StepWork) -> Facts:
    raise AttemptFailed("the disk of reports is broken")


def _after_a_round(here: Runtime, read: Callable[[], Any]) -> Any:
    """What is read after a worker has done what it could, and the pauses before it were over."""
    end_pauses(here.database)
    follow_steps(here)
    return read()
