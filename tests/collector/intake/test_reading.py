"""What a body holds, and where one that came in chunks may have been cut."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest

from collector.intake.reading import SentBatch, read_json, read_ndjson, refuse_cut
from foundation.errors import InvalidBody, TooLarge, Unparseable
from tests.signals import make_signal, ndjson

Read = Callable[..., SentBatch]
NUMBERS = b'{"a": [1, -2.5e-3, true, null, "x\\ud83d\\ude00\\n", {"k": {}}], "z": -0.0}'
TEXTS = '{"t": "hällo 😀"}'.encode()


def is_refused(body: bytes, ends_at: bytes) -> bool:
    try:
        refuse_cut(body, ends_at=ends_at)
    except Unparseable:
        return True
    return False


class TestBodies:
    @pytest.mark.parametrize("read", [read_json, read_ndjson])
    @pytest.mark.parametrize(
        ("body", "reason"), [(b"", "empty_body"), (b"\xef\xbb\xbf \n", "empty_body"), (b'{"a": "\xff"}', "not_utf8")]
    )
    def test_nothing_and_what_is_no_text_are_refused(self, read: Read, body: bytes, reason: str) -> None:
        with pytest.raises(Unparseable) as refused:
            read(body, max_signals=9, max_signal_bytes=32_768)

        assert refused.value.facts["reason"] == reason

    def test_a_signal_an_envelope_and_lines_hold_the_same(self) -> None:
        one, two = {"id": "1"}, {"id": "2"}
        alone = read_json(b'{"id": "1"}', max_signals=1, max_signal_bytes=32_768)
        several = read_json(
            b'{"consent": {"granted": true}, "signals": [{"id": "1"}, {"id": "2"}]}',
            max_signals=2,
            max_signal_bytes=32_768,
        )
        lines = read_ndjson(b'\xef\xbb\xbf{"id": "1"}\n \n{"id": "2"}', max_signals=2, max_signal_bytes=32_768)

        assert [(sent.value, sent.size) for sent in alone.signals] == [(one, 11)]
        assert [(sent.value, sent.size) for sent in several.signals] == [(one, 11), (two, 11)]
        assert [(sent.value, sent.size) for sent in lines.signals] == [(one, 11), (two, 11)]
        assert [alone.consent, several.consent, lines.consent] == [None, {"granted": True}, None]

    def test_a_bad_line_is_refused_alone_and_named_by_its_number(self) -> None:
        read = read_ndjson(b'{"id": "1"}\n\n{broken}\n', max_signals=2, max_signal_bytes=32_768)

        assert [sent.fault is None for sent in read.signals] == [True, False]
        assert read.signals[1].fault is not None
        assert (read.signals[1].fault.reason, read.signals[1].fault.detail) == (
            "not_json",
            "line 3 is not a JSON object",
        )

    def test_one_too_many_is_refused(self) -> None:
        for read, body in ((read_json, b'{"signals": [{}, {}]}'), (read_ndjson, b"{}\n{}")):
            with pytest.raises(TooLarge):
                read(body, max_signals=1, max_signal_bytes=32_768)

    @pytest.mark.parametrize(
        ("body", "pointer"), [(b'{"signals": 5}', "/signals"), (b'{"signals": [], "other": 1}', ""), (b"[]", None)]
    )
    def test_an_envelope_that_is_none_says_where(self, body: bytes, pointer: str | None) -> None:
        with pytest.raises(InvalidBody) as refused:
            read_json(body, max_signals=1, max_signal_bytes=32_768)

        assert [fault.pointer for fault in refused.value.faults] == ([] if pointer is None else [pointer])


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

    @pytest.mark.parametrize(
        "wrong", [b"{broken", b'{"id": 1,}', b'{"a" 1}', b"nothing", b"[" * 3_000 + b"x", b'{"t": "\xff']
    )
    def test_what_is_wrong_before_its_end_is_no_cut(self, wrong: bytes) -> None:
        assert not is_refused(wrong, b"\n")
