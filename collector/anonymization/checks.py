"""Checksums and number plans: is this candidate what it looks like? Pure functions over ASCII bytes."""

from __future__ import annotations

import hashlib
import ipaddress
from functools import reduce

_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")


def luhn_holds(digits: bytes) -> bool:
    """True where the Luhn check digit (ISO/IEC 7812-1:2017, annex B) holds; False for no digits.

    >>> luhn_holds(b"4111111111111111"), luhn_holds(b"4111111111111112"), luhn_holds(b"")
    (True, False, False)
    """
    total = sum(digits[-1::-2]) + sum(digits[-2::-2].translate(_DOUBLED)) - 48 * len(digits)
    return total % 10 == 0 and len(digits) > 0


# First digits of issuers and the lengths of their card numbers. Source: ISO/IEC 7812 issuer ranges as the networks
# publish them (Visa, Mastercard, American Express, Diners Club, Discover, JCB, UnionPay, Maestro, UATP, Mir, Uzcard,
# Humo, Troy). A range covers all numbers whose first four digits lie in it.
_ISSUERS: tuple[tuple[int, int, frozenset[int]], ...] = (
    (604, 604, frozenset({12, 16})),
    (1000, 1799, frozenset({15})),
    (1800, 1800, frozenset({15})),
    (1801, 1999, frozenset({15})),
    (2131, 2131, frozenset({15})),
    (2200, 2204, frozenset({16, 17, 18, 19})),
    (2221, 2720, frozenset({16})),
    (3000, 3059, frozenset({14, 16, 17, 18, 19})),
    (3088, 3094, frozenset({16})),
    (3095, 3095, frozenset({14, 16, 17, 18, 19})),
    (3096, 3120, frozenset({16})),
    (3158, 3159, frozenset({16})),
    (3337, 3349, frozenset({16})),
    (3400, 3499, frozenset({15})),
    (3500, 3599, frozenset({16, 17, 18, 19})),
    (3600, 3699, frozenset({14, 15, 16, 17, 18, 19})),
    (3700, 3799, frozenset({15})),
    (3800, 3999, frozenset({14, 16, 17, 18, 19})),
    (4000, 4999, frozenset({13, 16, 19})),
    (5000, 5099, frozenset(range(12, 20))),
    (5100, 5599, frozenset({16})),
    (5600, 5899, frozenset(range(12, 20))),
    (6000, 6099, frozenset({16, 17, 18, 19})),
    (6200, 6299, frozenset({16, 17, 18, 19})),
    (6300, 6399, frozenset(range(12, 20))),
    (6440, 6599, frozenset({16, 17, 18, 19})),
    (6700, 6799, frozenset(range(12, 20))),
    (8100, 8299, frozenset({16, 17, 18, 19})),
    (8600, 8600, frozenset({16})),
    (9792, 9792, frozenset({16})),
    (9860, 9860, frozenset({16})),
)
_LENGTHS_OF_ISSUER = {
    b"%04d" % prefix: lengths for first, last, lengths in _ISSUERS for prefix in range(first, last + 1)
}
_NO_LENGTHS: frozenset[int] = frozenset()


def is_card(digits: bytes) -> bool:
    """True for a payment card number: an issuer's first digits, a length that issuer uses, and Luhn.

    >>> is_card(b"4012888888881881"), is_card(b"4012888888881882"), is_card(b"9012888888881886")
    (True, False, False)
    """
    return (
        len(digits) in _LENGTHS_OF_ISSUER.get(digits[:4], _NO_LENGTHS)
        and luhn_holds(digits)
        and digits.count(digits[:1]) < len(digits)
    )


# Length of an IBAN by country. Source: SWIFT, IBAN Registry (ISO 13616-2), and the partial list of
# countries that use the format without being registered.
_IBAN_LENGTHS = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH CR HR LI LV",
    22: "BG BH DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "AO CV GW LY MZ PT ST",
    26: "IR IS TR",
    27: "BI CF CG CM DJ DZ FR GA GQ GR IT KM MC MG ML MR SM TD",
    28: "AL AZ BF BJ BY CI CY DO GT HN HU LB MA NE NI PL SN SV TG",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
IBAN_LENGTH = {country.encode(): length for length, names in _IBAN_LENGTHS.items() for country in names.split()}
IBAN_LENGTH |= {b"BI": 27, b"HN": 28, b"NI": 28}

_IBAN_VALUES = {ord(character): str(int(character, 36)) for character in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def iban_holds(iban: bytes) -> bool:
    """True for an IBAN in capitals without blanks: the country's length and the remainder 1 modulo 97 (ISO 7064, MOD 97-10).

    >>> iban_holds(b"GB82WEST12345698765432"), iban_holds(b"GB82WEST12345698765433"), iban_holds(b"XX82")
    (True, False, False)
    """
    if IBAN_LENGTH.get(iban[:2]) != len(iban) or not iban.isalnum() or not iban.isupper():
        return False
    return int("".join(map(_IBAN_VALUES.__getitem__, iban[4:] + iban[:4]))) % 97 == 1


def is_ip_address(address: bytes) -> bool:
    """True where the standard library reads an IPv4 or IPv6 address.

    >>> is_ip_address(b"192.168.0.1"), is_ip_address(b"2001:db8::1"), is_ip_address(b"256.0.0.1")
    (True, True, False)
    """
    try:
        ipaddress.ip_address(address.decode("ascii"))
    except ValueError:
        return False
    return True


# Numbers that were printed in advertisements, and so are nobody's.
_ADVERTISED_SSN = frozenset({b"078051120", b"219099999", b"457555462", b"123456789", b"987654321"})


def is_social_security_number(digits: bytes) -> bool:
    """True for nine digits that the US Social Security Administration may have given out.

    No area 000, 666 or 900-999, no group 00, no serial 0000.
    Source: SSA, "Social Security Number Randomization", 2011; POMS RM 10201.035.

    >>> is_social_security_number(b"536904399"), is_social_security_number(b"666904399")
    (True, False)
    """
    return (
        len(digits) == 9
        and digits[:3] not in (b"000", b"666")
        and digits[:1] != b"9"
        and digits[3:5] != b"00"
        and digits[5:] != b"0000"
        and digits not in _ADVERTISED_SSN
    )


_BASE58 = {
    character: value for value, character in enumerate(b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")
}
# Versions of pay-to addresses: Bitcoin 0, 5; its test networks 111, 196; Litecoin 48, 50; Dogecoin 22, 30; Dash 16, 76; Tron 65.
_COIN_VERSIONS = frozenset({0, 5, 16, 22, 30, 48, 50, 65, 76, 111, 196})


def base58_holds(address: bytes) -> bool:
    """True for a base58check coin address: 25 bytes, a known version, and four bytes of double SHA-256.

    Source: Bitcoin Core, src/base58.cpp (format); versions as in each coin's chain parameters.

    >>> base58_holds(b"16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ"), base58_holds(b"16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyY")
    (True, False)
    """
    if not 25 <= len(address) <= 35:
        return False
    number = 0
    for character in address:
        value = _BASE58.get(character)
        if value is None:
            return False
        number = number * 58 + value
    if number >> 200:
        return False
    raw = number.to_bytes(25, "big")
    return raw[0] in _COIN_VERSIONS and _double_sha256(raw[:21])[:4] == raw[21:]


def _double_sha256(content: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(content).digest()).digest()


_BECH32 = {character: value for value, character in enumerate(b"qpzry9x8gf2tvdw0s3jn54khce6mua7l")}
_BECH32_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_CONSTANTS = frozenset({1, 0x2BC830A3})
_BECH32_NETWORKS = frozenset({b"bc", b"tb", b"ltc"})


def bech32_holds(address: bytes) -> bool:
    """True for a segregated witness address of Bitcoin or Litecoin, all lower or all upper case.

    Source: BIP 173 (bech32) and BIP 350 (bech32m).

    >>> bech32_holds(b"bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"), bech32_holds(b"bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp")
    (True, False)
    """
    lowered = address.lower()
    network, _, payload = lowered.partition(b"1")
    if address not in (lowered, address.upper()) or network not in _BECH32_NETWORKS or not 14 <= len(lowered) <= 90:
        return False
    values = [_BECH32.get(character, -1) for character in payload]
    if -1 in values:
        return False
    expanded = [character >> 5 for character in network] + [0] + [character & 31 for character in network]
    return reduce(_bech32_step, expanded + values, 1) in _BECH32_CONSTANTS


def _bech32_step(checksum: int, value: int) -> int:
    top = checksum >> 25
    checksum = (checksum & 0x1FFFFFF) << 5 ^ value
    for bit, generator in enumerate(_BECH32_GENERATOR):
        if top >> bit & 1:
            checksum ^= generator
    return checksum


# Length of the national number by country calling code. Source: ITU-T E.164 (list of assigned codes), lengths as in
# the metadata of google/libphonenumber 9.0.43, rounded to a range; 15 digits in all is the limit of E.164.
_CALLING_CODES = {
    (4, 7): "290 683 690",
    (4, 13): "43 49 98 352 598",
    (5, 8): "47 247 386 500 676 677 678 682 686 688",
    (5, 14): "27 31 61 64 82 358 685 852 971",
    (6, 9): "40 252 298 299 355 376 421 508 597 672 681 687 689",
    (6, 13): "39 46 48 53 63 95 359 375 381 595 880",
    (7, 7): "238 239 246 248 269 291 297 592 673 674 680 691 692",
    (7, 9): "220 231 241 245 265 354 385 423 599 670 675 853 961 965 967 968 975",
    (7, 13): "44 62 84 86 90 230 243 254 263 267 353 372 501 503 507 679 882 886 960 972 974",
    (
        8,
        8,
    ): "45 216 222 223 226 227 228 232 235 236 253 257 266 350 356 357 370 371 373 374 389 505 509 800 808 973 993",
    (
        8,
        10,
    ): "20 32 36 51 60 213 224 225 229 233 237 250 258 264 268 377 378 382 387 506 591 850 855 856 962 963 964 970 976",
    (8, 13): "55 57 65 66 81 91 92 383 502 504 593 883 977",
    (9, 9): "33 34 93 94 211 212 218 221 240 242 244 249 251 255 256 260 261 262 351 590 594 596 979 992 994 995 998",
    (9, 12): "41 56 380 420 870 881 966 996",
    (10, 10): "1 52 58",
    (10, 12): "7 30 54 234 878 888",
}
_NATIONAL_LENGTH = {code: span for span, codes in _CALLING_CODES.items() for code in codes.encode().split()}


def is_international_number(digits: bytes) -> bool:
    """True where digits begin with a country calling code and what follows has a length used there.

    A trunk zero, as in +44 (0)20 7123 4567, may follow the code.

    >>> is_international_number(b"442071234567"), is_international_number(b"4402071234567")
    (True, True)
    >>> is_international_number(b"99912345"), is_international_number(b"")
    (False, False)
    """
    for width in (1, 2, 3):
        span = _NATIONAL_LENGTH.get(digits[:width])
        if span:
            national = digits[width:]
            length = len(national) - (national[:1] == b"0" and len(national) > span[1])
            return span[0] <= length <= span[1] and (digits[:1] != b"1" or national[:1] > b"1")
    return False
