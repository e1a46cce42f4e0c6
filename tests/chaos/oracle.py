"""What was sent, from a seed alone: ids and payloads are functions of a number, so whoever judges needs no memory of them."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

PEOPLE = 40
WRONG_EVERY = 50
TWIN_EVERY = 7
CANARY_EVERY = 10
PROJECT = "chaos"
CONFIG = (
    '<View><Text name="t" value="$text"/><Choices name="mood" toName="t">'
    '<Choice value="bad"/><Choice value="good"/></Choices></View>'
)


@dataclass(frozen=True, slots=True)
class Oracle:
    """Signals by number. `began` is part of them: a campaign sends what it issues with one time of capture."""

    seed: int
    began: datetime

    @classmethod
    def starting_now(cls, seed: int) -> Oracle:
        return cls(seed, datetime.now(UTC) - timedelta(minutes=1))

    def id_of(self, number: int) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"winnow chaos {self.seed} {number}"))

    def person_of(self, number: int) -> str:
        return f"person-{self.seed}-{number % PEOPLE}"

    def is_wrong(self, number: int) -> bool:
        """Whether a signal lacks what the project asks for, and has to be refused."""
        return number % WRONG_EVERY == WRONG_EVERY - 1

    def text_of(self, number: int) -> str:
        """A few words; every seventh signal says again what the one before it said."""
        said = number - 1 if number and number % TWIN_EVERY == 0 else number
        return " ".join(_words(f"{self.seed} {said}")) + f" no {said}"

    def signal(self, number: int) -> dict[str, Any]:
        """One signal as a phone sends it; the same number, the same signal."""
        payload = {} if self.is_wrong(number) else {"text": self.text_of(number)}
        if number % CANARY_EVERY == 0:
            payload["note"] = f"write to {self.canary_of(number)} please"
        return {
            "id": self.id_of(number),
            "subject": self.person_of(number),
            "captured_at": self.began.isoformat(),
            "payload": payload,
            "context": {"os_name": ("android", "ios")[number % 2], "battery": (number % 11) / 10},
        }

    def canary_of(self, number: int) -> str:
        """An address that may lie nowhere in readable form."""
        return f"canary-{_digest(f'{self.seed} {number}')[:10]}@mailbox-kq7.org"

    def envelope(self, numbers: list[int]) -> dict[str, Any]:
        given_at = (self.began - timedelta(days=1)).isoformat()
        consent = {"granted": True, "purposes": ["training"], "notice": "1", "given_at": given_at}
        return {"consent": consent, "signals": [self.signal(number) for number in numbers]}


def mood_of(text: str) -> str:
    """What every rater answers about a text, so that an answer tells to which text it belongs."""
    return "good" if int(_digest(text)[:2], 16) % 3 else "bad"


def project_file() -> dict[str, Any]:
    return {
        "project": PROJECT,
        "title": "Chaos",
        "purpose": "To see that nothing is lost.",
        "fields": {
            "text": {"kind": "text", "required": True, "max_chars": 500, "pii": "scrub"},
            "note": {"kind": "text", "max_chars": 500, "pii": "scrub"},
        },
        "identity": ["text"],
        "context": {"keep": ["os_name", "battery"]},
        "privacy": {"consent": "required", "purposes": ["training"], "notices": {"1": {"en": "We use it."}}},
        "labeling": {"config": CONFIG, "overlap": 1, "choose": {"backlog": 40}},
        "expectations": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "text"}}],
        "export": {"targets": ["mood"], "gates": {"min_rows": 0}},
    }


def _words(key: str) -> list[str]:
    digest = bytes.fromhex(_digest(key))
    return [("so", "nice", "app", "slow", "again", "today", "music", "train")[byte % 8] for byte in digest[:6]]


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
