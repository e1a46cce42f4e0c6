"""What a payload may hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.intake.payload import reader_of, safe_key
from collector.intake.reading import read_json
from collector.intake.results import Dropped
from collector.project import parse_project
from foundation.errors import InvalidBody
from tests.collector.intake.test_context import JSON
from tests.signals import project_body

FILE = parse_project(project_body(), ()).file
READER = reader_of(FILE, FILE)
NAMES = [rule.name for rule in FILE.fields]


class TestReading:
    @given(st.dictionaries(st.sampled_from(NAMES) | st.text(), JSON))
    def test_no_payload_raises_and_each_member_is_kept_dropped_pointed_at_or_counted(
        self, sent: dict[str, Any]
    ) -> None:
        payload = READER.read(sent)

        told = {fault.pointer for fault in payload.faults} | {one.pointer for one in payload.dropped}
        missed = [
            name
            for name, value in sent.items()
            if value is not None and name not in payload.values and f"/payload/{safe_key(name)}" not in told
        ]
        assert len(missed) <= payload.faults.more

    @given(JSON)
    def test_what_is_no_object_is_one_fault(self, sent: Any) -> None:
        payload = READER.read(sent)

        if not isinstance(sent, dict):
            assert [fault.pointer for fault in payload.faults] == ["/payload"]

    def test_texts_are_normalized_before_they_are_counted(self) -> None:
        payload = READER.read({"text": "a\u0301" * 2000})

        assert payload.faults == []
        assert payload.values["text"] == "á" * 2000

    def test_the_newest_rules_for_personal_data_hold_for_old_revisions(self) -> None:
        newest = parse_project(project_body(fields={"text": {"kind": "text", "pii": "drop"}, "price": {"kind": "number"}}, identity=["price"]), ()).file  # fmt: skip

        payload = reader_of(FILE, newest).read({"text": "hello"})

        assert payload.values == {}
        assert payload.dropped == [Dropped("/payload/text", "personal")]


class TestWholeNumbers:
    @pytest.mark.parametrize(
        ("written", "read"),
        [
            ("3", 3),
            ("3.0", 3),
            ("1e3", 1000),
            ("-0.0", 0),
            ("9007199254740992.0", 2**53),
            ("9223372036854775807", 2**63 - 1),
        ],
    )
    def test_they_are_read_however_they_are_written(self, written: str, read: int) -> None:
        payload = READER.read({"text": "x", "stars": decoded(written)})

        assert payload.faults == []
        assert payload.values["stars"] == read
        assert type(payload.values["stars"]) is int

    @pytest.mark.parametrize(
        ("written", "reason"),
        [("3.5", "wrong_type"), ("5e-324", "wrong_type"), ("true", "wrong_type"), ('"3"', "wrong_type"),
         ("9007199254740994.0", "out_of_range"), ("1e308", "out_of_range"), ("-1e308", "out_of_range"), ("9223372036854775808", "out_of_range")],
    )  # fmt: skip
    def test_others_are_not(self, written: str, reason: str) -> None:
        payload = READER.read({"text": "x", "stars": decoded(written)})

        assert [(fault.pointer, fault.reason) for fault in payload.faults] == [("/payload/stars", reason)]


class TestCategories:
    @pytest.mark.parametrize("sent", ["caf\u00e9", "cafe\u0301"])
    @pytest.mark.parametrize("listed", ["caf\u00e9", "cafe\u0301"])
    def test_one_text_in_two_unicode_forms_is_one_value(self, listed: str, sent: str) -> None:
        fields = {"text": {"kind": "text"}, "store": {"kind": "category", "values": [listed]}}
        file = parse_project(project_body(fields=fields), ()).file

        payload = reader_of(file, file).read({"store": sent})

        assert (payload.values, payload.faults) == ({"store": "caf\u00e9"}, [])

    def test_a_list_names_no_value_in_two_forms(self) -> None:
        fields = {"text": {"kind": "text"}, "store": {"kind": "category", "values": ["caf\u00e9", "cafe\u0301"]}}

        with pytest.raises(InvalidBody) as refusal:
            parse_project(project_body(fields=fields), ())

        assert [fault.pointer for fault in refusal.value.faults] == ["/fields/store/values"]


def decoded(written: str) -> Any:
    """A value as the door decodes it."""
    return (
        read_json(f'{{"value": {written}}}'.encode(), max_signals=1, max_signal_bytes=32_768).signals[0].value["value"]
    )


class TestSafeKey:
    @given(st.text())
    def test_it_is_short_and_fits_into_a_pointer(self, name: str) -> None:
        key = safe_key(name)

        assert "\0" not in key
        assert "/" not in key
        assert len(key) <= 128

    def test_personal_keys_are_scrubbed(self) -> None:
        assert safe_key("bob@example.com") == "<EMAIL_ADDRESS>"
