"""A document of annotations, JSON or NDJSON, as lines that are decoded when they are taken out."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import overload

import msgspec
import orjson

from foundation.errors import Fault, InvalidBody, TooLarge, Unparseable
from foundation.json_places import place_of_mistake
from foundation.json_weight import DECODED_BYTES, LIGHT_BYTES, count_elements, utf8_fault, weigh

BOM = b"\xef\xbb\xbf"
_LINES = re.compile(rb"\S[^\n]*")
_read_over = msgspec.json.Decoder(msgspec.Raw).decode
_decode_raw_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Lines(Sequence[object]):
    """Annotations as decoded values; one that is not JSON, or too heavy, stands as the fault that says so.

    A body holds a hundred thousand, of which some thousand are worked on at a time: only those are objects.
    """

    def __init__(self, raws: Sequence[bytes | msgspec.Raw]) -> None:
        self._raws = raws

    def __len__(self) -> int:
        return len(self._raws)

    def bytes_of(self, at: slice) -> list[bytes]:
        return [bytes(memoryview(raw)) for raw in self._raws[at]]

    def name(self, index: int) -> str:  # noqa: ARG002 - lines have numbers
        return "this"

    @overload
    def __getitem__(self, at: int) -> object: ...
    @overload
    def __getitem__(self, at: slice) -> list[object]: ...
    def __getitem__(self, at: int | slice) -> object:
        if isinstance(at, slice):
            return list(self._decoded(at))
        for value in self._decoded(slice(at, at + 1 or None)):
            return value
        raise IndexError(at)

    def _decoded(self, at: slice) -> Iterator[object]:
        raws = self.bytes_of(at)
        left = DECODED_BYTES
        is_light = sum(map(len, raws)) <= LIGHT_BYTES or weigh(b",".join(raws), up_to=left) <= left
        for index, raw in enumerate(raws, at.indices(len(self))[0]):
            if not is_light:
                left -= (weight := weigh(raw, up_to=left))
                if left < 0:
                    left += weight
                    yield Fault("", "too_large", "holds too many values: send it without them, or with fewer others")
                    continue
            try:
                yield orjson.loads(raw)
            except orjson.JSONDecodeError:
                yield Fault("", "not_json", f"{self.name(index)} is not JSON in UTF-8")


class _TextLines(Lines):
    """The lines of a text that are not blank, as places in it: a hundred thousand objects would be larger."""

    def __init__(self, text: bytes, most: int | None) -> None:
        super().__init__([])
        self._text = text
        self._starts, self._ends, self._numbers = array("Q"), array("Q"), array("Q")
        number, counted_to = 1, 0
        for line in islice(_LINES.finditer(text), None if most is None else most + 1):
            number += text.count(b"\n", counted_to, line.start())
            counted_to = line.start()
            self._starts.append(line.start())
            self._ends.append(line.end())
            self._numbers.append(number)

    def __len__(self) -> int:
        return len(self._starts)

    def bytes_of(self, at: slice) -> list[bytes]:
        return [self._text[start:end] for start, end in zip(self._starts[at], self._ends[at], strict=True)]

    def name(self, index: int) -> str:
        return f"line {self._numbers[index]}"


def read_list(body: bytes, *, most: int | None = None) -> Lines:
    """The annotations of a JSON list; one object stands for a list of one.

    Args:
        most: how many there may be; None for as many as there are.

    Raises:
        Unparseable: it is not JSON in UTF-8. InvalidBody: it is neither a list nor an object. TooLarge: too many.
    """
    body = _filled(body)
    try:
        _read_over(body)
    except (msgspec.MsgspecError, RecursionError):
        raise _not_json(body) from None
    if utf8_fault(body):
        raise _not_json(body)
    first = body[:1] if body[:1] in b"[{" else body.lstrip()[:1]
    match first:
        case b"{":
            return Lines([body])
        case b"[":
            if most is not None and len(body) > LIGHT_BYTES:
                _refuse_too_many(count_elements(body, up_to=most), most)
            raws = _decode_raw_list(body)
            _refuse_too_many(len(raws), most)
            return Lines(raws)
    raise InvalidBody("send a list of annotations", reason="not_a_list")


def read_ndjson(body: bytes, *, most: int | None = None) -> Lines:
    """The annotations of lines; one that is not JSON stands as the fault that says so.

    Raises:
        Unparseable: there is none. TooLarge: there are more than `most`.
    """
    lines = _TextLines(_filled(body), most)
    _refuse_too_many(len(lines), most)
    return lines


def _filled(body: bytes) -> bytes:
    body = body.removeprefix(BOM)
    if not body or body.isspace():
        raise Unparseable("this is empty: at least one annotation is needed", reason="empty_body")
    return body


def _refuse_too_many(n_lines: int, most: int | None) -> None:
    if most is not None and n_lines > most:
        raise TooLarge(f"more than {most} annotations in a request: send them in parts", limit=most)


def _not_json(body: bytes) -> Unparseable:
    return Unparseable(f"this is not one JSON document in UTF-8{place_of_mistake(body)}", reason="not_json")
