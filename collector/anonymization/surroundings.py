"""What stands around a candidate: the words before it in its sentence, the word after it, the find before it."""

from __future__ import annotations

import re

from collector.anonymization.languages import LIST_LINKS, folded, in_english
from collector.anonymization.shadow import shadow_of

# Start, end, type, score; offsets in code points of the shadow.
Find = tuple[int, int, str, float]

TEXT_END = b"\0"
_REACH = 72
_REACH_OF_A_KEY = 16
_NEAR_WORDS = 7

_LETTERS_AND_DIGITS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" + bytes(range(0xC0, 0x100))
# A letter, a digit or an underscore.
TOUCHING = frozenset(bytes((byte,)) for byte in _LETTERS_AND_DIGITS + b"_")


def _as_words(byte: int) -> int:
    if byte in _LETTERS_AND_DIGITS:
        return ord(chr(byte).lower())
    if byte in b".!?;\n\r":
        return ord("\n")
    # A find must look the same when its placeholder stands there, so nothing is seen through the end of a tag.
    return 0 if byte in b"\0>" else ord(" ")


_WORD_LENGTH, _HEXADECIMAL = 3, frozenset(b"abcdefABCDEF")
_WORDS = bytes(_as_words(byte) for byte in range(256))
# Between the members of a list: "078-05-1121, 07805-1121", "555 1234 or 555 9876".
_LIST_LINKS = frozenset({b"or", b"and", b"oder", b"und", b"ou", b"et", b"o", b"y", b"e"})
_LIST_MARKS = frozenset(b",;/&|\n")
_LIST_GAP = 6
# `mobileNumber`, `appVersion`; `iPhone` and `eBay` are one word.
_HUMP_AFTER_TWO = re.compile(rb"[a-z]{2}[A-Z]")
_CAMEL = re.compile(rb"[A-Za-z0-9]*[a-z]{2}[A-Z][A-Za-z0-9]*")
_HUMP = re.compile(rb"(?<=[a-z])(?=[A-Z])")
_WORD_AFTER = re.compile(rb"[ (-]{1,2}([A-Za-z]{2,12})(?=[^A-Za-z0-9 ]|\Z)")
_PLACEHOLDER_AT_END = re.compile(rb"<([A-Z_]{3,13})>([^>]{0,6})\Z")


class Surroundings:
    """A candidate, shadow[start:end], in its neighbourhood, which begins at `floor`, the end of the find before.

    What it answers stays the same when that find is replaced by its placeholder: so scrubbing twice changes nothing.
    One is made for every hit, so it is a plain class: a frozen one costs three times as much.
    """

    __slots__ = ("after", "before", "candidate", "end", "floor", "last_type", "shadow", "start", "text")

    def __init__(self, shadow: bytes, text: str, start: int, end: int, floor: int, last_type: str) -> None:
        self.shadow = shadow
        self.text = text
        self.start = start
        self.end = end
        self.floor = floor
        self.last_type = last_type
        self.candidate = shadow[start:end]
        self.before = shadow[start - 1 : start] if start > floor else TEXT_END
        self.after = shadow[end : end + 1] or TEXT_END

    def part(self, start: int, end: int) -> Surroundings:
        """The same neighbourhood with a part of the candidate."""
        return Surroundings(self.shadow, self.text, start, end, self.floor, self.last_type)

    def found(self, kind: str, score: float) -> Find:
        """The candidate as a find."""
        return self.start, self.end, kind, score

    def stands_alone(self) -> bool:
        """True where neither a letter nor a digit nor an underscore touches the candidate."""
        return self.before not in TOUCHING and self.after not in TOUCHING

    def is_glued(self) -> bool:
        """True within something like `a0871234567f`; a word may touch a number, as in `call09050000327now`."""
        before = self.shadow[max(self.floor, self.start - _WORD_LENGTH) : self.start]
        after = self.shadow[self.end : self.end + _WORD_LENGTH]
        return (before[-1:].isalnum() and not _is_word(before)) or (after[:1].isalnum() and not _is_word(after))

    def words_before(self) -> list[bytes]:
        """The last words of the sentence or line before, in lower case; if that is empty, of the one before it.

        Announcing words of other languages are read in English, and a word of several such as `appVersion` is followed
        by its parts.
        """
        seen = self._seen()
        if not seen.isascii():
            seen = shadow_of(in_english(self.text[self.start - len(seen) : self.start]))
        else:
            key = seen[-_REACH_OF_A_KEY:]
            if not key.islower() and _HUMP_AFTER_TWO.search(key):
                seen = _CAMEL.sub(_with_parts, seen)
        seen = seen.translate(_WORDS).rpartition(TEXT_END)[2]
        return seen.rstrip().rpartition(b"\n")[2].split()[-_NEAR_WORDS:]

    def word_after(self) -> bytes:
        """The word behind the candidate, in lower case, if it ends the line or stands before a mark; or nothing."""
        word = _WORD_AFTER.match(self.shadow, self.end)
        return word[1].lower() if word else b""

    def continues_list_of(self, kind: str) -> bool:
        """True where only `,`, `/` or a word such as `or` parts this from a find of the same kind."""
        near = self.shadow[max(self.floor, self.start - _LIST_GAP - 1) : self.start]
        last_type, gap = (self.last_type, near) if len(near) <= _LIST_GAP else ("", b"")
        if b">" in near:
            placeholder = _PLACEHOLDER_AT_END.search(self._seen())
            last_type, gap = (placeholder[1].decode(), placeholder[2]) if placeholder else ("", b"")
        if last_type != kind or TEXT_END in gap:
            return False
        if not gap.isascii():
            written = self.text[self.start - len(gap) : self.start]
            return folded(written).strip(" ,;/&|") in LIST_LINKS
        words = gap.translate(_WORDS).split()
        return _LIST_LINKS.issuperset(words) and (bool(words) or not _LIST_MARKS.isdisjoint(gap))

    def _seen(self) -> bytes:
        return self.shadow[max(self.floor, self.start - _REACH) : self.start]


def _with_parts(word: re.Match[bytes]) -> bytes:
    return word[0] + b" " + _HUMP.sub(b" ", word[0])


def _is_word(three: bytes) -> bool:
    return len(three) == _WORD_LENGTH and three.isalpha() and not _HEXADECIMAL.issuperset(three)
