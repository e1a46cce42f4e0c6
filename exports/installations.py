"""What commands about versions ask for, and the two places that answer: this installation, and another one over HTTP."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote

from foundation.errors import Conflict, Unavailable
from foundation.installations import WAITS_FOR_JOB_S, OtherInstallation, opened_at

if TYPE_CHECKING:
    from exports.local_versions import VersionsHere

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
    return opened_at(project, url, key, here=_here, there=VersionsElsewhere)


class VersionsElsewhere(OtherInstallation):
    """On a server that holds the project."""

    def build(self, overrides: Mapping[str, Any], *, draft: bool) -> dict[str, Any]:
        asked = self.server.ask("POST", f"{self.path}/versions", json={"export": dict(overrides), "draft": draft})
        deadline = time.monotonic() + WAITS_FOR_JOB_S
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


def _here(project: str) -> AbstractContextManager[VersionsHere]:
    """What it needs of the database is not loaded where another installation is asked."""
    from collector.queries import project_named
    from exports.local_versions import VersionsHere

    return VersionsHere.opened(project, project_named)
