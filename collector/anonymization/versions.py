"""Four numbers with dots that are the version of something, and no IPv4 address."""

from __future__ import annotations

import ipaddress
import re

from collector.anonymization.surroundings import Surroundings
from collector.anonymization.words import IP_WORDS, VERSION_WORDS

# What follows a version in a file's or a release's name.
_TAIL = re.compile(
    rb"(?i)[-+.](?:jar|war|aar|zip|tar|tgz|gz|xz|bz2|7z|exe|msi|msix|dmg|pkg|deb|rpm|apk|aab|ipa|whl|egg|nupkg|gem|crate|dll|so"
    rb"|dylib|iso|img|bin|snap|snapshot|beta|alpha|rc|release|final|dev|hotfix|preview|nightly|stable|canary|lts|ga|sp"
    rb"|pre|patch|build|post|rev|[0-9a-f]{7,40})(?![a-z])"
)
# A product and its version, `Firefox/1.5.0.5`, `lib-3.18.6.21`; but `db.example.com/10.0.0.1` is a host with its address.
_PRODUCT = re.compile(rb"(?:\A|[^A-Za-z0-9._/-])[A-Za-z][A-Za-z0-9_-]*/\Z")
_LIST_OF_VERSIONS = re.compile(rb"(?:v?[0-9]+(?:\.[0-9]+){1,3}(?:[ ,;/&|]|and|or|und|oder|et|ou|y|o|e|to|then|vs)+)+\Z")
_BEFORE_A_TAIL = frozenset((b"-", b"+", b"."))
_REACH = 200
_PRODUCT_REACH = 48


def is_version(around: Surroundings) -> bool:
    """True where a word before it, or what it is glued to, says that the candidate is a version."""
    if around.after in _BEFORE_A_TAIL and _TAIL.match(around.shadow, around.end):
        return True
    words = around.words_before()
    if not VERSION_WORDS.isdisjoint(words[-2:]):
        return IP_WORDS.isdisjoint(words)
    if around.before == b"/":
        before = around.shadow[max(around.floor, around.start - _PRODUCT_REACH) : around.start]
        is_product = _PRODUCT.search(before) is not None and IP_WORDS.isdisjoint(words)
        return is_product and not _is_private(around.candidate)
    # A list has numbers before: `1.2.3.4, ` and `1.2.3.4 and `.
    may_continue = bool(words) and (words[-1].isdigit() or words[-2:][0].isdigit())
    return may_continue and IP_WORDS.isdisjoint(words) and _continues_versions(around)


def _continues_versions(around: Surroundings) -> bool:
    """True for the later ones of `versions 3.18.6.21, 3.18.6.22 and 3.18.6.23`."""
    before = around.shadow[max(around.floor, around.start - _REACH) : around.start]
    listed = _LIST_OF_VERSIONS.search(before)
    if not listed:
        return False
    first = around.start - len(before) + listed.start()
    return not VERSION_WORDS.isdisjoint(around.part(first, around.end).words_before()[-2:])


def _is_private(address: bytes) -> bool:
    return ipaddress.ip_address(address.partition(b"/")[0].decode()).is_private
