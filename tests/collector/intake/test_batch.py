"""A batch's way in, over HTTP, on both databases."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from collector.models import DeadLetter, Item, Signal
from foundation.database import Database, unit_of_work, utc_now
from tests.collector.intake.test_context import JSON
from tests.signals import CONSENT, Held, Phone, days_ago, make_signal, ndjson, project_body, revise, rows_of

FIELDS = project_body()["fields"]
MEMBERS = st.sampled_from(
    ["id", "subject", "captured_at", "device", "age_ms", "payload", "context", "prediction", "revision", "consent"]
)


def stored(database: Database) -> list[Signal]:
    with unit_of_work(database, read_only=True) as session:
        return list(session.exec(select(Signal)).all())


class TestPostSignals:
    def test_sending_twice_stores_once(self, phone: Phone, database: Database) -> None:
        signal = make_signal()
        phone.send(signal)

        again = phone.send(signal)

        assert again["results"][0]["status"] == "replayed"
        assert rows_of(database)["signals"] == 1

    def test_an_id_in_capitals_is_the_same_signal(self, phone: Phone, database: Database) -> None:
        signal = make_signal()
        capitals = {**signal, "id": signal["id"].upper()}

        first, again, other = phone.send(capitals, signal, {**capitals, "payload": {"text": "other"}})["results"]

        assert [first["status"], again["status"], other["status"]] == ["accepted", "replayed", "rejected"]
        assert first["id"] == signal["id"]
        assert phone.send_one(capitals)["status"] == "replayed"
        assert rows_of(database)["signals"] == 1

    def test_one_signal_alone_an_envelope_and_lines_are_the_same(self, phone: Phone) -> None:
        phone.send(make_signal())

        alone = phone.call("POST", "/signals", json=make_signal())
        lines = phone.call("POST", "/signals", data=ndjson(make_signal()), content_type="application/x-ndjson")

        assert alone.json["accepted"] == lines.json["accepted"] == 1

    def test_the_answer_keeps_the_order_and_counts(self, phone: Phone) -> None:
        good, bad = make_signal(), make_signal(payload={})

        answer = phone.send(good, bad, good)

        assert [result["id"] for result in answer["results"]] == [good["id"], bad["id"], good["id"]]
        assert {name: answer[name] for name in ("accepted", "duplicate", "replayed", "rejected")} == {
            "accepted": 1,
            "duplicate": 0,
            "replayed": 1,
            "rejected": 1,
        }

    def test_return_minimal_leaves_out_what_is_plain(self, phone: Phone) -> None:
        found = make_signal(payload={"text": "mail bob@example.com"})

        answer = phone.send(make_signal(), found, Prefer="return=minimal")

        assert [result["id"] for result in answer["results"]] == [found["id"]]
        assert answer["results"][0]["redactions"] == {"EMAIL_ADDRESS": 1}

    def test_what_is_stored_is_scrubbed_normalized_and_pseudonymized(self, phone: Phone, database: Database) -> None:
        payload = {"text": "mail bob@example.com", "member": "M-17", "secret": "s", "price": 3, "bought_at": "2026-11-22T09:00:00+01:00"}  # fmt: skip

        result = phone.send_one(make_signal(payload=payload))

        assert result["dropped"] == [{"pointer": "/payload/secret", "reason": "personal"}]
        with unit_of_work(database, read_only=True) as session:
            assert session.exec(select(Item)).one().content == {"text": "mail <EMAIL_ADDRESS>"}
        extra = stored(database)[0].extra
        assert extra["bought_at"] == "2026-11-22T08:00:00+00:00"
        assert extra["price"] == 3
        assert extra["member"] != "M-17"
        assert "secret" not in extra

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(JSON | st.dictionaries(MEMBERS, JSON), max_size=4), st.none() | JSON)
    def test_no_json_gives_a_5xx(self, phone: Phone, signals: list[Any], consent: Any) -> None:
        body = {"signals": signals} | ({"consent": consent} if consent is not None else {})

        answer = phone.call("POST", "/signals", data=json.dumps(body), content_type="application/json")

        assert answer.status_code in {200, 400, 422}
        if answer.status_code == 200:
            assert len(answer.json["results"]) == len(signals)

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(MEMBERS, JSON)
    def test_no_member_of_a_good_signal_gives_a_5xx(self, phone: Phone, member: str, value: Any) -> None:
        answer = phone.send({**make_signal(), member: value})

        assert answer["results"][0]["status"] in {"accepted", "duplicate", "rejected", "replayed"}


class TestContext:
    """What the phone's system writes never rejects a signal: it is read, or left out and said."""

    def context_of(self, database: Database) -> Any:
        return stored(database)[0].context

    def test_what_cannot_be_read_is_null_named_and_counted(self, phone: Phone, database: Database) -> None:
        unreadable = {
            "locale": "Deutsch",
            "timezone": "here",
            "network_type": "pigeon",
            "rtt_ms": "fast",
            "battery": 85,
            "charging": "maybe",
            "location": {"lat": 91, "lon": 0},
            "device_model": 5,
            "os_name": "a\0b",
            "os_version": "1" * 100,
            "app_version": ["3"],
            "age_band": 10**310,
            "contacts": 5,
            "downlink_kbps": "x",
        }

        result = phone.send_one(make_signal(context=unreadable))

        told = {(one["pointer"], one["reason"]) for one in result["dropped"]}
        assert result["status"] == "accepted"
        assert told == {
            ("/context/locale", "wrong_value"),
            ("/context/timezone", "wrong_value"),
            ("/context/network_type", "not_in_list"),
            ("/context/rtt_ms", "wrong_type"),
            ("/context/battery", "out_of_range"),
            ("/context/charging", "wrong_type"),
            ("/context/location/lat", "out_of_range"),
            ("/context/device_model", "wrong_type"),
            ("/context/os_name", "nul_character"),
            ("/context/os_version", "wrong_value"),
            ("/context/app_version", "wrong_type"),
            ("/context/age_band", "out_of_range"),
        }
        kept = self.context_of(database)
        assert {name for name, value in kept.items() if value is not None} == {"network_quality"}
        assert self.counted(phone) == 12

    def counted(self, phone: Phone) -> int:
        return int(phone.as_role("manage").call("GET", "").json["counts"]["context_dropped"])

    def test_only_what_is_stored_is_counted(self, phone: Phone) -> None:
        wrong = {"locale": "Deutsch"}
        signal = make_signal(context=wrong)
        refused = make_signal(context=wrong, payload={})

        phone.send(signal, signal, refused, make_signal(context=wrong), make_signal(context={"locale": "de"}))
        phone.send(signal)

        assert self.counted(phone) == 2

    def test_a_value_says_that_it_is_not_known(self, phone: Phone, database: Database) -> None:
        not_known = {"device_model": "", "locale": "C", "battery": -1, "charging": "unknown", "timezone": ""}

        result = phone.send_one(make_signal(context=not_known))

        assert "dropped" not in result
        assert not {name for name in not_known if self.context_of(database)[name] is not None}

    def test_undeclared_fields_that_are_dropped_are_named_too(
        self, phone: Phone, database: Database, project: Held
    ) -> None:
        revise(database, project, fields_unknown="drop")

        result = phone.send_one(make_signal(payload={"text": "x", "other": 1, "secret": "y"}))

        assert sorted((one["pointer"], one["reason"]) for one in result["dropped"]) == [
            ("/payload/other", "undeclared"),
            ("/payload/secret", "personal"),
        ]
        assert self.counted(phone) == 0

    def test_one_of_which_something_was_dropped_is_not_plain(self, phone: Phone) -> None:
        answer = phone.send(make_signal(context={"locale": "Deutsch"}), make_signal(), Prefer="return=minimal")

        assert answer["accepted"] == 2
        assert [result["dropped"][0]["pointer"] for result in answer["results"]] == ["/context/locale"]

    def test_at_most_twenty_are_named(self, phone: Phone, database: Database, project: Held) -> None:
        revise(database, project, fields_unknown="drop")

        result = phone.send_one(make_signal(payload={"text": "x", **{f"x{number}": 1 for number in range(30)}}))

        assert len(result["dropped"]) == 20

    def test_metrics_count_them_without_naming_a_project(self, phone: Phone, app_client: FlaskClient) -> None:
        def counted() -> dict[str, float]:
            lines = app_client.get("/metrics").text.splitlines()
            found = (line.rpartition(" ") for line in lines if line.startswith("winnow_dropped_values_total"))
            return {labels: float(count) for labels, _, count in found}

        before = counted()
        phone.send_one(
            make_signal(context={"locale": "Deutsch", "age_band": [1]}, payload={"text": "x", "secret": "y"})
        )

        more = {labels.partition("{")[2] for labels, count in counted().items() if count > before.get(labels, 0)}
        assert more == {
            'place="locale",reason="wrong_value"}',
            'place="attributes",reason="wrong_type"}',
            'place="payload",reason="personal"}',
        }


class TestPrediction:
    """What the app's own model said."""

    @pytest.mark.parametrize(
        ("changes", "pointer"),
        [
            ({"confidence": 0, "latency_ms": 0}, None),
            ({"confidence": 1.0, "latency_ms": 3.6e6}, None),
            ({"confidence": 1.01}, "/prediction/confidence"),
            ({"confidence": -0.01}, "/prediction/confidence"),
            ({"confidence": True}, "/prediction/confidence"),
            ({"latency_ms": 3_600_001}, "/prediction/latency_ms"),
            ({"values": {"mood": ["good"]}}, "/prediction/values/mood"),
            ({"model": 5}, "/prediction"),
            ({"values": []}, "/prediction"),
        ],
    )
    def test_it_is_taken_or_said_what_is_wrong(
        self, phone: Phone, database: Database, changes: dict[str, Any], pointer: str | None
    ) -> None:
        said = {"model": "mood-1 of bob@example.com", "values": {"mood": "good", "sure": 0.9}, **changes}

        result = phone.send_one(make_signal(prediction=said))

        assert [fault["pointer"] for fault in result.get("errors", [])] == ([pointer] if pointer else [])
        kept = [signal.prediction for signal in stored(database)]
        assert kept == ([] if pointer else [{**said, "model": "mood-1 of <EMAIL_ADDRESS>"}])


class TestDuplicates:
    def test_content_the_same_person_sent_before_is_a_duplicate(self, phone: Phone, database: Database) -> None:
        phone.send(make_signal(payload={"text": "lol"}))

        assert phone.send_one(make_signal(payload={"text": " lol "}))["status"] == "duplicate"
        assert (rows_of(database)["signals"], rows_of(database)["items"]) == (2, 1)

    def test_within_a_batch_too(self, phone: Phone) -> None:
        results = phone.send(*(make_signal(payload={"text": "lol"}) for _ in range(2)))["results"]

        assert [result["status"] for result in results] == ["accepted", "duplicate"]

    def test_an_app_does_not_learn_what_others_sent(self, phone: Phone) -> None:
        """The membership oracle: the answer about held content is that about new content, byte for byte but the id."""
        phone.send(make_signal(subject="a", payload={"text": "held"}))

        about_held = phone.send(
            make_signal(id="0199f0aa-0000-7000-8000-000000000001", subject="b", payload={"text": "held"})
        )
        about_new = phone.send(
            make_signal(id="0199f0aa-0000-7000-8000-000000000002", subject="c", payload={"text": "news"})
        )

        assert json.dumps(about_held).replace("001", "002") == json.dumps(about_new)

    @pytest.mark.parametrize("role", ["backend", "manage", "admin"])
    def test_larger_keys_learn_it_and_see_the_item(self, phone: Phone, role: str) -> None:
        phone.send(make_signal(subject="a", payload={"text": "held"}))

        result = phone.as_role(role).send_one(make_signal(subject="b", payload={"text": "held"}))

        assert result["status"] == "duplicate"
        assert uuid.UUID(result["item"]).version == 8

    def test_without_a_person_nothing_is_a_duplicate_to_an_app(
        self, phone: Phone, database: Database, project: Held
    ) -> None:
        revise(database, project, privacy={"consent": "none"})

        statuses = [
            phone.send_one(make_signal(subject=None, payload={"text": "held"}), consent=None)["status"]
            for _ in range(2)
        ]

        assert statuses == ["accepted", "accepted"]


class TestRevisions:
    def test_the_newest_that_accepts_counts(self, phone: Phone, database: Database, project: Held) -> None:
        old = make_signal(payload={"text": "x", "store": "fuel"})
        revise(database, project, fields={**FIELDS, "store": {"kind": "category", "values": ["food"]}})
        revise(database, project, fields={**FIELDS, "store": {"kind": "category", "values": ["drink"]}})

        phone.send(old, make_signal(payload={"text": "y", "store": "food"}), make_signal(payload={"text": "z"}))

        assert sorted(signal.revision for signal in stored(database)) == [1, 2, 3]

    def test_a_named_one_is_the_one(self, phone: Phone, database: Database, project: Held) -> None:
        revise(database, project, fields={**FIELDS, "store": {"kind": "category", "values": ["food"]}})
        signal = make_signal(payload={"text": "x", "store": "fuel"})

        assert phone.send_one({**signal, "revision": 2})["errors"][0]["reason"] == "not_in_list"
        assert phone.send_one({**signal, "revision": 1})["status"] == "accepted"

    def test_an_app_built_for_a_very_old_one_is_still_served(
        self, phone: Phone, database: Database, project: Held
    ) -> None:
        for number in range(30):
            revise(database, project, title=f"title {number}")

        assert phone.send_one(make_signal(revision=1))["status"] == "accepted"

    def test_no_number_of_revisions_between_shuts_an_old_app_out(
        self, phone: Phone, database: Database, project: Held
    ) -> None:
        old = make_signal(payload={"text": "x", "store": "fuel"})
        for number in range(12):
            narrow = {"kind": "category", "values": [f"only {number}"]}
            revise(database, project, fields={**FIELDS, "store": narrow})

        assert phone.send_one(old)["status"] == "accepted"
        assert [signal.revision for signal in stored(database)] == [1]

    def test_a_context_that_cannot_be_read_makes_no_older_one_count(
        self, phone: Phone, database: Database, project: Held
    ) -> None:
        revise(database, project, context={"keep": []})
        revise(database, project, context={"keep": ["battery"]})

        phone.send(make_signal(context={"battery": "half"}))

        assert [signal.revision for signal in stored(database)] == [3]

    def test_a_stored_signal_is_replayed_whatever_the_rules_say_now(
        self, phone: Phone, database: Database, project: Held
    ) -> None:
        signal = make_signal(payload={"text": "x", "store": "fuel"})
        phone.send(signal)
        for number in range(8):
            narrow = {"kind": "category", "values": [f"only {number}"]}
            revise(database, project, fields={**FIELDS, "store": narrow}, privacy={"consent": "required", "purposes": ["other"]})  # fmt: skip

        assert phone.send_one(signal)["status"] == "replayed"
        assert rows_of(database)["dead_letters"] == 0


class TestConsent:
    def granted(self, days: float, **changes: Any) -> dict[str, Any]:
        return {**CONSENT, "given_at": days_ago(days), **changes}

    @pytest.mark.parametrize(
        ("wrong", "pointer"),
        [
            ({"age_confirmed": "yes"}, "/consent/age_confirmed"),
            ({"granted": "yes"}, "/consent/granted"),
            ({"granted": None}, "/consent/granted"),
            ({"given_at": "yesterday"}, "/consent/given_at"),
            ({"purposes": "training"}, "/consent/purposes"),
            ({"notice": 1}, "/consent/notice"),
        ],
    )
    def test_a_malformed_one_is_no_consent_and_nothing_of_the_batch_is_stored(
        self, phone: Phone, database: Database, wrong: dict[str, Any], pointer: str
    ) -> None:
        body = {"signals": [make_signal()], "consent": {**CONSENT, **wrong}}

        answer = phone.call("POST", "/signals", json=body)

        assert answer.status_code == 422
        assert [fault["pointer"] for fault in answer.json["errors"]] == [pointer]
        assert rows_of(database)["signals"] == rows_of(database)["consents"] == 0

    def test_missing_means_no(self, phone: Phone) -> None:
        result = phone.send_one(make_signal(), consent=None)

        assert result["errors"][0]["reason"] == "consent_missing"
        assert result["retry"] == "after_consent"

    def test_without_a_person_none_can_ever_cover_it(self, phone: Phone, database: Database) -> None:
        results = phone.send(make_signal(subject=None), make_signal())["results"]

        assert [result["status"] for result in results] == ["rejected", "accepted"]
        assert results[0]["retry"] == "no"
        assert [(e["pointer"], e["reason"]) for e in results[0]["errors"]] == [("/subject", "missing_field")]
        with unit_of_work(database, read_only=True) as session:
            assert session.exec(select(DeadLetter)).one().body is None

    def test_where_none_is_asked_for_nobody_need_be_named(
        self, phone: Phone, database: Database, project: Held
    ) -> None:
        revise(database, project, privacy={"consent": "none"})

        assert phone.send_one(make_signal(subject=None), consent=None)["status"] == "accepted"

    def test_what_could_not_be_read_is_not_asked_for_it(self, phone: Phone) -> None:
        results = phone.send(5, make_signal(payload={"text": "a" * 40_000}), consent=None)["results"]  # type: ignore[arg-type]

        assert [[error["reason"] for error in result["errors"]] for result in results] == [
            ["wrong_type"],
            ["too_large"],
        ]

    def test_recorded_before_it_holds_for_what_follows(self, phone: Phone) -> None:
        phone.send(make_signal())

        assert phone.send_one(make_signal(), consent=None)["status"] == "accepted"

    def test_the_newest_by_its_own_time_counts(self, phone: Phone) -> None:
        phone.send(make_signal(), consent=self.granted(2))
        phone.send(make_signal(), consent=self.granted(5, purposes=[]))

        assert phone.send_one(make_signal(), consent=None)["status"] == "accepted"

    def test_a_withdrawal_counts_from_its_receipt(self, phone: Phone) -> None:
        phone.send(make_signal(), consent=self.granted(2))
        phone.send(make_signal(), consent=self.granted(5, granted=False))

        assert phone.send_one(make_signal(), consent=None)["status"] == "rejected"

    def test_of_several_in_a_batch_every_one_counts(self, phone: Phone) -> None:
        newer = make_signal(consent=self.granted(1))
        older = make_signal(consent=self.granted(3, granted=False))

        answer = phone.as_role("backend").send(newer, older, consent=None)

        assert answer["accepted"] == 2

    def test_an_envelope_with_an_apps_key_never_lifts_a_withdrawal(self, phone: Phone) -> None:
        phone.send(make_signal(), consent=self.granted(2, granted=False))

        assert phone.send_one(make_signal(), consent=self.granted(0.5))["status"] == "rejected"
        assert phone.as_role("backend").send_one(make_signal(), consent=self.granted(0.5))["status"] == "accepted"

    def test_five_minutes_of_grace_and_no_more(self, phone: Phone) -> None:
        for minutes, status in ((4, "accepted"), (6, "rejected")):
            captured = utc_now() - timedelta(hours=1)
            given_at = (captured + timedelta(minutes=minutes)).isoformat()
            signal = make_signal(subject=f"{minutes}", captured_at=captured.isoformat())
            assert phone.send_one(signal, consent={**CONSENT, "given_at": given_at})["status"] == status

    @pytest.mark.parametrize("year", [1970, 2099])
    def test_a_clock_that_cannot_be_believed_rejects_nothing(self, phone: Phone, year: int) -> None:
        signal = make_signal(captured_at=f"{year}-01-01T00:00:00Z")

        assert phone.send_one(signal, consent=self.granted(1))["status"] == "accepted"
        # A consent stamped ahead counts from its receipt, and this signal's capture too.
        assert phone.send_one({**signal, "id": str(uuid.uuid4())}, consent=self.granted(-0.5))["status"] == "duplicate"

    def test_where_none_is_asked_for_a_withdrawal_still_holds(
        self, phone: Phone, database: Database, project: Held
    ) -> None:
        revise(database, project, privacy={"consent": "none"})
        phone.send(make_signal(), consent=None)
        phone.send(make_signal(), consent=self.granted(0, granted=False))

        assert phone.send_one(make_signal(), consent=None)["status"] == "rejected"

    def test_a_token_binds_a_person_to_an_app(self, phone: Phone) -> None:
        headers = {"Winnow-Subject": "anna", "Winnow-Subject-Token": "t" * 43}

        first = phone.call("PUT", "/subject/consent", json=CONSENT, headers=headers)
        again = phone.call("PUT", "/subject/consent", json=CONSENT, headers=headers)
        other = phone.call(
            "PUT", "/subject/consent", json=CONSENT, headers={**headers, "Winnow-Subject-Token": "u" * 43}
        )
        none = phone.call("PUT", "/subject/consent", json=CONSENT, headers={"Winnow-Subject": "anna"})
        backend = phone.as_role("backend").call(
            "PUT", "/subject/consent", json=CONSENT, headers={"Winnow-Subject": "anna"}
        )

        assert [answer.status_code for answer in (first, again, other, none, backend)] == [200, 200, 403, 403, 200]
