"""A kind of work with one step that takes as long as it is told to: for deaths during a renewal of its lease."""

from __future__ import annotations

import time
from datetime import datetime

from sqlmodel import Session

from foundation.activity import record_activity
from foundation.step_rows import Facts, Owed
from foundation.steps import Effect, StepWork, follows

COMPLETED = "tests_completed"


def complete(session: Session, owed: Owed, now: datetime) -> None:
    record_activity(session, COMPLETED, actor="test", project_id=owed.project_id, now=now)


SLOW = Effect("tests", completed=complete)


def declare(seconds: float) -> None:
    def act(_: StepWork) -> Facts:
        time.sleep(seconds)
        return {"acts": 1}

    follows(SLOW, step="act")(act)
