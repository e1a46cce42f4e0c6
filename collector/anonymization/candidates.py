"""Goes through the hits of the one pass and keeps those whose checks hold."""

from __future__ import annotations

from collector.anonymization.codes import code_find, mac_find
from collector.anonymization.hosts import email_find, host_find, link_find
from collector.anonymization.numbers import NUMBER_BYTES, ipv4_find, number_find
from collector.anonymization.patterns import CANDIDATES, NUMBERS, PLAINER_CANDIDATES
from collector.anonymization.surroundings import Find, Surroundings

_NOT_DIGITS = bytes(byte for byte in range(256) if byte not in b"0123456789")
_FEWEST_DIGITS = 4  # those of the shortest IPv4 address
_WINDOW, _BEYOND = 1 << 14, 1 << 10
_BEYOND_A_HIT = 64
_DOT_OF_A_MAC = _COLON_OF_IPV6 = 4
_DOTS_OF_IPV4 = 3
_MARKS_OF_MAC = frozenset({b"-----", b"-------", b"     ", b"       "})
_NUMBER_WITH_EXTENSION = NUMBER_BYTES + b"xet#"


def find_personal(shadow: bytes) -> list[Find]:
    """All finds in a shadow, in order and without overlap."""
    finds: list[Find] = []
    position = 0
    while position < len(shadow):
        position = _find_from(shadow, position, finds)
    return finds


def _find_from(shadow: bytes, position: int, finds: list[Find]) -> int:
    """Adds what begins in the window at a position; returns where to go on.

    Windows bound what a text made to be slow can cost: some hits look ahead as far as a word goes.
    """
    limit = position + _WINDOW
    horizon = limit + _BEYOND
    end = position
    for start, stop in CANDIDATES.spans(shadow, position, min(horizon, len(shadow))):
        if start >= limit:
            return start
        end = stop if stop < horizon else CANDIDATES.end_of_match(shadow, start)
        floor, last_type = (finds[-1][1], finds[-1][2]) if finds else (0, "")
        find, done = _examined(Surroundings(shadow, start, end, floor, last_type))
        if find:
            finds.append(find)
        if done != end:
            return done
    return max(limit, end)


def _examined(around: Surroundings) -> tuple[Find | None, int]:
    """The find in a hit, if any, and where to go on."""
    candidate = around.candidate
    if not candidate.translate(None, _NUMBER_WITH_EXTENSION):
        return _examined_number(around, candidate)
    find = _named_find(around, candidate)
    return (find, find[1]) if find else _examined_again(around, candidate)


def _named_find(around: Surroundings, candidate: bytes) -> Find | None:
    """The find in a hit that holds letters, judged by the first mark in it."""
    if b"://" in candidate[:9] or candidate[:3].lower() == b"www":
        return link_find(around) or host_find(around)
    if candidate[0] in b"@%":
        return email_find(around)
    dot = candidate.find(b".")
    if dot < 0 or 0 <= candidate.find(b":", 0, _COLON_OF_IPV6 + 1) < dot:
        return code_find(around)
    return (mac_find(around, candidate) if dot == _DOT_OF_A_MAC else None) or host_find(around)


def _examined_number(around: Surroundings, candidate: bytes) -> tuple[Find | None, int]:
    is_dotted = candidate.count(b".") == _DOTS_OF_IPV4
    if is_dotted or candidate[2::3] in _MARKS_OF_MAC:
        find = ipv4_find(around, candidate) if is_dotted else mac_find(around, candidate)
        if find:
            return find, find[1]
        # The pattern took it for an address, so it may have stopped within a longer number.
        around = around.part(around.start, max(around.end, NUMBERS.end_of_match(around.shadow, around.start)))
    end = around.end
    if around.after in b":@%":
        # The last word of the run belongs to what follows: `at 5 2001:db8::1`, `call 0 123456@example.com`.
        blank = around.shadow.rfind(b" ", around.start, end)
        if blank < 0 and around.after == b"@":
            return None, end
        if blank > 0:
            around, end = around.part(around.start, blank), blank + 1
    find = number_find(around)
    return find, find[1] if find else end


def _examined_again(around: Surroundings, candidate: bytes) -> tuple[Find | None, int]:
    """Looks for plainer things that begin in the first word of a hit that failed, and where to go on after it."""
    shadow, start = around.shadow, around.start
    blank = candidate.find(b" ")
    until = start + blank if blank > 0 else around.end
    horizon = min(around.end + _BEYOND_A_HIT, len(shadow))
    end_of_text = shadow.find(b"\0", around.end, horizon)
    horizon = horizon if end_of_text < 0 else end_of_text
    if len(shadow[start:horizon].translate(None, _NOT_DIGITS)) < _FEWEST_DIGITS:
        return None, until
    for begin, end in PLAINER_CANDIDATES.spans(shadow, start, horizon):
        if begin >= until:
            break
        part = around.part(begin, end)
        find = email_find(part) if part.candidate[0] in b"@%" else _examined_number(part, part.candidate)[0]
        if find:
            return find, find[1]
    return None, until
