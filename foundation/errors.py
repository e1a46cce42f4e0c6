"""One root of expected failures: what a caller can act on. Bugs are not among them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

MOST_FAULTS_OF_ONE, MOST_FAULTS_TOLD = 20, 200
"""So many mistakes are told of one signal or line, and in one answer; the rest is counted."""
MOST_LISTED, MOST_LISTED_CHARS = 50, 1_000


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input: where (RFC 6901 pointer), which rule, and what is allowed. Never the value itself."""

    pointer: str
    reason: str
    detail: str


class Faults(list[Fault]):
    """What is wrong with something a stranger sent: the first mistakes, and how many more there are.

    A body may be nothing but mistakes, and each costs many times its bytes: those beyond `most` are not even made, where
    they are noted by a function that makes them.

    >>> faults = Faults(most=1)
    >>> for name in ("a", "b", "c"):
    ...     faults.note(lambda name=name: Fault(f"/{name}", "unknown_field", "not known"))
    >>> [fault.pointer for fault in faults], faults.more, faults.total
    (['/a'], 2, 3)
    """

    __slots__ = ("more", "most")

    def __init__(self, faults: Iterable[Fault] = (), *, most: int = MOST_FAULTS_OF_ONE) -> None:
        self.most = most
        self.more = 0
        if faults:
            self.extend(faults)

    @property
    def total(self) -> int:
        return len(self) + self.more

    def note(self, make: Callable[[], Fault]) -> None:
        if len(self) < self.most:
            super().append(make())
        else:
            self.more += 1

    def append(self, fault: Fault, /) -> None:
        self.note(lambda: fault)

    def extend(self, faults: Iterable[Fault], /) -> None:
        for fault in faults:
            self.append(fault)
        self.more += faults.more if isinstance(faults, Faults) else 0

    def __iadd__(self, faults: Iterable[Fault], /) -> Self:  # type: ignore[misc, override]
        self.extend(faults)
        return self


def told_of_each(found: Sequence[Sequence[Fault]]) -> list[int]:
    """How many mistakes of each result one answer tells: the first of each, then more of the earlier ones.

    Returns:
        A number for each result, at most MOST_FAULTS_OF_ONE; MOST_FAULTS_TOLD in all.
    """
    told = [0] * len(found)
    room = MOST_FAULTS_TOLD
    with_mistakes = [(place, faults) for place, faults in enumerate(found) if faults]
    for most in (1, MOST_FAULTS_OF_ONE):
        for place, faults in with_mistakes:
            more = min(len(faults), most) - told[place]
            more = min(more, room)
            told[place] += more
            room -= more
    return told


def errors_as_json(faults: Sequence[Fault], most: int = MOST_FAULTS_TOLD) -> dict[str, Any]:
    """Mistakes as answers show them: `errors`, and `errors_more` where there are more than that; empty without any."""
    if not faults:
        return {}
    errors = [{"pointer": fault.pointer, "reason": fault.reason, "detail": fault.detail} for fault in faults[:most]]
    total = faults.total if isinstance(faults, Faults) else len(faults)
    return {"errors": errors, **({"errors_more": total - len(errors)} if total > len(errors) else {})}


def listed(names: Collection[object]) -> str:
    """What is allowed, in words: the first names, and how many more there are. A list may have thousands, and long ones.

    >>> listed(["food", "fuel"]), listed(range(1000))[-20:]
    ('food, fuel', '48, 49, and 950 more')
    """
    told: list[str] = []
    room = MOST_LISTED_CHARS
    for name in islice(names, MOST_LISTED):
        room -= len(str(name))
        if room < 0:
            break
        told.append(str(name))
    if len(names) > len(told):
        told.append(f"and {len(names) - len(told)} more" if told else f"one of {len(names)} that are too long to tell")
    return ", ".join(told)


class DomainError(Exception):
    """A rule was broken. The class says which one, `detail` says this time, the facts carry data for programs.

    Args:
        detail: one sentence for a person: what is wrong and what to do.
        faults: the places in a body or a file that are wrong, if there are such; the first of them are kept.
        facts: members added to the problem document; no value of a body belongs there.
    """

    title = "A rule of Winnow was broken"

    def __init__(self, detail: str, *, faults: Sequence[Fault] = (), **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = Faults(faults, most=MOST_FAULTS_TOLD)
        self.facts = facts


class NotFound(DomainError):
    title = "There is no such thing here"


class Conflict(DomainError):
    title = "That does not fit what is stored"


class PreconditionFailed(DomainError):
    title = "It was changed by somebody else meanwhile"


class Gone(DomainError):
    title = "That was withdrawn"


class Unparseable(DomainError):
    title = "The request cannot be read"


class InvalidBody(DomainError):
    title = "The body breaks a rule"


class TooLarge(DomainError):
    title = "That is larger than allowed"


class UnsupportedMedia(DomainError):
    title = "That media type or encoding is not read here"


class TimedOut(DomainError):
    title = "The request took too long to arrive"


class Unauthorized(DomainError):
    title = "A valid key is needed"


class Forbidden(DomainError):
    title = "This key may not do that"


class KeyRetired(Forbidden):
    title = "This key was retired"


class TooMany(DomainError):
    """Too many requests; `retry_after_s` says when to come back."""

    title = "Too many requests"

    def __init__(self, detail: str, *, retry_after_s: int, **facts: object) -> None:
        super().__init__(detail, faults=(), **facts)
        self.retry_after_s = retry_after_s


class Unavailable(DomainError):
    """A part of the system cannot answer now; `retry_after_s` says when to try again."""

    title = "A part of the system does not answer right now"

    def __init__(self, detail: str, *, retry_after_s: int = 5, **facts: object) -> None:
        super().__init__(detail, faults=(), **facts)
        self.retry_after_s = retry_after_s


class UsageError(DomainError):
    """A file or an argument given to a command is wrong; the command ends with exit code 2."""

    title = "The command cannot use that"
