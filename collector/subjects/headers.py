"""The headers that name a person and prove who speaks for them; never a path, where logs would keep the name.

Servers drop or garble bytes of a header that are not ASCII, so a name that has others is sent in the form of RFC 8187.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from collector.intake.identity import MAX_NAME
from foundation.errors import Fault, Forbidden, InvalidBody

SUBJECT, TOKEN = "Winnow-Subject", "Winnow-Subject-Token"
TOKEN_CHARS = (32, 128)
EXTENDED = "utf-8''"
"""What a name in the extended form begins with, in any case."""
WRITTEN = "the name in UTF-8, percent-encoded (RFC 8187), such as UTF-8''J%C3%BCrgen"
BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def read_subject(text: str) -> str:
    """A header's value as the app's name for a person: as it stands, or in the extended form of RFC 8187.

    Raises:
        InvalidBody: there is none, or it is none that a signal could have named.

    >>> read_subject("100%"), read_subject("UTF-8''J%C3%BCrgen%20B")
    ('100%', 'Jürgen B')
    """
    is_extended = text[: len(EXTENDED)].lower() == EXTENDED
    name = _decoded(text[len(EXTENDED) :]) if is_extended else text
    if not is_extended and not name.isascii():
        raise _refused("wrong_type", f"holds other than ASCII characters: send {WRITTEN}")
    if not name:
        raise _refused("missing_field", f"is a header of 1 to {MAX_NAME} characters")
    if len(name) > MAX_NAME:
        raise _refused("too_long", f"must have at most {MAX_NAME} characters")
    if "\0" in name:
        raise _refused("nul_character", "must not contain U+0000")
    return name


def read_token(text: str | None) -> str | None:
    """The proof that an app speaks for a person; None where none came.

    Raises:
        Forbidden: what came is no token.
    """
    if text is not None and not (TOKEN_CHARS[0] <= len(text) <= TOKEN_CHARS[1] and text.isascii()):
        raise Forbidden(f"{TOKEN} is 32 random bytes made by the app, as base64 or hex", reason="token_missing")
    return text


def _decoded(text: str) -> str:
    if BAD_PERCENT.search(text):
        raise _refused("wrong_value", f"has a % without two hexadecimal digits: send {WRITTEN}")
    try:
        return unquote_to_bytes(text.encode("ascii")).decode("utf-8")
    except UnicodeError:
        raise _refused("wrong_value", f"is not UTF-8: send {WRITTEN}") from None


def _refused(reason: str, detail: str) -> InvalidBody:
    return InvalidBody(f"name the person in the header {SUBJECT}", faults=[Fault(SUBJECT, reason, detail)])
