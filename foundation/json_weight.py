"""What a JSON text will weigh as Python objects, and how many elements it has: counted before there are any objects.

Nineteen kilobytes of gzip are a text of 20 MB, and `[[],[],…` of 20 MB becomes half a gigabyte of lists. Counting costs a
few milliseconds and no memory.
"""

from __future__ import annotations

import codecs
import re

from foundation.errors import TooLarge

DECODED_BYTES = 16_000_000
"""What the texts of one request may become beside their own length."""
LIGHT_BYTES = 128 << 10
"""The shortest JSON weighs 71 times its length (`{"":{"":…`): a text up to here is never too heavy."""
UTF8_STEP_BYTES = 64 << 10

# Bytes of CPython's objects, from above: a list with its first element, a dictionary with its table, a place in a list
# and a number in it, a place in a dictionary and a number in it, a text without its characters.
_LIST, _OBJECT, _NEXT, _MEMBER, _TEXT = 120, 208, 41, 82, 64
_WEIGHTS = {ord("["): _LIST, ord("{"): _OBJECT, ord(","): _NEXT, ord(":"): _MEMBER, ord('"'): _TEXT}
_FROM_ABOVE = {**_WEIGHTS, ord('"'): _TEXT // 2}  # a text has two quotes at least

# Texts as a whole, so that what stands in them counts for nothing. `++` and `*+` keep no way back, hence no memory; a text
# without its end reaches to the end of all.
_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{},:]', re.DOTALL)
_ASTRAL = re.compile(rb"[\xf0-\xf4]|\\u[dD][89abAB]")
_WIDE = re.compile(rb"[\xc4-\xf4]|\\u")


def weigh(text: bytes, *, up_to: int) -> int:
    """Bytes that a JSON text takes as objects, beside its own length; more than `up_to` is not counted to its end.

    >>> weigh(b'[1, 2, 3]', up_to=10**6)
    202
    >>> weigh(b'"1, 2, 3, ' + b"4, " * 100_000 + b'"', up_to=1_000)
    64
    """
    # Each of these bytes counted as if it stood outside of texts: mostly that is little enough.
    at_most = sum(weight * text.count(byte) for byte, weight in _FROM_ABOVE.items()) + _widened(text)
    if at_most <= up_to:
        return at_most
    weight = _widened(text)
    for token in _TOKENS.finditer(text):
        weight += _WEIGHTS.get(text[token.start()], 0)
        if weight > up_to:
            break
    return weight


def refuse_heavy(text: bytes, *, most: int = DECODED_BYTES) -> int:
    """The weight of a text that is about to be read; 0 where it is too short to matter.

    Raises:
        TooLarge: it would take more than that.
    """
    if len(text) <= LIGHT_BYTES:
        return 0
    weight = weigh(text, up_to=most)
    if weight > most:
        raise too_heavy(most)
    return weight


def too_heavy(most: int = DECODED_BYTES) -> TooLarge:
    detail = f"its lists, objects, numbers and texts would take more than {most} bytes in memory: send them in parts"
    return TooLarge(detail, reason="too_many_values", limit_bytes=most)


def count_parts(text: bytes) -> int:
    """How many values a JSON text may have, at most: marks in its texts count, too.

    >>> count_parts(b'[1, {"a": [2]}]')
    4
    """
    return sum(text.count(mark) for mark in (b",", b"[", b"{"))


def count_elements(text: bytes, *, up_to: int) -> int:
    """The elements of a JSON list, or one more than `up_to` where there are more; a trailing comma counts as one.

    >>> count_elements(b' [1, [2, 3], {"a": ",,,"}]', up_to=10)
    3
    >>> count_elements(b'[]', up_to=10)
    1
    """
    depth, elements = 0, 1
    for token in _TOKENS.finditer(text):
        match text[token.start()]:
            case 0x5B | 0x7B:  # [ {
                depth += 1
            case 0x5D | 0x7D:  # ] }
                depth -= 1
            case 0x2C if depth == 1:  # ,
                elements += 1
                if elements > up_to:
                    break
    return elements


def utf8_fault(text: bytes) -> str | None:
    """Why bytes are no UTF-8; None where they are. Read in pieces: one text with an emoji takes four bytes a letter."""
    if text.isascii():
        return None
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(text), UTF8_STEP_BYTES):
            decoder.decode(text[start : start + UTF8_STEP_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        return error.reason
    return None


def _widened(text: bytes) -> int:
    """What characters take beyond their bytes: a text is as wide as its widest one."""
    if text.isascii() and b"\\u" not in text:
        return 0
    if _ASTRAL.search(text):
        return 3 * len(text)
    return len(text) if _WIDE.search(text) else 0
