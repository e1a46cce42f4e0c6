"""A push of 10,000 tasks beside Label Studio's own import of as many in batches of 1000, in one run on one machine.

The budget: at least 0.95 of the rate of the import, and a batch of 1000 whose import never answered is settled in less
than 3 s. Both sides speak with one real Label Studio, in turn, each round with a new project there, and start with a
project that is there already. Ours is `push`, whole: it picks the items, notes them, asks consent again, imports, and
notes what arrived. The import is a client that posts the bare texts and keeps nothing.
"""

from __future__ import annotations

import gc
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr
from sqlalchemy import update

from bench.batches import WORDS
from foundation.database import Database, open_database, unit_of_work
from foundation.migrations import migrate
from foundation.settings import Settings
from labeling.models import TASKS, TaskState
from labeling.studio.desk import Desk, sit_down
from labeling.studio.gateway import LabelStudio as Gateway
from labeling.studio.intents import resolve_intents
from labeling.studio.project import open_project
from labeling.studio.push import push
from tests.labeling.workshop import CONFIG, make_workshop
from tests.servers import LabelStudio, running_label_studio, running_postgres

TASKS_PUSHED = 10_000
IMPORT_AT_ONCE = 1_000
ROUNDS = 3
OVERLAP = 2
BUDGET = {"rate_ratio": 0.95, "recovery_s": 3.0}


def measure(tasks: int = TASKS_PUSHED) -> dict[str, Any]:
    """Tasks a second of the import and of ours on both databases, round by round in turn; medians and ratios."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = stack.enter_context(running_postgres())
        studio = stack.enter_context(running_label_studio(folder))
        urls = {"sqlite": f"sqlite:///{folder / 'winnow.sqlite3'}", "postgresql": postgres}
        databases = {name: stack.enter_context(_migrated(url)) for name, url in urls.items()}
        sides: dict[str, Callable[[], float]] = {"import": lambda: _import(studio, tasks)}
        sides |= {name: _pushing(databases[name], studio, folder, tasks) for name in databases}
        seconds = _in_turn(sides)
        recovery = {name: round(_recover(database, studio, folder), 2) for name, database in databases.items()}
    rates = {name: tasks / _middle(found) for name, found in seconds.items()}
    return {
        "tasks": tasks,
        "tasks_per_s": {name: round(rate) for name, rate in rates.items()},
        **{f"ratio_{name}": round(rates[name] / rates["import"], 3) for name in databases},
        "recovery_s": recovery,
        "budget": BUDGET,
    }


def _in_turn(sides: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Seconds of each round; each round begins with another side, and the first one warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    for number in range(ROUNDS + 1):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            took = sides[name]()
            if number:
                seconds[name].append(took)
    return seconds


def _text(number: int) -> dict[str, str]:
    return {"text": " ".join(random.Random(number).choices(WORDS, k=50))}


def _import(studio: LabelStudio, tasks: int) -> float:
    with studio.client() as client:
        body = {"title": "bench", "label_config": CONFIG, "maximum_annotations": OVERLAP}
        project = client.post("/api/projects/", json=body).raise_for_status().json()["id"]
        made = [{"data": _text(number)} for number in range(tasks)]
        gc.collect()
        began = time.perf_counter()
        for start in range(0, tasks, IMPORT_AT_ONCE):
            _post(client, project, made[start : start + IMPORT_AT_ONCE])
        return time.perf_counter() - began


def _post(client: httpx.Client, project: int, tasks: list[dict[str, Any]]) -> None:
    answer = client.post(f"/api/projects/{project}/import", json=tasks).raise_for_status().json()
    if answer["task_count"] != len(tasks):
        raise RuntimeError(f"not all was imported: {answer}")


def _pushing(database: Database, studio: LabelStudio, folder: Path, tasks: int) -> Callable[[], float]:
    def side() -> float:
        with _desk(database, studio, folder, tasks) as desk:
            gc.collect()
            began = time.perf_counter()
            n_pushed = push(desk)
            took = time.perf_counter() - began
        if n_pushed != tasks:
            raise RuntimeError(f"{n_pushed} tasks were pushed of {tasks}")
        return took

    return side


def _recover(database: Database, studio: LabelStudio, folder: Path) -> float:
    """Seconds to settle a batch that is in Label Studio and whose import never answered."""
    with _desk(database, studio, folder, IMPORT_AT_ONCE) as desk:
        push(desk)
        with unit_of_work(database) as session:
            session.connection().execute(
                update(TASKS)
                .where(TASKS.c.project_id == desk.project_id)
                .values(state=TaskState.INTENT.value, ls_task=None)
            )
        began = time.perf_counter()
        n_settled = resolve_intents(desk)
        took = time.perf_counter() - began
    if n_settled != IMPORT_AT_ONCE:
        raise RuntimeError(f"{n_settled} tasks were settled of {IMPORT_AT_ONCE}")
    return took


@contextmanager
def _desk(database: Database, studio: LabelStudio, folder: Path, items: int) -> Iterator[Desk]:
    """A new project with so many items to label, which is in Label Studio already."""
    settings = Settings.model_validate({"home": folder / "home", "pseudonym_key": SecretStr("p" * 32)})
    with Gateway(studio.url, studio.token) as gateway:
        workshop = make_workshop(
            database, settings, studio, gateway, n_items=items, overlap=OVERLAP, backlog=items, content=_text
        )
        workshop.close()
        with sit_down(database, gateway, settings, workshop.project_id) as desk:
            open_project(desk)
            yield desk


@contextmanager
def _migrated(url: str) -> Iterator[Database]:
    database = open_database(url)
    migrate(database)
    yield database
    database.engine.dispose()


def _middle(found: list[float]) -> float:
    return sorted(found)[len(found) // 2]


if __name__ == "__main__":
    print(json.dumps(measure(*(int(word) for word in sys.argv[1:]))))
