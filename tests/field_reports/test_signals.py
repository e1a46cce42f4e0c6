"""Signals after public bug reports: each case is sent as its report tells, and answered as its users would want."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
import pytest
from sqlmodel import select

from collector.models import Signal
from foundation.database import Database, unit_of_work, utc_now
from tests.field_reports.cases import cases_of
from tests.signals import Held, Phone, make_project, make_signal

pytestmark = pytest.mark.skipif(not cases_of("signals"), reason="the cases do not lie beside this checkout")
FIELDS = {
    "text": {"kind": "text"},
    "n": {"kind": "integer"},
    "x": {"kind": "number"},
    "d": {"kind": "datetime"},
}
KEPT = ["locale", "timezone", "network_type", "device_model"]


@pytest.fixture
def project(database: Database) -> Held:
    return make_project(database, fields=FIELDS, context={"keep": KEPT}, privacy={"consent": "none"})


def sent_by(case: dict[str, Any]) -> tuple[bytes, str]:
    """The request's body and its media type."""
    if "NDJSON" in case["kind"]:
        return "\n".join(filled(line) for line in case["input"]).encode(), "application/x-ndjson"
    told = case["input"] if isinstance(case["input"], list) else [case["input"]]
    one = make_signal()
    signals = [signal_of(part, one) for part in told]
    return orjson.dumps({"signals": signals}), "application/json"


def filled(written: str) -> str:
    now = utc_now()
    for name, value in (("<uuid>", str(uuid.uuid4())), ("<now>", now.isoformat()), ("<today>", f"{now:%Y-%m-%d}")):
        written = written.replace(name, value)
    return written


def signal_of(part: Any, one: dict[str, Any]) -> dict[str, Any]:
    """A case names a whole signal, one by its id, or the members in which it differs."""
    if isinstance(part, str):
        return {**one, "id": part.removeprefix("id ")} if part.startswith("id ") else one
    told: dict[str, Any] = orjson.loads(filled(orjson.dumps(part).decode()))
    return {**make_signal(payload={"text": "x"}), **told}


def wanted_of(case: dict[str, Any]) -> list[str]:
    """The wanted statuses; of two ways out that are allowed, the first."""
    expected = case["expected"]
    told = expected if isinstance(expected, list) else expected.get("results") or [expected["status"]]
    return [status.partition(":")[0].partition(",")[0] for status in told]


@pytest.mark.parametrize("case", cases_of("signals"))
def test_it_is_answered_as_its_users_want(case: dict[str, Any], phone: Phone, database: Database) -> None:
    body, media_type = sent_by(case)

    answer = phone.call("POST", "/signals", data=body, content_type=media_type)

    assert answer.status_code == 200, answer.text
    results = answer.json["results"]
    assert [result["status"] for result in results] == wanted_of(case), case["why"]
    for result in results:
        if result["status"] == "rejected":
            assert result["retry"] == "no"
            assert result["errors"][0]["reason"] in orjson.dumps(case["expected"]).decode()
    with unit_of_work(database, read_only=True) as session:
        check_stored(case["id"], list(session.exec(select(Signal)).all()))


def check_stored(case: str, stored: list[Signal]) -> None:
    """What the reports wanted kept, and what was decided where they left it open."""
    kept = {
        "locale-u": ("locale", "en-US"),
        "locale-ios": ("locale", "th-TH"),
        "locale-ok": ("locale", "zh-Hans-CN"),
        "tz-gmt": ("timezone", "+05:30"),
        "net-4g": ("network_type", "cellular"),
        "ctx-empty": ("device_model", None),
    }
    if case in kept:
        name, value = kept[case]
        assert stored[0].context[name] == value
    elif case == "int-as-float":
        assert stored[0].extra["n"] == 3
        assert isinstance(stored[0].extra["n"], int)
    elif case == "year-9998-captured":
        assert stored[0].time_quality == "implausible"
    elif case == "time-no-seconds-field":
        assert stored[0].extra["d"] == "2026-11-29T12:00:00+00:00"
