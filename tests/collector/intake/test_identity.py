"""What makes an item, a subject and a replay."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collector.intake.identity import names_of
from tests.collector.intake.test_context import JSON

NAMES = names_of("k" * 40, "slang")


class TestItems:
    def test_outer_white_space_makes_no_other_item(self) -> None:
        assert NAMES.item_id({"text": " lol "}) == NAMES.item_id({"text": "lol"})

    def test_the_order_of_fields_makes_no_other_item(self) -> None:
        assert NAMES.item_id({"a": 1, "b": 2}) == NAMES.item_id({"b": 2, "a": 1})

    def test_content_field_and_project_make_another_item(self) -> None:
        ids = {
            NAMES.item_id({"text": "lol"}),
            NAMES.item_id({"text": "lol!"}),
            NAMES.item_id({"title": "lol"}),
            names_of("k" * 40, "other").item_id({"text": "lol"}),
            names_of("l" * 40, "slang").item_id({"text": "lol"}),
        }

        assert len(ids) == 5

    def test_a_number_is_the_same_however_a_language_writes_it(self) -> None:
        assert NAMES.item_id({"price": 5}) == NAMES.item_id({"price": 5.0})
        assert NAMES.item_id({"price": 0}) == NAMES.item_id({"price": -0.0})
        assert NAMES.item_id({"price": 5}) != NAMES.item_id({"price": 5.5})
        assert NAMES.item_id({"paid": True}) != NAMES.item_id({"paid": 1})
        assert NAMES.item_id({"price": 1e308}) == NAMES.item_id({"price": 1e308})

    def test_an_id_is_a_uuid_of_version_8(self) -> None:
        assert NAMES.item_id({"text": "lol"}).version == 8


class TestPeople:
    def test_the_same_person_is_another_subject_elsewhere(self) -> None:
        assert NAMES.subject_id("p") != names_of("k" * 40, "other").subject_id("p")

    def test_a_subject_and_a_device_of_one_name_are_told_apart(self) -> None:
        assert NAMES.subject_id("p").bytes != NAMES.device_hmac("p")


class TestReplays:
    @given(st.dictionaries(st.text(), JSON, max_size=5))
    def test_only_what_a_phone_stamps_anew_does_not_count(self, signal: dict[str, Any]) -> None:
        signal.pop("age_ms", None)

        assert NAMES.source_hmac({**signal, "age_ms": 5}) == NAMES.source_hmac({**signal, "age_ms": 7})
        assert NAMES.source_hmac({**signal, "one more": 1}) != NAMES.source_hmac(signal)

    def test_integers_of_any_size_count(self) -> None:
        assert NAMES.source_hmac({"n": 2**64}) != NAMES.source_hmac({"n": 2**64 + 1})
