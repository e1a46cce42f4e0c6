"""Which number is it: card, IPv4 address, social security number, telephone number, or only a number?"""

from __future__ import annotations

import re

from collector.anonymization.checks import is_card, is_social_security_number
from collector.anonymization.patterns import CARD, IP, PHONE, SSN
from collector.anonymization.phones import is_series, names_another_number, phone_score
from collector.anonymization.surroundings import Find, Surroundings
from collector.anonymization.versions import is_version
from collector.anonymization.words import CARD_WORDS, PHONE_WORDS, SOCIAL_WORDS

# Of a payment card, the longest number there is (ISO/IEC 7812).
MOST_DIGITS_OF_ONE = 19
NUMBER_BYTES = b"0123456789 \t.()/+-"

# In fours, or as American Express and Diners print it, whatever parts the groups: blanks, tabs, dots, dashes, slashes.
_CARD_AS_PRINTED = re.compile(
    rb"[0-9]{4}(?:[ \t./-]{0,3}[0-9]{4}){3}(?:[ \t./-]{0,3}[0-9]{1,3})?"
    rb"|[0-9]{4}[ \t./-]{0,3}[0-9]{6}[ \t./-]{0,3}[0-9]{4,5}"
)
# In groups of other widths all are parted alike; digit by digit, too.
_CARD_GROUPS = re.compile(
    rb"[0-9]{2,7}(?:( {1,2}|[\t./-])[0-9]{2,7})(?:\1[0-9]{2,7}){0,3}(?:\1[0-9]{1,7})?|[0-9](?: [0-9])+"
)
_CARD_GROUPS_OF_A_NAMED = re.compile(rb"[0-9]+(?:[ \t./-]{1,3}[0-9]+)*")
_SOCIAL_GROUPS = re.compile(rb"[0-9]{3}(?:-[0-9]{2}-|\.[0-9]{2}\.| [0-9]{2} )[0-9]{4}")
_SOCIAL_LOOSE = re.compile(rb"[0-9]{9}|[0-9]{5}-[0-9]{4}|[0-9]{3}-[0-9]{6}")
_OCTET = rb"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = re.compile(_OCTET + rb"(?:\." + _OCTET + rb"){3}(?:/(?:[12]?[0-9]|3[0-2]))?")
_CHUNK = re.compile(rb"[+(]*[0-9][^ \t/]*")
_SHORT_FRACTION = re.compile(rb",[0-9]{1,4}(?![0-9A-Za-z.:])")
_EXTENSION_MARK = re.compile(rb"[xe#]")
_SEPARATORS = b" \t.()/+-"
# Without the marks between its words; the longest has 19 digits, and brackets, dashes and dots within the words.
_MOST_CHUNKS, _SHORTEST_ROW, _LONGEST_ROW = 6, 7, 30
_OPENING = ord("(")
_FEWEST_DIGITS, _SOCIAL_DIGITS, _SHORTEST_CARD, _DOTS_OF_IPV4 = 4, 9, 12, 3
_MAYBE_A_PHONE = (12, 13)
_LONG_CARD = 15


def number_find(around: Surroundings) -> Find | None:
    """The first find in a run of digits: the whole run, or else the longest row of its words that is one."""
    find = _whole(around)
    if find or not _may_hold_less(around.candidate) or is_series(around.candidate):
        return find
    candidate = around.candidate
    chunks = [(around.start + chunk.start(), around.start + chunk.end()) for chunk in _CHUNK.finditer(candidate)]
    for first, (start, _) in enumerate(chunks):
        for between in range(min(_MOST_CHUNKS, len(chunks) - first) - 1, -1, -1):
            end = chunks[first + between][1]
            if _SHORTEST_ROW <= end - start - between <= _LONGEST_ROW and end - start < len(candidate):
                find = _whole(_without_loose_marks(around.part(start, end)))
                if find:
                    return find
    return None


def _may_hold_less(candidate: bytes) -> bool:
    """True where without its first or last word a run is still long enough."""
    first, last = candidate.find(b" "), candidate.rfind(b" ")
    if b"/" in candidate or b"\t" in candidate:
        return True
    return first > 0 and (last >= _SHORTEST_ROW or len(candidate) - first > _SHORTEST_ROW)


def _without_loose_marks(around: Surroundings) -> Surroundings:
    number = around.candidate
    end = around.start + len(number.rstrip(b" \t.(/+-"))
    return around.part(around.start, end - (number[-1:] == b")" and b"(" not in number))


def _whole(around: Surroundings) -> Find | None:
    number = around.candidate
    if number[0] == _OPENING and b")" not in number:
        around = around.part(around.start + 1, around.end)
        number = around.candidate
    elif number.count(b"(") != number.count(b")"):
        return None
    digits = number.translate(None, _SEPARATORS)
    if not digits.isdigit():
        number = _EXTENSION_MARK.split(number, 1)[0].rstrip()
        digits = number.translate(None, _SEPARATORS)
    count = len(digits)
    if count < _FEWEST_DIGITS or _is_part_of_a_figure(around, count):
        return None
    find = None
    if count >= _SHORTEST_CARD:
        find = _card(around, number, digits)
    elif count == _SOCIAL_DIGITS:
        find = _social(around, number, digits)
    if not find and number.count(b".") == _DOTS_OF_IPV4:
        find = ipv4_find(around, number)
    if find:
        return find
    score = phone_score(number, digits, around)
    return around.found(PHONE, score) if score else None


def _is_part_of_a_figure(around: Surroundings, count: int) -> bool:
    """True for the tail of 12:30, 1,234 or 1.5, and the head of such."""
    shadow, start = around.shadow, around.start
    if around.before in b":,." and shadow[max(around.floor, start - 2) : start - 1].isdigit():
        return True
    return count < 10 and around.after == b"," and _SHORT_FRACTION.match(shadow, around.end) is not None


def _card(around: Surroundings, number: bytes, digits: bytes) -> Find | None:
    count = len(digits)
    if count > MOST_DIGITS_OF_ONE or not is_card(digits) or not _is_free(around, count):
        return None
    words = None
    if len(number) != count and not _CARD_AS_PRINTED.fullmatch(number):
        words = around.words_before()
        is_named = not CARD_WORDS.isdisjoint(words)
        groups = _CARD_GROUPS_OF_A_NAMED if is_named else _CARD_GROUPS
        if not groups.fullmatch(number) or (names_another_number(words) and not is_named):
            return None
    if count in _MAYBE_A_PHONE and not PHONE_WORDS.isdisjoint((words or around.words_before())[-2:]):
        return None
    return around.found(CARD, 1.0)


def _is_free(around: Surroundings, count: int) -> bool:
    """True where nothing touches a card's number; a word may touch a long one, as in `card4111111111111111`."""
    return around.stands_alone() or (count >= _LONG_CARD and not around.is_glued())


def ipv4_find(around: Surroundings, number: bytes) -> Find | None:
    """An IPv4 address with or without the width of its network, unless a word says that it is a version."""
    if not _IPV4.fullmatch(number) or not around.stands_alone() or around.before == b".":
        return None
    if around.after == b"." and around.shadow[around.end + 1 : around.end + 2].isdigit():
        return None
    return None if is_version(around) else around.found(IP, 0.95)


def _social(around: Surroundings, number: bytes, digits: bytes) -> Find | None:
    if not around.stands_alone() or not is_social_security_number(digits):
        return None
    if _SOCIAL_GROUPS.fullmatch(number):
        words = around.words_before()
        near = words[-2:] if b"-" in number else words
        named_phone = not PHONE_WORDS.isdisjoint(near) and SOCIAL_WORDS.isdisjoint(words)
        return None if named_phone else around.found(SSN, 0.85)
    if not _SOCIAL_LOOSE.fullmatch(number):
        return None
    named = not SOCIAL_WORDS.isdisjoint(around.words_before()) or around.continues_list_of(SSN)
    return around.found(SSN, 0.6) if named else None
