"""The shadow of a text: one Latin-1 byte per code point, in which look-alikes are plain, so that offsets stay true."""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Iterator

import re2

LETTER = "\xe4"
SYMBOL = "\xa4"
INVISIBLE = "\x7f"
LINE_BREAK = "\r"

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

    def spans(self, shadow: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Where the pattern matches within shadow[start:end], from left to right, without overlap."""
        while True:
            span: tuple[int, int] = self._match(_ANYWHERE, shadow, start, end)[0]
            start = span[1]
            if start < 0:
                return
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
    # Scripts written without blanks must not look like letters: a number between ideographs stands alone.
    is_letter = category[0] in "LMN" and unicodedata.east_asian_width(character) != "W"
    return LETTER if is_letter else SYMBOL


_PLAIN = _PlainCharacters()


def _shade(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return error.object[error.start : error.end].translate(_PLAIN), error.end


codecs.register_error("winnow.shadow", _shade)

# Latin-1 itself holds one invisible character, the soft hyphen, and the no-break space.
_LATIN_TO_PLAIN = bytes.maketrans(b"\xad\xa0", b"\x7f ")
_HIDDEN = re2.compile(rb"[0-9A-Za-z\xc0-\xff.@:+/<>()%, -]\x7f+[0-9A-Za-z\xc0-\xff.@:+/<>()%, -]", _LATIN_1)


def shadow_of(text: str) -> bytes:
    """The shadow of a text, as long in bytes as the text is in code points.

    Full-width forms and digits of all scripts become ASCII, dashes `-`, blanks a blank, other letters and symbols one
    stand-in each, invisible characters DEL.

    >>> shadow_of("ｔｅｌ ٤１\u200b5–Ж")
    b'tel 41\\x7f5-\\xe4'
    """
    shadow = text.encode("latin-1", "winnow.shadow")
    return shadow if shadow.isascii() else shadow.translate(_LATIN_TO_PLAIN)


def hides_something(text: str) -> bool:
    """True where an invisible character stands between two that may belong together; not so within an emoji."""
    if text.isascii() and "\x7f" not in text:
        return False
    return _HIDDEN.search(shadow_of(text)) is not None


def visible_part(text: str) -> tuple[str, list[int]]:
    """The text without its invisible characters, and for each code point left the place where it stood."""
    places = [place for place, byte in enumerate(shadow_of(text)) if byte != 0x7F]
    return "".join([text[place] for place in places]), places
