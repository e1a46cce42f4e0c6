"""What may be personal: the candidate pattern of the one pass."""

from __future__ import annotations

from enum import StrEnum

from collector.anonymization.shadow import ShadowPattern


class Personal(StrEnum):
    """The structured types, by the names Presidio gave them."""

    EMAIL = "EMAIL_ADDRESS"
    PHONE = "PHONE_NUMBER"
    CARD = "CREDIT_CARD"
    IBAN = "IBAN_CODE"
    IP = "IP_ADDRESS"
    MAC = "MAC_ADDRESS"
    URL = "URL"
    SSN = "US_SSN"
    CRYPTO = "CRYPTO"


# The same as plain strings: a member of an enumeration is looked up and hashed in Python, for every find.
EMAIL, PHONE, CARD, IBAN, IP, MAC, URL, SSN, CRYPTO = (kind.value for kind in Personal)

# No class holds a line break or a text end, so no hit leaves its line. Few branches count far: every counter multiplies
# the states of the automaton. So an e-mail address is hit at its sign, and what stands before is looked up afterwards.
_WORD = rb"A-Za-z0-9\xc0-\xff"
_LINK_TAIL = rb"[^\x00-\x20\x7f-\x9e\xa0<>\"\\^`{|}]"
_TOP = rb"[A-Za-z\xc0-\xff][A-Za-z0-9\xc0-\xff-]+"
_WIDE = rb"\x9f\xa4"

_SCHEME = rb"(?:[Hh][Tt][Tt][Pp][Ss]?|[Ff][Tt][Pp][Ss]?|[Ss][Ff][Tt][Pp]|[Ww][Ss][Ss]?|[Rr][Tt][Ss]?[Mm]?[Pp]|[Ff][Ii][Ll][Ee])://"
_LINK = rb"(?:" + _SCHEME + rb"|[Ww][Ww][Ww][0-9]?\.)" + _LINK_TAIL + rb"+"
_EMAIL = rb"(?:@|%40)(?:(?:[" + _WORD + _WIDE + rb"-]+\.)+(?:" + _TOP + rb"|\x9f+)|\[[0-9A-Fa-f:.]+\])"
_HOST = rb"(?:[" + _WORD + rb"][" + _WORD + rb"-]*\.)+" + _TOP + rb"(?::[0-9]+)?(?:[/?#]" + _LINK_TAIL + rb"*)?"
_IPV4 = rb"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(?:/[0-9]{1,2})?"
_COLONS = rb"[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9]+)?(?:/[0-9]{1,3})?"
_MAC = (
    rb"[0-9A-Fa-f]{1,2}(?:-[0-9A-Fa-f]{1,2}){5,7}|[0-9A-Fa-f]{2}(?: [0-9A-Fa-f]{2}){5,7}"
    rb"|[0-9A-Fa-f]{2}(?:\.[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}(?:[.-][0-9A-Fa-f]{4}){2,3}|[0-9A-Fa-f]{6}[-:][0-9A-Fa-f]{6}"
)
# Only the beginning: how far it goes is its country's to say.
_IBAN = rb"(?:\b[A-Za-z]{2}[ \t.-]|[A-Za-z]{2})[0-9][ ]?[0-9](?:[ \t./-]{0,2}[A-Za-z]){0,4}(?:[ \t./-]{0,2}[0-9]){3}"
_COIN = rb"(?:[13LMDTX]|(?:bc|tb|ltc|BC|TB|LTC)1)[A-Za-z0-9]{24,}|0x[0-9A-Fa-f]{40,}"
# Longer runs of digits are cut, or a line of a million card numbers would be read once for each of them.
_MOST_MORE_DIGITS = 60
_NUMBER = rb"(?:\+|\(\+?)?[0-9](?:[ \t.()/-]{0,3}[0-9]){6,%d}(?: ?(?:x|ext\.?|#) ?[0-9]{1,6})?" % _MOST_MORE_DIGITS
_COMPACT_MAC = rb"[0-9A-Fa-f]{12,}"

CANDIDATES = ShadowPattern(
    rb"|".join((_LINK, _EMAIL, _IPV4, _COLONS, _MAC, _IBAN, _COIN, _HOST, _NUMBER, _COMPACT_MAC))
)
# What may begin where an account number does not, though it seemed to: `de1234.example.com`, `at 10.0.0.1`.
CANDIDATES_BUT_ACCOUNTS = ShadowPattern(rb"|".join((_COIN, _HOST, _COMPACT_MAC)))
# What is looked for again inside a candidate that failed: everything but what it failed as.
PLAINER_CANDIDATES = ShadowPattern(rb"|".join((_EMAIL, _IPV4, _NUMBER)))
NUMBERS = ShadowPattern(_NUMBER)
MOST_DIGITS = 1 + _MOST_MORE_DIGITS

# The plain name of a type, which any encoder knows, and what stands in the text instead of the find.
REPLACEMENTS: dict[str, tuple[str, str]] = {kind.value: (kind.value, f"<{kind.value}>") for kind in Personal}
