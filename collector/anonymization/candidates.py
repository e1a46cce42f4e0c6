"""Goes through the hits of the one pass and keeps those whose checks hold."""

from __future__ import annotations

import re

from collector.anonymization.checks import IBAN_LENGTH
from collector.anonymization.codes import code_find
from collector.anonymization.hosts import host_find, link_find
from collector.anonymization.ibans import iban_find
from collector.anonymization.macs import mac_find
from collector.anonymization.mailboxes import email_find
from collector.anonymization.numbers import MOST_DIGITS_OF_ONE, NUMBER_BYTES, ipv4_find, number_find
from collector.anonymization.patterns import (
    CANDIDATES,
    CANDIDATES_BUT_ACCOUNTS,
    MOST_DIGITS,
    NUMBERS,
    PLAINER_CANDIDATES,
)
from collector.anonymization.surroundings import Find, Surroundings

_DIGITS = re.compile(rb"[0-9]+")
_NOT_DIGITS = bytes(byte for byte in range(256) if byte not in b"0123456789")
_FEWEST_DIGITS = 4  # those of the shortest IPv4 address
_WINDOW, _BEYOND = 1 << 14, 1 << 10
_BEYOND_A_HIT = 64
_DOTS_OF_A_MAC = (2, 4)
_COLON_OF_IPV6 = 4
_DOTS_OF_IPV4 = 3
_AFTER_A_COUNTRY = frozenset(b"0123456789 \t.-")
_MARKS_OF_MAC = frozenset({b"-----", b"-------", b"     ", b"       "})
_FIRST_OF_NUMBER = frozenset(b"0123456789(+")
_NUMBER_WITH_EXTENSION = NUMBER_BYTES + b"xet#"


def find_personal(shadow: bytes, text: str) -> list[Find]:
    """All finds in a shadow and the text it is of, in order and without overlap."""
    finds: list[Find] = []
    position = 0
    while position < len(shadow):
        position = _find_from(shadow, text, position, finds)
    return finds


def _find_from(shadow: bytes, text: str, position: int, finds: list[Find]) -> int:
    """Adds what begins in the window at a position; returns where to go on.

    Windows bound what a text made to be slow can cost: some hits look ahead as far as a word goes.
    """
    limit = position + _WINDOW
    horizon = min(limit + _BEYOND, len(shadow))
    floor, last_type = (finds[-1][1], finds[-1][2]) if finds else (0, "")
    while position < limit:
        start, end = CANDIDATES.first(shadow, position, horizon)
        if end < 0 or start >= limit:
            return limit if end < 0 else start
        if end == horizon:
            end = CANDIDATES.end_of_match(shadow, start)
        find, position = _examined(Surroundings(shadow, text, start, end, floor, last_type))
        if find:
            finds.append(find)
            floor, last_type = find[1], find[2]
    return position


def _examined(around: Surroundings) -> tuple[Find | None, int]:
    """The find in a hit, if any, and where to go on."""
    candidate = around.candidate
    if candidate[0] in _FIRST_OF_NUMBER and not candidate.translate(None, _NUMBER_WITH_EXTENSION):
        return _examined_number(around, candidate)
    if candidate[:2].upper() in IBAN_LENGTH and candidate[2] in _AFTER_A_COUNTRY:
        find = iban_find(around)
        if find:
            return find, find[1]
        end = CANDIDATES_BUT_ACCOUNTS.end_of_match(around.shadow, around.start)
        if end <= around.start:
            return None, around.start + len(b"DE")
        around = around.part(around.start, end)
        candidate = around.candidate
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
    return (mac_find(around, candidate) if dot in _DOTS_OF_A_MAC else None) or host_find(around)


def _examined_number(around: Surroundings, candidate: bytes) -> tuple[Find | None, int]:
    is_dotted = candidate.count(b".") == _DOTS_OF_IPV4
    if is_dotted or candidate[2::3] in _MARKS_OF_MAC or candidate[4:5] in b".-" or candidate[1:2] == b"-":
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
    # A run that was cut may have been cut within one of its words; what it has not room for comes again.
    goes_on = (
        end - around.start >= MOST_DIGITS
        and end == around.end
        and len(around.candidate.translate(None, _NOT_DIGITS)) >= MOST_DIGITS
    )
    if goes_on:
        around = _whole_words(around)
    find = number_find(around)
    if find:
        return find, find[1]
    return None, _next_in_a_row(around) if goes_on else end


def _whole_words(around: Surroundings) -> Surroundings:
    """The run without its last word, which may go on; or with the whole of it, where it is the only one."""
    until = max(around.candidate.rfind(mark) for mark in (b" ", b"\t", b"/", b"-", b"."))
    if until <= 0:
        rest = _DIGITS.match(around.shadow, around.end)
        return around.part(around.start, rest.end() if rest else around.end)
    return around.part(around.start, around.start + until)


def _next_in_a_row(around: Surroundings) -> int:
    """Where the last words begin that, with more behind them, may be a number: no number has more digits."""
    digits = 0
    end = around.start + len(around.candidate.rstrip(b" \t/.-"))
    for place in range(end - 1, around.start, -1):
        digits += around.shadow[place : place + 1].isdigit()
        if digits > MOST_DIGITS_OF_ONE and not around.shadow[place - 1 : place].isdigit():
            return place
    return end


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
