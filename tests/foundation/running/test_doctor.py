"""`winnow doctor` looks at what is really there."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.activity import record_activity
from foundation.database import Database, unit_of_work, utc_now
from foundation.running.doctor import Finding, examine
from tests.signals import make_project


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
