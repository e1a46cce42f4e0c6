"""What became of each signal, in the words of the contract."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from collector.project_file import KNOWN_CONTEXT
from foundation.errors import Fault

MOST_DROPPED_TOLD = 20


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
    def is_of_context(self) -> bool:
        return self.pointer.startswith("/context/")

    @property
    def place(self) -> str:
        """Where it stood, in words that name neither a project nor what it calls its fields."""
        if not self.is_of_context:
            return "payload"
        name = self.pointer.split("/")[2]
        return name if name in KNOWN_CONTEXT else "attributes"


@dataclass(frozen=True, slots=True)
class Result:
    place: int
    id: uuid.UUID | None
    status: Status
    retry: Retry
    item: uuid.UUID | None = None
    redactions: Mapping[str, int] = field(default_factory=dict)
    dropped: tuple[Dropped, ...] = ()
    faults: tuple[Fault, ...] = ()

    def as_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {"id": str(self.id) if self.id else None, "status": self.status, "retry": self.retry}
        if self.item:
            body["item"] = str(self.item)
        if self.redactions:
            body["redactions"] = dict(self.redactions)
        if self.dropped:
            body["dropped"] = [
                {"pointer": one.pointer, "reason": one.reason} for one in self.dropped[:MOST_DROPPED_TOLD]
            ]
        if self.faults:
            body["errors"] = [
                {"pointer": fault.pointer, "reason": fault.reason, "detail": fault.detail} for fault in self.faults
            ]
        return body

    @property
    def is_plain(self) -> bool:
        """Accepted, and nothing more to say of it: one that was scrubbed, or of which a value was dropped, is not plain."""
        return self.status is Status.ACCEPTED and not self.redactions and not self.dropped


def answer_of(results: Sequence[Result], *, minimal: bool) -> dict[str, Any]:
    """The answer to a batch, in the order sent; `minimal` leaves out what is plainly accepted."""
    counts = Counter(result.status for result in results)
    return {
        **{status.value: counts[status] for status in Status},
        "results": [result.as_json() for result in results if not (minimal and result.is_plain)],
    }
