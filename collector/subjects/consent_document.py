"""A consent as somebody sends it: in a signal, for all of a batch, or by itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any, Final

from collector.anonymization.scrub import scrub_text
from collector.intake.payload import safe_key
from collector.project_file import CONSENT_WORD
from collector.subjects.cover import Given
from collector.written_times import read_time
from foundation.errors import Fault, Faults

FUTURE_LIMIT: Final = timedelta(hours=25)
MOST_PURPOSES: Final = 50
KEYS: Final = ("granted", "purposes", "notice", "given_at", "age_confirmed")


def read_consent(value: Any, at: str, faults: Faults, *, received_at: datetime) -> Given | None:
    """A consent `{granted, purposes, notice, given_at, age_confirmed?}`; None, and faults, where it is wrong.

    Args:
        at: where it stands in the body (RFC 6901).
        faults: gets what is wrong with it.
    """
    if not isinstance(value, dict):
        faults.append(Fault(at, "wrong_type", "must be an object with granted, purposes, notice and given_at"))
        return None
    before = faults.total
    for key in value:
        if key not in KEYS:
            faults.note(partial(_unknown, at, key))
    _check_flag(value, at, "granted", faults, required=True)
    _check_flag(value, at, "age_confirmed", faults, required=False)
    purposes = value.get("purposes", [])
    if not isinstance(purposes, list) or len(purposes) > MOST_PURPOSES or not all(_is_word(word) for word in purposes):
        faults.append(Fault(f"{at}/purposes", "wrong_type", "must be a list of short words such as training"))
    notice = value.get("notice", "")
    if notice != "" and not _is_word(notice):
        faults.append(Fault(f"{at}/notice", "wrong_type", 'must be the notice\'s version as a text, such as "1"'))
    given_at = read_time(value.get("given_at"))
    if given_at is None:
        reason = "missing_field" if value.get("given_at") is None else "wrong_type"
        faults.append(Fault(f"{at}/given_at", reason, "must be a time with zone (RFC 3339)"))
    elif given_at > received_at + FUTURE_LIMIT:
        faults.append(Fault(f"{at}/given_at", "out_of_range", "must not lie in the future"))
    if faults.total > before or given_at is None:
        return None
    return Given(value["granted"], tuple(purposes), notice, given_at, value.get("age_confirmed"))


def _unknown(at: str, key: str) -> Fault:
    return Fault(f"{at}/{safe_key(key)}", "unknown_field", f"allowed: {', '.join(KEYS)}")


def _check_flag(value: Mapping[str, Any], at: str, name: str, faults: Faults, *, required: bool) -> None:
    if value.get(name) is None and not required:
        return
    if not isinstance(value.get(name), bool):
        reason = "missing_field" if value.get(name) is None else "wrong_type"
        faults.append(Fault(f"{at}/{name}", reason, "must be true or false"))


def _is_word(value: Any) -> bool:
    """A short word that is nobody's number: purposes and notices are kept as they come."""
    return isinstance(value, str) and CONSENT_WORD.fullmatch(value) is not None and _is_plain(value)


@lru_cache(maxsize=1024)
def _is_plain(word: str) -> bool:
    return not scrub_text(word).entities
