"""Labels handed in, and labeling configurations, after public bug reports."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from flask.testing import FlaskClient

from foundation.database import Database
from tests.field_reports.cases import cases_of
from tests.signals import Phone, make_project, make_signal

CAFE = '<View><Text name="t" value="$text"/><Choices name="c" toName="t"><Choice value="{}"/><Choice value="no"/></Choices></View>'


def asked(database: Database, client: FlaskClient, config: str) -> tuple[Phone, str]:
    """A project with this configuration, and the signal of an item in it."""
    held = make_project(database, labeling={"config": config})
    phone = Phone(client, held)
    signal = make_signal(payload={"text": "lol"})
    assert phone.send_one(signal)["status"] == "accepted"
    return phone.as_role("manage"), signal["id"]


def handed_in(phone: Phone, signal: str, value: str, *, annotator: str = "ann") -> dict[str, Any]:
    line = {"signal": signal, "question": "c", "annotator": annotator, "value": value}
    answer = phone.call("POST", "/annotations", json=[line])
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


@pytest.mark.parametrize("case", cases_of("annotations"))
def test_an_answer_in_another_unicode_form(case: dict[str, Any], database: Database, app_client: FlaskClient) -> None:
    phone, signal = asked(database, app_client, CAFE.format("caf\u00e9"))

    told = handed_in(phone, signal, case["input"]["value"])

    assert told["accepted"] == 1


@pytest.mark.parametrize("written", ["NFC", "NFD"])
@pytest.mark.parametrize("answered", ["NFC", "NFD"])
def test_any_form_of_a_choice_is_the_same_answer(
    written: Any, answered: Any, database: Database, app_client: FlaskClient
) -> None:
    phone, signal = asked(database, app_client, CAFE.format(unicodedata.normalize(written, "caf\u00e9")))

    first = handed_in(phone, signal, unicodedata.normalize(answered, "caf\u00e9"))
    again = handed_in(phone, signal, unicodedata.normalize("NFC", "caf\u00e9"))

    assert (first["accepted"], again["replayed"]) == (1, 1)


@pytest.mark.parametrize("case", cases_of("labeling"))
def test_a_labeling_configuration_is_taken(case: dict[str, Any], database: Database, app_client: FlaskClient) -> None:
    phone, signal = asked(database, app_client, case["input"])

    if case["id"] == "ls-amp-ok":
        assert handed_in(phone, signal, "R & D")["accepted"] == 1
        assert handed_in(phone, signal, "R &amp; D", annotator="bob")["rejected"] == 1
