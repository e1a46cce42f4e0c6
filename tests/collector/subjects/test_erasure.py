"""A person leaves: the door shuts at once, each floor does its part, a receipt says so, nothing comes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import select

from collector.intake.identity import Names, names_of
from collector.models import Consent, DeadLetter, Erasure, ErasureState, Signal
from collector.subjects.erasure import FLOORS, erase_signals, floor_is_done, open_erasures
from foundation.activity import chain_holds
from foundation.database import Database, unit_of_work, utc_now
from foundation.settings import Settings
from tests.signals import CONSENT, Held, Phone, days_ago, make_signal, rows_of

HEADERS = {"Winnow-Subject": "anna"}
OWN = {**HEADERS, "Winnow-Subject-Token": "t" * 43}
OTHERS = {**HEADERS, "Winnow-Subject-Token": "u" * 43}


@pytest.fixture
def names(settings: Settings, project: Held) -> Names:
    return names_of(settings.pseudonym_key.get_secret_value(), project.name)


def leave(phone: Phone, role: str = "backend", **headers: str) -> Any:
    return phone.as_role(role).call("DELETE", "/subject", headers={**HEADERS, **headers})


def do_collectors_part(database: Database, names: Names) -> int:
    done = 0
    with unit_of_work(database) as session:
        for erasure in open_erasures(session, "collector"):
            erase_signals(session, erasure, names, now=utc_now())
            done += 1
    return done


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

    def test_an_app_that_lost_the_answer_asks_again(self, phone: Phone, database: Database, names: Names) -> None:
        phone.call("PUT", "/subject/consent", json=CONSENT, headers=OWN)

        first, again = leave(phone, "ingest", **OWN), leave(phone, "ingest", **OWN)
        do_collectors_part(database, names)
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
        self, phone: Phone, database: Database, names: Names
    ) -> None:
        old = make_signal(subject="anna", captured_at=days_ago(1))
        phone.send(old)
        leave(phone)
        do_collectors_part(database, names)
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
        self, phone: Phone, database: Database, names: Names
    ) -> None:
        phone.send(make_signal(subject="anna", captured_at=days_ago(1)))
        leave(phone)
        fresh = come_back(phone)

        do_collectors_part(database, names)

        assert rows_of(database)["signals"] == 1
        assert phone.send_one(fresh)["status"] == "replayed"

    def test_who_leaves_again_before_the_worker_begins_is_gone(
        self, phone: Phone, database: Database, names: Names
    ) -> None:
        first = leave(phone).json
        come_back(phone)
        again = leave(phone).json

        assert do_collectors_part(database, names) == 2

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
    def test_it_removes_what_nobody_else_sent(self, phone: Phone, database: Database, names: Names) -> None:
        mine = make_signal(subject="anna", payload={"text": "mine"})
        phone.send(mine, make_signal(subject="anna", payload={"text": "ours"}), make_signal(subject="anna", payload={}))
        phone.send(make_signal(subject="bert", payload={"text": "ours"}))
        leave(phone)

        assert do_collectors_part(database, names) == 1

        rows = rows_of(database)
        assert (rows["signals"], rows["items"], rows["dead_letters"], rows["suppressions"]) == (1, 1, 0, 2)
        assert do_collectors_part(database, names) == 0

    def test_what_came_in_the_same_moment_as_the_order_goes_too(
        self, phone: Phone, database: Database, names: Names
    ) -> None:
        phone.send(make_signal(subject="anna"), make_signal(subject="anna", payload={"text": "x", "extra": 1}))
        leave(phone)
        with unit_of_work(database) as session:
            at = session.exec(select(Erasure.requested_at)).one()
            for table in (Signal, Consent, DeadLetter):
                session.connection().execute(update(table).values(received_at=at))

        do_collectors_part(database, names)

        left = rows_of(database)
        assert [left[name] for name in ("signals", "items", "consents", "dead_letters")] == [0, 0, 0, 0]

    def test_what_came_after_the_order_stays(self, phone: Phone, database: Database, names: Names) -> None:
        phone.send(make_signal(subject="anna"), make_signal(subject="anna", payload={"text": "x", "extra": 1}))
        leave(phone)
        with unit_of_work(database) as session:
            at = session.exec(select(Erasure.requested_at)).one()
            for table in (Signal, Consent, DeadLetter):
                session.connection().execute(update(table).values(received_at=at + timedelta(microseconds=1)))

        do_collectors_part(database, names)

        left = rows_of(database)
        assert [left[name] for name in ("signals", "items", "consents", "dead_letters")] == [1, 1, 1, 1]

    def test_a_resend_by_anybody_is_known(self, phone: Phone, database: Database, names: Names) -> None:
        signal = make_signal(subject="anna")
        phone.send(signal)
        leave(phone)
        do_collectors_part(database, names)

        for again in (signal, {**signal, "subject": "bert"}):
            assert phone.send_one(again)["errors"][0]["reason"] == "erased"
        assert rows_of(database)["signals"] == 0

    def test_the_receipt_comes_when_every_floor_has_done_its_part(
        self, phone: Phone, database: Database, names: Names, project: Held
    ) -> None:
        phone.send(make_signal(subject="anna"))
        erasure = leave(phone).json["erasure"]
        read = lambda: phone.as_role("manage").call("GET", f"/erasures/{erasure}").json  # noqa: E731

        assert read()["status"] == ErasureState.RECEIVED
        do_collectors_part(database, names)
        assert (read()["status"], read()["signals"], read()["receipt"]) == (ErasureState.RUNNING, 1, None)
        for floor in FLOORS[1:]:
            with unit_of_work(database) as session:
                for one in open_erasures(session, floor):
                    floor_is_done(session, one, floor, {"tasks": 2}, now=utc_now())

        done = read()
        assert (done["status"], done["signals"], done["items"]) == (ErasureState.COMPLETED, 1, 1)
        assert set(done["receipt"]["floors"]) == set(FLOORS)
        with unit_of_work(database, read_only=True) as session:
            assert chain_holds(session, project.id)

    def test_a_floor_waits_for_those_below(self, phone: Phone, database: Database, names: Names) -> None:
        leave(phone)

        with unit_of_work(database, read_only=True) as session:
            assert [len(open_erasures(session, floor)) for floor in FLOORS] == [1] + [0] * (len(FLOORS) - 1)
        do_collectors_part(database, names)
        with unit_of_work(database, read_only=True) as session:
            assert [len(open_erasures(session, floor)) for floor in FLOORS][:2] == [0, 1]

    def test_the_persons_key_reads_only_their_own(self, phone: Phone) -> None:
        phone.call("PUT", "/subject/consent", json=CONSENT, headers=OWN)
        erasure = leave(phone, "ingest", **OWN).json["erasure"]

        statuses = [
            phone.call("GET", f"/erasures/{erasure}", headers=headers).status_code
            for headers in (OWN, {**OWN, "Winnow-Subject": "bert"}, OTHERS, HEADERS)
        ]

        assert statuses == [200, 404, 403, 403]
