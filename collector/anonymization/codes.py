"""Codes of letters and digits: IPv6 and MAC addresses, IBANs, coin addresses."""

from __future__ import annotations

import re

from collector.anonymization.checks import IBAN_LENGTH, base58_holds, bech32_holds, iban_holds, is_ip_address
from collector.anonymization.patterns import IP_WORDS, MAC_WORDS, Personal
from collector.anonymization.surroundings import Find, Surroundings

_MAC_COLONS = re.compile(rb"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}(?:(?::[0-9A-Fa-f]{2}){2})?")
_MAC_DASHES = re.compile(rb"[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}(?:(?:-[0-9A-Fa-f]{2}){2})?")
_MAC_BLANKS = re.compile(
    rb"[0-9A-F]{2}(?: [0-9A-F]{2}){5}(?:(?: [0-9A-F]{2}){2})?|[0-9a-f]{2}(?: [0-9a-f]{2}){5}(?:(?: [0-9a-f]{2}){2})?"
)
_MAC_BLANKS_AND_MORE = re.compile(rb"[0-9A-Fa-f]{2}(?: [0-9A-Fa-f]{2}){6}(?: [0-9A-Fa-f]{2})?")
_MAC_WIDTH = 17
_MAC_DOTS = re.compile(rb"[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2,3}")
_MAC_COMPACT = re.compile(rb"[0-9A-Fa-f]{12}(?:[0-9A-Fa-f]{4})?")
_ETHEREUM = re.compile(rb"0x[0-9A-Fa-f]{40}")
_FEWEST_COLONS = 5
_ALPHANUMERIC = re.compile(rb"[0-9A-Za-z]")


def code_find(around: Surroundings) -> Find | None:
    """The find in a candidate that holds letters and digits, if there is one."""
    candidate = around.candidate
    if b":" in candidate:
        if b"::" not in candidate and candidate.count(b":") < _FEWEST_COLONS:
            return None
        return mac_find(around, candidate) or _ipv6(around)
    if not around.stands_alone() and around.before.isalnum():
        return None
    return _iban(around, candidate) or _coin(around, candidate) or mac_find(around, candidate)


def mac_find(around: Surroundings, candidate: bytes) -> Find | None:
    """A MAC address of 48 or 64 bits, in any of the usual notations."""
    if _MAC_BLANKS_AND_MORE.fullmatch(candidate) and not _MAC_BLANKS.fullmatch(candidate):
        around = around.part(around.start, around.start + _MAC_WIDTH)
        candidate = around.candidate
    if not around.stands_alone() or around.before in b":-" or around.after in b":-":
        return None
    if _MAC_COLONS.fullmatch(candidate) or _MAC_DASHES.fullmatch(candidate):
        return around.found(Personal.MAC, 0.95)
    if not any(pattern.fullmatch(candidate) for pattern in (_MAC_BLANKS, _MAC_DOTS, _MAC_COMPACT)):
        return None
    # These shapes are also worn by plain numbers and words, so both must be there, or the word for it.
    is_mixed = not candidate.isalpha() and not candidate.translate(None, b" .").isdigit()
    is_named = not MAC_WORDS.isdisjoint(around.words_before())
    return around.found(Personal.MAC, 0.7) if is_named or (is_mixed and not candidate.isalnum()) else None


def _ipv6(around: Surroundings) -> Find | None:
    around = _trimmed_address(around)
    address, _, width = around.candidate.partition(b"/")
    if width and int(width) > 128:
        around, width = around.part(around.start, around.start + len(address)), b""
    if around.before in b":." or not around.stands_alone() or not is_ip_address(address):
        return None
    if width or address == b"::1" or _is_telling(address) or not IP_WORDS.isdisjoint(around.words_before()[-3:]):
        return around.found(Personal.IP, 0.9)
    return None


def _trimmed_address(around: Surroundings) -> Surroundings:
    """Without the stop or the colon of the sentence; `::` at the end belongs to the address."""
    candidate = around.candidate
    end = around.end - (len(candidate) - len(candidate.rstrip(b".")))
    candidate = candidate.rstrip(b".")
    if candidate.endswith(b":") and not candidate.endswith(b"::"):
        end -= 1
    return around.part(around.start, end)


def _is_telling(address: bytes) -> bool:
    """False for the short ones that are as well a smiley or a name of a program: `8::`, `d::d`, `dead::beef`."""
    plain = address.replace(b":", b"")
    return len(plain) >= 4 and any(byte in b"0123456789" for byte in plain)


def _iban(around: Surroundings, candidate: bytes) -> Find | None:
    length = IBAN_LENGTH.get(candidate[:2].upper())
    if not length:
        return None
    if len(candidate) > length:
        places = [found.start() for found in _ALPHANUMERIC.finditer(candidate)]
        if len(places) < length:
            return None
        around = around.part(around.start, around.start + places[length - 1] + 1)
    iban = around.candidate.translate(None, b" -").upper()
    return around.found(Personal.IBAN, 1.0) if around.stands_alone() and iban_holds(iban) else None


def _coin(around: Surroundings, candidate: bytes) -> Find | None:
    if not around.stands_alone():
        return None
    if base58_holds(candidate) or bech32_holds(candidate):
        return around.found(Personal.CRYPTO, 1.0)
    return around.found(Personal.CRYPTO, 0.9) if _ETHEREUM.fullmatch(candidate) else None
