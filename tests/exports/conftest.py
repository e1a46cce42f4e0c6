"""What the tests of versions share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from foundation import queue
from foundation.database import Database
from foundation.settings import Settings
from tests.exports.rigs import Rig, close_rig, open_rig, project_file, rig_of


@pytest.fixture
def rig(
    settings: Settings, app_client: FlaskClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Rig]:
    """An installation with a project of short texts, on each database."""
    made = rig_of(settings, app_client, database, monkeypatch)
    made.put(project_file())
    yield made
    queue.runtime().database.engine.dispose()
    queue.runtime.cache_clear()


@pytest.fixture
def small_rig(tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """The same on SQLite alone, for what no database decides."""
    made = open_rig(tmp_path / "home", migrated_sqlite, monkeypatch)
    made.put(project_file())
    yield made
    close_rig(made)
