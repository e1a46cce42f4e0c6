"""What a caller learns of a batch's fate: an app of its own person alone, whoever holds a larger key of all."""

from __future__ import annotations

import uuid
from typing import Final, Protocol

from collector.intake.fate import Fate
from collector.intake.people import People
from foundation.errors import Fault, Faults

Mark = tuple[uuid.UUID | None, uuid.UUID]
"""Whose content was seen before: a subject's, or, with none, anybody's."""

TELLS_OF_A_PERSON: Final = frozenset({"erased", "consent_missing"})
NOT_COVERED: Final = Fault(
    "/subject",
    "consent_missing",
    "no consent on record covers this signal: send it by PUT /subject/consent, or in the envelope of a batch of this one "
    "person, with the Winnow-Subject-Token that this name is bound to",
)
"""All that a caller who has not sent the token of a name learns of why its signals are refused."""


class View(Protocol):
    """How much of what is stored shows in an answer."""

    def mark_of(self, fate: Fate) -> Mark | None:
        """By what the caller may know that a content that is taken was sent before; None where they may not."""

    def item_of(self, fate: Fate) -> uuid.UUID | None:
        """The item's id, where the caller may know it."""

    def told(self, fate: Fate) -> Faults:
        """What is wrong with a signal, as the caller may read it."""


class AppView:
    """A key that sits in an app: it learns what this person sent before, if it speaks for them, and of no content whether it is held."""

    def mark_of(self, fate: Fate) -> Mark | None:
        subject = fate.checked.heading.subject_id
        return None if subject is None or fate.clean is None or fate.person.is_hidden else (subject, fate.clean.item)

    def item_of(self, fate: Fate) -> uuid.UUID | None:  # noqa: ARG002
        return None

    def told(self, fate: Fate) -> Faults:
        if not fate.person.is_hidden:
            return fate.faults
        told = Faults(NOT_COVERED if fault.reason in TELLS_OF_A_PERSON else fault for fault in fate.faults)
        told.more = fate.faults.more
        return told


class KeeperView:
    """A key that is in no app: it learns what anybody did."""

    def mark_of(self, fate: Fate) -> Mark | None:
        return (None, fate.clean.item) if fate.clean else None

    def item_of(self, fate: Fate) -> uuid.UUID | None:
        return fate.clean.item if fate.clean else None

    def told(self, fate: Fate) -> Faults:
        return fate.faults


def view_of(people: People) -> View:
    return AppView() if people.is_app else KeeperView()
