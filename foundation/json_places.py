"""Where a JSON text breaks, for people who wrote it, and how deep a document goes."""

from __future__ import annotations

import orjson

LONGEST_BYTES = 256 << 10
"""Of a longer text the place is not looked for: all before it would become objects."""


def place_of_mistake(body: bytes) -> str:
    """The line and column (in characters, from 1) at which a text stops being JSON, as the end of a sentence.

    Empty where it is JSON, is long, or where no one place is to blame.

    >>> place_of_mistake(b'{"a": 1,\\n "b" 2}')
    ': the mistake is at line 2, column 6'
    """
    if len(body) > LONGEST_BYTES:
        return ""
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return f": the mistake is at line {error.lineno}, column {error.colno}" if error.pos else ""
    return ""


def is_deeper_than(document: object, levels: int) -> bool:
    """Whether lists and objects stand within one another more than `levels` times; level by level, without recursion.

    >>> is_deeper_than([{"a": []}], 3), is_deeper_than([{"a": []}], 2)
    (False, True)
    """
    level = [document] if isinstance(document, list | dict) else []
    for _ in range(levels):
        level = [
            part
            for one in level
            for part in (one.values() if isinstance(one, dict) else one)
            if isinstance(part, list | dict)
        ]
        if not level:
            return False
    return bool(level)
