"""What goes wrong in the field: personal data in a note, an app with a mistake, an answer that is lost on its way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from examples.phone import Signal

Spoil = Callable[[Signal], Signal]


@dataclass(frozen=True, slots=True)
class Planted:
    """A note with one piece of personal data in it; `value` must never be stored, `<entity>` stands in its place."""

    text: str
    value: str
    entity: str


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake of an app: the reason it is refused for, and whether the app's makers mend it in their next release."""

    reason: str
    spoil: Spoil
    is_mended: bool


def plant(number: int) -> Planted:
    """A note with personal data, of five types in turn. No value belongs to anybody; all checksums are right."""
    email, phone = f"alex.example{number}@example.com", f"+49 30 901820{number % 1000:03d}"
    card, iban, address = card_number(number), iban_of(number), f"203.0.113.{number % 256}"
    notes = [
        Planted(f"ask {email} what it means", email, "EMAIL_ADDRESS"),
        Planted(f"call me at {phone} please", phone, "PHONE_NUMBER"),
        Planted(f"pay with {card} today", card, "CREDIT_CARD"),
        Planted(f"send it to {iban} instead", iban, "IBAN_CODE"),
        Planted(f"the server at {address} said so", address, "IP_ADDRESS"),
    ]
    return notes[number % len(notes)]


def card_number(number: int) -> str:
    """A number of the shape of a payment card whose last digit is right (Luhn, ISO/IEC 7812-1).

    >>> card_number(1)
    '4000 0012 3400 0016'
    """
    digits = f"40000012{3_400_000 + number:07d}"
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    whole = digits + str(-total % 10)
    return " ".join(whole[start : start + 4] for start in range(0, 16, 4))


def iban_of(number: int) -> str:
    """A German account number whose check digits are right (ISO 13616: the rest of 97 must be 1)."""
    account = f"37040044{532_000_000 + number:010d}"
    return f"DE{98 - int(account + '131400') % 97:02d}{account}"


def _with_unknown_field(signal: Signal) -> Signal:
    return {**signal, "payload": {**signal["payload"], "mood": "sunny"}}


def _with_a_number_for_text(signal: Signal) -> Signal:
    return {**signal, "payload": {"text": 5}}


def _without_text(signal: Signal) -> Signal:
    return {**signal, "payload": {"note": "nothing to see"}}


def _too_long(signal: Signal) -> Signal:
    return {**signal, "payload": {"text": "so " * 40}}


def _without_zone(signal: Signal) -> Signal:
    return {**signal, "captured_at": signal["captured_at"][:23]}


def _with_a_nul(signal: Signal) -> Signal:
    return {**signal, "payload": {**signal["payload"], "text": "so\0"}}


MISTAKES = (
    Mistake("unknown_field", _with_unknown_field, is_mended=True),
    Mistake("missing_field", _without_text, is_mended=True),
    Mistake("wrong_type", _without_zone, is_mended=True),
    Mistake("wrong_type", _with_a_number_for_text, is_mended=False),
    Mistake("too_long", _too_long, is_mended=False),
    Mistake("nul_character", _with_a_nul, is_mended=False),
)


class LossyTransport(httpx.BaseTransport):
    """A connection that breaks once, after the server has stored the batch and before the phone reads the answer."""

    def __init__(self) -> None:
        self._inner = httpx.HTTPTransport()
        self._has_lost = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        if self._has_lost or not request.url.path.endswith("/signals"):
            return response
        response.read()
        response.close()
        self._has_lost = True
        raise httpx.ReadError("the connection broke before the answer came", request=request)

    def close(self) -> None:
        self._inner.close()
