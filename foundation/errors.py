"""One root of expected failures: what a caller can act on. Bugs are not among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input: where (RFC 6901 pointer), which rule, and what is allowed. Never the value itself."""

    pointer: str
    reason: str
    detail: str


class DomainError(Exception):
    """A rule was broken. The class says which one, `detail` says this time, the facts carry data for programs.

    Args:
        detail: one sentence for a person: what is wrong and what to do.
        faults: the places in a body or a file that are wrong, if there are such.
        facts: members added to the problem document; no value of a body belongs there.
    """

    title = "A rule of Winnow was broken"

    def __init__(self, detail: str, *, faults: Sequence[Fault] = (), **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)
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
