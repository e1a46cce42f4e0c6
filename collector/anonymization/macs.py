"""MAC addresses of 48 or 64 bits, in the notations of Unix, Windows, Cisco, HP and BSD."""

from __future__ import annotations

import re

from collector.anonymization.patterns import MAC
from collector.anonymization.surroundings import Find, Surroundings
from collector.anonymization.words import MAC_WORDS

_PLAIN = re.compile(
    rb"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}(?:(?::[0-9A-Fa-f]{2}){2})?"
    rb"|[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}(?:(?:-[0-9A-Fa-f]{2}){2})?"
)
# BSD and Solaris print no leading zeros.
_WITHOUT_ZEROS = re.compile(rb"[0-9A-Fa-f]{1,2}(?::[0-9A-Fa-f]{1,2}){5}|[0-9A-Fa-f]{1,2}(?:-[0-9A-Fa-f]{1,2}){5}")
_FEWEST_HEXADECIMALS = 7
_BLANKS = re.compile(
    rb"[0-9A-F]{2}(?: [0-9A-F]{2}){5}(?:(?: [0-9A-F]{2}){2})?|[0-9a-f]{2}(?: [0-9a-f]{2}){5}(?:(?: [0-9a-f]{2}){2})?"
)
_BLANKS_AND_MORE = re.compile(rb"[0-9A-Fa-f]{2}(?: [0-9A-Fa-f]{2}){6}(?: [0-9A-Fa-f]{2})?")
_WIDTH_WITH_BLANKS = 17
_GROUPS = re.compile(
    rb"[0-9A-Fa-f]{2}(?:\.[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}(?:([.-])[0-9A-Fa-f]{4})(?:\1[0-9A-Fa-f]{4}){1,2}"
    rb"|[0-9A-Fa-f]{6}[-:][0-9A-Fa-f]{6}"
)
_COMPACT = re.compile(rb"[0-9A-Fa-f]{12}(?:[0-9A-Fa-f]{4})?")
_MARKS = b" .:-"


def mac_find(around: Surroundings, candidate: bytes) -> Find | None:
    """A MAC address in any of the usual notations."""
    if _BLANKS_AND_MORE.fullmatch(candidate) and not _BLANKS.fullmatch(candidate):
        around = around.part(around.start, around.start + _WIDTH_WITH_BLANKS)
        candidate = around.candidate
    if not around.stands_alone() or around.before in b":-" or around.after in b":-":
        return None
    if _PLAIN.fullmatch(candidate):
        return around.found(MAC, 0.95)
    # The other shapes are also worn by plain numbers and words, so both must be there, or the word for it.
    plain = candidate.translate(None, _MARKS)
    is_mixed = not plain.isalpha() and not plain.isdigit()
    if _WITHOUT_ZEROS.fullmatch(candidate):
        is_long = is_mixed and len(plain) >= _FEWEST_HEXADECIMALS
        return around.found(MAC, 0.8) if is_long or _is_named(around) else None
    if _BLANKS.fullmatch(candidate) or _GROUPS.fullmatch(candidate):
        return around.found(MAC, 0.7) if is_mixed or _is_named(around) else None
    return around.found(MAC, 0.7) if _COMPACT.fullmatch(candidate) and _is_named(around) else None


def _is_named(around: Surroundings) -> bool:
    return not MAC_WORDS.isdisjoint(around.words_before())
