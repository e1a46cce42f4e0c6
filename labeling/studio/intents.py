"""Tasks on their way: noted before they are imported, looked up when an import never came to an end."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeAlias

import structlog
from sqlmodel import Session

from foundation.database import unit_of_work
from foundation.failpoints import failpoint
from foundation.identifiers import random_uuid
from labeling.counters import lock_annotations
from labeling.errors import StudioUnreadable
from labeling.models import Purpose, StudioProject, TaskState
from labeling.progress import NOTHING, settle_tasks, wanted_overlap
from labeling.section import current_labeling
from labeling.selection import Pick
from labeling.studio.contents import contents_of
from labeling.studio.desk import Desk
from labeling.studio.project import number_of, open_project, refresh_config
from labeling.studio.rows import NewTask, StudioTask
from labeling.task_table.reading import Intent, last_rounds, list_intents
from labeling.task_table.writing import add_intents, drop_intents, mark_live

log = structlog.get_logger(__name__)
IMPORT_AT_ONCE = 1_000


_OnItsWay: TypeAlias = tuple[list[NewTask], "Future[list[int]]"]


def write_intents(
    session: Session, desk: Desk, studio: StudioProject, picks: Sequence[Pick], *, revision: int, overlap: int
) -> list[list[Intent]]:
    """Notes what is about to be imported, in batches of one import each. Each item's round is the one after its last."""
    rounds = last_rounds(session, desk.project_id, [pick.item for pick in picks])
    rows: list[dict[str, Any]] = []
    for start in range(0, len(picks), IMPORT_AT_ONCE):
        batch = random_uuid()
        rows += [
            _intent_row(desk, studio, pick, batch, rounds.get(pick.item, 0) + 1, revision=revision, overlap=overlap)
            for pick in picks[start : start + IMPORT_AT_ONCE]
        ]
    add_intents(session, rows)
    by_batch: dict[uuid.UUID, list[Intent]] = {}
    for row in rows:
        by_batch.setdefault(row["batch"], []).append(Intent(row["ext_id"], row["item_id"], row["batch"]))
    return list(by_batch.values())


def import_intents(desk: Desk, studio: StudioProject, batches: Iterable[Sequence[Intent]]) -> int:
    """Imports noted tasks and stores their ids there; the number imported. Consent is asked once more.

    While one batch is on its way, the one before is noted here and the next one is read.
    """
    n_imported = 0
    on_its_way: _OnItsWay | None = None
    with ThreadPoolExecutor(max_workers=1) as carrier:
        for batch in batches:
            tasks = _tasks_to_send(desk, batch)
            arrived = _arrived(on_its_way)
            desk.still_ours()
            on_its_way = (tasks, carrier.submit(desk.gateway.import_tasks, number_of(studio), tasks)) if tasks else None
            _note_live(desk, studio, arrived)
            n_imported += len(arrived)
        arrived = _arrived(on_its_way)
    _note_live(desk, studio, arrived)
    return n_imported + len(arrived)


def resolve_intents(desk: Desk) -> int:
    """Finds out what became of imports that never came to an end; the number of tasks settled.

    Each batch is looked up by its name in Label Studio: what is there is taken note of (of doubles the oldest, the
    others are removed), what is missing is imported now, unless the item may not be used any more.
    """
    with unit_of_work(desk.database, read_only=True) as session:
        waiting = list_intents(session, desk.project_id)
    if not waiting:
        return 0
    studio = open_project(desk)
    # What is missing is imported as the newest configuration shows it: an older one may want other fields.
    refresh_config(desk, studio)
    by_batch: dict[uuid.UUID, list[Intent]] = {}
    for intent in waiting:
        by_batch.setdefault(intent.batch, []).append(intent)
    return sum(_resolve_batch(desk, studio, batch, intents) for batch, intents in by_batch.items())


def _tasks_to_send(desk: Desk, intents: Sequence[Intent]) -> list[NewTask]:
    """The tasks of items that may still be used; the intents of the others are taken back."""
    with unit_of_work(desk.database, read_only=True) as session:
        _, section = current_labeling(session, desk.project_id)
        contents = contents_of(session, desk.project_id, [intent.item for intent in intents], section)
    refused = [intent for intent in intents if intent.item not in contents]
    if refused:
        # They never were in Label Studio.
        with unit_of_work(desk.database) as session:
            drop_intents(session, desk.project_id, [intent.ext_id for intent in refused])
    return [
        NewTask(intent.ext_id, intent.batch, contents[intent.item]) for intent in intents if intent.item in contents
    ]


def _arrived(on_its_way: _OnItsWay | None) -> dict[uuid.UUID, int]:
    """Label Studio's numbers of the tasks that were sent, by our names; waits until it has answered."""
    if on_its_way is None:
        return {}
    tasks, sent = on_its_way
    ids = sent.result()
    failpoint("push.after_import")
    return {task.ext_id: ls_task for task, ls_task in zip(tasks, ids, strict=True)}


def _resolve_batch(desk: Desk, studio: StudioProject, batch: uuid.UUID, intents: Sequence[Intent]) -> int:
    ours = {intent.ext_id for intent in intents}
    there: dict[uuid.UUID, int] = {}
    doubles: list[StudioTask] = []
    try:
        found = desk.gateway.find_batch(number_of(studio), batch)
    except StudioUnreadable:
        # What is missing from the list may be what cannot be read: it stays noted, and the others go on.
        log.warning("label_studio_batch_unreadable", project=desk.project_id)
        return 0
    for task in found:
        if task.ext_id not in ours:
            continue
        if task.ext_id in there:
            doubles.append(task)
        else:
            there[task.ext_id] = task.id
    if doubles:
        desk.still_ours()
        desk.gateway.delete_tasks(number_of(studio), [task.id for task in doubles])
    _note_live(desk, studio, there)
    missing = [intent for intent in intents if intent.ext_id not in there]
    return len(there) + (import_intents(desk, studio, [missing]) if missing else 0)


def _intent_row(
    desk: Desk, studio: StudioProject, pick: Pick, batch: uuid.UUID, number: int, *, revision: int, overlap: int
) -> dict[str, Any]:
    return {
        "project_id": desk.project_id,
        "ext_id": random_uuid(),
        "item_id": pick.item,
        "purpose": Purpose.LABEL.value,
        "round": number,
        "batch": batch,
        "state": TaskState.INTENT.value,
        "ls_project": studio.ls_project,
        "ls_task": None,
        "overlap": overlap,
        "asked": studio.overlap,
        "wanted": wanted_overlap(overlap, pick.n_answers, NOTHING),
        "revision": revision,
        "selected_by": pick.selected_by,
        "propensity": pick.propensity,
        "created_at": desk.clock(),
    }


def _note_live(desk: Desk, studio: StudioProject, ids: Mapping[uuid.UUID, int]) -> None:
    if not ids:
        return
    with unit_of_work(desk.database) as session:
        # What was handed in while the tasks were on their way knew of none: it is counted now, and nobody hands in meanwhile.
        lock_annotations(session, desk.project_id)
        mark_live(session, desk.project_id, number_of(studio), ids)
        settle_tasks(session, desk.project_id, ids)
