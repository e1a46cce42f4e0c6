"""People who answer: a number and an alias for everybody, a keyed hash to know them again, no name and no e-mail."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from foundation.database import insert_ignoring
from foundation.errors import Conflict, Fault, InvalidBody, NotFound
from foundation.identifiers import derive_key, keyed_hash
from foundation.settings import Settings
from labeling.counters import ANNOTATOR, take_numbers
from labeling.models import Annotator, AnnotatorRole, AnnotatorState
from labeling.timelines import note_state

MAX_NAME_CHARS = 320
"""As long as the longest e-mail address (RFC 5321: 64 + 1 + 255)."""


_ALIAS = re.compile("[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")
_RESERVED_ALIAS = re.compile("(annotator-)?[0-9]+")


def alias_of(no: int) -> str:
    """What an annotator is called until a lead finds another name."""
    return f"annotator-{no}"


def annotator_key(settings: Settings) -> bytes:
    """The key of the hashes by which annotators are known again."""
    return derive_key(settings.pseudonym_key.get_secret_value(), "annotator")


def hash_of_name(key: bytes, project_id: int, name: str) -> bytes:
    """The keyed hash of an e-mail or name; an e-mail is the same in any case of letters. Differs between projects."""
    written = unicodedata.normalize("NFC", name).strip()
    return keyed_hash(key, f"{project_id}:{written.casefold() if '@' in written else written}")


def numbers_of_names(
    session: Session, project_id: int, names: Iterable[str], *, key: bytes, now: datetime
) -> dict[str, int]:
    """The annotator number of each name, new people included."""
    hash_of = {name: hash_of_name(key, project_id, name) for name in dict.fromkeys(names)}
    numbers = _numbers_of_hashes(session, project_id, list(dict.fromkeys(hash_of.values())), now=now)
    return {name: numbers[hashed] for name, hashed in hash_of.items()}


def numbers_of_users(
    session: Session, project_id: int, users: Mapping[int, str | None], *, key: bytes, now: datetime
) -> dict[int, int]:
    """The annotator number of each Label Studio user; `users` maps their ids there to their e-mails.

    Who was seen under this user id before stays the same person, whatever e-mail the account has by now: otherwise one
    could take another's name. A user whose account is gone is known by the id alone.
    """
    known = dict(
        session.exec(
            select(Annotator.ls_user, Annotator.no).where(
                col(Annotator.project_id) == project_id, col(Annotator.ls_user).is_not(None)
            )
        ).all()
    )
    for user, email in users.items():
        if user not in known:
            known[user] = _link_user(session, project_id, user, email, key=key, now=now)
    return {user: known[user] for user in users}


def find_annotator(session: Session, project_id: int, named: str, *, key: bytes) -> Annotator:
    """An annotator by number, by alias, or by the address or name under which they answer, in this order.

    Addresses are kept as keyed hashes: who has one finds the annotator, and nobody finds an address.

    Raises:
        NotFound: there is none.
    """
    is_number = named.isascii() and named.isdigit() and len(named) < 10
    ways = [col(Annotator.no) == int(named)] if is_number else []
    ways += [col(Annotator.alias) == named, col(Annotator.hmac) == hash_of_name(key, project_id, named)]
    for way in ways:
        found = session.exec(select(Annotator).where(col(Annotator.project_id) == project_id, way)).first()
        if found is not None:
            return found
    raise NotFound("the project has no such annotator")


def change_annotator(
    session: Session, project_id: int, named: str, changes: Mapping[str, str], *, key: bytes, now: datetime
) -> Annotator:
    """Changes alias, role or state. A state holds from now on: what was answered before keeps what it was.

    Raises:
        NotFound: there is no such annotator. Conflict: another one has this alias. InvalidBody: it names somebody else.
    """
    annotator = find_annotator(session, project_id, named, key=key)
    alias = changes.get("alias", annotator.alias)
    if not _ALIAS.fullmatch(alias):
        detail = "1 to 64 letters (A to Z), digits, blanks, dots, lines, beginning with a letter or digit"
        raise InvalidBody("This alias cannot be given.", faults=[Fault("/alias", "wrong_value", detail)])
    if _RESERVED_ALIAS.fullmatch(alias) and alias != alias_of(annotator.no):
        detail = "a number, alone or behind annotator-, is another annotator's name by itself"
        raise InvalidBody("This alias cannot be given.", faults=[Fault("/alias", "wrong_value", detail)])
    if changes.get("state", annotator.state) != annotator.state:
        note_state(session, project_id, annotator.no, AnnotatorState(changes["state"]), now=now)
    for name, value in changes.items():
        setattr(annotator, name, value)
    try:
        with session.begin_nested():
            session.add(annotator)
            session.flush()
    except IntegrityError as error:
        raise Conflict("another annotator has this alias") from error
    return annotator


def _link_user(session: Session, project_id: int, user: int, email: str | None, *, key: bytes, now: datetime) -> int:
    hashed = hash_of_name(key, project_id, email) if email else _hash_of_user(key, project_id, user)
    no = _numbers_of_hashes(session, project_id, [hashed], now=now)[hashed]
    annotator = session.get_one(Annotator, (project_id, no))
    if annotator.ls_user not in {None, user}:
        # Another account had this e-mail before: a name taken over is not the person.
        hashed = _hash_of_user(key, project_id, user)
        no = _numbers_of_hashes(session, project_id, [hashed], now=now)[hashed]
        annotator = session.get_one(Annotator, (project_id, no))
    annotator.ls_user = user
    session.add(annotator)
    session.flush()
    return no


def _hash_of_user(key: bytes, project_id: int, user: int) -> bytes:
    return keyed_hash(key, f"{project_id}:label-studio-user:{user}")


def _numbers_of_hashes(session: Session, project_id: int, hashes: list[bytes], *, now: datetime) -> dict[bytes, int]:
    found = _find(session, project_id, hashes)
    missing = [hashed for hashed in hashes if hashed not in found]
    if not missing:
        return found
    first = take_numbers(session, project_id, ANNOTATOR, len(missing))
    rows: list[dict[str, Any]] = [
        {
            "project_id": project_id,
            "no": first + place,
            "alias": alias_of(first + place),
            "hmac": hashed,
            "ls_user": None,
            "role": AnnotatorRole.ANNOTATOR.value,
            "state": AnnotatorState.ACTIVE.value,
            "created_at": now,
        }
        for place, hashed in enumerate(missing)
    ]
    insert_ignoring(session, Annotator.__table__, rows)  # type: ignore[attr-defined]
    return found | _find(session, project_id, missing)


def _find(session: Session, project_id: int, hashes: list[bytes]) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    for start in range(0, len(hashes), 500):
        rows = session.exec(
            select(Annotator.hmac, Annotator.no).where(
                col(Annotator.project_id) == project_id, col(Annotator.hmac).in_(hashes[start : start + 500])
            )
        )
        found.update((bytes(hashed), no) for hashed, no in rows)
    return found
