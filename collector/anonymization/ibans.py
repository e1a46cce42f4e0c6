"""Bank account numbers as people write them: any case, any groups, a word glued to them."""

from __future__ import annotations

import re

from collector.anonymization.checks import IBAN_LENGTH, iban_holds
from collector.anonymization.patterns import IBAN
from collector.anonymization.surroundings import TOUCHING, Find, Surroundings

_MARKS = b" \t./-"
_LETTERS_BEFORE = re.compile(rb"(?:[^0-9A-Za-z_]|\A)[A-Za-z]{2,12}\Z")
_LETTERS_AFTER = re.compile(rb"[A-Za-z]{1,12}(?:[^0-9A-Za-z_]|\Z)")
_LONGEST_WORD = 13
# What follows the check digits, where it is not all digits: so many letters (a), digits (n) or either (c).
# Source: SWIFT, IBAN Registry (ISO 13616-2), BBAN structures; for West Africa, published examples.
_STRUCTURES = {
    "AD": "n8c12", "AL": "n8c16", "AZ": "a4c20", "BF": "c2n22", "BG": "a4n6c8", "BH": "a4c14", "BJ": "c2n22", "BR": "n23a1c1",
    "BY": "c4n4c16", "CH": "n5c12", "CI": "a2n22", "CY": "n8c16", "DO": "c4n20", "FK": "a2n12", "FR": "n10c11n2",
    "GB": "a4n14", "GE": "a2n16", "GI": "a4c15", "GT": "c24", "GW": "a2n19", "HN": "a4n20", "IE": "a4n14", "IQ": "a4n15",
    "IT": "a1n10c12", "JO": "a4n4c18", "KW": "a4c22", "KZ": "n3c13", "LB": "n4c20", "LC": "a4c24", "LI": "n5c12",
    "LU": "n3c13", "LV": "a4c13", "MC": "n10c11n2", "MD": "c20", "MK": "n3c10n2", "ML": "c2n22", "MT": "a4n5c18",
    "MU": "a4n19a3", "NE": "a2n22", "NI": "a4n20", "NL": "a4n10", "OM": "n3c16", "PK": "a4c16", "PS": "a4c21", "QA": "a4c21",
    "RO": "a4c16", "RU": "n14c15", "SA": "n2c18", "SC": "a4n20a3", "SM": "a1n10c12", "SN": "a2n22", "SV": "a4n20",
    "TG": "a2n22", "TR": "n6c16", "UA": "n6c19", "VG": "a4n16", "YE": "a4n4c18", "GR": "n7c16",
}  # fmt: skip
# A blank, two, or another mark may stand between any two characters; a line never breaks within.
_WRITTEN = {
    length: re.compile(rb"[A-Za-z]{2}(?:(?: {1,2}|[\t./-])?[0-9A-Za-z]){%d}" % (length - 2))
    for length in set(IBAN_LENGTH.values())
}
_CHARACTERS = {"a": "[A-Z]", "n": "[0-9]", "c": "[0-9A-Z]"}


def _pattern(structure: str) -> re.Pattern[bytes]:
    parts = re.findall(r"([anc])([0-9]+)", structure)
    return re.compile("".join(f"{_CHARACTERS[kind]}{{{count}}}" for kind, count in parts).encode())


_ACCOUNTS = {country.encode(): _pattern(structure) for country, structure in _STRUCTURES.items()}
_FIRST_OF_ACCOUNT = 4


def iban_find(around: Surroundings) -> Find | None:
    """An IBAN that begins where the candidate does; its country says how far it goes."""
    shadow, start = around.shadow, around.start
    length = IBAN_LENGTH.get(shadow[start : start + 2].upper())
    if not length:
        return None
    written = _WRITTEN[length].match(shadow, start)
    if not written:
        return None
    end = written.end()
    iban = written[0].translate(None, _MARKS).upper()
    account = _ACCOUNTS.get(iban[:2])
    bare = iban[_FIRST_OF_ACCOUNT:]
    if not (account.fullmatch(bare) if account else bare.isdigit()) or not iban_holds(iban):
        return None
    whole = around.part(start, end)
    return whole.found(IBAN, 1.0) if _stands_alone(whole) else None


def _stands_alone(around: Surroundings) -> bool:
    """True where nothing touches it but a word, as in `IBANDE89…`: within a longer code it holds by chance."""
    if around.stands_alone():
        return True
    before = around.shadow[max(around.floor, around.start - _LONGEST_WORD) : around.start]
    free_before = around.before not in TOUCHING or _LETTERS_BEFORE.search(before) is not None
    free_after = around.after not in TOUCHING or _LETTERS_AFTER.match(around.shadow, around.end) is not None
    return free_before and free_after
