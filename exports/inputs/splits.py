"""Splits candidates into train, validation and test so that nothing leaks: groups, frozen sides, what is left out.

The side of a fresh group is a function of the seed and the group alone: the first 64 bits of a SHA-256 of both against
the cumulative shares. It needs no list of groups, stays when items are added, and is the same on any machine. Only two
things look at a whole group: sides frozen by earlier versions, and whether anything in it was chosen at random.

Candidates arrive as Arrow batches in the order of their items. What is kept of each is a few numbers, and groups are
looked at a part of the key space at a time, so that millions of items fit in little memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from exports.shares import SIDES, UNIT, Shares, Side
from exports.sides import SideFigure

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Codes = npt.NDArray[np.uint8]
    Keys = npt.NDArray[np.uint64]
    Positions = npt.NDArray[np.int64]

ITEMS_LOOKED_AT_TOGETHER: Final = 1 << 18


class LeftOut(StrEnum):
    """Why a candidate stands on no side."""

    FROZEN_ELSEWHERE = "frozen_on_another_side"
    NOT_RANDOM = "not_chosen_at_random"


REASONS: Final = tuple(LeftOut)
FIRST_REASON: Final = len(SIDES)
NOT_FROZEN: Final = 255
SUBJECT_START: Final = 1 << 32


@dataclass(frozen=True)
class Split:
    """The outcome, by position of the candidates.

    Args:
        codes: shape (candidates,), an index of `SIDES`, or `FIRST_REASON` + an index of `REASONS`.
        leaders: shape (candidates,), position of the first kept member of the candidate's group.
        items_sha256: over the item ids one after the other, to notice rows that are not the candidates.
    """

    codes: Codes
    leaders: npt.NDArray[np.uint32]
    items_sha256: str
    seed: str

    def count(self, side: Side) -> int:
        return int((self.codes == SIDES.index(side)).sum())

    def count_groups(self, side: Side) -> int:
        """How many groups have a member on a side."""
        import numpy as np

        return len(np.unique(self.leaders[self.codes == SIDES.index(side)]))


def side_figures(split: Split, shares: Shares) -> tuple[SideFigure, ...]:
    """Rows and groups of every side, in the order train, validation, test."""
    return tuple(
        SideFigure(str(side), getattr(shares, side), split.count(side), split.count_groups(side)) for side in SIDES
    )


class Splitter:
    """Takes candidates batch by batch, in the order of `item` (bytes ascending), and answers with a `Split`.

    Columns of a batch: `item`, `near_set` (the item itself, or null, for a set of one), `subject` (the only subject who
    sent the item; null when several did or nobody knows; text or number), `frozen` (side of the first version that
    held the item, or null), `random` (was it chosen at random?).
    """

    def __init__(self, shares: Shares, *, seed: str) -> None:
        self._shares = shares
        self._seed = seed
        self._items = OrderedItems()
        self._has_larger_sets = False
        self._sets: list[Keys] = []
        self._subjects: list[Keys] = []
        self._frozen: list[Codes] = []
        self._random: list[npt.NDArray[np.bool_]] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Raises ValueError when the items are not in strictly ascending order."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        items = batch.column("item").cast(pa.string())
        self._items.add(items)
        sets = batch.column("near_set").cast(pa.string()).fill_null(items)
        self._has_larger_sets = self._has_larger_sets or not sets.equals(items)
        self._sets.append(short_keys(sets))
        self._subjects.append(_subject_keys(batch.column("subject")))
        places = pc.index_in(batch.column("frozen").cast(pa.string()), pa.array([str(s) for s in SIDES]))
        self._frozen.append(places.fill_null(NOT_FROZEN).to_numpy(zero_copy_only=False).astype(np.uint8))
        self._random.append(batch.column("random").cast(pa.bool_()).fill_null(False).to_numpy(zero_copy_only=False))

    def finish(self) -> Split:
        """Decides every candidate's side. The splitter is empty afterwards."""
        import numpy as np

        sets, subjects = _joined(self._sets, np.uint64), _joined(self._subjects, np.uint64)
        frozen, random = _joined(self._frozen, np.uint8), _joined(self._random, np.bool_)
        groups = _group_keys(sets, subjects) if self._has_larger_sets else np.where(subjects > 0, subjects, sets)
        del subjects, sets
        codes, leaders = self._assign(groups, frozen, random)
        return Split(codes, leaders, self._items.sha256(), self._seed)

    def _assign(
        self, groups: Keys, frozen: Codes, random: npt.NDArray[np.bool_]
    ) -> tuple[Codes, npt.NDArray[np.uint32]]:
        """Codes and leaders as in `Split`."""
        import numpy as np

        codes = np.empty(len(groups), dtype=np.uint8)
        leaders = np.zeros(len(groups), dtype=np.uint32)
        for places in key_parts(groups):
            keys, member_of = np.unique(groups[places], return_inverse=True)
            home = _fresh_sides(_group_hashes(keys, self._seed), self._shares)
            home[~_any(member_of, random[places], len(keys))] = SIDES.index(Side.TRAIN)
            _follow_frozen(home, member_of, frozen[places], places)
            codes[places] = _member_codes(home[member_of], frozen[places], random[places])
            kept = codes[places] < FIRST_REASON
            first = np.zeros(len(keys), dtype=np.int64)
            first[member_of[kept][::-1]] = places[kept][::-1]
            leaders[places] = first[member_of]
        return codes, leaders


class OrderedItems:
    """Checks that item ids come in strictly ascending order, and takes a digest that no batch size changes."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._last: str | None = None

    def add(self, items: pa.Array) -> None:
        import pyarrow.compute as pc

        if not len(items):
            return
        ascending = pc.all(pc.less(items[:-1], items[1:])).as_py() is not False
        first = items[0].as_py()
        if items.null_count or not ascending or (self._last is not None and first.encode() <= self._last.encode()):
            raise ValueError("items must come once each, in ascending order of their bytes")
        self._last = items[-1].as_py()
        self._digest.update(_text_bytes(items))

    def sha256(self) -> str:
        return self._digest.copy().hexdigest()


def group_names(leaders: npt.NDArray[np.uint32], *, seed: str, version: str) -> pa.Array:
    """Names for split groups: 16 hexadecimal digits, one name a group, other names in every version.

    A name is made from the position of the group's first item, which the files show anyway, so it tells nothing about
    the subject behind a group; the salt keeps anybody from joining two versions on it. The mixing is a permutation of
    64 bits (splitmix64; Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195), so no two groups share a name.

    Args:
        leaders: shape (rows,), as in `Split`.

    Returns:
        An Arrow string array, shape (rows,).
    """
    import numpy as np

    key = int.from_bytes(hashlib.sha256(f"{seed}\0{version}\0split group".encode()).digest()[:8], "big")
    return _hexadecimal(_mixed(leaders.astype(np.uint64) + np.uint64(key)))


def _hexadecimal(numbers: Keys) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    pairs = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), dtype=np.uint16)
    digits = pairs[numbers.astype(">u8").view(np.uint8)]
    offsets = np.arange(len(numbers) + 1, dtype=np.int32) * 16
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(digits))


def short_keys(texts: pa.Array, *, start: int = 0) -> Keys:
    """64 bits for each text, to tell texts apart cheaply.

    The text's bytes, filled up with zeros, are taken eight at a time as little-endian numbers and mixed in one after
    the other, starting from `start` and the length (splitmix64, as in `group_names`). Two names that collide by
    chance (one in 2**64 a pair) become one group, which leaks nothing.

    Args:
        texts: an Arrow string array without nulls, shape (n,).

    Returns:
        Shape (n,).
    """
    import numpy as np

    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]
    lengths = np.diff(offsets)
    content = np.frombuffer(_text_bytes(texts), dtype=np.uint8)
    keys = np.empty(len(texts), dtype=np.uint64)
    for length in np.unique(lengths).tolist():
        places = np.flatnonzero(lengths == length)
        words = np.zeros((len(places), -(-length // 8) * 8), dtype=np.uint8)
        if len(places) == len(texts):
            words[:, :length] = content.reshape(len(texts), length)
        else:
            words[:, :length] = content[(offsets[places] - offsets[0])[:, None] + np.arange(length)]
        mixed: Keys = np.full(len(places), start + length, dtype=np.uint64)
        for word in words.view("<u8").T:
            mixed = _mixed(mixed + word)
        keys[places] = mixed
    return keys


def _mixed(numbers: Keys) -> Keys:
    """A permutation of 64 bits: one step of splitmix64."""
    import numpy as np

    mixed = numbers + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _subject_keys(subjects: pa.Array) -> Keys:
    """Keys of subjects, from numbers or from texts; a null is 0, which no subject gets; shape (subjects,)."""
    import numpy as np
    import pyarrow as pa

    known = subjects.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_integer(subjects.type) or pa.types.is_null(subjects.type):
        numbers = subjects.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False).astype(np.uint64)
        keys = _mixed(numbers + np.uint64(SUBJECT_START))
    else:
        keys = short_keys(subjects.cast(pa.string()).fill_null(""), start=SUBJECT_START)
    return np.where(known, np.maximum(keys, np.uint64(1)), np.uint64(0))


def _group_hashes(keys: Keys, seed: str) -> Keys:
    """First 64 bits of SHA-256(seed NUL key), key and result big-endian; shape (keys,)."""
    import numpy as np

    sha256, salt, names = hashlib.sha256, f"{seed}\0".encode(), keys.astype(">u8").tobytes()
    found = b"".join([sha256(salt + names[at : at + 8]).digest()[:8] for at in range(0, len(names), 8)])
    return np.frombuffer(found, dtype=">u8").astype(np.uint64)


def _text_bytes(texts: pa.Array) -> memoryview:
    """The bytes of all texts one after the other."""
    import numpy as np

    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int32)
    start, end = int(offsets[texts.offset]), int(offsets[texts.offset + len(texts)])
    return memoryview(texts.buffers()[2] or b"")[start:end]


def _joined(chunks: list[Any], dtype: Any) -> Any:
    """One array of all chunks; the chunks are let go."""
    import numpy as np

    whole = np.concatenate(chunks) if chunks else np.empty(0, dtype=dtype)
    chunks.clear()
    return whole


def key_parts(keys: Keys) -> Iterator[Positions]:
    """Positions of the keys, a range of key values at a time; equal keys are always in one part."""
    import numpy as np

    bits = max(0, (len(keys) - 1).bit_length() - (ITEMS_LOOKED_AT_TOGETHER.bit_length() - 1))
    if bits == 0:
        yield np.arange(len(keys))
        return
    shift = np.uint64(64 - bits)
    for part in range(1 << bits):
        yield np.flatnonzero((keys >> shift) == part)


def _group_keys(sets: Keys, subjects: Keys) -> Keys:
    """The group of each candidate; shape (candidates,).

    A set whose items were all sent by one and the same subject takes that subject's key; any other set its own.
    """
    import numpy as np

    groups = np.empty_like(sets)
    for places in key_parts(sets):
        names, place_in_set = np.unique(sets[places], return_inverse=True)
        senders = subjects[places]
        key = np.zeros(len(names), dtype=np.uint64)
        key[place_in_set] = senders
        key[place_in_set[senders != key[place_in_set]]] = 0
        groups[places] = np.where(key > 0, key, names)[place_in_set]
    return groups


def _fresh_sides(keys: Keys, shares: Shares) -> Codes:
    """Index of the side each key falls on; shape (keys,)."""
    import numpy as np

    sides = np.zeros(len(keys), dtype=np.uint8)
    for threshold in shares.thresholds():
        if threshold < UNIT:
            sides += keys >= np.uint64(threshold)
    return sides


def _any(member_of: Positions, flags: npt.NDArray[np.bool_], n_groups: int) -> npt.NDArray[np.bool_]:
    import numpy as np

    found = np.zeros(n_groups, dtype=np.bool_)
    found[member_of[flags]] = True
    return found


def _follow_frozen(home: Codes, member_of: Positions, frozen: Codes, places: Positions) -> None:
    """Moves groups with frozen members to the side that froze most of them, in a tie the side of the smaller item."""
    import numpy as np

    held = frozen != NOT_FROZEN
    if not held.any():
        return
    cell = member_of[held] * len(SIDES) + frozen[held]
    counts = np.bincount(cell, minlength=len(home) * len(SIDES))
    first = np.zeros(len(counts), dtype=np.int64)
    first[cell[::-1]] = places[held][::-1]
    # One number orders by count, then by the smaller position: positions are below 2**33, counts far below 2**30.
    rank = ((counts << 33) - first).reshape(-1, len(SIDES))
    known = counts.reshape(-1, len(SIDES)).any(axis=1)
    home[known] = rank.argmax(axis=1)[known]


def _member_codes(home: Codes, frozen: Codes, random: npt.NDArray[np.bool_]) -> Codes:
    codes = home.copy()
    codes[~random & (home != SIDES.index(Side.TRAIN))] = FIRST_REASON + REASONS.index(LeftOut.NOT_RANDOM)
    codes[(frozen != NOT_FROZEN) & (frozen != home)] = FIRST_REASON + REASONS.index(LeftOut.FROZEN_ELSEWHERE)
    return codes
