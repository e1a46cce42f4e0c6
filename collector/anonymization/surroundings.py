"""What stands around a candidate: the words before it in its sentence, the word after it, the find before it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from collector.anonymization.patterns import PLACEHOLDERS

# Start, end, type, score; offsets in code points of the shadow.
Find = tuple[int, int, str, float]

TEXT_END = b"\0"
_REACH = 72
_NEAR_WORDS = 7

_WORD_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") | frozenset(
    range(0xC0, 0x100)
)
_TOUCHING = _WORD_BYTES | {ord("_")}
_WORDS_ONLY = bytes(
    ord(chr(byte).lower()) if byte in _WORD_BYTES else ord("\n") if byte in b".!?;\n\r\0" else ord(" ")
    for byte in range(256)
)
# Between the members of a list: "078-05-1121, 07805-1121", "555 1234 or 555 9876".
_LIST_LINKS = frozenset({b"or", b"and", b"oder", b"und", b"ou", b"et", b"o", b"y", b"e"})
_LIST_GAP = 6
_WORD_AFTER = re.compile(rb"[ (-]{1,2}([A-Za-z]{2,12})(?=[^A-Za-z0-9 ]|\Z)")
_PLACEHOLDER_NAMES = frozenset(placeholder[1:-1].encode() for placeholder in PLACEHOLDERS.values())


@dataclass(slots=True)
class Surroundings:
    """A candidate, shadow[start:end], in its neighbourhood, which begins at `floor`, the end of the find before.

    What it answers stays the same when that find is replaced by its placeholder: so scrubbing twice changes nothing.
    Not frozen, because one is made for every hit and a frozen one costs three times as much.
    """

    shadow: bytes
    start: int
    end: int
    floor: int
    last_type: str

    def part(self, start: int, end: int) -> Surroundings:
        """The same neighbourhood with a part of the candidate."""
        return Surroundings(self.shadow, start, end, self.floor, self.last_type)

    def found(self, kind: str, score: float) -> Find:
        """The candidate as a find."""
        return self.start, self.end, kind, score

    @property
    def candidate(self) -> bytes:
        return self.shadow[self.start : self.end]

    @property
    def before(self) -> bytes:
        """The byte before the candidate; a text end at the very beginning."""
        return self.shadow[self.start - 1 : self.start] or TEXT_END

    @property
    def after(self) -> bytes:
        """The byte after the candidate; a text end at the very end."""
        return self.shadow[self.end : self.end + 1] or TEXT_END

    @property
    def stands_alone(self) -> bool:
        """True where neither a letter nor a digit nor an underscore touches the candidate."""
        return self.before[0] not in _TOUCHING and self.after[0] not in _TOUCHING

    def words_before(self) -> list[bytes]:
        """The last words of the sentence or line before, in lower case; if that is empty, of the one before it."""
        begin, _ = self._seen()
        sentences = self.shadow[begin : self.start].translate(_WORDS_ONLY).rstrip()
        return sentences.rpartition(b"\n")[2].split()[-_NEAR_WORDS:]

    def word_after(self) -> bytes:
        """The word behind the candidate, in lower case, if it ends the line or stands before a mark; or nothing."""
        word = _WORD_AFTER.match(self.shadow, self.end)
        return word[1].lower() if word else b""

    def continues_list_of(self, kind: str) -> bool:
        """True where only `,`, `/` or a word such as `or` parts this from a find of the same kind."""
        begin, last_type = self._seen()
        if last_type != kind or self.start - begin > _LIST_GAP:
            return False
        return _LIST_LINKS.issuperset(self.shadow[begin : self.start].translate(_WORDS_ONLY).split())

    def follows_a_colon(self) -> bool:
        begin, _ = self._seen()
        return self.shadow[begin : self.start].rstrip().endswith(b":")

    def _seen(self) -> tuple[int, str]:
        """Where to stop looking back, and what was found there: an earlier find, or its placeholder."""
        reach = max(0, self.start - _REACH)
        begin = max(self.floor, reach, self.shadow.rfind(TEXT_END, reach, self.start) + 1)
        last_type = self.last_type if begin == self.floor else ""
        closing = self.shadow.rfind(b">", begin, self.start)
        if closing >= 0:
            name = self.shadow[begin:closing].rpartition(b"<")[2]
            if name in _PLACEHOLDER_NAMES:
                return closing + 1, name.decode()
        return begin, last_type
