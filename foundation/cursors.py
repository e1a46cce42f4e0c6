"""Opaque cursors: where a list goes on, as text that nobody needs to understand."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Sequence
from datetime import datetime

import orjson

from foundation.errors import Fault, InvalidBody


def page_after(place: Sequence[str]) -> str:
    """A cursor that stands behind a row."""
    return base64.urlsafe_b64encode(orjson.dumps(list(place))).rstrip(b"=").decode()


def read_cursor(text: str | None) -> list[str] | None:
    """The place a cursor stands for; None where there is no cursor.

    Raises:
        InvalidBody: it was not made by `page_after`.
    """
    if not text:
        return None
    try:
        place = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError):
        raise bad_cursor() from None
    if not isinstance(place, list) or not place or not all(isinstance(part, str) for part in place):
        raise bad_cursor()
    return place


def page_after_moment(at: datetime, row_id: uuid.UUID) -> str:
    """A cursor that stands behind a row of a list by time."""
    return page_after([at.isoformat(), str(row_id)])


def read_moment(text: str | None) -> tuple[datetime, uuid.UUID] | None:
    """The place in a list by time that a cursor stands for.

    Raises:
        InvalidBody: it was not made by `page_after_moment`.
    """
    place = read_cursor(text)
    if place is None:
        return None
    try:
        at, row_id = place
        moment = datetime.fromisoformat(at), uuid.UUID(row_id)
    except ValueError:
        raise bad_cursor() from None
    if moment[0].tzinfo is None:
        raise bad_cursor()
    return moment


def read_id_cursor(text: str | None) -> uuid.UUID | None:
    """The id a cursor stands for, in a list that is ordered by ids; None where there is no cursor.

    Raises:
        InvalidBody: it is not one of such a list.
    """
    place = read_cursor(text)
    if place is None:
        return None
    try:
        (only,) = place
        return uuid.UUID(only)
    except ValueError:
        raise bad_cursor() from None


def bad_cursor() -> InvalidBody:
    """For a list that finds no place of its own in a cursor: it was changed, or comes from another list."""
    fault = Fault("?cursor", "wrong_value", "must be the cursor of the page before, unchanged")
    return InvalidBody("the cursor is not one of this list", faults=[fault])
