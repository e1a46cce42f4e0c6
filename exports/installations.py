"""What commands about versions ask for, and the two places that answer: this installation, and another one over HTTP."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol
from urllib.parse import quote

from foundation.client import READ_AT_ONCE
from foundation.errors import Conflict, InvalidBody, Unavailable, UsageError
from foundation.installations import OtherInstallation, ThisInstallation, opened_at

ACTOR: Final = "command"
BUILD_WITHIN_S: Final = 12 * 3600.0
ASK_EVERY_S: Final = 0.5


class Versions(Protocol):
    """The versions of one project, wherever it is held."""

    def build(self, overrides: Mapping[str, Any], *, draft: bool) -> dict[str, Any]:
        """Asks for a version and waits for it.

        Raises:
            UsageError: the overrides have mistakes. Conflict: the job failed. Unavailable: it takes too long.
        """

    def versions(self) -> Iterator[dict[str, Any]]:
        """All of them, the newest build first."""

    def describe(self, version: str) -> dict[str, Any]:
        """One as `GET /versions/{v}` shows it."""

    def read(self, version: str, path: str) -> Iterator[bytes]:
        """A file of it in pieces."""


def opened_versions(project: str, url: str | None, key: str | None) -> AbstractContextManager[Versions]:
    """The versions of a project at `url`, or in this installation."""
    from collector.queries import project_named

    return opened_at(project, url, key, here=VersionsHere, there=VersionsElsewhere, project_named=project_named)


class VersionsHere(ThisInstallation):
    """In the database that the environment names. Where no worker takes a build, it is done here."""

    def build(self, overrides: Mapping[str, Any], *, draft: bool) -> dict[str, Any]:
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
        from exports.schemas import as_document, describe_version
        from foundation.database import unit_of_work

        before = None
        with unit_of_work(self.database, read_only=True) as session:
            while page := list_versions(session, self.project_id, before=before, limit=100):
                yield from (as_document(describe_version(version)) for version in page)
                before = page[-1].no

    def describe(self, version: str) -> dict[str, Any]:
        from exports.queries import find_version
        from exports.schemas import as_document, describe_version
        from foundation.database import unit_of_work

        with unit_of_work(self.database, read_only=True) as session:
            return as_document(describe_version(find_version(session, self.project_id, version), whole=True))

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


class VersionsElsewhere(OtherInstallation):
    """On a server that holds the project."""

    def build(self, overrides: Mapping[str, Any], *, draft: bool) -> dict[str, Any]:
        asked = self.server.ask("POST", f"{self.path}/versions", json={"export": dict(overrides), "draft": draft})
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
            page = self.server.ask("GET", f"{self.path}/versions", params={"cursor": cursor} if cursor else {})
            yield from page["versions"]
            cursor = page["cursor"]
            if not cursor:
                return

    def describe(self, version: str) -> dict[str, Any]:
        return self.server.ask("GET", self._version(version))

    def read(self, version: str, path: str) -> Iterator[bytes]:
        yield from self.server.read(f"{self._version(version)}/files/{quote(path)}")

    def _version(self, version: str) -> str:
        return f"{self.path}/versions/{quote(version, safe='')}"
