"""Kills the process that speaks with Label Studio at every place that matters, and starts it again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from sqlmodel import col, update

from collector.models import Erasure, ErasureItem, Item, Signal
from collector.queries import read_project
from collector.subjects.erasure import ERASURE, describe_erasure, read_erasure
from foundation.database import open_database, unit_of_work, utc_now
from foundation.queue import Runtime
from foundation.settings import Settings, make_secrets
from foundation.steps import owe, steps_of
from labeling.studio.gateway import LabelStudio
from tests.labeling.workshop import NOW, Workshop, make_workshop, mood, with_studio
from tests.servers import LabelStudio as Server
from tests.steps import close_free, end_pauses
from wsgi import worker

worker()
"""What is owed is known by all domains together, whichever test comes first."""
pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
KILLED = -signal.SIGKILL
FOLLOW = (
    "from wsgi import worker; worker();"
    "from foundation.queue import runtime; from tests.steps import do_free; do_free(runtime(), 'labeling')"
)


class Installation:
    """A HOME with a project in it; commands run in processes of their own."""

    def __init__(self, workshop: Workshop, home: Path, name: str, server: Server) -> None:
        self.workshop, self.home, self.name, self.server = workshop, home, name, server

    def run(self, *command: str, failpoints: str = "") -> subprocess.CompletedProcess[bytes]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "WINNOW_HOME": str(self.home),
            "WINNOW_DATABASE_URL": f"sqlite:///{self.home / 'winnow.sqlite3'}",
            "WINNOW_LABEL_STUDIO_URL": self.server.url,
            "WINNOW_LABEL_STUDIO_TOKEN": self.server.token,
            "WINNOW_LEASE_S": "3",
            "WINNOW_FAILPOINTS": failpoints,
        }
        ran = [sys.executable, *command]
        return subprocess.run(ran, check=False, cwd=ROOT, env=environment, capture_output=True, timeout=120)

    def sync(self, failpoints: str = "") -> subprocess.CompletedProcess[bytes]:
        return self.run("-m", "flask", "labeling", "sync", self.name, "--json", failpoints=failpoints)

    def follow_erasures(self, failpoints: str = "") -> subprocess.CompletedProcess[bytes]:
        return self.run("-c", FOLLOW, failpoints=failpoints)


@pytest.fixture
def installation(label_studio: Server, migrated_sqlite: Path, tmp_path: Path) -> Iterator[Installation]:
    make_secrets(tmp_path)
    shutil.copy(migrated_sqlite, tmp_path / "winnow.sqlite3")
    database = open_database(f"sqlite:///{tmp_path / 'winnow.sqlite3'}")
    secret = (tmp_path / "secrets" / "pseudonym_key").read_text().strip()
    settings = Settings.model_validate({"home": tmp_path, "pseudonym_key": secret, "lease_s": 3})
    with LabelStudio(label_studio.url, label_studio.token) as gateway:
        wanted = with_studio(settings, label_studio.url, label_studio.token)
        workshop = make_workshop(database, wanted, label_studio, gateway, n_items=12, overlap=1)
        with unit_of_work(database, read_only=True) as session:
            name = read_project(session, workshop.project_id).name
        yield Installation(workshop, tmp_path, name, label_studio)
        workshop.close()
    database.engine.dispose()


class TestPush:
    @pytest.mark.parametrize(
        "place",
        ["push.before_project", "push.after_project", "push.after_intents", "push.after_import", "jobs.before_finish"],
    )
    def test_a_kill_leaves_exactly_one_task_an_item_after_the_next_run(
        self, installation: Installation, place: str
    ) -> None:
        assert installation.sync(f"{place}=kill").returncode == KILLED

        again = installation.sync()

        assert again.returncode == 0, again.stderr.decode()
        workshop = installation.workshop
        assert sorted(workshop.listed()) == sorted(workshop.task_numbers())
        assert sorted(task.item_id for task in workshop.tasks()) == sorted(workshop.items)
        assert {task.state for task in workshop.tasks()} == {"live"}
        assert workshop.verify() == []
        with workshop.studio.client() as admin:
            listed = admin.get("/api/projects/", params={"page_size": 1000}).json()["results"]
        assert len([row for row in listed if row["title"] == f"Title of {installation.name}"]) == 1

    def test_a_kill_after_a_task_was_closed_there_ends_with_it_closed_here(self, installation: Installation) -> None:
        workshop = installation.workshop
        workshop.sync()
        workshop.hand_in(workshop.items[:4], "kim")
        workshop.person("ann").answer(workshop.task_numbers()[0])

        assert installation.sync("push.after_telling=kill").returncode == KILLED
        again = installation.sync()

        assert again.returncode == 0, again.stderr.decode()
        standing = orjson.loads(again.stdout)["standing"]
        n_closed = len({*workshop.items[:4], workshop.tasks()[0].item_id})
        assert (standing["tasks"]["open"], standing["tasks"]["answered"]) == (12 - n_closed, n_closed)
        assert standing["untold"] == 0
        assert workshop.person("bob").answer_all(workshop.ls_project) == 12 - n_closed
        assert len(workshop.listed()) == 12

    def test_a_project_that_waits_to_be_asked_is_pushed_by_the_command(self, installation: Installation) -> None:
        workshop = installation.workshop
        workshop.revise(push="manual")
        workshop.sync()
        assert workshop.tasks() == []

        told = orjson.loads(installation.sync().stdout)

        shown = installation.run("-m", "flask", "labeling", "sync", installation.name)

        assert b"12" in shown.stdout
        assert b"had nothing to move" in shown.stderr
        assert told["pushed"] == 12
        assert told["standing"]["tasks"]["open"] == 12
        assert told["standing"]["label_studio"] == f"{installation.server.url}/projects/{workshop.ls_project}/data"


class TestPull:
    def test_a_kill_after_the_answer_was_fetched_loses_and_doubles_nothing(self, installation: Installation) -> None:
        workshop = installation.workshop
        workshop.sync()
        for number in workshop.task_numbers():
            workshop.person("ann").answer(number, mood("bad"))

        assert installation.sync("pull.after_fetch=kill").returncode == KILLED
        again = installation.sync()

        assert orjson.loads(again.stdout)["counted"] == 12
        assert len(workshop.counted()) == 12
        assert workshop.verify() == []


class TestErasure:
    @pytest.mark.parametrize("place", ["push.after_import", "removal.before_studio", "removal.after_studio"])
    def test_a_kill_anywhere_ends_with_nothing_of_the_person_left(self, installation: Installation, place: str) -> None:
        workshop = installation.workshop
        if place == "push.after_import":
            assert installation.sync(f"{place}=kill").returncode == KILLED
        else:
            workshop.sync()
            for number in workshop.task_numbers()[:2]:
                workshop.person("ann").answer(number)
            workshop.sync()
        erasure = _erase(workshop, workshop.items[:5])
        if place != "push.after_import":
            assert installation.follow_erasures(f"{place}=kill").returncode == KILLED

        end_pauses(workshop.database)

        done = installation.follow_erasures()

        assert done.returncode == 0, done.stderr.decode()
        left = {str(task.item_id) for task in workshop.tasks() if task.state in {"live", "closed"}}
        assert left == {str(item) for item in workshop.items[5:]}
        assert len(workshop.listed()) == 7
        assert {row.item_id for row in workshop.rows()} <= set(workshop.items[5:])
        assert workshop.drift() == {}
        assert _has_done(workshop, erasure)


def _erase(workshop: Workshop, items: list[uuid.UUID]) -> uuid.UUID:
    """What the collector leaves behind when a person left: the items are gone, and a row says so."""
    erasure = Erasure(
        project_id=workshop.project_id, id=uuid.uuid4(), subject_id=uuid.uuid4(), state="received", requested_at=NOW
    )
    with unit_of_work(workshop.database) as session:
        session.add(erasure)
        for item in items:
            session.delete(session.get_one(Item, (workshop.project_id, item)))
            session.add(ErasureItem(project_id=workshop.project_id, erasure_id=erasure.id, item_id=item, removed=True))
        session.connection().execute(
            update(Signal)
            .where(col(Signal.project_id) == workshop.project_id, col(Signal.item_id).in_(items))
            .values(item_id=uuid.UUID(int=0))
        )
        session.flush()
        owe(session, ERASURE, workshop.project_id, str(erasure.id), now=utc_now())
    counts = {"signals": len(items), "items": len(items)}
    close_free(Runtime(workshop.settings, workshop.database), "collector", counts)
    return erasure.id


def _has_done(workshop: Workshop, erasure: uuid.UUID) -> bool:
    with unit_of_work(workshop.database, read_only=True) as session:
        shown = describe_erasure(session, read_erasure(session, workshop.project_id, erasure))
        steps = steps_of(session, ERASURE, workshop.project_id, [str(erasure)])[str(erasure)]
    return "labeling" in {row.step for row in steps if row.done_at} and shown["tasks"] == 5
