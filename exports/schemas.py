"""What calls about versions take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, StrictBool, WithJsonSchema

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


Figure = Annotated[int | float, WithJsonSchema({"type": "number"})]
"""A number as it was measured: a count of rows has no decimal point."""


class GateRead(BaseModel):
    name: str
    passed: bool
    figure: Figure | None
    required: Figure | str
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
    successor: str | None = None
    withdrawn_at: datetime | None = None
    withdrawn_why: WithdrawnWhy | None = None
    inputs: dict[str, Any] | None = None
    files: list[FileRead] | None = None


class VersionPage(BaseModel):
    versions: list[VersionRead]
    cursor: str | None


def describe_version(version: Version, *, whole: bool = False) -> VersionRead:
    """A version as the API shows it; `whole` adds its inputs and the list of its files."""
    fields: dict[str, Any] = {}
    if version.withdrawn_at:
        fields |= {"withdrawn_at": version.withdrawn_at, "withdrawn_why": version.withdrawn_why}
    if whole:
        fields |= {"inputs": version.inputs, "files": (version.files or []) if version.storage else []}
    return VersionRead(
        version=version.name,
        build=str(version.build_id),
        state=VersionState(version.state),
        draft=version.draft,
        parent=version.parent,
        digest=version.digest,
        created_at=version.created_at,
        published_at=version.published_at,
        gates=version.gates or [],
        counts=version.counts or {},
        **{name: (version.remarks or {}).get(name, []) for name in ("warnings", "overrides", "lowered")},
        successor=version.successor,
        **fields,
    )


def as_document(version: VersionRead) -> dict[str, Any]:
    """A version as a client reads it from the API."""
    document: dict[str, Any] = orjson.loads(orjson.dumps(version.model_dump(exclude_unset=True)))
    return document
