"""Both ways with Label Studio, in the one order that loses nothing: look up what was cut off, pull, compare, push."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from labeling.studio.desk import Desk
from labeling.studio.intents import resolve_intents
from labeling.studio.project import refuse_without_config
from labeling.studio.pull import pull
from labeling.studio.push import push
from labeling.studio.reconcile import reconcile


class Way(StrEnum):
    PUSH = "push"
    PULL = "pull"


def sync_project(desk: Desk, *, only: Way | None = None) -> dict[str, Any]:
    """Synchronizes a project; repeated, it changes nothing more. The figures are of this run.

    Intents come first: a task that is there and not known to be would have its annotations passed over by the pull.

    Raises:
        NothingToLabel: the project has no labeling configuration. MassDeletion: too much vanished at once.
        StudioUnavailable, StudioRefused: Label Studio does not answer, or refuses; the next run goes on from here.
    """
    refuse_without_config(desk)
    steps = {None: 4, Way.PULL: 3, Way.PUSH: 2}[only]
    desk.progress(0, steps)
    figures: dict[str, Any] = {"resolved": resolve_intents(desk)}
    desk.progress(1, steps)
    if only is not Way.PUSH:
        pulled = pull(desk)
        desk.progress(2, steps)
        compared = reconcile(desk, listing=pulled.changed > 0)
        desk.progress(3, steps)
        figures |= {
            "annotations": pulled.seen,
            "counted": pulled.counted,
            "vanished_annotations": pulled.vanished,
            "unreadable_tasks": pulled.unreadable,
            "vanished_tasks": compared.vanished,
            "recreated_tasks": compared.recreated,
        }
    if only is not Way.PULL:
        figures["pushed"] = push(desk)
    return figures
