"""What tests of every domain share: real servers, started when the first test asks and ended with the run."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings as hypothesis_settings
from sqlalchemy import create_engine, text

from collector import queries
from foundation.database import Database, open_database
from foundation.http.web import services_of
from foundation.migrations import migrate
from foundation.settings import Settings
from tests.servers import LabelStudio, running_bucket_server, running_label_studio, running_postgres, running_valkey
from tests.signals import Held, Phone, empty, make_project
from tests.steps import declared_alone, here, told  # noqa: F401 - fixtures of whoever asks for them
from wsgi import create_app, worker

SERVERS = {"postgres_url", "valkey_url", "bucket_url", "label_studio"}
"""Fixtures that start a real server; `make quick` does without, whoever wrote the test."""
ON_SERVERS = {"postgresql", "bucket"}
"""Parameters under which a fixture starts one of them."""
MIGRATED = "winnow_migrated"
PLENTY = 1_000_000

# No deadline: other work on the machine must not fail a test. `make quick` tries less, `make test` all.
hypothesis_settings.register_profile("quick", deadline=None, max_examples=20)
hypothesis_settings.register_profile("winnow", deadline=None)
hypothesis_settings.load_profile("winnow")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks as slow what needs a server, so that no test has to say it; a pair on both databases stays quick on SQLite."""
    for item in items:
        of_case = item.callspec.params.values() if hasattr(item, "callspec") else ()
        named = ON_SERVERS & {value for value in of_case if isinstance(value, str)}
        if named or SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.server)


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No setting of the developer's shell reaches a test; what a test leaves lies in its own folders.

    What the domains declare is known, as it is wherever the roof has opened an installation.
    """
    worker()
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("WINNOW_", "AWS_")) and name != "WINNOW_LABEL_STUDIO_VENV":
                patch.delenv(name)
        patch.setenv("WINNOW_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("HOME", str(tmp_path_factory.mktemp("user")))
        yield


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with running_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture(scope="session")
def bucket_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A bucket on an S3 server. One for all tests: fsspec keeps a process's connection to the first server it met."""
    import fsspec

    with running_bucket_server(tmp_path_factory.mktemp("bucket")) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        patch.setenv("AWS_ACCESS_KEY_ID", "a-key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        fsspec.filesystem("s3").mkdir("winnow")
        yield "s3://winnow/prefix"


@pytest.fixture(scope="session")
def label_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudio]:
    with running_label_studio(tmp_path_factory.mktemp("label-studio")) as server:
        yield server


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data that lies beside the repository; tests that need it are skipped elsewhere."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared data does not lie beside this checkout")
    return folder


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "winnow.sqlite3"
    database = open_database(f"sqlite:///{path}")
    migrate(database)
    database.engine.dispose()
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> str:
    """The URL of a PostgreSQL that holds a database with all tables, to be copied by its name."""
    _command(postgres_url, f"CREATE DATABASE {MIGRATED}")
    database = open_database(postgres_url.rpartition("/")[0] + f"/{MIGRATED}")
    migrate(database)
    database.engine.dispose()
    return postgres_url


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated database of the module's own, once on each engine."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("database") / "winnow.sqlite3"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
        return f"sqlite:///{path}"
    server: str = request.getfixturevalue("migrated_postgres")
    name = f"winnow_{secrets.token_hex(6)}"
    _command(server, f"CREATE DATABASE {name} TEMPLATE {MIGRATED}")
    return server.rpartition("/")[0] + f"/{name}"


@pytest.fixture(scope="module")
def opened_database(database_url: str) -> Iterator[Database]:
    database = open_database(database_url)
    yield database
    database.engine.dispose()


@pytest.fixture
def database(opened_database: Database) -> Database:
    """An empty database with all tables: SQLite, then PostgreSQL."""
    empty(opened_database)
    queries._FILES.clear()
    return opened_database


@pytest.fixture(scope="module")
def settings(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of an installation that limits nobody."""
    return Settings.model_validate(
        {
            "home": tmp_path_factory.mktemp("winnow-home"),
            "database_url": database_url,
            **{name: secrets.token_urlsafe(32) for name in ("secret_key", "pseudonym_key", "seal_key")},
            **{f"{who}_requests_per_minute": PLENTY for who in ("ingest", "subject", "project")},
            "log_level": "WARNING",
        }
    )


@pytest.fixture(scope="module")
def app(settings: Settings) -> Iterator[Flask]:
    made = create_app(settings)
    yield made
    services_of(made).database.engine.dispose()


@pytest.fixture
def app_client(app: Flask, database: Database) -> FlaskClient:
    """Calls the whole application on an empty database."""
    return app.test_client()


@pytest.fixture
def project(database: Database) -> Held:
    """A project with a field of every kind, and a key of each role."""
    return make_project(database)


@pytest.fixture
def keys(project: Held) -> dict[str, str]:
    """A key of each role for the project, and one that was retired."""
    return dict(project.keys)


@pytest.fixture
def phone(app_client: FlaskClient, project: Held) -> Phone:
    """Sends with the project's ingest key."""
    return Phone(app_client, project)


def _command(server: str, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
