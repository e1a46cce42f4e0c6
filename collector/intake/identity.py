"""What makes an item, a subject and a replay: names from keyed hashes, which need no look-up and cannot be read back."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from foundation.errors import Unparseable
from foundation.identifiers import derive_key, keyed_hash, keyed_hashes, uuid8_of

SHORT = 16
EXACT = 2**53
"""Below it a float holds every whole number."""
MAX_NAME = 256
"""Characters of the name of a person or device."""


@dataclass(frozen=True, slots=True)
class Names:
    """The keys of one project, derived from the pseudonym key; none of them is stored."""

    item_key: bytes
    subject_key: bytes
    device_key: bytes
    source_key: bytes
    value_key: bytes

    def item_id(self, content: Mapping[str, Any]) -> uuid.UUID:
        """The id of a content: the same for the same identity fields, whoever sent them.

        Outer white space does not count, nor whether a language writes 5 or 5.0.
        """
        return self.item_ids([content])[0]

    def item_ids(self, contents: Iterable[Mapping[str, Any]]) -> list[uuid.UUID]:
        """`item_id` of each."""
        written = [orjson.dumps(plain_content(content), option=orjson.OPT_SORT_KEYS) for content in contents]
        return [uuid8_of(digest) for digest in keyed_hashes(self.item_key, written)]

    def subject_id(self, subject: str) -> uuid.UUID:
        return uuid8_of(keyed_hash(self.subject_key, subject))

    def device_hmac(self, device: str) -> bytes:
        return keyed_hash(self.device_key, device)[:SHORT]

    def source_hmac(self, signal: Mapping[str, Any]) -> bytes:
        """The hash of a signal as sent, without what a phone stamps anew at each attempt."""
        lasting = signal if "age_ms" not in signal else {key: signal[key] for key in signal if key != "age_ms"}
        return self.source_hmacs([lasting])[0]

    def source_hmacs(self, lasting: Iterable[Mapping[str, Any]]) -> list[bytes]:
        """The same of signals in which nothing is stamped anew."""
        return [one[:SHORT] for one in keyed_hashes(self.source_key, map(_canonical, lasting))]

    def signal_hmac(self, signal_id: uuid.UUID) -> bytes:
        return keyed_hash(self.source_key, signal_id.bytes)[:SHORT]

    def pseudonym(self, value: object) -> str:
        """Stands for a value: equal for equal values, 128 bits."""
        return keyed_hash(self.value_key, orjson.dumps(value))[:SHORT].hex()


def names_of(pseudonym_key: str, project: str) -> Names:
    """The keys for one project: the same person is another subject elsewhere."""
    keys = (
        derive_key(pseudonym_key, f"{purpose}:{project}")
        for purpose in ("item", "subject", "device", "source", "value")
    )
    return Names(*keys)


def plain_content(content: Mapping[str, Any]) -> dict[str, Any]:
    """A content as its id sees it: the same whoever of several people sent it first."""
    return {name: value.strip() if type(value) is str else _plain(value) for name, value in content.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip()
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < EXACT else value


def _canonical(signal: Mapping[str, Any]) -> bytes:
    """Equal bytes for equal signals.

    Raises:
        Unparseable: it is nested deeper than any of our parsers goes.
    """
    try:
        return orjson.dumps(signal, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer of more than 64 bits, or more than 254 levels: slower, but it takes both
        pass
    try:
        return json.dumps(signal, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except RecursionError:
        raise Unparseable("the body is nested too deep", reason="too_deep") from None
