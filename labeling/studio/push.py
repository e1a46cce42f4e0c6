"""Sends items to Label Studio: intents are committed before anything is said, so that a crash can be looked up afterwards."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import update

from foundation.database import unit_of_work
from foundation.failpoints import failpoint
from labeling.errors import StudioGone, StudioUnreadable
from labeling.models import STUDIO_PROJECTS, StudioProject, StudioState
from labeling.project import Push
from labeling.section import current_labeling
from labeling.selection import pick_items
from labeling.studio.desk import Desk
from labeling.studio.intents import IMPORT_AT_ONCE, import_intents, write_intents
from labeling.studio.project import number_of, open_project, refresh_config
from labeling.studio.removal import remove_unusable
from labeling.task_table.reading import Intent, count_open_tasks, list_untold
from labeling.task_table.writing import note_asked

ASKS_AT_ONCE = 50
MOST_ASKS = 2_000
"""Label Studio is told one task at a time, about twelve a second: a push ends in minutes, and the next one goes on."""


def push(desk: Desk) -> int:
    """Takes out what may not be used any more and fills the backlog; the number of tasks that are in Label Studio because of it.

    Where the project waits to be asked, no new item goes out before that; what is there is looked after all the same.

    Raises:
        NothingToLabel: the project has no labeling configuration. StudioUnavailable, StudioRefused: nothing is lost;
        what is not known to be there is looked up at the next push.
    """
    asked_at = desk.studio().push_asked_at
    may_fill = asked_at is not None or _push_of(desk) is Push.AUTO
    if not may_fill and desk.studio().state != StudioState.LIVE.value:
        return 0
    studio = open_project(desk)
    refresh_config(desk, studio)
    remove_unusable(desk)
    n_pushed = import_intents(desk, studio, _write_intents(desk, studio)) if may_fill else 0
    tell_whom_to_ask(desk, number_of(studio))
    _note_pushed(desk, asked_at)
    return n_pushed


def tell_whom_to_ask(desk: Desk, ls_project: int) -> int:
    """Tells Label Studio of each task that needs another number of annotators than it was told before; how many tasks.

    A task whose item has all its answers is given to nobody any more. It is not deleted: somebody may answer it this
    moment, and Label Studio cannot be asked to delete only what nobody has answered.
    """
    with unit_of_work(desk.database, read_only=True) as session:
        tasks = list_untold(session, desk.project_id, ls_project, limit=MOST_ASKS)
    for start in range(0, len(tasks), ASKS_AT_ONCE):
        _tell(desk, ls_project, tasks[start : start + ASKS_AT_ONCE])
    return len(tasks)


def _tell(desk: Desk, ls_project: int, tasks: Sequence[tuple[uuid.UUID, int, int]]) -> None:
    # A number may belong to another task by now: only what carries our name is ours to change.
    try:
        found = desk.gateway.find_tasks(ls_project, [number for _, number, _ in tasks])
    except StudioUnreadable:
        return  # they stay untold, and the next push tells them
    there = {task.id: task.ext_id for task in found}
    told: dict[uuid.UUID, int] = {}
    for ext_id, number, wanted in tasks:
        if there.get(number) != ext_id:
            continue  # one that is gone is the comparison's to find and report
        desk.still_ours()
        try:
            desk.gateway.ask_for_annotators(number, wanted)
        except StudioGone:
            continue
        told[ext_id] = wanted
    failpoint("push.after_telling")
    if told:
        with unit_of_work(desk.database) as session:
            note_asked(session, desk.project_id, told)


def _push_of(desk: Desk) -> Push:
    with unit_of_work(desk.database, read_only=True) as session:
        return current_labeling(session, desk.project_id)[1].push


def _note_pushed(desk: Desk, asked_at: datetime | None) -> None:
    """What was asked for meanwhile is asked for still."""
    if asked_at is None:
        return
    with unit_of_work(desk.database) as session:
        session.connection().execute(
            update(STUDIO_PROJECTS)
            .where(STUDIO_PROJECTS.c.project_id == desk.project_id, STUDIO_PROJECTS.c.push_asked_at == asked_at)
            .values(push_asked_at=None)
        )


def _write_intents(desk: Desk, studio: StudioProject) -> Iterator[list[Intent]]:
    """Picks what to label next and notes it, batch by batch, each before it is sent."""
    desk.still_ours()
    with unit_of_work(desk.database) as session:
        revision, section = current_labeling(session, desk.project_id)
        room = section.choose.backlog - count_open_tasks(session, desk.project_id)
        picks = pick_items(session, desk.project_id, how_many=room, overlap=section.overlap)
    for start in range(0, len(picks), IMPORT_AT_ONCE):
        part = picks[start : start + IMPORT_AT_ONCE]
        desk.still_ours()
        with unit_of_work(desk.database) as session:
            batches = write_intents(session, desk, studio, part, revision=revision, overlap=section.overlap)
        failpoint("push.after_intents")
        yield from batches
