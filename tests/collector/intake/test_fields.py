"""What a payload may hold."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collector.intake.fields import reader_of, safe_key
from collector.intake.results import Dropped
from collector.project import parse_project
from tests.collector.intake.test_context import JSON
from tests.signals import project_body

FILE = parse_project(project_body(), ()).file
READER = reader_of(FILE, FILE)
NAMES = [rule.name for rule in FILE.fields]


class TestReading:
    @given(st.dictionaries(st.sampled_from(NAMES) | st.text(), JSON))
    def test_no_payload_raises_and_each_member_is_kept_dropped_or_pointed_at(self, sent: dict[str, Any]) -> None:
        payload = READER.read(sent)

        told = {fault.pointer for fault in payload.faults} | {one.pointer for one in payload.dropped}
        for name, value in sent.items():
            if value is not None:
                assert name in payload.values or f"/payload/{safe_key(name)}" in told

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


class TestSafeKey:
    @given(st.text())
    def test_it_is_short_and_fits_into_a_pointer(self, name: str) -> None:
        key = safe_key(name)

        assert "\0" not in key
        assert "/" not in key
        assert len(key) <= 128

    def test_personal_keys_are_scrubbed(self) -> None:
        assert safe_key("bob@example.com") == "<EMAIL_ADDRESS>"
