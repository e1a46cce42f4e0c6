"""The record of consents: who may add to it, what it says to a phone, and what a change of the project's terms does to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from collector.models import Subject
from foundation.database import Database, unit_of_work, utc_now
from tests.signals import CONSENT, Held, Phone, days_ago, make_signal, project_body, revise, rows_of

ANNA = {"Winnow-Subject": "anna"}
OWN = {**ANNA, "Winnow-Subject-Token": "t" * 43}
OTHERS = {**ANNA, "Winnow-Subject-Token": "u" * 43}
TERMS: dict[str, Any] = project_body()["privacy"]


def put(phone: Phone, headers: dict[str, str] = OWN, **changes: Any) -> int:
    return phone.call("PUT", "/subject/consent", json={**CONSENT, **changes}, headers=headers).status_code


def covered(database: Database) -> list[bool]:
    """Whether each person's record covers anything, in the order of their names here."""
    with unit_of_work(database, read_only=True) as session:
        return sorted(row.passes for row in session.exec(select(Subject)).all())


def told(phone: Phone, **changes: Any) -> str:
    signal = make_signal(subject="anna", **changes)
    result = phone.send_one(signal, consent=None, Winnow_Subject_Token=OWN["Winnow-Subject-Token"])
    return str(result["errors"][0]["detail"]) if result["status"] == "rejected" else ""


class TestTokens:
    def test_nobody_with_another_token_adds_to_a_record(self, phone: Phone, database: Database) -> None:
        assert put(phone) == 200
        assert put(phone, OTHERS, granted=False) == 403
        assert rows_of(database)["consents"] == 1
        assert told(phone) == ""


class TestSize:
    def test_what_is_larger_than_any_consent_is_refused_unread(self, phone: Phone) -> None:
        answer = phone.call(
            "PUT", "/subject/consent", data=b" " * 70_000 + b"{}", content_type="application/json", headers=OWN
        )

        assert (answer.status_code, answer.json["limit_bytes"]) == (413, 65_536)


class TestClocksAhead:
    @pytest.mark.parametrize(("minutes", "status"), [(25 * 60 - 1, 200), (25 * 60 + 1, 422)])
    def test_a_consent_may_be_stamped_up_to_twenty_five_hours_ahead(
        self, phone: Phone, minutes: int, status: int
    ) -> None:
        """A clock in the zone farthest away, and an hour for who set it wrong by that."""
        assert put(phone, given_at=(utc_now() + timedelta(minutes=minutes)).isoformat()) == status


class TestWhatAPhoneIsTold:
    def test_why_a_record_does_not_cover_a_signal(self, phone: Phone) -> None:
        never = told(phone)
        put(phone, given_at=utc_now().isoformat())
        too_early = told(phone, captured_at=days_ago(1))
        put(phone, purposes=["ads"], given_at=utc_now().isoformat())
        for_other_ends = told(phone)
        put(phone, granted=False, given_at=utc_now().isoformat())

        assert "no consent of this subject is on record" in never
        assert "after the signal was captured" in too_early
        assert "does not cover training" in for_other_ends
        assert told(phone) == "consent was withdrawn"


class TestAfterAnErasure:
    def test_a_consent_from_before_it_is_not_recorded(self, phone: Phone, database: Database) -> None:
        put(phone)
        phone.as_role("backend").call("DELETE", "/subject", headers=ANNA)
        before = rows_of(database)["consents"]

        put(phone, given_at=(utc_now() - timedelta(hours=1)).isoformat(), notice="2")

        assert rows_of(database)["consents"] == before
        assert covered(database) == [False]


class TestOtherTerms:
    @pytest.mark.parametrize("people", [1, 501])
    def test_every_record_is_read_by_the_terms_that_hold_now(
        self, phone: Phone, database: Database, project: Held, people: int
    ) -> None:
        signals = [make_signal(subject=f"person {number}") for number in range(people)]
        for start in range(0, people, 100):
            phone.send(*signals[start : start + 100])

        revise(database, project, privacy={**TERMS, "purposes": ["training", "ads"]})
        after_more = covered(database)
        revise(database, project, privacy=TERMS)

        assert after_more == [False] * people
        assert covered(database) == [True] * people
