"""What makes an item, a subject and a replay."""

from __future__ import annotations

import uuid
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

    def test_beyond_what_a_float_holds_exactly_a_float_is_no_integer(self) -> None:
        assert NAMES.item_id({"n": 2**53 - 1}) == NAMES.item_id({"n": 2.0**53 - 1})
        assert NAMES.item_id({"n": 2**53}) != NAMES.item_id({"n": 2.0**53})
        assert NAMES.item_id({"n": -(2**53)}) != NAMES.item_id({"n": -(2.0**53)})


class TestWhatIsStored:
    def test_names_are_the_same_in_every_release(self) -> None:
        """What is stored under these could not be found again: items, people, devices, replays, tombstones."""
        assert str(NAMES.item_id({"text": "lol"})) == "8b8ad742-22be-8262-9154-130ab55f97c7"
        assert str(NAMES.item_id({"price": 5.0})) == "601899a8-6bc5-8dbd-9144-1fa213b30630"
        assert str(NAMES.subject_id("p")) == "9bc36e09-9199-854e-abf0-aa294d60a7f5"
        assert NAMES.device_hmac("p").hex() == "88d189dbdccfeaba43154714c43b5708"
        assert NAMES.source_hmac({"a": 1}).hex() == "5c1f5d5467458170e1ecea8383287a2e"
        assert NAMES.signal_hmac(uuid.UUID(int=1)).hex() == "caeaa1fbf1dbb8f25becb568d96eba7a"
        assert NAMES.pseudonym("joe") == "f0d9c23053f8326bc6fa385c887201ee"


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

    def test_nor_does_the_order_of_members_where_an_integer_is_large(self) -> None:
        assert NAMES.source_hmac({"n": 2**64, "a": 1}) == NAMES.source_hmac({"a": 1, "n": 2**64})
