"""Versions over HTTP: ask for one, see what became of it, download it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from functools import partial
from typing import Final

from flask import Response, request
from flask.typing import ResponseReturnValue
from werkzeug.wsgi import FileWrapper

from collector.queries import current_file
from exports.files import READ_AT_ONCE, FileEntry
from exports.inputs.snapshot import section_asked
from exports.keeping.archive import archive_length, archive_stream
from exports.keeping.store import open_store
from exports.models import Version
from exports.queries import (
    describe_downloads,
    file_entries,
    find_version,
    list_downloads,
    list_versions,
    require_files,
)
from exports.schemas import (
    BuildAccepted,
    BuildAsked,
    DownloadPage,
    DownloadRead,
    VersionPage,
    VersionRead,
    describe_version,
)
from exports.service import ask_build, log_download
from foundation.cursors import page_after, page_after_moment, read_cursor, read_moment
from foundation.errors import Fault, InvalidBody, NotFound, PreconditionFailed
from foundation.http.guards import MANAGERS, READERS
from foundation.http.openapi import CURSOR, JSON, UUID_TEXT, Parameter
from foundation.http.web import Call, Routes, json_answer, media_type_among, parse_as

PAGE: Final = 50
PAGE_OF_DOWNLOADS: Final = 200
PROJECT: Final = "/v1/projects/<project>"
VERSION: Final = f"{PROJECT}/versions/<version>"
ARCHIVE: Final = "archive.tar"
MEDIA_TYPES: Final = {
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
    ".sha256": "text/plain; charset=utf-8",
}
routes = Routes("exports", title="Versions")


@routes.route(
    "POST",
    f"{PROJECT}/versions",
    allows=MANAGERS,
    summary="Build a version",
    takes=BuildAsked,
    takes_nothing=True,
    answers={202: BuildAccepted},
    problems=(400, 413, 415, 422, 503),
)
def post_version(call: Call) -> ResponseReturnValue:
    """Frozen inputs make a version; without any change since one was made, the job answers that one."""
    asked = _asked(call)
    overrides = asked.export or {}
    with call.unit_of_work() as session:
        _, file = current_file(session, call.project_no)
        section_asked(file, overrides, draft=asked.draft)
        build = ask_build(session, call.project_no, overrides, draft=asked.draft, actor=call.actor, now=call.now)
    return json_answer(BuildAccepted(build=str(build.build), job=str(build.job)), 202)


@routes.route(
    "GET",
    f"{PROJECT}/versions",
    allows=READERS,
    summary="All versions, the newest build first",
    answers={200: VersionPage},
    problems=(422,),
    query=CURSOR,
)
def get_versions(call: Call) -> ResponseReturnValue:
    before = _before(read_cursor(request.args.get("cursor")))
    with call.unit_of_work(read_only=True) as session:
        found = list_versions(session, call.project_no, before=before, limit=PAGE + 1)
    cursor = page_after([str(found[PAGE - 1].no)]) if len(found) > PAGE else None
    rows = [describe_version(version) for version in found[:PAGE]]
    return json_answer(VersionPage(versions=rows, cursor=cursor))


@routes.route(
    "GET",
    f"{PROJECT}/downloads",
    allows=MANAGERS,
    summary="Who got which file of a version, the newest first",
    answers={200: DownloadPage},
    problems=(422,),
    query={
        "version": "only files of this version",
        "key": Parameter("only what was got with this key: its id", {"anyOf": [UUID_TEXT, {"maxLength": 0}]}),
        **CURSOR,
    },
)
def get_downloads(call: Call) -> ResponseReturnValue:
    """`version` and `key` ask for those of one version, of one key."""
    before, key, name = (
        read_moment(request.args.get("cursor")),
        _key(request.args.get("key")),
        request.args.get("version"),
    )
    with call.unit_of_work(read_only=True) as session:
        versions = None if name is None else [find_version(session, call.project_no, name).no]
        found = list_downloads(
            session, call.project_no, versions=versions, key_id=key, before=before, limit=PAGE_OF_DOWNLOADS + 1
        )
    rows = [DownloadRead.model_validate(one) for one in describe_downloads(found[:PAGE_OF_DOWNLOADS])]
    last = found[PAGE_OF_DOWNLOADS - 1] if len(found) > PAGE_OF_DOWNLOADS else None
    cursor = page_after_moment(last.at, last.id) if last else None
    return json_answer(DownloadPage(downloads=rows, cursor=cursor))


@routes.route("GET", VERSION, allows=READERS, summary="A version, or the latest", answers={200: VersionRead})
def get_version(call: Call) -> ResponseReturnValue:
    """A withdrawn one says why and what follows it."""
    with call.unit_of_work(read_only=True) as session:
        version = find_version(session, call.project_no, call.path.version)
    return json_answer(describe_version(version, whole=True))


@routes.route(
    "GET",
    f"{VERSION}/files/<path:path>",
    allows=READERS,
    summary="One file of a version",
    answers={200: None, 206: None, 304: None},
    problems=(410, 412, 416, 503),
)
def get_file(call: Call) -> ResponseReturnValue:
    """The manifest lists the paths. A single Range, If-Range and If-None-Match are understood; the ETag is the SHA-256."""
    version = _find(call)
    entry = next((file for file in file_entries(version) if file.path == call.path.path), None)
    if entry is None:
        raise NotFound("the version has no such file: its manifest lists those it has")
    file = open_store(call.settings).open(version.storage or "", entry.path)
    response = Response(FileWrapper(file, READ_AT_ONCE), direct_passthrough=True, content_type=_media_type(entry))
    response.call_on_close(file.close)
    response.content_length = entry.bytes
    response.set_etag(entry.sha256)
    try:
        _require_match(entry.sha256)
        response.make_conditional(
            request, accept_ranges=_wants_part(entry.sha256) and "bytes", complete_length=entry.bytes
        )
        response.accept_ranges = "bytes"
        _log(call, version, entry.path, response)
    except BaseException:
        file.close()
        raise
    return response


@routes.route(
    "GET",
    f"{VERSION}/{ARCHIVE}",
    allows=READERS,
    summary="A version as one tar file",
    answers={200: None, 304: None},
    problems=(410, 412, 503),
)
def get_archive(call: Call) -> ResponseReturnValue:
    """One folder `<project>-<version>` with every file; the same bytes each time."""
    version = _find(call)
    etag = f"{version.digest}.tar"
    _require_match(etag)
    files, folder = file_entries(version), f"{call.project}-{version.name}"
    store = open_store(call.settings)
    for file in files[:1]:
        store.open(version.storage or "", file.path).close()
    stream = archive_stream(folder, files, partial(store.open, version.storage or ""))
    response = Response(_unless_head(stream), content_type="application/x-tar", direct_passthrough=True)
    response.content_length = archive_length(folder, files)
    response.headers["Content-Disposition"] = f'attachment; filename="{folder}.tar"'
    response.set_etag(etag)
    response.make_conditional(request)
    _log(call, version, ARCHIVE, response)
    return response


def _asked(call: Call) -> BuildAsked:
    """What was wished; an empty body wishes nothing special."""
    body = call.read_body()
    if not body.strip():
        return BuildAsked()
    media_type_among(JSON)
    return parse_as(BuildAsked, body)


def _key(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        fault = Fault("?key", "wrong_type", "must be the id of a key, as `winnow keys list` shows it")
        raise InvalidBody("the key is not an id", faults=[fault]) from None


def _find(call: Call) -> Version:
    with call.unit_of_work(read_only=True) as session:
        return require_files(find_version(session, call.project_no, call.path.version))


def _require_match(etag: str) -> None:
    if request.if_match and not request.if_match.contains(etag):
        raise PreconditionFailed("If-Match names other bytes than those that stand here")


def _wants_part(etag: str) -> bool:
    """Whether one part is asked for, of these very bytes; any other wish is answered whole (RFC 9110, 13.2.2 and 14.2)."""
    asked = request.range
    if request.method != "GET" or asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return False
    if request.if_none_match.contains_weak(etag):
        return False
    return request.headers.get("If-Range", f'"{etag}"') == f'"{etag}"'


def _log(call: Call, version: Version, path: str, response: Response) -> None:
    """A download is on record before its first byte leaves."""
    if request.method == "HEAD" or response.status_code == 304:
        return
    with call.unit_of_work() as session:
        log_download(session, version, path, key_id=call.caller.key_id, now=call.now)


def _unless_head(stream: Iterator[bytes]) -> Iterator[bytes]:
    return iter(()) if request.method == "HEAD" else stream


def _media_type(entry: FileEntry) -> str:
    ending = entry.path[entry.path.rfind(".") :]
    return MEDIA_TYPES.get(ending, "application/octet-stream")


def _before(place: list[str] | None) -> int | None:
    if place is None:
        return None
    if len(place) != 1 or not (place[0].isascii() and place[0].isdigit()) or len(place[0]) > 9:
        fault = Fault("?cursor", "wrong_value", "must be the cursor of the page before, unchanged")
        raise InvalidBody("the cursor is not one of ours", faults=[fault])
    return int(place[0])
