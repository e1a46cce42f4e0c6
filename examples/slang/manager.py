"""What the project's owner does over HTTP: the project file, sync, labels made elsewhere, quality, versions."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from examples.slang.archive import unpack

JOB_WITHIN_S = 300.0
TIMEOUT_S = 120.0
TRY_LATER = frozenset({429, 503})


class Refused(Exception):
    """A call was answered with a problem document; its detail says what to do."""


class JobFailed(Exception):
    """A job ended badly, or did not end in time."""


class _Later(Refused):
    """The server is busy: the same call may be made again, since each of them is a no-op when repeated."""


class Manager:
    """One project seen with a key that manages it."""

    def __init__(self, url: str, project: str, key: str) -> None:
        self.project = project
        self._client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=TIMEOUT_S)
        self._at = f"/v1/projects/{project}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def put_project(self, document: bytes) -> dict[str, Any]:
        """Sends the project file; the same one again changes nothing."""
        return self._call("PUT", "", content=document, headers={"Content-Type": "application/yaml"})

    def count(self) -> dict[str, int]:
        return dict(self._call("GET", "")["counts"])

    def sync(self) -> dict[str, Any]:
        """Push to Label Studio and pull from it, now; the job's result."""
        return self.wait_for(self._call("POST", "/sync")["job"])

    def annotate(self, annotations: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Hands in labels made elsewhere, as NDJSON; counts and one result a line."""
        body = b"".join(json.dumps(annotation).encode() + b"\n" for annotation in annotations)
        headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
        return self._call("POST", "/annotations", content=gzip.compress(body, 1), headers=headers)

    def measure(self) -> dict[str, Any]:
        """Measures now; the report."""
        self.wait_for(self._call("POST", "/quality")["job"])
        return self._call("GET", "/quality")

    def build_version(self) -> dict[str, Any]:
        """Builds a version and waits for it: `{version, state}`. Where nothing has changed it is the same one again."""
        return self.wait_for(self._call("POST", "/versions", json={})["job"])

    def read_version(self, version: str) -> dict[str, Any]:
        return self._call("GET", f"/versions/{version}")

    def download(self, version: str, into: Path) -> Path:
        """Downloads a version and unpacks it; the folder it lies in."""
        into.mkdir(parents=True, exist_ok=True)
        archive = into / f"{self.project}-{version}.tar"
        with (
            self._client.stream("GET", f"{self._at}/versions/{version}/archive.tar") as response,
            archive.open("wb") as file,
        ):
            if response.status_code != 200:
                response.read()
                raise Refused(_detail_of(response))
            for part in response.iter_bytes():
                file.write(part)
        folder = unpack(archive, into, folder=f"{self.project}-{version}")
        archive.unlink()
        return folder

    def wait_for(self, job: str) -> dict[str, Any]:
        """The result of a job, once it is done.

        Raises:
            JobFailed: it failed, or it has not ended in time.
        """
        deadline = time.monotonic() + JOB_WITHIN_S
        while time.monotonic() < deadline:
            row = self._ask("GET", f"/v1/jobs/{job}")
            if row["status"] == "failed":
                raise JobFailed(str(row.get("error", "no reason given")))
            if row["status"] == "done":
                return dict(row.get("result") or {})
            time.sleep(0.3)
        raise JobFailed(f"not done within {JOB_WITHIN_S:.0f} s")

    def _call(self, method: str, path: str, **parts: Any) -> dict[str, Any]:
        return self._ask(method, self._at + path, **parts)

    @retry(
        retry=retry_if_exception_type((httpx.TransportError, _Later)),
        wait=wait_random_exponential(0.5, max=10),
        stop=stop_after_attempt(8),
        reraise=True,
    )
    def _ask(self, method: str, path: str, **parts: Any) -> dict[str, Any]:
        response = self._client.request(method, path, **parts)
        if response.status_code in TRY_LATER:
            raise _Later(_detail_of(response))
        if not response.is_success:
            raise Refused(_detail_of(response))
        return dict(response.json())


def _detail_of(response: httpx.Response) -> str:
    if "json" not in response.headers.get("Content-Type", ""):
        return f"status {response.status_code}"
    problem = response.json()
    places = "; ".join(f"{place['pointer']}: {place['detail']}" for place in problem.get("errors", []))
    return f"status {response.status_code}: {problem.get('detail', '')} {places}".strip()
