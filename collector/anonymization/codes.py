"""Codes of letters and digits: IPv6 addresses and coin addresses, and which of them a candidate is."""

from __future__ import annotations

import re

from collector.anonymization.checks import base58_holds, bech32_holds, is_ip_address
from collector.anonymization.macs import mac_find
from collector.anonymization.patterns import CRYPTO, IP
from collector.anonymization.surroundings import Find, Surroundings
from collector.anonymization.words import IP_WORDS

_ETHEREUM = re.compile(rb"0x[0-9A-Fa-f]{40}")
_FEWEST_COLONS = 5


def code_find(around: Surroundings) -> Find | None:
    """The find in a candidate that holds letters and digits, if there is one."""
    candidate = around.candidate
    if b":" in candidate:
        if b"::" not in candidate and candidate.count(b":") < _FEWEST_COLONS:
            return mac_find(around, candidate)
        return mac_find(around, candidate) or _ipv6(around)
    if not around.stands_alone() and around.before.isalnum():
        return None
    return _coin(around, candidate) or mac_find(around, candidate)


def _ipv6(around: Surroundings) -> Find | None:
    around = _trimmed_address(around)
    address, _, width = around.candidate.partition(b"/")
    if width and int(width) > 128:
        around, width = around.part(around.start, around.start + len(address)), b""
    if around.before in b":." or not around.stands_alone() or not is_ip_address(address):
        return None
    if width or address == b"::1" or _is_telling(address) or not IP_WORDS.isdisjoint(around.words_before()[-3:]):
        return around.found(IP, 0.9)
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


def _coin(around: Surroundings, candidate: bytes) -> Find | None:
    if not around.stands_alone():
        return None
    if base58_holds(candidate) or bech32_holds(candidate):
        return around.found(CRYPTO, 1.0)
    return around.found(CRYPTO, 0.9) if _ETHEREUM.fullmatch(candidate) else None
