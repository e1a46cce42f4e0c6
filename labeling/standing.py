"""How a project stands with Label Studio: which tasks are there, which items wait, and where to look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from labeling.models import StudioProject, TaskState
from labeling.project import Push
from labeling.section import current_labeling
from labeling.selection import count_waiting_items
from labeling.task_table.reading import count_by_state, count_untold

SAID_AS = {
    TaskState.LIVE: "open",
    TaskState.CLOSED: "answered",
    TaskState.INTENT: "on_their_way",
    TaskState.DELETING: "being_removed",
    TaskState.GONE: "removed",
}
"""The states of tasks in words of their own."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is, whatever a run of the sync has moved.

    Args:
        tasks: how many tasks are in each state, by its word; answered ones are given to nobody any more.
        untold: tasks of which Label Studio has still to be told that they need another number of people.
        items_waiting: items that may be labelled, lack answers and have no task: for want of room in the backlog, or,
            where `push` is manual, because nobody has asked for a sync.
        label_studio: the project's page there; None where nothing was ever pushed.
    """

    tasks: dict[str, int]
    untold: int
    items_waiting: int
    push: Push
    label_studio: str | None

    def as_json(self) -> dict[str, Any]:
        return {
            "tasks": self.tasks,
            "untold": self.untold,
            "items_waiting": self.items_waiting,
            "push": self.push.value,
            "label_studio": self.label_studio,
        }


def read_standing(session: Session, project_id: int, *, url: str | None) -> Standing:
    """How a project stands now; `url` is Label Studio's own."""
    _, section = current_labeling(session, project_id)
    studio = session.get(StudioProject, project_id)
    ls_project = studio.ls_project if studio else None
    counted = count_by_state(session, project_id)
    return Standing(
        tasks={word: counted.get(state, 0) for state, word in SAID_AS.items()},
        untold=count_untold(session, project_id),
        items_waiting=count_waiting_items(session, project_id, overlap=section.overlap),
        push=section.push,
        label_studio=f"{url.rstrip('/')}/projects/{ls_project}/data" if url and ls_project else None,
    )
