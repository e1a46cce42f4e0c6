"""A document of annotations, JSON or NDJSON, as decoded lines."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from foundation.errors import Fault, InvalidBody, Unparseable
from foundation.json_places import place_of_mistake

BOM = b"\xef\xbb\xbf"


def read_list(body: bytes) -> Sequence[object]:
    """The annotations of a JSON list; one object stands for a list of one.

    Raises:
        Unparseable: it is not JSON in UTF-8. InvalidBody: it is neither a list nor an object.
    """
    body = _filled(body)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        detail = f"this is not one JSON document in UTF-8{place_of_mistake(body)}"
        raise Unparseable(detail, reason="not_json") from None
    if not isinstance(value, list | dict):
        raise InvalidBody("send a list of annotations", reason="not_a_list")
    return value if isinstance(value, list) else [value]


def read_ndjson(body: bytes) -> Sequence[object]:
    """The annotations of lines; one that is not JSON stands as the fault that says so.

    Raises:
        Unparseable: there is none.
    """
    lines = _filled(body).split(b"\n")
    return [_line(number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _filled(body: bytes) -> bytes:
    body = body.removeprefix(BOM)
    if not body.strip():
        raise Unparseable("this is empty: at least one annotation is needed", reason="empty_body")
    return body


def _line(number: int, line: bytes) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return Fault("", "not_json", f"line {number} is not JSON in UTF-8")
