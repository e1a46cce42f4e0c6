"""What calls about versions take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, StrictBool

from exports.models import Version, VersionState, WithdrawnWhy


class BuildAsked(BaseModel):
    """`export` is laid over the project file's section of that name; a draft is built whatever the gates say."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"draft": True}]})

    export: dict[str, Any] | None = None
    draft: StrictBool = False


class BuildAccepted(BaseModel):
    """The job's result is `{version, state}`."""

    build: str
    job: str


class DownloadRead(BaseModel):
    """`key` is null where a command on the server's own machine read the file."""

    version: str
    path: str
    key: str | None
    at: datetime


class DownloadPage(BaseModel):
    downloads: list[DownloadRead]
    cursor: str | None


class GateRead(BaseModel):
    name: str
    passed: bool
    figure: float | None
    required: float | str
    detail: str


class SettingRead(BaseModel):
    """A setting of `export` that is another for this version than in the project file."""

    pointer: str
    before: Any
    after: Any


class LoweredRead(SettingRead):
    """A promise that became weaker, in a revision of the project or (null) by the override of a draft."""

    revision: int | None


class FileRead(BaseModel):
    path: str
    bytes: int
    sha256: str


class VersionRead(BaseModel):
    """A version. `gates` say what was measured, what was required, and what to do; `version` is null while it is built."""

    version: str | None
    build: str
    state: VersionState
    draft: bool
    parent: str | None
    digest: str | None
    created_at: datetime
    published_at: datetime | None
    gates: list[GateRead]
    counts: dict[str, Any]
    warnings: list[str] = []
    overrides: list[SettingRead] = []
    lowered: list[LoweredRead] = []
    withdrawn_at: datetime | None = None
    withdrawn_why: WithdrawnWhy | None = None
    successor: str | None = None
    inputs: dict[str, Any] | None = None
    files: list[FileRead] | None = None


class VersionPage(BaseModel):
    versions: list[VersionRead]
    cursor: str | None


def describe_version(version: Version, *, whole: bool = False) -> dict[str, Any]:
    """A version as the API shows it; `whole` adds its inputs and the list of its files."""
    body: dict[str, Any] = {
        "version": version.name,
        "build": str(version.build_id),
        "state": version.state,
        "draft": version.draft,
        "parent": version.parent,
        "digest": version.digest,
        "created_at": version.created_at.isoformat(),
        "published_at": version.published_at.isoformat() if version.published_at else None,
        "gates": version.gates or [],
        "counts": version.counts or {},
        **{name: (version.remarks or {}).get(name, []) for name in ("warnings", "overrides", "lowered")},
        "successor": version.successor,
    }
    if version.withdrawn_at:
        body |= {"withdrawn_at": version.withdrawn_at.isoformat(), "withdrawn_why": version.withdrawn_why}
    if whole:
        body |= {"inputs": version.inputs, "files": (version.files or []) if version.storage else []}
    return body
