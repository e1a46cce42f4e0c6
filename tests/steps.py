"""What is owed, for tests: who may take what now, and steps that are done one by one, by their function or without it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from sqlmodel import Session, col, update

from foundation import steps
from foundation.database import Database, unit_of_work
from foundation.identifiers import random_uuid
from foundation.queue import Runtime
from foundation.settings import Settings
from foundation.step_rows import Facts, Owed, StepRow, claim
from foundation.steps import Effect, Standing, Step, StepWork, all_steps
from foundation.tasks import do_step, free_steps
from wsgi import worker


def free_of(here: Runtime, step: str) -> list[StepRow]:
    """Steps of a name that somebody may take now."""
    return [row for row in free_steps(here) if row.step == step]


def do_free(here: Runtime, step: str) -> int:
    """Does what is free of a step, as a worker does; how many there were."""
    rows = free_of(here, step)
    prepared: set[Step] = set()
    for row in rows:
        do_step(here, row, prepared)
    return len(rows)


def close_free(here: Runtime, step: str, facts: Facts | None = None) -> int:
    """Says of what is free of a step that it is done, without doing it; how many there were."""
    rows = free_of(here, step)
    for row in rows:
        work = take(here, row)
        with unit_of_work(here.database) as session:
            work.done(session, facts)
    return len(rows)


def take(here: Runtime, row: StepRow) -> StepWork:
    """A step as its function would see it."""
    holder = random_uuid()
    with unit_of_work(here.database) as session:
        taken = claim(session, row, holder=holder, lease_s=here.settings.lease_s)
    assert taken is not None
    return StepWork(here, taken, holder)


def end_pauses(database: Database) -> None:
    """As if the time between two attempts had passed, and the lease of whoever died at one."""
    with unit_of_work(database) as session:
        open_rows = update(StepRow).where(col(StepRow.lease_until_ms).is_not(None))
        session.connection().execute(open_rows.values(lease_until_ms=0))


@contextmanager
def declaring(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is declared in the block, and what of it is taken back, holds no longer than the block."""
    worker()
    all_steps()
    with patch.context() as here:
        here.setattr(steps, "_STEPS", {kind: dict(of_kind) for kind, of_kind in steps._STEPS.items()})
        all_steps.cache_clear()
        yield
    all_steps.cache_clear()


@pytest.fixture
def declared_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test declares, it declares to itself."""
    with declaring(monkeypatch):
        yield


@pytest.fixture
def here(settings: Settings, database: Database) -> Runtime:
    """What a worker has."""
    return Runtime(settings, database)


@pytest.fixture
def told() -> Told:
    return Told()


@dataclass
class Told:
    """A kind of work for tests, and what its owner was told: `completed`, or how it stands."""

    kind: str = "tests"
    words: list[tuple[str, str]] = field(default_factory=list)

    @property
    def effect(self) -> Effect:
        return Effect(self.kind, completed=self._completed, moved=self._moved)

    def _completed(self, _session: Session, owed: Owed, _now: datetime) -> None:
        self.words.append((owed.of, "completed"))

    def _moved(self, _session: Session, owed: Owed, standing: Standing) -> None:
        self.words.append((owed.of, standing.value))
