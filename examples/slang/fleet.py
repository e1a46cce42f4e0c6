"""The simulated phones: who holds which, how its clock goes, and what it has captured. Everything follows from one seed."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from itertools import islice
from typing import Any

from examples.phone import Packing, Signal
from examples.slang import mishaps
from examples.slang.words import Word

SEED = 2014
PHONES = 120
LATE_PHONES = 4
SILENT_PHONES = 2
LOSSY_PHONES = 6
IDS = uuid.uuid5(uuid.NAMESPACE_URL, "https://winnow.example/demo/slang")
NOTE_EVERY = 25
REPEATS_BY_SAME = 150
REPEATS_BY_OTHERS = 200
WORDS_OF_SILENT = 6
EACH_MISTAKE = 4

MODELS = [("Pixel 8", "android", "15"), ("SM-S911B", "android", "14"), ("iPhone15,2", "ios", "18.1"),
          ("iPhone12,8", "ios", "17.6"), ("M2101K6G", "android", "13")]  # fmt: skip
PLACES = [("en-US", "America/New_York", -5), ("de-DE", "Europe/Berlin", 1), ("pt-BR", "America/Sao_Paulo", -3),
          ("en-IN", "Asia/Kolkata", 5.5)]  # fmt: skip
NETWORKS = [{"network_type": "wifi", "rtt_ms": 30, "downlink_kbps": 50_000},
            {"network_type": "cellular", "rtt_ms": 240, "downlink_kbps": 900},
            {"network_type": "cellular", "rtt_ms": 1600, "downlink_kbps": 60}]  # fmt: skip
CLOCK_ERRORS = [timedelta(), timedelta(seconds=3), timedelta(minutes=-42), timedelta(hours=3), timedelta(hours=-20)]
RESET_CLOCK = datetime.fromisoformat("1970-01-09T00:00:00+00:00")


class ConsentCall(StrEnum):
    """How the app tells the server what the person agreed to."""

    OF_ITS_OWN = "a call of its own, before the first signal"
    WITH_THE_BATCH = "in the envelope of each batch"
    LATE = "a call of its own, which arrives after the first batch"
    NEVER = "never: nobody agreed"


@dataclass
class SimulatedPhone:
    """One device of one person.

    `clock_error` is what its clock is ahead of the true time; where it `has_run_through` since the first capture, the app
    also knows how long ago each one was. `mended` are sent after an update of the app, in place of
    those among `signals` (`malformed` of them) that an earlier release of the app spoiled.
    """

    number: int
    model: tuple[str, str, str]
    place: tuple[str, str, float]
    clock_error: timedelta
    consent: ConsentCall = ConsentCall.OF_ITS_OWN
    packing: Packing = Packing.GZIP
    is_lossy: bool = False
    has_run_through: bool = False
    signals: list[Signal] = field(default_factory=list)
    mended: list[Signal] = field(default_factory=list)
    malformed: int = 0

    @property
    def subject(self) -> str:
        return f"install-{self.number:03d}"


@dataclass(frozen=True, slots=True)
class Fleet:
    """All phones, what was planted among their signals, and the id of the first signal of each word."""

    phones: tuple[SimulatedPhone, ...]
    planted: tuple[mishaps.Planted, ...]
    signal_of: Mapping[str, str]

    @property
    def to_be_stored(self) -> int:
        """Signals that must be stored in the end: all but the malformed ones and those of people who never agreed."""
        return sum(
            len(phone.signals) + len(phone.mended) - phone.malformed
            for phone in self.phones
            if phone.consent is not ConsentCall.NEVER
        )

    @property
    def to_be_refused(self) -> int:
        """Signals that must stay refused, whatever is sent after them."""
        silent = sum(len(phone.signals) for phone in self.phones if phone.consent is ConsentCall.NEVER)
        return silent + sum(phone.malformed for phone in self.phones)


def simulate_fleet(words: Sequence[Word], began_at: datetime) -> Fleet:
    """Phones that hold all the words between them, and the mishaps of the field. The same words make the same fleet."""
    chance = random.Random(SEED)
    phones = [_make_phone(number, began_at, chance) for number in range(PHONES)]
    talking = [phone for phone in phones if phone.consent is not ConsentCall.NEVER]
    shuffled = chance.sample(list(words), len(words))
    planted: list[mishaps.Planted] = []
    signal_of: dict[str, str] = {}
    for place, word in enumerate(shuffled):
        phone = talking[place % len(talking)]
        note = mishaps.plant(place // NOTE_EVERY) if place % NOTE_EVERY == 0 else None
        planted.extend([note] if note else [])
        phone.signals.append(_capture(phone, word.text, "first", began_at, chance, note.text if note else None))
        signal_of[word.text] = phone.signals[-1]["id"]
    _repeat(talking, shuffled, began_at, chance)
    _let_the_silent_speak(phones, shuffled, began_at, chance)
    _make_mistakes(talking[-1], shuffled, began_at, chance)
    return Fleet(tuple(phones), tuple(planted), signal_of)


def _make_phone(number: int, began_at: datetime, chance: random.Random) -> SimulatedPhone:
    phone = SimulatedPhone(
        number,
        chance.choice(MODELS),
        chance.choice(PLACES),
        chance.choice(CLOCK_ERRORS),
        packing=chance.choice(list(Packing)),
    )
    if number == 0:
        phone.clock_error = RESET_CLOCK - began_at
    elif number <= LATE_PHONES:
        phone.consent = ConsentCall.LATE
    elif number <= LATE_PHONES + SILENT_PHONES:
        phone.consent = ConsentCall.NEVER
    elif number % 3 == 0:
        phone.consent = ConsentCall.WITH_THE_BATCH
    phone.has_run_through = number % 4 == 1
    phone.is_lossy = number >= PHONES - LOSSY_PHONES
    return phone


def _capture(
    phone: SimulatedPhone, text: str, occasion: str, began_at: datetime, chance: random.Random, note: str | None = None
) -> Signal:
    """A signal as the app makes it at the moment of capture: id and time are settled here, whenever it is sent."""
    model, os_name, os_version = phone.model
    locale, zone, hours = phone.place
    seen_at = began_at - timedelta(seconds=chance.randrange(60, 2 * 86_400)) + phone.clock_error
    payload = {"text": text} if note is None else {"text": text, "note": note}
    context: dict[str, Any] = {
        "device_model": model,
        "os_name": os_name,
        "os_version": os_version,
        "app_version": "3.2.1",
        "locale": locale,
        "timezone": zone,
        "battery": round(chance.uniform(0.05, 1.0), 2),
        **chance.choice(NETWORKS),
    }
    return {
        "id": str(uuid.uuid5(IDS, f"{phone.number}/{text}/{occasion}")),
        "subject": phone.subject,
        "device": f"device-{phone.number:03d}",
        "captured_at": seen_at.astimezone(timezone(timedelta(hours=hours))).isoformat(timespec="milliseconds"),
        "payload": payload,
        "context": context,
    }


def _repeat(
    talking: Sequence[SimulatedPhone], shuffled: Sequence[Word], began_at: datetime, chance: random.Random
) -> None:
    """The same word once more: by the person who sent it (a duplicate), and by somebody else (one more observation)."""
    plain = [place for place in range(len(shuffled)) if place % NOTE_EVERY]
    for place in chance.sample(plain, REPEATS_BY_SAME):
        phone = talking[place % len(talking)]
        phone.signals.append(_capture(phone, shuffled[place].text, "again", began_at, chance))
    for place in chance.sample(plain, REPEATS_BY_OTHERS):
        phone = talking[(place + 1) % len(talking)]
        phone.signals.append(_capture(phone, shuffled[place].text, "by another", began_at, chance))


def _let_the_silent_speak(
    phones: Sequence[SimulatedPhone], shuffled: Sequence[Word], began_at: datetime, chance: random.Random
) -> None:
    """People who never agreed send words that others have sent too; theirs are refused and leave no content."""
    for phone in phones:
        if phone.consent is ConsentCall.NEVER:
            words = chance.sample(shuffled, WORDS_OF_SILENT)
            phone.signals.extend(_capture(phone, word.text, "first", began_at, chance) for word in words)


def _make_mistakes(phone: SimulatedPhone, shuffled: Sequence[Word], began_at: datetime, chance: random.Random) -> None:
    """An app with mistakes. Some are mended in its next release, which captures the word again, under a new id."""
    plain = [word for place, word in enumerate(shuffled) if place % NOTE_EVERY]
    words = iter(chance.sample(plain, EACH_MISTAKE * len(mishaps.MISTAKES)))
    for mistake in mishaps.MISTAKES:
        for word in islice(words, EACH_MISTAKE):
            phone.signals.insert(
                chance.randrange(len(phone.signals)),
                mistake.spoil(_capture(phone, word.text, "malformed", began_at, chance)),
            )
            phone.malformed += 1
            if mistake.is_mended:
                phone.mended.append(_capture(phone, word.text, "mended", began_at, chance))
