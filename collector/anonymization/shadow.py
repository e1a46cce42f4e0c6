"""The shadow of a text: one Latin-1 byte per code point, in which look-alikes are plain, so that offsets stay true."""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Iterator

import re2

LETTER = "\xe4"
# A letter of a script that is written without blanks. A control character that no text holds, and no letter, so that
# a number between ideographs stands alone.
IDEOGRAPH = "\x9f"
SYMBOL = "\xa4"
INVISIBLE = "\x7f"
LINE_BREAK = "\r"

# Ends a sentence, and parts the labels of a host as a dot does (RFC 3490, section 3.1).
_IDEOGRAPHIC_STOP = "\u3002"

_LATIN_1 = re2.Options()
_LATIN_1.encoding = re2.Options.Encoding.LATIN1
_LATIN_1.never_capture = True
_LATIN_1.max_mem = 64 << 20
_ANYWHERE = re2._Anchor.UNANCHORED  # noqa: SLF001


class ShadowPattern:
    """A pattern over shadows, without captures; re2 is linear in the text whatever the text holds."""

    __slots__ = ("_match", "_pattern")

    def __init__(self, pattern: bytes) -> None:
        self._pattern = re2.compile(pattern, _LATIN_1)
        # The wrapper's match objects cost as much as the matching, and only the span is of use here.
        self._match = self._pattern._regexp.Match  # noqa: SLF001

    def first(self, shadow: bytes, start: int, end: int) -> tuple[int, int]:
        """Where the first match within shadow[start:end] stands; (-1, -1) where there is none."""
        span: tuple[int, int] = self._match(_ANYWHERE, shadow, start, end)[0]
        return span

    def spans(self, shadow: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Where the pattern matches within shadow[start:end], from left to right, without overlap."""
        while (span := self.first(shadow, start, end))[1] >= 0:
            start = span[1]
            yield span

    def end_of_match(self, shadow: bytes, start: int) -> int:
        """Where the match that begins right at a place ends; the place itself where none begins."""
        found = self._pattern.match(shadow, start)
        return int(found.end()) if found else start


class _PlainCharacters(dict[int, str]):
    """What stands for a character outside Latin-1; learnt once for each character that is met."""

    def __missing__(self, code_point: int) -> str:
        plain = self[code_point] = _plain(chr(code_point))
        return plain


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category in ("Cf", "Mn", "Me", "Cn") or character in "\u115f\u1160\u3164\uffa0":
        return INVISIBLE
    if category in ("Zl", "Zp"):
        return LINE_BREAK
    if category == "Sc":
        return "$"
    if category == "Zs":
        return " "
    if category == "Pd" or character == "\u2212":
        return "-"
    compatible = unicodedata.normalize("NFKC", character)
    if len(compatible) == 1 and compatible.isascii():
        return compatible
    if compatible == _IDEOGRAPHIC_STOP:
        return "."
    if category[0] not in "LMN":
        return SYMBOL
    return IDEOGRAPH if unicodedata.east_asian_width(character) == "W" else LETTER


_PLAIN = _PlainCharacters()


def _shade(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return error.object[error.start : error.end].translate(_PLAIN), error.end


codecs.register_error("winnow.shadow", _shade)

# Latin-1 itself holds one invisible character, the soft hyphen, and the no-break space.
_HIDDEN = re2.compile(rb"[0-9A-Za-z\x9f\xc0-\xff.@:+/<>()%, -]\x7f+[0-9A-Za-z\x9f\xc0-\xff.@:+/<>()%, -]", _LATIN_1)
_LATIN_TO_PLAIN = bytes.maketrans(b"\xad\xa0", b"\x7f ")


def shadow_of(text: str) -> bytes:
    """The shadow of a text, as long in bytes as the text is in code points.

    Full-width forms and digits of all scripts become ASCII, dashes `-`, blanks a blank, other letters and symbols one
    stand-in each, invisible characters DEL.

    >>> shadow_of("ｔｅｌ ٤１\u200b5–Ж")
    b'tel 41\\x7f5-\\xe4'
    """
    shadow = text.encode("latin-1", "winnow.shadow")
    return shadow if shadow.isascii() else shadow.translate(_LATIN_TO_PLAIN)


def hidden_places(text: str) -> frozenset[int]:
    """Where the invisible characters stand, if one stands between two that may belong together; not so in an emoji."""
    if text.isascii() and "\x7f" not in text:
        return frozenset()
    shadow = shadow_of(text)
    if not _HIDDEN.search(shadow):
        return frozenset()
    return frozenset(place for place, byte in enumerate(shadow) if byte == ord(INVISIBLE))
