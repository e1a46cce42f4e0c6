"""Sends items to Label Studio: intents are committed before anything is said, so that a crash can be looked up afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import bindparam, select, update

from foundation.database import unit_of_work
from foundation.failpoints import failpoint
from labeling.errors import StudioGone
from labeling.models import TASKS, StudioProject, TaskState
from labeling.queries import current_labeling
from labeling.selection import count_open_tasks, pick_items
from labeling.studio.desk import Desk
from labeling.studio.intents import IMPORT_AT_ONCE, Intent, import_intents, write_intents
from labeling.studio.project import open_project, refresh_config
from labeling.studio.removal import remove_unusable

ASKS_AT_ONCE = 20


def push(desk: Desk) -> int:
    """Takes out what may not be used any more and fills the backlog; the number of tasks that are in Label Studio because of it.

    Raises:
        NothingToLabel: the project has no labeling configuration. StudioUnavailable, StudioRefused: nothing is lost;
        what is not known to be there is looked up at the next push.
    """
    studio = open_project(desk)
    refresh_config(desk, studio)
    remove_unusable(desk)
    n_pushed = import_intents(desk, studio, _write_intents(desk, studio))
    ask_for_annotators(desk)
    return n_pushed


def ask_for_annotators(desk: Desk) -> int:
    """Tells Label Studio where a task needs another number of annotators than it was told before; how many tasks."""
    with unit_of_work(desk.database, read_only=True) as session:
        rows = session.connection().execute(
            select(TASKS.c.ext_id, TASKS.c.ls_task, TASKS.c.wanted).where(
                TASKS.c.project_id == desk.project_id,
                TASKS.c.state == TaskState.LIVE.value,
                TASKS.c.asked != TASKS.c.wanted,
            )
        )
        tasks = [(ext_id, ls_task, wanted) for ext_id, ls_task, wanted in rows]
    for start in range(0, len(tasks), ASKS_AT_ONCE):
        part, told = tasks[start : start + ASKS_AT_ONCE], []
        for ext_id, ls_task, wanted in part:
            desk.still_ours()
            # A task that is gone is the pull's to find and report.
            try:
                desk.gateway.ask_for_annotators(ls_task, wanted)
            except StudioGone:
                continue
            told.append({"task": ext_id, "told": wanted})
        _note_asked(desk, told)
    return len(tasks)


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


def _note_asked(desk: Desk, told: Sequence[dict[str, Any]]) -> None:
    if not told:
        return
    with unit_of_work(desk.database) as session:
        session.connection().execute(
            update(TASKS)
            .where(TASKS.c.project_id == desk.project_id, TASKS.c.ext_id == bindparam("task"))
            .values(asked=bindparam("told")),
            list(told),
        )
