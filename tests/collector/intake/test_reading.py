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


class TestLargeBodies:
    """What would be large as objects is refused, or read over, before it is any."""

    @pytest.mark.parametrize(
        ("read", "body"),
        [
            (read_ndjson, b"{}\n" * 1_000_000),
            (read_json, b'{"signals":[' + b"1," * 1_000_000 + b"1]}"),
            (read_json, b'{"signals":[' + b"[]," * 1_000_000 + b"1]}"),
        ],
    )
    def test_a_million_signals_are_too_many(self, read: Read, body: bytes) -> None:
        with pytest.raises(TooLarge) as refused:
            read(body, max_signals=500, max_signal_bytes=32_768)

        assert refused.value.facts == {"reason": "too_many_signals", "limit": 500}

    @pytest.mark.parametrize("form", ["alone", "envelope", "lines"])
    def test_of_a_long_signal_only_the_id_is_read(self, form: str) -> None:
        signal = b'{"payload":[' + b"[]," * 20_000 + b'1],"id":"0199f0aa"}'

        if form == "lines":
            sent = read_ndjson(signal, max_signals=1, max_signal_bytes=32_768).signals
        else:
            body = signal if form == "alone" else b'{"signals":[' + signal + b"]}"
            sent = read_json(body, max_signals=1, max_signal_bytes=32_768).signals

        assert [(one.value, one.size, one.fault) for one in sent] == [({"id": "0199f0aa"}, len(signal), None)]

    @pytest.mark.parametrize(
        ("start", "value"), [(b"{", {}), (b'{"id":[' + b"1," * 200 + b"1],", {"id": ""}), (b'{"id":7,', {"id": ""})]
    )
    def test_a_long_signal_whose_id_is_none_has_none(self, start: bytes, value: object) -> None:
        body = start + b'"a":"' + b"x" * 40_000 + b'"}'

        assert read_json(body, max_signals=1, max_signal_bytes=32_768).signals[0].value == value

    def test_a_long_list_is_no_signal(self) -> None:
        body = b'{"signals":[[' + b"1," * 40_000 + b"1]]}"

        assert read_json(body, max_signals=1, max_signal_bytes=32_768).signals[0].value is None

    def test_a_long_line_that_is_no_object_is_told(self) -> None:
        with pytest.raises(InvalidBody, match="line 2 is not an object"):
            read_ndjson(b"{}\n[" + b"1," * 40_000 + b"1]", max_signals=2, max_signal_bytes=32_768)

    @pytest.mark.slow
    def test_signals_of_many_values_are_refused_together(self) -> None:
        line = b'{"id":"1","payload":[' + b"[]," * 10_000 + b"1]}\n"

        with pytest.raises(TooLarge) as refused:
            read_ndjson(line * 100, max_signals=500, max_signal_bytes=32_768)

        assert refused.value.facts["reason"] == "too_many_values"

    def test_texts_full_of_commas_are_good_signals(self) -> None:
        line = b'{"id":"1","payload":{"text":"' + b",[{" * 10_000 + b'"}}\n'

        sent = read_ndjson(line * 500, max_signals=500, max_signal_bytes=32_768).signals

        assert {one.value["payload"]["text"] for one in sent} == {",[{" * 10_000}

    def test_a_long_consent_is_refused(self) -> None:
        body = b'{"consent":[' + b"1," * 40_000 + b'1],"signals":[]}'

        with pytest.raises(InvalidBody) as refused:
            read_json(body, max_signals=1, max_signal_bytes=32_768)

        assert [(fault.pointer, fault.reason) for fault in refused.value.faults] == [("/consent", "too_large")]
