"""The two places that commands about versions work on: this installation, and another one over HTTP."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from foundation.errors import (
    Conflict,
    DomainError,
    Fault,
    Forbidden,
    Gone,
    InvalidBody,
    NotFound,
    Unauthorized,
    Unavailable,
    UsageError,
)

if TYPE_CHECKING:
    import httpx

    from foundation.database import Database
    from foundation.settings import Settings

ACTOR: Final = "command"
BUILD_WITHIN_S: Final = 12 * 3600.0
ASK_EVERY_S: Final = 0.5
TIMEOUT_S: Final = 60.0
READ_AT_ONCE: Final = 1 << 20
KINDS: Final[Mapping[int, type[DomainError]]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: UsageError,
    429: Unavailable,
    503: Unavailable,
}


@dataclass(frozen=True)
class ThisInstallation:
    """The database that the environment names."""

    settings: Settings
    database: Database
    project: str
    project_id: int

    @classmethod
    def open(cls, project: str) -> ThisInstallation:
        from collector.queries import find_project
        from foundation.database import unit_of_work
        from foundation.opening import open_installation

        settings, database = open_installation()
        with unit_of_work(database, read_only=True) as session:
            project_id = find_project(session, project)
        if project_id is None:
            raise NotFound("there is no such project: `flask collector apply FILE.yaml` makes it")
        return cls(settings, database, project, project_id)

    def build(self, overrides: Mapping[str, Any], *, draft: bool) -> dict[str, Any]:
        """Asks for a version and waits; where no worker takes the job it is done here.

        Raises:
            UsageError: the overrides have mistakes. Conflict: the job failed.
        """
        import exports.tasks  # noqa: F401 - the job's function must be known to do it here
        from collector.queries import current_file
        from exports.service import ask_build
        from exports.snapshot import section_in_effect
        from foundation.database import unit_of_work, utc_now
        from foundation.queue import wait_until_done

        with unit_of_work(self.database) as session:
            _, file = current_file(session, self.project_id)
            try:
                section_in_effect(file.body, overrides)
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
        from exports.queries import find_version, require_files
        from exports.service import log_download
        from exports.store import open_store
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
    """A server and a key for it."""

    url: str
    key: str
    project: str

    @classmethod
    def open(cls, project: str, url: str, key: str | None) -> OtherInstallation:
        if not key:
            raise UsageError("--url needs a key: give --key or set WINNOW_KEY")
        return cls(url.rstrip("/"), key, quote(project, safe=""))

    def build(self, overrides: Mapping[str, Any], *, draft: bool) -> dict[str, Any]:
        """Asks for a version and waits until the server has it."""
        asked = self._ask("POST", f"{self._at}/versions", json={"export": dict(overrides), "draft": draft})
        deadline = time.monotonic() + BUILD_WITHIN_S
        while time.monotonic() < deadline:
            job = self._ask("GET", f"/v1/jobs/{uuid.UUID(asked['job'])}")
            if job["status"] == "done":
                return self.describe(job["result"]["version"])
            if job["status"] == "failed":
                raise Conflict(f"the build failed: {job.get('error')}")
            time.sleep(ASK_EVERY_S)
        raise Unavailable("the server has not ended this build in time: look again later")

    def versions(self) -> Iterator[dict[str, Any]]:
        cursor = None
        while True:
            page = self._ask("GET", f"{self._at}/versions", params={"cursor": cursor} if cursor else {})
            yield from page["versions"]
            cursor = page["cursor"]
            if not cursor:
                return

    def describe(self, version: str) -> dict[str, Any]:
        return self._ask("GET", self._version(version))

    def read(self, version: str, path: str) -> Iterator[bytes]:
        import httpx

        at = f"{self._version(version)}/files/{quote(path)}"
        with _told_when_away(), self._client() as client, client.stream("GET", at) as answer:
            if answer.status_code >= httpx.codes.BAD_REQUEST:
                answer.read()
                raise _problem_of(answer)
            yield from answer.iter_bytes(READ_AT_ONCE)

    @property
    def _at(self) -> str:
        return f"/v1/projects/{self.project}"

    def _version(self, version: str) -> str:
        return f"{self._at}/versions/{quote(version, safe='')}"

    def _client(self) -> httpx.Client:
        import httpx

        with _told_when_away():
            return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=TIMEOUT_S)

    def _ask(self, method: str, path: str, **parts: Any) -> dict[str, Any]:
        import httpx

        with self._client() as client, _told_when_away():
            answer = client.request(method, path, **parts)
        if answer.status_code >= httpx.codes.BAD_REQUEST:
            raise _problem_of(answer)
        try:
            return dict(answer.json())
        except ValueError as error:
            raise Unavailable("the server at --url answered without JSON: is it a Winnow?") from error


@contextmanager
def _told_when_away() -> Iterator[None]:
    """An answer that does not come becomes one sentence."""
    import httpx

    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unavailable(f"the server at --url does not answer ({type(error).__name__})") from error


def _problem_of(answer: httpx.Response) -> DomainError:
    """The other side's problem, in its own words."""
    try:
        document = answer.json()
        faults = [Fault(fault["pointer"], fault["reason"], fault["detail"]) for fault in document.get("errors", [])]
        detail = str(document["detail"])
    except (ValueError, KeyError, TypeError):
        faults, detail = [], f"the server at --url answered {answer.status_code}"
    return KINDS.get(answer.status_code, DomainError)(detail, faults=faults)
