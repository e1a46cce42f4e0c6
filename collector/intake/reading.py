"""A request's body as signals: one, an envelope, or a line each. What is broken as a whole leaves nothing behind."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from foundation.errors import Fault, InvalidBody, TooLarge, Unparseable
from foundation.json_places import place_of_mistake
from foundation.json_weight import DECODED_BYTES, LIGHT_BYTES, too_heavy, utf8_fault, weigh

Raw = bytes | memoryview
LONGEST_ID_BYTES = 256
BOM = b"\xef\xbb\xbf"
UNKEPT: list[Any] = []
"""Stands in a dead letter for a value of which nothing may be kept: no field takes a list, so it stays refused."""


class Sent(NamedTuple):
    """One signal as it came: its value, or why it could not be read. `size` in bytes."""

    value: Any
    size: int
    fault: Fault | None = None


class Settled(str):
    """What the door made of a value the first time: a replay takes it as it is. No body can hold one."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class SentBatch:
    signals: Sequence[Sent]
    consent: Any = None


_LINES = re.compile(rb"\S[^\n]*")


class _Envelope(msgspec.Struct):
    """The parts of an envelope, unread; what else it has is read over."""

    signals: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    consent: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _StrictEnvelope(_Envelope, forbid_unknown_fields=True):
    """One that has nothing else."""


class _Named(msgspec.Struct):
    """What is read of a signal that is too long: who it is."""

    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decode = msgspec.json.Decoder().decode
_read_over = msgspec.json.Decoder(msgspec.Raw).decode
_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_strictly = msgspec.json.Decoder(_StrictEnvelope).decode
_decode_name = msgspec.json.Decoder(_Named).decode


def read_json(body: bytes, *, max_signals: int, max_signal_bytes: int) -> SentBatch:
    """One signal, or an envelope `{"consent"?, "signals": [...]}`. Of a signal that is too long only the id is read.

    Raises:
        Unparseable: not one JSON document in UTF-8. InvalidBody: JSON, but neither form.
        TooLarge: too many signals, or too many values in them.
    """
    body = _text_of(body)
    try:
        envelope = _decode_envelope(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _not_an_object(body) from error
    reader = _Reader(body, max_signal_bytes)
    if envelope.signals is msgspec.UNSET:
        return SentBatch([reader.read(body)])
    raws = _raw_signals(body, memoryview(envelope.signals), max_signals)
    consent = None
    if envelope.consent is not msgspec.UNSET:
        consent = reader.read_consent(memoryview(envelope.consent))
    return SentBatch(reader.read_all([memoryview(raw) for raw in raws]), consent)


def read_ndjson(body: bytes, *, max_signals: int, max_signal_bytes: int) -> SentBatch:
    """A signal a line; a line that is not JSON is refused alone, the last one of a whole body as any.

    Raises:
        Unparseable: not UTF-8, or empty. InvalidBody: a line is JSON but no object.
        TooLarge: too many signals, or too many values in them.
    """
    body = _text_of(body)
    # From the first letter of a line to its end: neither blank lines nor a million short ones become objects.
    places = [line.span() for line in islice(_LINES.finditer(body), max_signals + 1)]
    _refuse_too_many(len(places), max_signals)
    reader = _Reader(body, max_signal_bytes)
    signals, number, counted_to = [], 1, 0
    for start, end in places:
        number += body.count(b"\n", counted_to, start)
        counted_to = start
        try:
            sent = reader.read_line(memoryview(body)[start:end])
        except (msgspec.MsgspecError, RecursionError):
            fault = _fault("", "not_json", f"line {number} is not a JSON object")
            signals.append(Sent(None, end - start, fault))
            continue
        if not isinstance(sent.value, dict):
            raise _no_object(number)
        signals.append(sent)
    return SentBatch(signals)


class _Reader:
    """Reads the signals of one body, as long as what they become stays within its bound."""

    def __init__(self, body: bytes, max_signal_bytes: int) -> None:
        self._body, self._max_signal_bytes = body, max_signal_bytes
        # Looked at signal by signal only where the whole may be too heavy: one long text need not count for all.
        is_light = len(body) <= LIGHT_BYTES or weigh(body, up_to=DECODED_BYTES) <= DECODED_BYTES
        self._left_bytes = None if is_light else DECODED_BYTES

    def read_all(self, raws: Sequence[memoryview]) -> list[Sent]:
        """The signals of a document; raises what `read` does."""
        sizes = list(map(len, raws))
        if self._left_bytes is not None or (sizes and max(sizes) > self._max_signal_bytes):
            return [self.read(raw) for raw in raws]
        try:
            return list(map(Sent, map(_decode, raws), sizes))
        except (msgspec.MsgspecError, RecursionError):
            raise _not_json(self._body) from None

    def read(self, raw: Raw) -> Sent:
        """A signal of a document.

        Raises:
            Unparseable: it breaks the document. TooLarge: it is one value too many.
        """
        try:
            return self.read_line(raw)
        except (msgspec.MsgspecError, RecursionError):
            raise _not_json(self._body) from None

    def read_line(self, raw: Raw) -> Sent:
        """The same; a signal that is no JSON raises what the decoder does."""
        if len(raw) > self._max_signal_bytes:
            return Sent(_name_of(raw), len(raw))
        if self._left_bytes is not None:
            self._left_bytes -= weigh(bytes(raw), up_to=self._left_bytes)
            if self._left_bytes < 0:
                raise too_heavy()
        return Sent(_decode(raw), len(raw))

    def read_consent(self, raw: memoryview) -> Any:
        if len(raw) > self._max_signal_bytes:
            fault = _fault("/consent", "too_large", f"has at most {self._max_signal_bytes} bytes")
            raise InvalidBody("the envelope's consent is too large", faults=[fault])
        return self.read(raw).value


def _name_of(raw: Raw) -> dict[str, Any] | None:
    """A long signal's id, if it has one that could be one; None where it is no object."""
    try:
        name = _decode_name(raw).id
    except msgspec.ValidationError:
        return None
    if isinstance(name, msgspec.UnsetType):
        return {}
    text = bytes(memoryview(name))
    return {"id": _decode(text) if len(text) <= LONGEST_ID_BYTES and text.startswith(b'"') else ""}


def refuse_cut(body: bytes, *, ends_at: bytes) -> None:
    """For a body of which nobody knows whether it came whole: it must not end where only a cut one would.

    Args:
        ends_at: what ends a document; nothing where the body is one.

    Raises:
        Unparseable: the last document is the beginning of one. What is bad in its middle, too, is left for the reader.
    """
    last = body[body.rfind(ends_at) + 1 :] if ends_at else body
    last = last.removeprefix(BOM)
    if not last or last.isspace():
        return
    fault = utf8_fault(last)
    is_cut = fault == "unexpected end of data"
    if fault is None:
        try:
            _read_over(last)
        except msgspec.MsgspecError as error:
            # A number may end in the middle, too: the parser then complains of the byte behind the last.
            is_cut = "truncated" in str(error) or f"(byte {len(last)})" in str(error)
        except RecursionError:
            is_cut = False
    if is_cut:
        raise Unparseable(
            "the body ends in the middle: send it again, and with a Content-Length, so that a mistake is told from a cut",
            reason="body_incomplete",
        )


def _raw_signals(body: bytes, raw: memoryview, max_signals: int) -> list[msgspec.Raw]:
    try:
        _decode_strictly(body)
    except msgspec.ValidationError:
        fault = _fault("", "unknown_field", "allowed: consent, signals")
        raise InvalidBody("an envelope holds signals and consent", faults=[fault]) from None
    if bytes(raw[:1]) != b"[":
        fault = _fault("/signals", "wrong_type", "must be a list of signals")
        raise InvalidBody("signals must be a list", faults=[fault])
    # The first ones as raw bytes, the rest read over: a million of them never become objects.
    firsts = msgspec.structs.astuple(_firsts(max_signals + 1).decode(raw))
    raws = [first for first in firsts if first is not msgspec.UNSET]
    _refuse_too_many(len(raws), max_signals)
    return raws


@lru_cache(maxsize=4)
def _firsts(n: int) -> msgspec.json.Decoder[msgspec.Struct]:
    """Reads the first elements of a list."""
    kind = msgspec.Raw | msgspec.UnsetType
    fields = [(f"element_{number}", kind, msgspec.UNSET) for number in range(n)]
    return msgspec.json.Decoder(msgspec.defstruct("_Firsts", fields, array_like=True))


def _text_of(body: bytes) -> bytes:
    body = body.removeprefix(BOM)
    if not body or body.isspace():
        raise Unparseable("the body is empty: send at least one signal", reason="empty_body")
    if utf8_fault(body):
        raise Unparseable("the body is not UTF-8", reason="not_utf8")
    return body


def _not_an_object(body: bytes) -> Exception:
    try:
        _read_over(body)
    except (msgspec.MsgspecError, RecursionError):
        return _not_json(body)
    return InvalidBody("send one signal, or an object with `signals`", reason="not_an_object")


def _not_json(body: bytes) -> Unparseable:
    return Unparseable(f"the body is not one JSON document{place_of_mistake(body)}", reason="not_json")


def _no_object(number: int) -> InvalidBody:
    hint = 'send a JSON list\'s signals as {"signals": [...]} with Content-Type application/json'
    return InvalidBody(f"line {number} is not an object: {hint}", reason="not_an_object")


def _refuse_too_many(n_signals: int, limit: int) -> None:
    if n_signals > limit:
        raise TooLarge(
            f"more than {limit} signals in a batch: send them in parts", reason="too_many_signals", limit=limit
        )


def _fault(pointer: str, reason: str, detail: str) -> Fault:
    return Fault(pointer, reason, detail)
