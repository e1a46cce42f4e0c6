"""What commands about versions do in this installation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from collector.queries import current_file
from exports.inputs.snapshot import section_asked
from exports.keeping.store import open_store
from exports.queries import find_version, list_versions, require_files
from exports.schemas import as_document, describe_version
from exports.service import ask_build, log_download
from foundation.client import READ_AT_ONCE
from foundation.database import unit_of_work, utc_now
from foundation.errors import Conflict, InvalidBody, UsageError
from foundation.installations import WAITS_FOR_JOB_S, ThisInstallation
from foundation.queue import wait_until_done

ACTOR: Final = "command"


class VersionsHere(ThisInstallation):
    """In the database that the environment names. Where no worker takes a build, it is done here."""

    def build(self, overrides: Mapping[str, Any], *, draft: bool) -> dict[str, Any]:
        with unit_of_work(self.database) as session:
            _, file = current_file(session, self.project_id)
            try:
                section_asked(file, overrides, draft=draft)
            except InvalidBody as error:
                raise UsageError(error.detail, faults=error.faults) from error
            asked = ask_build(session, self.project_id, overrides, draft=draft, actor=ACTOR, now=utc_now())
        job = wait_until_done(self.database, asked.job, seconds=WAITS_FOR_JOB_S)
        if job.result is None:
            raise Conflict(f"the build failed: {job.error}")
        return self.describe(job.result["version"])

    def versions(self) -> Iterator[dict[str, Any]]:
        before = None
        with unit_of_work(self.database, read_only=True) as session:
            while page := list_versions(session, self.project_id, before=before, limit=100):
                yield from (as_document(describe_version(version)) for version in page)
                before = page[-1].no

    def describe(self, version: str) -> dict[str, Any]:
        with unit_of_work(self.database, read_only=True) as session:
            return as_document(describe_version(find_version(session, self.project_id, version), whole=True))

    def read(self, version: str, path: str) -> Iterator[bytes]:
        with unit_of_work(self.database) as session:
            found = require_files(find_version(session, self.project_id, version))
            log_download(session, found, path, key_id=None, now=utc_now())
            place = found.storage or ""
        with open_store(self.settings).open(place, path) as file:
            while chunk := file.read(READ_AT_ONCE):
                yield chunk
