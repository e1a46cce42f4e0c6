"""Batches as phones send them, made ahead of time and never twice the same.

A batch is one person's: a hundred texts that nobody has sent before, times some seconds apart, conditions that vary from
signal to signal as a phone's do. One text in twenty has an address in it.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

BATCH: Final = 100
TEMPLATES: Final = 150
WORDS: Final = [
    "so",
    "the",
    "phone",
    "said",
    "it",
    "was",
    "fine",
    "but",
    "lol",
    "who",
    "knows",
    "gr8",
    "stuff",
    "really",
    "nice",
    "day",
    "out",
    "there",
    "today",
    "we",
    "think",
    "maybe",
]
PURPOSES: Final = ["training"]
PHONES: Final = (("SM-S911B", "android", "15"), ("Pixel 8", "android", "16"), ("iPhone15,2", "ios", "18.1"))
ID, WORD, PERSON = "@ID@", "@WORD@", "@PERSON@"
_PLACES: Final = re.compile(rb"@(ID|WORD|PERSON)@")
_LETTERS: Final = bytes.maketrans(b"0123456789", b"ghijklmnop")


def fresh_batches() -> Iterator[bytes]:
    """Batches without end: ids, texts and people are new in each."""
    for parts in itertools.cycle([_PLACES.split(template) for template in _templates()]):
        person = b"install-" + os.urandom(8).hex().encode()
        yield b"".join(part if place % 2 == 0 else _filled(part, person) for place, part in enumerate(parts))


def _filled(what: bytes, person: bytes) -> bytes:
    if what == b"PERSON":
        return person
    drawn = os.urandom(16).hex().encode()
    if what == b"WORD":
        return drawn[:10].translate(_LETTERS)
    return b"-".join([drawn[:8], drawn[8:12], b"4" + drawn[13:16], b"8" + drawn[17:20], drawn[20:]])


def _templates() -> Iterator[bytes]:
    chance, now = random.Random(secrets.token_hex(4)), datetime.now(UTC)
    for _ in range(TEMPLATES):
        agreed_at = now - timedelta(hours=1)  # before the first capture, else it would not cover it
        consent = {"granted": True, "purposes": PURPOSES, "notice": "1", "given_at": agreed_at.isoformat()}
        signals = [
            _signal(chance, now - timedelta(seconds=7 * index + chance.random()), index) for index in range(BATCH)
        ]
        yield json.dumps({"consent": consent, "signals": signals}).encode()


def _signal(chance: random.Random, at: datetime, index: int) -> dict[str, object]:
    text = " ".join([*chance.choices(WORDS, k=30), WORD])
    if index % 20 == 0:
        text += f" write to someone{index}@example.com"
    model, os_name, os_version = chance.choice(PHONES)
    return {
        "id": ID,
        "subject": PERSON,
        "device": PERSON,
        "captured_at": at.isoformat(),
        "payload": {"text": text, "price": chance.randrange(100_000) / 4},
        "context": {
            "device_model": model, "os_name": os_name, "os_version": os_version,
            "app_version": f"3.{chance.randrange(9)}.{chance.randrange(9)}", "locale": chance.choice(["de-DE", "en-US", "tr-TR"]),
            "timezone": "Europe/Berlin", "network_type": chance.choice(["wifi", "cellular"]),
            "rtt_ms": chance.randrange(20, 900), "downlink_kbps": chance.randrange(100, 60_000),
            "battery": chance.randrange(5, 100) / 100, "charging": chance.random() < 0.3,
        },
    }  # fmt: skip
