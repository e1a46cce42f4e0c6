"""Who speaks for a person: an app's key without the token that their name is bound to changes nothing and learns nothing."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from collector.models import Claim, Consent, DeadLetter, Signal, Subject
from foundation.activity import Activity
from foundation.database import Database, unit_of_work, utc_now
from tests.signals import CONSENT, Held, Phone, make_project, make_signal

HERS, HIS = "a" * 43, "s" * 43
"""The token of Anna's app, and one that somebody else made up who knows her name and has the app's key."""
UNPROVEN = {"pointer": "/consent", "reason": "consent_unproven"}


def named(token: str | None = None) -> dict[str, str]:
    return {"Winnow-Subject": "anna"} | ({"Winnow-Subject-Token": token} if token else {})


def agree(phone: Phone, token: str | None = HERS, **changes: Any) -> int:
    body = {**CONSENT, **changes}
    return phone.call("PUT", "/subject/consent", json=body, headers=named(token)).status_code


def take_back(phone: Phone, token: str | None = HERS) -> int:
    return agree(phone, token, granted=False, given_at=utc_now().isoformat())


def send(phone: Phone, *, token: str | None = None, consent: Any = None, **changes: Any) -> dict[str, Any]:
    headers = {"Winnow_Subject_Token": token} if token else {}
    return phone.send_one(make_signal(**{"subject": "anna", **changes}), consent=consent, **headers)


def text(words: str) -> dict[str, str]:
    return {"text": words}


def record(phone: Phone, token: str | None = HERS) -> Any:
    answer = phone.call("GET", "/subject", headers=named(token))
    assert answer.status_code == 200, answer.text
    return answer.json


def texts_in(found: Any) -> set[str]:
    return {one["payload"]["text"] for one in found["signals"]}


def subject_row(database: Database) -> Subject:
    with unit_of_work(database, read_only=True) as session:
        return session.exec(select(Subject)).one()


WITHDRAWN = {**CONSENT, "granted": False, "given_at": "2026-06-01T00:00:00Z"}
NEWER = {**CONSENT, "given_at": "2026-06-01T00:00:00Z"}


class TestConsentInABatch:
    @pytest.mark.parametrize("token", [None, HIS])
    @pytest.mark.parametrize("in_signal", [True, False])
    @pytest.mark.parametrize("given", [WITHDRAWN, NEWER])
    def test_of_a_bound_name_it_is_left_out_and_said(
        self, phone: Phone, database: Database, token: str | None, in_signal: bool, given: dict[str, Any]
    ) -> None:
        agree(phone)

        signal = make_signal(subject="anna", **({"consent": given} if in_signal else {}))
        headers = {"Winnow_Subject_Token": token} if token else {}
        result = phone.send_one(signal, consent=None if in_signal else given, **headers)

        assert result["status"] == "accepted"  # by what is recorded
        assert result["dropped"] == [UNPROVEN]
        with unit_of_work(database, read_only=True) as session:
            assert len(session.exec(select(Consent)).all()) == 1
        assert send(phone)["status"] == "accepted"

    def test_with_the_token_it_is_recorded(self, phone: Phone) -> None:
        agree(phone)

        result = send(phone, token=HERS, consent=WITHDRAWN)

        assert (result["status"], result["retry"]) == ("rejected", "after_consent")
        assert "dropped" not in result

    def test_in_a_batch_of_several_people_a_token_speaks_for_nobody(self, phone: Phone) -> None:
        agree(phone)

        answer = phone.send(
            make_signal(subject="anna"), make_signal(subject="bert"), consent=NEWER, Winnow_Subject_Token=HERS
        )

        assert [result.get("dropped") for result in answer["results"]] == [[UNPROVEN], None]

    @pytest.mark.parametrize("role", ["backend", "manage", "admin"])
    def test_a_key_that_is_in_no_app_needs_none(self, phone: Phone, role: str) -> None:
        agree(phone)

        result = send(phone.as_role(role), consent=WITHDRAWN)

        assert result["status"] == "rejected"
        assert "dropped" not in result

    def test_a_name_that_is_not_bound_needs_none(self, phone: Phone) -> None:
        assert "dropped" not in send(phone, consent=CONSENT)

    def test_a_replay_says_it_too_and_a_minimal_answer_does_not_leave_it_out(self, phone: Phone) -> None:
        agree(phone)
        signal = make_signal(subject="anna")
        phone.send(signal, consent=None)

        again = phone.send(signal, make_signal(subject="anna"), consent=WITHDRAWN, Prefer="return=minimal")

        assert [(one["status"], one["dropped"]) for one in again["results"]] == [
            ("replayed", [UNPROVEN]),
            ("accepted", [UNPROVEN]),
        ]

    def test_what_is_no_token_is_refused_as_a_whole(self, phone: Phone) -> None:
        answer = phone.call("POST", "/signals", json=make_signal(), headers={"Winnow-Subject-Token": "short"})

        assert (answer.status_code, answer.json["reason"]) == (403, "token_missing")


class TestBinding:
    def test_the_first_batch_that_comes_with_a_token_binds_the_name(self, phone: Phone, database: Database) -> None:
        send(phone, token=HERS, consent=CONSENT)

        assert agree(phone, HIS) == 403
        assert agree(phone, HERS) == 200
        assert texts_in(record(phone, HERS)) != set()

    def test_a_batch_of_which_nothing_is_kept_binds_nothing(self, phone: Phone, database: Database) -> None:
        assert send(phone, token=HIS, payload={})["status"] == "rejected"

        assert agree(phone, HERS) == 200

    @pytest.mark.slow
    @pytest.mark.parametrize("role", ["backend", "manage", "admin"])
    def test_the_apps_own_backend_binds_anew_and_the_log_says_so(
        self, phone: Phone, database: Database, role: str
    ) -> None:
        agree(phone, HIS)

        assert agree(phone.as_role(role), HERS) == 200

        assert agree(phone, HIS) == 403
        assert agree(phone, HERS) == 200
        with unit_of_work(database, read_only=True) as session:
            told = session.exec(select(Activity).where(col(Activity.action) == "subject_vouched")).all()
            assert len(told) == 1
            assert told[0].facts["subject"] == str(session.exec(select(Subject.id)).one())

    def test_a_backend_that_sends_no_token_leaves_the_binding(self, phone: Phone) -> None:
        agree(phone, HERS)

        assert agree(phone.as_role("backend"), None) == 200

        assert agree(phone, HERS) == 200

    def test_a_backends_token_has_to_be_one(self, phone: Phone) -> None:
        assert agree(phone.as_role("backend"), "short") == 403

    def test_after_an_erasure_the_name_is_free(self, phone: Phone, database: Database) -> None:
        agree(phone, HERS)
        phone.call("DELETE", "/subject", headers=named(HERS))

        assert agree(phone, HIS, given_at=utc_now().isoformat()) == 200
        assert subject_row(database).claim == Claim.CONTESTED

    def test_a_resend_after_an_erasure_binds_nothing(self, phone: Phone, database: Database) -> None:
        agree(phone, HERS)
        phone.call("DELETE", "/subject", headers=named(HERS))

        assert send(phone, token=HERS)["errors"][0]["reason"] == "erased"

        assert subject_row(database).token_hash is None


class TestSquatting:
    """Somebody binds Anna's name before her app does, or tries to after it."""

    def test_who_was_first_reads_nothing_of_whoever_comes_with_another_token(self, phone: Phone) -> None:
        agree(phone, HIS)
        send(phone, token=HIS, payload=text("made up"))
        assert agree(phone, HERS) == 403
        send(phone, token=HERS, payload=text("of anna"))
        send(phone, payload=text("of anna, sent without"))

        found = record(phone, HIS)

        assert texts_in(found) == {"made up"}
        assert [one["content"]["text"] for one in found["items"]] == ["made up"]
        assert found["held_back"]["signals"] == 2
        assert "backend" in found["held_back"]["detail"]

    @pytest.mark.parametrize(
        ("method", "path"), [("PUT", "/subject/consent"), ("GET", "/subject"), ("DELETE", "/subject")]
    )
    def test_a_refused_call_is_enough_to_know_of_two(self, phone: Phone, method: str, path: str) -> None:
        agree(phone, HIS)
        send(phone, payload=text("of anna"))
        assert texts_in(record(phone, HIS)) == {"of anna"}  # nothing tells yet that it is not his

        assert phone.call(method, path, json=CONSENT, headers=named(HERS)).status_code == 403

        assert texts_in(record(phone, HIS)) == set()

    def test_a_batch_with_another_token_is_enough_to_know_of_two(self, phone: Phone) -> None:
        agree(phone, HIS)
        send(phone, token=HERS, payload=text("of anna"))

        assert texts_in(record(phone, HIS)) == set()

    def test_so_is_a_consent_of_another_time(self, phone: Phone) -> None:
        agree(phone, HIS)
        send(phone, payload=text("of anna"), consent=NEWER)

        assert texts_in(record(phone, HIS)) == set()

    def test_who_binds_a_name_that_was_in_use_reads_nothing_of_before(self, phone: Phone) -> None:
        send(phone, payload=text("of anna"), consent=CONSENT)
        send(phone, payload={"text": 5})

        agree(phone, HIS, given_at="2026-02-02T00:00:00Z")
        found = record(phone, HIS)

        assert (found["signals"], found["items"], found["dead_letters"]) == ([], [], [])
        assert [one["given_at"][:10] for one in found["consents"]] == ["2026-02-02"]
        assert {name: found["held_back"][name] for name in ("signals", "consents", "dead_letters")} == {
            "signals": 1,
            "consents": 1,
            "dead_letters": 1,
        }

    def test_the_consent_of_before_is_not_told_either(self, phone: Phone) -> None:
        send(phone, payload=text("of anna"), consent=NEWER)

        put = phone.call(
            "PUT", "/subject/consent", json={**CONSENT, "given_at": "2026-02-02T00:00:00Z"}, headers=named(HIS)
        )
        told = phone.call("GET", "/subject/consent", headers=named(HIS)).json

        assert "2026-06" not in put.text
        assert [one["given_at"][:10] for one in told["consents"]] == ["2026-02-02"]

    def test_what_both_sent_is_shown_from_the_day_that_it_came_with_the_token(
        self, phone: Phone, database: Database
    ) -> None:
        send(phone, payload=text("common"), consent=CONSENT)
        with unit_of_work(database) as session:
            early = session.exec(select(Signal)).one()
            early.received_at -= timedelta(days=3)
            session.add(early)
        agree(phone, HIS)
        send(phone, token=HIS, payload=text("common"))

        first_sent = record(phone, HIS)["items"][0]["first_sent"]

        assert first_sent > (utc_now() - timedelta(days=1)).isoformat()

    def test_the_backend_settles_it(self, phone: Phone) -> None:
        agree(phone, HIS)
        send(phone, token=HERS, payload=text("of anna"))
        agree(phone, HERS)

        agree(phone.as_role("backend"), HERS)
        send(phone, payload=text("later"), consent=NEWER)

        found = record(phone, HERS)
        assert texts_in(found) == {"of anna", "later"}
        assert found["held_back"] is None
        assert phone.call("GET", "/subject", headers=named(HIS)).status_code == 403

    def test_an_erasure_of_somebody_else_is_not_shown(self, phone: Phone) -> None:
        agree(phone, HERS)
        phone.call("DELETE", "/subject", headers=named(HERS))
        agree(phone, HIS, given_at=utc_now().isoformat())

        found = record(phone, HIS)

        assert (found["erasures"], found["erased_at"]) == ([], None)

    def test_a_larger_key_sees_all(self, phone: Phone) -> None:
        agree(phone, HIS)
        send(phone, token=HERS, payload=text("of anna"))

        found = record(phone.as_role("backend"), None)

        assert texts_in(found) == {"of anna"}
        assert found["held_back"] is None


class TestHonestApps:
    def test_one_that_binds_first_and_sends_no_token_after_that_sees_all(self, phone: Phone) -> None:
        agree(phone)
        send(phone, payload=text("of anna"))
        send(phone, payload=text("more"), consent=CONSENT)

        found = record(phone)

        assert texts_in(found) == {"of anna", "more"}
        assert found["held_back"] is None

    def test_one_whose_consent_comes_late_sees_all(self, phone: Phone) -> None:
        early = make_signal(subject="anna", payload=text("of anna"))
        assert phone.send_one(early, consent=None, Winnow_Subject_Token=HERS)["retry"] == "after_consent"
        agree(phone)

        assert phone.send_one(early, consent=None, Winnow_Subject_Token=HERS)["status"] == "accepted"

        assert texts_in(record(phone)) == {"of anna"}

    def test_one_that_sends_its_token_always_sees_all_whoever_else_speaks(self, phone: Phone) -> None:
        send(phone, token=HERS, payload=text("of anna"), consent=CONSENT)
        agree(phone, HIS)
        send(phone, token=HIS, payload=text("made up"))
        send(phone, token=HERS, payload=text("more"))

        assert texts_in(record(phone)) == {"of anna", "more"}

    def test_one_that_comes_back_after_its_erasure_is_the_same(self, phone: Phone) -> None:
        agree(phone)
        phone.call("DELETE", "/subject", headers=named(HERS))
        agree(phone, given_at=utc_now().isoformat())

        found = record(phone)

        assert found["held_back"] is None
        assert len(found["erasures"]) == 1

    def test_a_replayed_letter_is_as_proven_as_when_it_came(
        self, phone: Phone, database: Database, project: Held
    ) -> None:
        from tests.signals import project_body, revise

        agree(phone)
        send(phone, token=HERS, payload={"text": "of anna", "new": "x"})
        send(phone, payload={"text": "of somebody", "new": "x"})
        revise(database, project, fields={**project_body()["fields"], "new": {"kind": "text"}})

        replayed = phone.as_role("manage").call("POST", "/dead-letters/replay", json={})

        assert replayed.json["replayed"] == 2
        with unit_of_work(database, read_only=True) as session:
            assert {row.proven for row in session.exec(select(Signal))} == {True, False}
            assert session.exec(select(DeadLetter)).all() == []


class TestWhatAStrangerLearns:
    """With the app's key and the name alone: whatever is on record, one and the same refusal."""

    def refusals(self, phone: Phone, **changes: Any) -> dict[str, Any]:
        result = send(phone, **changes)
        return {name: result[name] for name in ("status", "retry", "errors")}

    def test_why_nothing_is_taken_reads_the_same_whatever_happened(self, phone: Phone, database: Database) -> None:
        agree(phone)
        take_back(phone)
        withdrawn = self.refusals(phone)
        agree(phone, purposes=["ads"], given_at=utc_now().isoformat())
        for_other_ends = self.refusals(phone)
        phone.call("DELETE", "/subject", headers=named(HERS))
        erased = self.refusals(phone)
        forged = self.refusals(phone, token=HIS)

        assert withdrawn == for_other_ends == erased == forged
        assert withdrawn["retry"] == "after_consent"
        assert [fault["reason"] for fault in withdrawn["errors"]] == ["consent_missing"]
        assert "withdrawn" not in str(withdrawn)

    def test_its_person_is_told_the_truth(self, phone: Phone) -> None:
        agree(phone)
        phone.call("DELETE", "/subject", headers=named(HERS))

        result = send(phone, token=HERS)

        assert (result["errors"][0]["reason"], result["retry"]) == ("erased", "no")

    def test_so_are_those_who_manage(self, phone: Phone) -> None:
        agree(phone)
        take_back(phone)
        send(phone)

        letters = phone.as_role("manage").call("GET", "/dead-letters").json["dead_letters"]

        assert [letter["reason"] for letter in letters] == ["consent_missing"]

    @pytest.mark.parametrize("token", [None, HIS])
    def test_not_whether_a_content_was_sent_before(self, phone: Phone, token: str | None) -> None:
        agree(phone)
        send(phone, payload=text("lol"), token=HERS)

        known = send(phone, payload=text("lol"), token=token)
        new = send(phone, payload=text("never seen"), token=token)

        assert {**known, "id": 0} == {**new, "id": 0}
        assert send(phone, payload=text("lol"), token=HERS)["status"] == "duplicate"

    def test_unknown_and_bound_names_answer_alike_to_a_stranger(self, phone: Phone) -> None:
        agree(phone)
        for method, path in (("GET", "/subject"), ("GET", "/subject/consent"), ("DELETE", "/subject")):
            of_anna = phone.call(method, path, headers=named(HIS))
            of_nobody = phone.call(method, path, headers={**named(HIS), "Winnow-Subject": str(uuid.uuid4())})

            assert of_anna.status_code == of_nobody.status_code == 403
            assert of_anna.json == of_nobody.json


class TestProjectsWithoutConsent:
    def test_names_are_bound_there_too(self, phone: Phone, database: Database) -> None:
        held = make_project(database, "open", privacy={"consent": "none"})
        other = Phone(phone.client, held)

        send(other, token=HERS, payload=text("of anna"))

        assert texts_in(record(other, HERS)) == {"of anna"}
        assert other.call("GET", "/subject", headers=named(HIS)).status_code == 403
