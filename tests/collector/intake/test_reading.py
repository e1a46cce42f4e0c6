"""Where a body that came in chunks may have been cut."""

from __future__ import annotations

import orjson
import pytest

from collector.intake.reading import refuse_cut
from foundation.errors import Unparseable
from tests.signals import make_signal, ndjson

NUMBERS = b'{"a": [1, -2.5e-3, true, null, "x\\ud83d\\ude00\\n", {"k": {}}], "z": -0.0}'
TEXTS = '{"t": "hällo 😀"}'.encode()


def is_refused(body: bytes, ends_at: bytes) -> bool:
    try:
        refuse_cut(body, ends_at=ends_at)
    except Unparseable:
        return True
    return False


class TestCut:
    @pytest.mark.parametrize(
        "document", [NUMBERS, TEXTS, orjson.dumps(make_signal())], ids=["numbers", "texts", "signal"]
    )
    def test_wherever_one_document_is_cut_it_is_seen(self, document: bytes) -> None:
        assert [place for place in range(1, len(document)) if not is_refused(document[:place], b"")] == []
        assert not is_refused(document, b"")

    def test_wherever_a_line_is_cut_it_is_seen_unless_it_is_behind_a_whole_one(self) -> None:
        body = ndjson(make_signal()) + NUMBERS + b"\n" + TEXTS + b"\n"
        looks_whole = {
            place
            for place in range(1, len(body))
            if body[place - 1 : place] == b"\n" or body[place : place + 1] == b"\n"
        }

        assert {place for place in range(1, len(body)) if not is_refused(body[:place], b"\n")} == looks_whole

    @pytest.mark.parametrize("wrong", [b"{broken", b'{"id": 1,}', b'{"a" 1}', b"nothing", b"[" * 3_000 + b"x"])
    def test_what_is_wrong_before_its_end_is_no_cut(self, wrong: bytes) -> None:
        assert not is_refused(wrong, b"\n")
