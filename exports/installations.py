"""The two places that commands about versions work on: this installation, and another one over HTTP."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from foundation.client import READ_AT_ONCE, Server
from foundation.errors import Conflict, InvalidBody, Unavailable, UsageError
from foundation.opening import opened_installation

if TYPE_CHECKING:
    from foundation.database import Database
    from foundation.settings import Settings

ACTOR: Final = "command"
BUILD_WITHIN_S: Final = 12 * 3600.0
ASK_EVERY_S: Final = 0.5


@dataclass(frozen=True)
class ThisInstallation:
    """The database that the environment names."""

    settings: Settings
    database: Database
    project: str
    project_id: int

    @classmethod
    @contextmanager
    def opened(cls, project: str) -> Iterator[ThisInstallation]:
        from collector.queries import project_named
        from foundation.database import unit_of_work

        with opened_installation() as (settings, database):
            with unit_of_work(database, read_only=True) as session:
                project_id = project_named(session, project)
            yield cls(settings, database, project, project_id)

    def build(self, overrides: Mapping[str, Any], *, draft: bool) -> dict[str, Any]:
        """Asks for a version and waits; where no worker takes the job it is done here.

        Raises:
            UsageError: the overrides have mistakes. Conflict: the job failed.
        """
        from collector.queries import current_file
        from exports.inputs.snapshot import section_asked
        from exports.service import ask_build
        from foundation.database import unit_of_work, utc_now
        from foundation.queue import wait_until_done

        with unit_of_work(self.database) as session:
            _, file = current_file(session, self.project_id)
            try:
                section_asked(file, overrides, draft=draft)
            except InvalidBody as error:
                raise UsageError(error.detail, faults=error.faults) from error
            asked = ask_build(session, self.project_id, overrides, draft=draft, actor=ACTOR, now=utc_now())
        job = wait_until_done(self.database, asked.job, seconds=BUILD_WITHIN_S)
        if job.result is None:
            raise Conflict(f"the build failed: {job.error}")
        return self.describe(job.result["version"])

    def versions(self) -> Iterator[dict[str, Any]]:
        from exports.queries import list_versions
        from exports.schemas import describe_version
        from foundation.database import unit_of_work

        before = None
        with unit_of_work(self.database, read_only=True) as session:
            while page := list_versions(session, self.project_id, before=before, limit=100):
                yield from (describe_version(version) for version in page)
                before = page[-1].no

    def describe(self, version: str) -> dict[str, Any]:
        from exports.queries import find_version
        from exports.schemas import describe_version
        from foundation.database import unit_of_work

        with unit_of_work(self.database, read_only=True) as session:
            return describe_version(find_version(session, self.project_id, version), whole=True)

    def read(self, version: str, path: str) -> Iterator[bytes]:
        from exports.keeping.store import open_store
        from exports.queries import find_version, require_files
        from exports.service import log_download
        from foundation.database import unit_of_work, utc_now

        with unit_of_work(self.database) as session:
            found = require_files(find_version(session, self.project_id, version))
            log_download(session, found, path, key_id=None, now=utc_now())
            place = found.storage or ""
        with open_store(self.settings).open(place, path) as file:
            while chunk := file.read(READ_AT_ONCE):
                yield chunk


@dataclass(frozen=True)
class OtherInstallation:
    """A server that holds the project."""

    server: Server
    project: str

    @classmethod
    def at(cls, url: str, key: str | None, project: str) -> OtherInstallation:
        return cls(Server.at(url, key), quote(project, safe=""))

    def build(self, overrides: Mapping[str, Any], *, draft: bool) -> dict[str, Any]:
        """Asks for a version and waits until the server has it."""
        asked = self.server.ask("POST", f"{self._at}/versions", json={"export": dict(overrides), "draft": draft})
        deadline = time.monotonic() + BUILD_WITHIN_S
        while time.monotonic() < deadline:
            job = self.server.ask("GET", f"/v1/jobs/{uuid.UUID(asked['job'])}")
            if job["status"] == "done":
                return self.describe(job["result"]["version"])
            if job["status"] == "failed":
                raise Conflict(f"the build failed: {job.get('error')}")
            time.sleep(ASK_EVERY_S)
        raise Unavailable("the server has not ended this build in time: look again later")

    def versions(self) -> Iterator[dict[str, Any]]:
        cursor = None
        while True:
            page = self.server.ask("GET", f"{self._at}/versions", params={"cursor": cursor} if cursor else {})
            yield from page["versions"]
            cursor = page["cursor"]
            if not cursor:
                return

    def describe(self, version: str) -> dict[str, Any]:
        return self.server.ask("GET", self._version(version))

    def read(self, version: str, path: str) -> Iterator[bytes]:
        yield from self.server.read(f"{self._version(version)}/files/{quote(path)}")

    @property
    def _at(self) -> str:
        return f"/v1/projects/{self.project}"

    def _version(self, version: str) -> str:
        return f"{self._at}/versions/{quote(version, safe='')}"
