"""What became of each signal, in the words of the contract."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from collector.project_file import KNOWN_CONTEXT
from foundation.errors import Faults, errors_as_json, told_of_each

MOST_DROPPED_TOLD = 20
PAYLOAD, PREDICTION, CONSENT = "payload", "prediction", "consent"
"""Members of a signal of which something was dropped; of the context it is the name of what was."""


class Status(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REPLAYED = "replayed"
    REJECTED = "rejected"


class Retry(StrEnum):
    """What the phone should do with the signal next."""

    NO = "no"
    LATER = "later"
    AFTER_CONSENT = "after_consent"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A value that was not kept of a signal that was: where it stood, and why."""

    pointer: str
    reason: str

    @property
    def place(self) -> str:
        """Where it stood, in words that name neither a project nor what it calls its fields."""
        member, _, below = self.pointer.removeprefix("/").partition("/")
        if member != "context":
            return member
        name = below.split("/")[0]
        return name if name in KNOWN_CONTEXT else "attributes"


class Drops(list[Dropped]):
    """What was not kept of one signal: the first values, and how many there are of each kind.

    A payload may be nothing but fields that nobody declared: the pointers of those beyond the first are not even made.
    """

    __slots__ = ("counts",)

    def __init__(self, dropped: Iterable[Dropped] = ()) -> None:
        self.counts: dict[tuple[str, str], int] = {}
        """By place and reason."""
        if dropped:
            self.extend(dropped)

    @property
    def more(self) -> int:
        return sum(self.counts.values()) - len(self)

    @property
    def n_of_context(self) -> int:
        return sum(n for (place, _), n in self.counts.items() if place not in {PAYLOAD, PREDICTION, CONSENT})

    def note(self, place: str, reason: str, pointer: Callable[[], str]) -> None:
        self.counts[place, reason] = self.counts.get((place, reason), 0) + 1
        if len(self) < MOST_DROPPED_TOLD:
            super().append(Dropped(pointer(), reason))

    def append(self, dropped: Dropped, /) -> None:
        self.note(dropped.place, dropped.reason, lambda: dropped.pointer)

    def extend(self, dropped: Iterable[Dropped], /) -> None:
        more = Counter(dropped.counts) if isinstance(dropped, Drops) else Counter()
        for one in dropped:
            self.append(one)
            more[one.place, one.reason] -= 1
        for kind, n in more.items():
            if n > 0:
                self.counts[kind] = self.counts.get(kind, 0) + n

    def as_json(self) -> dict[str, Any]:
        """`dropped`, and `dropped_more` where there is more than it tells; empty where all was kept."""
        told = [{"pointer": one.pointer, "reason": one.reason} for one in self]
        return {**({"dropped": told} if told else {}), **({"dropped_more": self.more} if self.more else {})}


NOTHING_DROPPED, NOTHING_WRONG = Drops(), Faults()
"""What most signals have: shared, and never added to."""


def together(first: Drops, second: Drops) -> Drops:
    """What was not kept for two reasons; neither is changed."""
    if not first or not second:
        return first or second or NOTHING_DROPPED
    both = Drops(first)
    both.extend(second)
    return both


class Result(NamedTuple):
    """The fate of one signal, as its caller may know it."""

    place: int
    id: uuid.UUID | None
    status: Status
    retry: Retry
    item: uuid.UUID | None = None
    redactions: Mapping[str, int] = {}
    dropped: Drops = NOTHING_DROPPED
    faults: Faults = NOTHING_WRONG

    def as_json(self, most_errors: int) -> dict[str, Any]:
        # As plain texts: to look for the value of an enumeration takes the encoder as long as all the rest.
        body: dict[str, Any] = {"id": self.id, "status": str(self.status), "retry": str(self.retry)}
        if self.item:
            body["item"] = self.item
        if self.redactions:
            body["redactions"] = dict(self.redactions)
        if self.dropped:
            body |= self.dropped.as_json()
        if self.faults:
            body |= errors_as_json(self.faults, most_errors)
        return body

    @property
    def is_plain(self) -> bool:
        """Accepted, and nothing more to say of it: one that was scrubbed, or of which a value was dropped, is not plain."""
        return self.status is Status.ACCEPTED and not self.redactions and not self.dropped


def answer_of(results: Sequence[Result], *, minimal: bool) -> dict[str, Any]:
    """The answer to a batch, in the order sent; `minimal` leaves out what is plainly accepted.

    `errors_more`, beside the counts, says how many mistakes of the whole batch are not told, where there are such.
    """
    statuses = [result.status for result in results]
    told = told_of_each([result.faults for result in results])
    more = sum(result.faults.total for result in results if result.faults) - sum(told)
    return {
        **{status.value: statuses.count(status) for status in Status},
        **({"errors_more": more} if more else {}),
        "results": [
            result.as_json(most)
            for result, most in zip(results, told, strict=True)
            if not (minimal and result.is_plain)
        ],
    }
