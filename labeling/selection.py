"""What to label next, each pick with its probability on record."""

from __future__ import annotations

import hashlib
import heapq
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import Session

from collector.queries import read_project, usable_items
from labeling.counters import PICK, take_numbers
from labeling.models import RANDOM
from labeling.queries import annotators_per_item, list_unanswerable
from labeling.task_table.reading import items_with_task


@dataclass(frozen=True, slots=True)
class Pick:
    """An item to label, how it was chosen, and how many people's answers it has already."""

    item: uuid.UUID
    selected_by: str
    propensity: float
    n_answers: int = 0


def pick_items(session: Session, project_id: int, *, how_many: int, overlap: int) -> list[Pick]:
    """Up to `how_many` items at random among those that may be labelled, lack annotators, and have no task.

    The order is a keyed hash of the item's id under the project's seed and the number of the pick: nobody outside can
    foresee it, each pick is a fresh draw, and the same seed draws the same. Its probability is the share of the items
    that were drawn, the same for each: a simple random sample without replacement.
    """
    if how_many <= 0:
        return []
    answers = _count_answers(session, project_id)
    eligible = _eligible_items(session, project_id, answers, overlap)
    if not eligible:
        return []
    seed = read_project(session, project_id).seed
    draw = take_numbers(session, project_id, PICK, 1)
    key = hashlib.sha256(f"{seed}:{draw}".encode()).digest()
    chosen = heapq.nsmallest(how_many, eligible, key=lambda item: hashlib.blake2b(item.bytes, key=key).digest())
    propensity = len(chosen) / len(eligible)
    return [Pick(item, RANDOM, propensity, answers.get(item, 0)) for item in chosen]


def count_waiting_items(session: Session, project_id: int, *, overlap: int) -> int:
    """Items that may be labelled, lack annotators, and have no task."""
    return len(_eligible_items(session, project_id, _count_answers(session, project_id), overlap))


def _eligible_items(
    session: Session, project_id: int, answers: Mapping[uuid.UUID, int], overlap: int
) -> list[uuid.UUID]:
    left_out = set(list_unanswerable(session, project_id))
    left_out.update(item for item, n in answers.items() if n >= overlap)
    return _items_without_task(session, project_id, left_out)


def _items_without_task(session: Session, project_id: int, left_out: set[uuid.UUID]) -> list[uuid.UUID]:
    # Left out here and not in the query: PostgreSQL goes through a list that does not fit its memory once a row.
    unwanted = left_out.union(items_with_task(session, project_id))
    return [item for item in session.connection().execute(usable_items(project_id)).scalars() if item not in unwanted]


def _count_answers(session: Session, project_id: int) -> dict[uuid.UUID, int]:
    rows = session.connection().execute(annotators_per_item(project_id))
    return {item: int(n) for item, n in rows}
