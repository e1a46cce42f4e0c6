"""Verifies a version's folder: recomputes every checksum and tells every file that is not as it was published."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson

from exports.documents.manifest import CHECKSUMS, MANIFEST, checksum_lines, digest_of
from exports.files import FileEntry, hash_file, is_inside
from exports.inputs.leakage import Leakage
from exports.inputs.plan import FORMAT
from exports.keeping.leakage_apart import count_leakage_apart
from foundation.errors import UsageError
from foundation.json_weight import count_parts

MOST_MANIFEST_BYTES: Final = 64 << 20
MOST_PARTS: Final = 4_000_000
MOST_FILES: Final = 100_000
"""A version has some files a side: whoever lists more wants to keep us busy."""


class ProblemReason(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    MISSING = "missing"
    NOT_A_FILE = "not_a_file"
    UNREADABLE = "unreadable"
    UNSAFE_PATH = "unsafe_path"
    MANIFEST = "manifest"
    CHECKSUMS = "checksums"
    DIGEST = "digest"
    LEAKAGE = "leakage"
    CROISSANT = "croissant"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class FolderProblem:
    """One thing that is not as published."""

    path: str
    reason: ProblemReason
    detail: str


@dataclass(frozen=True)
class Verification:
    """The outcome. Project, version and digest are as the manifest says; None where it cannot be read."""

    problems: tuple[FolderProblem, ...]
    files: int
    project: str | None
    version: str | None
    digest: str | None

    @property
    def ok(self) -> bool:
        return not self.problems


def verify_folder(folder: Path, *, expected_digest: str | None = None) -> Verification:
    """Reads every file of a version and compares all with the manifest, and the manifest with its checksums.

    In files that are as they were published, leakage is counted again, and must be none. A folder without a manifest
    that can be read is no version: its files are not looked at. Time and memory are bounded by the bytes that a manifest of
    at most 64 MB states: nothing else is read.

    Whoever can write the folder can write a manifest that fits: `expected_digest`, the digest that the server names
    for the version, shows that too.

    Raises:
        UsageError: the folder is missing or cannot be listed.
    """
    problems: list[FolderProblem] = []
    _entries(folder, 0)
    listed, manifest = _read_manifest(folder, problems)
    if not manifest:
        return Verification(tuple(problems), 0, None, None, None)
    found = dict(_read_files(folder, listed, problems))
    problems += _compare(listed, found)
    problems += _check_digest(manifest, expected_digest)
    problems += _check_checksums(listed, found)
    problems += () if problems else _check_leakage(folder, manifest)
    told = (value if isinstance(value, str) else None for value in map(manifest.get, ("project", "version", "digest")))
    return Verification(tuple(sorted(problems, key=lambda problem: (problem.path, problem.reason))), len(found), *told)


def add_problems(outcome: Verification, problems: Iterable[FolderProblem]) -> Verification:
    return replace(outcome, problems=(*outcome.problems, *problems))


def problems_on_server(outcome: Verification, described: Mapping[str, Any]) -> Iterator[FolderProblem]:
    """What a server says against a copy that is whole.

    Args:
        described: the version as `GET /versions/{v}` shows it; empty where the server does not know it.
    """
    if not described:
        yield FolderProblem(".", ProblemReason.UNKNOWN, "the server knows no such version of such a project")
    elif described.get("state") == "withdrawn":
        after = described.get("successor")
        instead = f"take {after}" if after else "a version that follows it is not built yet"
        yield FolderProblem(
            ".", ProblemReason.WITHDRAWN, f"the server withdrew this version: {instead}, and delete this copy"
        )
    if described and described.get("digest") != outcome.digest:
        yield FolderProblem(MANIFEST, ProblemReason.DIGEST, "the server names another digest for this version")


def _read_files(
    folder: Path, listed: Mapping[str, FileEntry], problems: list[FolderProblem]
) -> Iterator[tuple[str, FileEntry]]:
    """Every regular file under the folder with its digest; what is no file, or cannot be read, becomes a problem.

    A file that has another size than listed, or is not listed, is not read: its digest is left empty.
    """
    waiting, n_seen = [(folder, "")], 0
    while waiting:
        below, prefix = waiting.pop()
        try:
            entries = _entries(below, MOST_FILES)
        except UsageError:
            problems.append(
                FolderProblem(prefix.rstrip("/"), ProblemReason.UNREADABLE, "is a folder that cannot be listed")
            )
            continue
        n_seen += len(entries)
        if n_seen > MOST_FILES:
            problems.append(
                FolderProblem(".", ProblemReason.ADDED, f"holds more than {MOST_FILES} files: no version does")
            )
            return
        if prefix and not entries:
            problems.append(FolderProblem(prefix.rstrip("/"), ProblemReason.NOT_A_FILE, "is an empty folder"))
        for entry in entries:
            path = prefix + os.fsencode(entry.name).decode("utf-8", "backslashreplace")
            if entry.is_dir(follow_symlinks=False):
                waiting.append((Path(entry.path), path + "/"))
            elif not entry.is_file(follow_symlinks=False):
                problems.append(FolderProblem(path, ProblemReason.NOT_A_FILE, "is a link or no plain file"))
            else:
                try:
                    yield path, _file_entry(Path(entry.path), path, listed)
                except OSError:
                    problems.append(FolderProblem(path, ProblemReason.UNREADABLE, "cannot be read"))


def _file_entry(at: Path, path: str, listed: Mapping[str, FileEntry]) -> FileEntry:
    size_bytes = at.stat(follow_symlinks=False).st_size
    if path in (MANIFEST, CHECKSUMS):
        is_awaited = size_bytes <= MOST_MANIFEST_BYTES
    else:
        is_awaited = path in listed and listed[path].bytes == size_bytes
    return FileEntry(path, *hash_file(at)) if is_awaited else FileEntry(path, size_bytes, "")


def _entries(folder: Path, most: int) -> list[os.DirEntry[str]]:
    """What lies in a folder, or one more than `most` of it."""
    try:
        with os.scandir(folder) as listing:
            return list(islice(listing, most + 1))
    except OSError as error:
        raise UsageError("the folder cannot be listed: name the folder of a version") from error


def _read_manifest(folder: Path, problems: list[FolderProblem]) -> tuple[dict[str, FileEntry], Mapping[str, Any]]:
    try:
        manifest, files = _manifest_in(folder)
    except UnusableManifest as error:
        problems.append(FolderProblem(MANIFEST, ProblemReason.MANIFEST, str(error)))
        return {}, {}
    listed: dict[str, FileEntry] = {}
    unsafe = False
    for file in files:
        if not is_inside(file.path) or file.path in (MANIFEST, CHECKSUMS) or file.path in listed:
            unsafe = True
            continue
        listed[file.path] = file
    if unsafe:
        problems.append(FolderProblem(MANIFEST, ProblemReason.UNSAFE_PATH, "lists a path twice or outside the folder"))
    return listed, manifest


class UnusableManifest(Exception):
    """Why a manifest cannot be used."""


def _manifest_in(folder: Path) -> tuple[Mapping[str, Any], list[FileEntry]]:
    """The manifest of a folder and the files it lists.

    Raises:
        UnusableManifest: it is missing, too large, or no manifest.
    """
    path = folder / MANIFEST
    if path.is_symlink() or not path.is_file():
        raise UnusableManifest("is missing: this is not the folder of a version")
    try:
        written = read_up_to(path, MOST_MANIFEST_BYTES)
    except OSError as error:
        raise UnusableManifest("cannot be read as a manifest") from error
    if written is None:
        raise UnusableManifest(f"has more than {MOST_MANIFEST_BYTES} bytes: no manifest has")
    # Two bytes of JSON can become a hundred times as many in memory.
    if count_parts(written) > MOST_PARTS:
        raise UnusableManifest(f"has more than {MOST_PARTS} parts: no manifest has")
    try:
        manifest = orjson.loads(written)
        files = [_listed(file) for file in manifest["files"]]
        digest_of(manifest)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnusableManifest("cannot be read as a manifest") from error
    if len(files) > MOST_FILES:
        raise UnusableManifest(f"lists more than {MOST_FILES} files: no version has")
    return manifest, files


def _listed(file: Any) -> FileEntry:
    entry = FileEntry(file["path"], file["bytes"], file["sha256"])
    if type(entry.bytes) is not int or not isinstance(entry.sha256, str):
        raise TypeError("not an entry of a manifest")
    return entry


def read_up_to(path: Path, most_bytes: int) -> bytes | None:
    """A file's bytes; None where it has more. Raises OSError, also for a link."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        written = file.read(most_bytes + 1)
    return written if len(written) <= most_bytes else None


def _check_leakage(folder: Path, manifest: Mapping[str, Any]) -> Iterator[FolderProblem]:
    """Counts leakage in the files again; there must be none, and a manifest that counted it in them must say the same."""
    stated = manifest.get("leakage")
    looked_for = isinstance(stated, Mapping) and stated.get("near_duplicate_sets") is not None
    found = count_leakage_apart(folder, near_duplicates=looked_for)
    if found is None:
        yield FolderProblem("data", ProblemReason.UNREADABLE, "the data files cannot be read as those of a version")
    elif asdict(found) != stated and manifest.get("format") == FORMAT:
        yield FolderProblem(MANIFEST, ProblemReason.LEAKAGE, f"the files do not leak as it states: {_leakage(found)}")
    elif found.is_found:
        yield FolderProblem("data", ProblemReason.LEAKAGE, f"what belongs together was split: {_leakage(found)}")


def _leakage(found: Leakage) -> str:
    sets = "" if found.near_duplicate_sets is None else f", {found.near_duplicate_sets} near-duplicate sets"
    return f"{found.items} items, {found.split_groups} split groups{sets} stand on two sides"


def _compare(listed: Mapping[str, FileEntry], found: Mapping[str, FileEntry]) -> Iterator[FolderProblem]:
    for path in sorted(listed.keys() - found.keys()):
        yield FolderProblem(path, ProblemReason.MISSING, "is in the manifest and not in the folder")
    for path in sorted(found.keys() - listed.keys() - {MANIFEST, CHECKSUMS}):
        yield FolderProblem(path, ProblemReason.ADDED, "is in the folder and not in the manifest")
    for path in sorted(listed.keys() & found.keys()):
        if listed[path] != found[path]:
            yield FolderProblem(path, ProblemReason.CHANGED, "has other bytes than the manifest says")


def _check_digest(manifest: Mapping[str, Any], expected_digest: str | None) -> Iterator[FolderProblem]:
    recomputed = digest_of(manifest)
    if manifest and manifest.get("digest") != recomputed:
        yield FolderProblem(MANIFEST, ProblemReason.DIGEST, "its digest is not the digest over what it states")
    if expected_digest is not None and not hmac.compare_digest(recomputed.encode(), expected_digest.lower().encode()):
        yield FolderProblem(MANIFEST, ProblemReason.DIGEST, "this is not the version of the digest that was expected")


def _check_checksums(listed: Mapping[str, FileEntry], found: Mapping[str, FileEntry]) -> Iterator[FolderProblem]:
    """Whether the checksums are those of the manifest; a file that has changed is told of once."""
    if CHECKSUMS not in found:
        yield FolderProblem(CHECKSUMS, ProblemReason.MISSING, "is not in the folder")
    elif MANIFEST in found:
        covered = [*listed.values(), found[MANIFEST]]
        expected = checksum_lines(covered)
        if found[CHECKSUMS] != FileEntry(CHECKSUMS, len(expected), hashlib.sha256(expected).hexdigest()):
            yield FolderProblem(CHECKSUMS, ProblemReason.CHECKSUMS, "does not name every file with its checksum")
