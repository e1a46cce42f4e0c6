"""A request's body as signals: one, an envelope, or a line each. What is broken as a whole leaves nothing behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from foundation.errors import Fault, InvalidBody, TooLarge, Unparseable
from foundation.json_places import place_of_mistake

BOM = b"\xef\xbb\xbf"
UNKEPT: list[Any] = []
"""Stands in a dead letter for a value of which nothing may be kept: no field takes a list, so it stays refused."""


@dataclass(frozen=True, slots=True)
class Sent:
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


_decode = msgspec.json.Decoder().decode
_decode_raw_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_raw_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def read_json(body: bytes, *, max_signals: int) -> SentBatch:
    """One signal, or an envelope `{"consent"?, "signals": [...]}`.

    Raises:
        Unparseable: not one JSON document in UTF-8. InvalidBody: JSON, but neither form. TooLarge: too many signals.
    """
    body = _text_of(body)
    try:
        members = _decode_raw_object(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _not_an_object(body) from error
    if "signals" not in members:
        return SentBatch([Sent(_whole(body, body), len(body))])
    for name in members:
        if name not in {"signals", "consent"}:
            raise InvalidBody(
                "an envelope holds signals and consent",
                faults=[_fault("", "unknown_field", "allowed: consent, signals")],
            )
    try:
        raws = _decode_raw_list(members["signals"])
    except (msgspec.MsgspecError, RecursionError) as error:
        fault = _fault("/signals", "wrong_type", "must be a list of signals")
        raise InvalidBody("signals must be a list", faults=[fault]) from error
    _refuse_too_many(len(raws), max_signals)
    consent = _whole(bytes(members["consent"]), body) if "consent" in members else None
    return SentBatch([Sent(_whole(memoryview(raw), body), len(memoryview(raw))) for raw in raws], consent)


def read_ndjson(body: bytes, *, max_signals: int) -> SentBatch:
    """A signal a line; a line that is not JSON is refused alone, the last one of a whole body as any.

    Raises:
        Unparseable: not UTF-8, or empty. InvalidBody: a line is JSON but no object.
    """
    body = _text_of(body)
    lines = body.split(b"\n")
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    _refuse_too_many(len(filled), max_signals)
    signals = []
    for number, line in filled:
        try:
            value = _decode(line)
        except (msgspec.MsgspecError, RecursionError):
            fault = _fault("", "not_json", f"line {number} is not a JSON object")
            signals.append(Sent(None, len(line), fault))
            continue
        if not isinstance(value, dict):
            hint = 'send a JSON list\'s signals as {"signals": [...]} with Content-Type application/json'
            raise InvalidBody(f"line {number} is not an object: {hint}", reason="not_an_object")
        signals.append(Sent(value, len(line)))
    return SentBatch(signals)


def refuse_cut(body: bytes, *, ends_at: bytes) -> None:
    """For a body of which nobody knows whether it came whole: it must not end where only a cut one would.

    Args:
        ends_at: what ends a document; nothing where the body is one.

    Raises:
        Unparseable: the last document is the beginning of one. What is bad in its middle, too, is left for the reader.
    """
    last = body.removeprefix(BOM).rpartition(ends_at)[2] if ends_at else body.removeprefix(BOM)
    if not last.strip():
        return
    try:
        last.decode("utf-8")
        _decode(last)
    except UnicodeDecodeError as error:
        is_cut = error.reason == "unexpected end of data"
    except msgspec.MsgspecError as error:
        # A number may end in the middle, too: the parser then complains of the byte behind the last.
        is_cut = "truncated" in str(error) or f"(byte {len(last)})" in str(error)
    except RecursionError:
        is_cut = False
    else:
        return
    if is_cut:
        raise Unparseable(
            "the body ends in the middle: send it again, and with a Content-Length, so that a mistake is told from a cut",
            reason="body_incomplete",
        )


def _text_of(body: bytes) -> bytes:
    body = body.removeprefix(BOM)
    if not body.strip():
        raise Unparseable("the body is empty: send at least one signal", reason="empty_body")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        raise Unparseable("the body is not UTF-8", reason="not_utf8") from None
    return body


def _whole(raw: Any, body: bytes) -> Any:
    """The value of a part of a body; where it is no JSON, the place is told in the whole body's lines."""
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, RecursionError):
        raise Unparseable(f"the body is not one JSON document{place_of_mistake(body)}", reason="not_json") from None


def _not_an_object(body: bytes) -> Exception:
    value = _whole(body, body)
    if isinstance(value, dict):
        return Unparseable(f"the body is not one JSON document{place_of_mistake(body)}", reason="not_json")
    return InvalidBody("send one signal, or an object with `signals`", reason="not_an_object")


def _refuse_too_many(n_signals: int, limit: int) -> None:
    if n_signals > limit:
        raise TooLarge(
            f"more than {limit} signals in a batch: send them in parts", reason="too_many_signals", limit=limit
        )


def _fault(pointer: str, reason: str, detail: str) -> Fault:
    return Fault(pointer, reason, detail)
