"""`winnow doctor` looks at what is really there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from foundation.activity import record_activity
from foundation.cli import DID_NOT_HOLD
from foundation.database import Database, unit_of_work, utc_now
from foundation.leases import MAX_STRIKES
from foundation.queue import Runtime
from foundation.running.doctor import Finding, examine
from foundation.running.up_cli import doctor as command
from foundation.step_rows import StepRow, put_back
from foundation.steps import follows, owe
from tests.signals import Held, make_project
from tests.steps import Told, close_free, end_pauses, free_of, take


@pytest.fixture
def findings(database: Database, tmp_path: Path):
    url = database.engine.url.render_as_string(hide_password=False)
    tmp_path.chmod(0o700)
    return lambda: {one.part: one for one in examine({"WINNOW_HOME": str(tmp_path), "WINNOW_DATABASE_URL": url})}


class TestExamine:
    def test_a_sound_installation_is_well(self, database: Database, findings) -> None:
        with unit_of_work(database) as session:
            record_activity(session, "tested", actor="test", project_id=None, now=utc_now())

        assert all(one.is_well for one in findings().values())

    def test_a_changed_row_of_the_activity_log_is_told_with_its_project(self, database: Database, findings) -> None:
        project = make_project(database)
        with unit_of_work(database) as session:
            record_activity(session, "tested", actor="test", project_id=project.id, now=utc_now())
        with database.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE activity SET actor = 'somebody' WHERE action = 'tested'")

        found: Finding = findings()["activity log"]

        assert not found.is_well
        assert f"project {project.id}'s" in found.detail

    def test_settings_that_cannot_be_read_are_the_only_finding(self) -> None:
        (found,) = examine({"WINNOW_ENV": "somewhere"})

        assert (found.part, found.is_well) == ("settings", False)


def owe_to_two(told: Told, here: Runtime, project: Held) -> list[StepRow]:
    """A step is owed to two works of one kind."""
    told.kind = "walk"
    follows(told.effect, step="look")(lambda _: {})
    with unit_of_work(here.database) as session:
        owe(session, told.effect, project.id, "one", "two", now=utc_now())
    return free_of(here, "look")


@pytest.fixture
def doctor(database: Database, tmp_path: Path) -> Callable[[], tuple[int, str]]:
    """The command: its exit code, and its line about what is owed."""
    tmp_path.chmod(0o700)
    environment = {
        "WINNOW_HOME": str(tmp_path),
        "WINNOW_DATABASE_URL": database.engine.url.render_as_string(hide_password=False),
    }

    def ask() -> tuple[int, str]:
        ended = CliRunner().invoke(command, [], env=environment)
        (line,) = [line for line in ended.stdout.splitlines() if line[5:].startswith("owed: ")]
        return ended.exit_code, line

    return ask


@pytest.mark.usefixtures("declared_alone")
class TestWhatIsOwed:
    def test_where_nothing_is_it_says_so(self, doctor: Callable[[], tuple[int, str]]) -> None:
        assert doctor() == (0, "ok   owed: nothing")

    def test_how_far_it_is_is_told(
        self, doctor: Callable[[], tuple[int, str]], told: Told, here: Runtime, project: Held
    ) -> None:
        first, _ = owe_to_two(told, here, project)
        take(here, first).progress(40, 120)

        assert doctor() == (0, "ok   owed: look of 2 walks, 1 at work, 40 of 120 parts done")

    def test_what_was_done_is_owed_no_more(
        self, doctor: Callable[[], tuple[int, str]], told: Told, here: Runtime, project: Held
    ) -> None:
        owe_to_two(told, here, project)
        close_free(here, "look")

        assert doctor() == (0, "ok   owed: nothing")

    def test_a_step_that_fails_is_told_with_its_error(
        self, doctor: Callable[[], tuple[int, str]], told: Told, here: Runtime, project: Held
    ) -> None:
        first, _ = owe_to_two(told, here, project)
        for _ in range(MAX_STRIKES):
            end_pauses(here.database)
            work = take(here, first)
            with unit_of_work(here.database) as session:
                put_back(session, first, holder=work.holder, error="no\x1b[2J room", is_strike=True, pause_ms=0)

        code, line = doctor()

        assert code == DID_NOT_HOLD
        assert line.startswith("BAD  owed: look of 2 walks, 0 at work, 1 tried again; ")
        assert f"look of walk {first.of}: 3 strikes, 0 workers died: " in line
        assert "no\\x1b[2J room" in line
