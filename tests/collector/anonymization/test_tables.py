"""The tables of issuers and calling codes, each range at both of its ends, after what the issuers and ITU publish."""

from __future__ import annotations

import pytest

from collector.anonymization.checks import is_card, is_international_number

MAESTRO = frozenset(range(12, 20))
SIXTEEN_AND_MORE = frozenset(range(16, 20))
DINERS = SIXTEEN_AND_MORE | {14}
NONE: frozenset[int] = frozenset()
ISSUERS = {
    **dict.fromkeys(("1000", "1799", "1800", "1999", "2131", "3400", "3499", "3700", "3799"), frozenset({15})),
    **dict.fromkeys(("2200", "2204"), SIXTEEN_AND_MORE),
    **dict.fromkeys(("2221", "2720", "5100", "5599", "8600", "9792", "9860"), frozenset({16})),
    **dict.fromkeys(("3000", "3059", "3095", "3800", "3999"), DINERS),
    **dict.fromkeys(("3600", "3699"), DINERS | {15}),
    **dict.fromkeys(("3500", "3599", "6000", "6099", "6200", "6299"), SIXTEEN_AND_MORE),
    **dict.fromkeys(("6440", "6599", "8100", "8299"), SIXTEEN_AND_MORE),
    **dict.fromkeys(("4000", "4999"), frozenset({13, 16, 19})),
    **dict.fromkeys(("5000", "5099", "5600", "5899", "6300", "6399", "6700", "6799"), MAESTRO),
    **dict.fromkeys(("0999", "2000", "2205", "2220", "2721", "3060", "5900", "6439", "6600", "6800", "8300"), NONE),
}
"""The lengths of numbers that begin so."""
NATIONAL_DIGITS = {
    "49": (4, 13),
    "43": (4, 13),
    "290": (4, 7),
    "47": (5, 8),
    "45": (8, 8),
    "1": (10, 10),
    "7": (10, 12),
}
"""Fewest and most digits behind a calling code."""


def card(prefix: str, length: int) -> bytes:
    """A number of so many digits whose last one makes Luhn hold."""
    digits = [int(digit) for digit in (prefix + "0123456789012345")[: length - 1]]
    doubled = [sum(divmod(2 * digit, 10)) if place % 2 == 0 else digit for place, digit in enumerate(reversed(digits))]
    return ("".join(map(str, digits)) + str(-sum(doubled) % 10)).encode()


@pytest.mark.parametrize("prefix", ISSUERS)
def test_an_issuer_has_its_lengths_and_no_others(prefix: str) -> None:
    assert {length for length in range(10, 21) if is_card(card(prefix, length))} == ISSUERS[prefix]


@pytest.mark.parametrize("code", NATIONAL_DIGITS)
def test_a_country_has_its_lengths_and_no_others(code: str) -> None:
    fewest, most = NATIONAL_DIGITS[code]
    found = [n for n in range(1, 16 - len(code)) if is_international_number(f"{code}{'2' * n}".encode())]

    assert found == list(range(fewest, min(most, 15 - len(code)) + 1))
