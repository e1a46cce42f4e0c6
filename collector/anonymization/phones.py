"""Telephone numbers among the numbers: by international plan, by shape, or by the words around them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from collector.anonymization.checks import is_international_number
from collector.anonymization.patterns import PHONE
from collector.anonymization.shadow import IDEOGRAPH
from collector.anonymization.surroundings import Surroundings
from collector.anonymization.words import (
    COUNTING_WORDS,
    MY_WORDS,
    NUMBER_WORDS,
    OTHER_NUMBER_WORDS,
    PHONE_WORDS,
    VERSION_WORDS,
    WORDS_AFTER_A_PHONE,
)

_MIN_DIGITS, _SHAPED_DIGITS, _MAX_DIGITS = 7, 10, 15
_INTERNATIONAL, _SHAPED, _TRUNK, _NAMED = 0.95, 0.8, 0.7, 0.6

_SHAPE = bytes.maketrans(b"012345678", b"999999999")
_LEADS = (b"", b"9-", b"9 ", b"9.", b"99-", b"999-")
_AREAS_AND_SEPARATORS = (
    (b"999-", b"-"),
    (b"999.", b"."),
    (b"999 ", b" -"),
    (b"999/", b"-"),
    (b"(999)", b"-. "),
    (b"(999) ", b"-. "),
    (b"(999)-", b"-"),
    (b"(999).", b"."),
)
_NORTH_AMERICAN_SHAPES = frozenset(
    lead + area + b"999%c9999" % separator
    for lead in _LEADS
    for area, separators in _AREAS_AND_SEPARATORS
    for separator in separators
)
_DATE_OR_AMOUNT = re.compile(
    rb"(?:19|20)[0-9]{2}[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12][0-9]|3[01])(?: [0-9]{1,6})?"
    rb"|(?:0?[1-9]|[12][0-9]|3[01])[-/.](?:0?[1-9]|[12][0-9]|3[01])[-/.](?:19|20)?[0-9]{2}(?: [0-9]{1,4})?"
    rb"|(?:19|20)[0-9]{2} ?[-/] ?(?:19|20)[0-9]{2}"
    rb"|[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+\.[0-9]+"
)
_COMPACT_DATE = re.compile(rb"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[0-9]{6})?")
# Two words of digits of which the last is short are two numbers: "text WIN to 87121 18 only".
_NUMBER_AND_AGE = re.compile(rb"[0-9]+ [0-9]{1,2}")
_FEWEST_IN_A_SERIES, _LARGEST_STEP = 3, 20
_PAIR, _PAIRS_OF_A_PHONE = 2, 5
# With the trunk prefix apart or in brackets, as written in Russia and Kazakhstan, in Turkey, and mobiles in Brazil.
_BLANK_OR_DASH = frozenset(b" -")
_SPACED_SHAPES = re.compile(
    rb"8[ (-]{1,2}[3-9][0-9]{2}\)?[ -]{0,2}[0-9]{3}[ -]?[0-9]{2}[ -]?[0-9]{2}"
    rb"|0[ -]\(?[1-9][0-9]{2}\)?[ -]?[0-9]{3}[ -]?[0-9]{2}[ -]?[0-9]{2}"
    rb"|[1-9][0-9][ -]9[0-9]{4}[ -][0-9]{4}"
)
# A mobile number of mainland China, in a text that has ideographs beside it.
_CHINESE_MOBILE = re.compile(rb"1[3-9][0-9]([ -]?)[0-9]{4}\1[0-9]{4}")
_BESIDE = 8
_COUNTED_BY = frozenset("元円个個块塊万件次")
_MARKS = frozenset((b"$", b"\xa2", b"\xa3", b"\xa5", b"%", b"_"))
_JOINTS = frozenset((b"-", b".", b"#"))
_IDEOGRAPH = IDEOGRAPH.encode("latin-1")
_ZERO, _EIGHT, _PLUS = ord("0"), ord("8"), ord("+")


def phone_score(number: bytes, digits: bytes, around: Surroundings) -> float:
    """How sure it is that a number is a telephone number, in [0, 1]; 0 where it is not taken for one.

    Args:
        number: the candidate without its extension.
        digits: the digits of it.
        around: the candidate in its neighbourhood.
    """
    if number[0] == _PLUS or number[:2] == b"(+":
        if is_international_number(digits) and not around.before.isdigit():
            return _INTERNATIONAL
    elif digits[:2] == b"00" and len(digits) >= 10 and is_international_number(digits[2:]) and around.stands_alone():
        return 0.0 if names_another_number(around.words_before()) else _INTERNATIONAL
    count = len(digits)
    if not _MIN_DIGITS <= count <= _MAX_DIGITS or _is_marked(around):
        return 0.0
    if count >= _SHAPED_DIGITS and _has_telling_shape(number, digits):
        return 0.0 if names_another_number(around.words_before()) else _SHAPED
    if count < len(number) and (_DATE_OR_AMOUNT.fullmatch(number) or b"\t" in number or is_series(number)):
        return 0.0
    if _has_trunk_prefix(number, digits) and not around.is_glued():
        return 0.0 if names_another_number(around.words_before()) else _TRUNK
    return _NAMED if around.stands_alone() and _is_named_phone(number, digits, around) else 0.0


def _has_telling_shape(number: bytes, digits: bytes) -> bool:
    if digits[0] != _ZERO and number.translate(_SHAPE) in _NORTH_AMERICAN_SHAPES:
        return True
    may_be_spaced = number[0] == _EIGHT or number[1] in _BLANK_OR_DASH or number[2] in _BLANK_OR_DASH
    return may_be_spaced and _SPACED_SHAPES.fullmatch(number) is not None


def names_another_number(words: Sequence[bytes]) -> bool:
    """True after `order 0123456789`, `account number: 0123456789` and `pages 012 034 056`."""
    for word in reversed(words):
        if word not in COUNTING_WORDS and not word.isdigit():
            return word in OTHER_NUMBER_WORDS
    return False


def is_series(number: bytes) -> bool:
    """True for numbers in a row that are no telephone number: six of two digits, or wider ones in small rising steps.

    >>> is_series(b"036 038 040 042"), is_series(b"05 12 23 34 41 48"), is_series(b"01 84 17 61 18")
    (True, True, False)
    """
    width = number.find(b" ")
    if width < 1 or (len(number) + 1) % (width + 1):
        return False
    groups = number.split(b" ")
    if len(groups) < _FEWEST_IN_A_SERIES or not all(len(group) == width and group.isdigit() for group in groups):
        return False
    if width == _PAIR:
        # Several numbers of five pairs each, as in France, begin with a zero each.
        return len(groups) > _PAIRS_OF_A_PHONE and not all(group[0] == _ZERO for group in groups[::_PAIRS_OF_A_PHONE])
    values = [int(group) for group in groups]
    return all(0 < after - before <= _LARGEST_STEP for before, after in itertools.pairwise(values))


def _is_marked(around: Surroundings) -> bool:
    """True beside a sign of money, and as the tail of a name such as `AB-12345678` or `img_20210520`."""
    if around.before in _MARKS or around.after in _MARKS:
        return True
    joined = around.shadow[max(around.floor, around.start - 2) : around.start - 1]
    return around.before in _JOINTS and joined.isalnum() and not joined.islower()


def _has_trunk_prefix(number: bytes, digits: bytes) -> bool:
    """National numbers dialled with a zero in front, as in most of Europe and Asia; or an area code in brackets."""
    if number[:1] == b"(":
        return len(digits) >= 9 and 2 < number.find(b")") <= 6
    if digits[0] != _ZERO or digits[1] == _ZERO or number[1:2] in b"./ ":
        return False
    return 9 <= len(digits) <= 12 if len(number) > len(digits) else 10 <= len(digits) <= 12


def _is_named_phone(number: bytes, digits: bytes, around: Surroundings) -> bool:
    words = around.words_before()
    if _COMPACT_DATE.fullmatch(number) or (b" " in number[-3:] and _NUMBER_AND_AGE.fullmatch(number)):
        return False
    if b"." in number and not VERSION_WORDS.isdisjoint(words[-2:]):
        return False
    if not PHONE_WORDS.isdisjoint(words):
        while words[-1] not in PHONE_WORDS:
            if words.pop() in OTHER_NUMBER_WORDS:
                return False
        return True
    if not OTHER_NUMBER_WORDS.isdisjoint(words):
        return False
    if around.word_after() in WORDS_AFTER_A_PHONE or around.continues_list_of(PHONE):
        return True
    if _CHINESE_MOBILE.fullmatch(number) and _is_among_ideographs(around):
        return True
    return len(digits) >= 9 and _is_called_a_number(words)


def _is_among_ideographs(around: Surroundings) -> bool:
    if around.text[around.end : around.end + 1] in _COUNTED_BY:
        return False
    first = max(around.floor, around.start - _BESIDE)
    return _IDEOGRAPH in around.shadow[first : around.start] + around.shadow[around.end : around.end + _BESIDE]


def _is_called_a_number(words: Sequence[bytes]) -> bool:
    """True after `number is`, and after `my number`."""
    count = len(words)
    first = count
    while first and words[first - 1] in COUNTING_WORDS:
        first -= 1
    if NUMBER_WORDS.isdisjoint(words[first:]):
        return False
    return count - first > 1 or not MY_WORDS.isdisjoint(words[max(first - 2, 0) : first])
