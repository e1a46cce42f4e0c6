"""Telephone numbers among the numbers: by international plan, by shape, or by the words around them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from collector.anonymization.checks import is_international_number
from collector.anonymization.patterns import (
    COUNTING_WORDS,
    OTHER_NUMBER_WORDS,
    PHONE_WORDS,
    WORDS_AFTER_A_PHONE,
    Personal,
)
from collector.anonymization.surroundings import Surroundings

_MIN_DIGITS, _MAX_DIGITS = 7, 15
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
    rb"(?:19|20)[0-9]{2}[-/. ]{1,2}(?:0?[1-9]|1[0-2])[-/. ]{1,2}(?:0?[1-9]|[12][0-9]|3[01])(?: [0-9]{1,6})?"
    rb"|(?:0?[1-9]|[12][0-9]|3[01])[-/. ](?:0?[1-9]|[12][0-9]|3[01])[-/. ](?:19|20)?[0-9]{2}(?: [0-9]{1,4})?"
    rb"|(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[0-9]{6})?"
    rb"|(?:19|20)[0-9]{2} ?[-/] ?(?:19|20)[0-9]{2}"
    rb"|[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+\.[0-9]+"
)
_MONEY = b"$\xa2\xa3\xa5%"


def phone_score(number: bytes, digits: bytes, around: Surroundings) -> float:
    """How sure it is that a number is a telephone number, in [0, 1]; 0 where it is not taken for one.

    Args:
        number: the candidate without its extension.
        digits: the digits of it.
        around: the candidate in its neighbourhood.
    """
    if number[:1] == b"+" or number[:2] == b"(+":
        return _INTERNATIONAL if is_international_number(digits) and not around.before.isdigit() else 0.0
    if digits[:2] == b"00" and len(digits) >= 10 and is_international_number(digits[2:]) and around.stands_alone:
        return _INTERNATIONAL
    if not _MIN_DIGITS - 1 <= len(digits) <= _MAX_DIGITS or _DATE_OR_AMOUNT.fullmatch(number) or _is_marked(around):
        return 0.0
    words = around.words_before()
    if number.translate(_SHAPE) in _NORTH_AMERICAN_SHAPES and digits[:1] != b"0":
        return 0.0 if _names_another_number(words[-2:]) else _SHAPED
    if _has_trunk_prefix(number, digits) and not _is_glued(around):
        return 0.0 if _names_another_number(words[-3:]) else _TRUNK
    return _NAMED if around.stands_alone and _is_named_phone(digits, words, around) else 0.0


def _is_marked(around: Surroundings) -> bool:
    """True beside a sign of money, and as the tail of a name such as `AB-12345678` or `img_20210520`."""
    before, after = around.before, around.after
    if before in _MONEY or after in _MONEY or before == b"_" or after == b"_":
        return True
    return before in b"-.#" and around.shadow[max(0, around.start - 2) : around.start - 1].isalnum()


def _is_glued(around: Surroundings) -> bool:
    """True within something like `a0871234567f`; a word may run into a number, as in `call09050000327`."""
    before = around.shadow[max(0, around.start - 3) : around.start]
    return before[-1:].isalnum() and not (len(before) == 3 and before.isalpha())


def _has_trunk_prefix(number: bytes, digits: bytes) -> bool:
    """National numbers dialled with a zero in front, as in most of Europe and Asia; or an area code in brackets."""
    if number[:1] == b"(":
        return len(digits) >= 9 and 2 < number.find(b")") <= 6
    if digits[:1] != b"0" or digits[1:2] == b"0" or number[1:2] in b"./ ":
        return False
    return 9 <= len(digits) <= 12 if len(number) > len(digits) else 10 <= len(digits) <= 12


def _names_another_number(words: Sequence[bytes]) -> bool:
    return not OTHER_NUMBER_WORDS.isdisjoint(words) and PHONE_WORDS.isdisjoint(words)


def _is_named_phone(digits: bytes, words: Sequence[bytes], around: Surroundings) -> bool:
    if len(digits) < _MIN_DIGITS:
        return bool(words) and words[-1] in PHONE_WORDS and around.follows_a_colon()
    for word in reversed(words):
        if word in PHONE_WORDS:
            return True
        if word in OTHER_NUMBER_WORDS:
            return False
    if around.word_after() in WORDS_AFTER_A_PHONE or around.continues_list_of(Personal.PHONE):
        return True
    return len(digits) >= 9 and words[-2:-1] == [b"number"] and words[-1] in COUNTING_WORDS
