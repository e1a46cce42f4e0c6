"""Downloads from a source that cannot be trusted: nothing is written outside the folder, and half a version never stays."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from exports.documents.manifest import digest_of, json_bytes
from exports.files import FileEntry
from exports.keeping.fetch import download_version
from foundation.errors import Conflict, Gone, NotFound, UsageError


@dataclass
class Untrusted:
    """A source that serves what it is told to."""

    contents: dict[str, bytes] = field(default_factory=lambda: {"README.md": b"read me"})
    changes: dict[str, Any] = field(default_factory=dict)
    served: Mapping[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        listed = [
            FileEntry(path, len(content), hashlib.sha256(content).hexdigest())
            for path, content in self.contents.items()
        ]
        manifest = {"version": "1.0.0", "files": [vars_of(file) for file in listed]}
        self.digest = digest_of(manifest)
        self.contents["manifest.json"] = json_bytes(manifest | {"digest": self.digest})
        lines = [f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in sorted(self.contents.items())]
        self.contents["manifest.sha256"] = "".join(lines).encode()

    def describe(self, version: str) -> Mapping[str, Any]:
        files = [
            {"path": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for path, content in self.contents.items()
        ]
        return {"version": "1.0.0", "state": "published", "digest": self.digest, "files": files} | self.changes

    def read(self, version: str, path: str) -> Iterator[bytes]:
        yield self.served[path] if path in self.served else self.contents[path]


def vars_of(file: FileEntry) -> dict[str, Any]:
    return {"path": file.path, "bytes": file.bytes, "sha256": file.sha256}


def test_an_honest_source_gives_a_folder(tmp_path: Path) -> None:
    made, _ = download_version(Untrusted(), "slang", "latest", tmp_path / "sets")

    assert made == tmp_path / "sets" / "slang-1.0.0"
    assert (made / "README.md").read_bytes() == b"read me"


@pytest.mark.parametrize(
    "path", ["../outside", "/tmp/outside", "data/../../outside", "a//b", "./a", "..", ".", "a\\..\\b", "", "a\0b"]
)
def test_a_path_that_leaves_the_folder_is_refused_before_anything_is_written(tmp_path: Path, path: str) -> None:
    with pytest.raises(Conflict, match="outside"):
        download_version(Untrusted({path: b"evil"}), "slang", "latest", tmp_path / "sets")

    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(
    "changes",
    [{"files": [{}]}, {"files": "abc"}, {"files": [{"path": "a", "bytes": "many", "sha256": "0"}]}, {"files": 5}],
)
def test_an_answer_that_describes_no_version_is_told_so(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(Conflict, match="describes no version"):
        download_version(Untrusted(changes=changes), "slang", "latest", tmp_path)


@pytest.mark.parametrize("others", [["a", "a/b"], ["a" * 300], ["\ud800"]])
def test_names_that_no_folder_can_hold_leave_nothing_behind(tmp_path: Path, others: list[str]) -> None:
    sha256 = hashlib.sha256(b"").hexdigest()
    files = [{"path": path, "bytes": 0, "sha256": sha256} for path in others]
    source = Untrusted(changes={"files": files}, served=dict.fromkeys(others, b""))

    with pytest.raises(Conflict, match="cannot be written"):
        download_version(source, "slang", "latest", tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../1.0.0", "/etc", "", ".", "a/b"])
def test_a_name_that_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        download_version(Untrusted(changes={"version": name}), "slang", "latest", tmp_path / "sets")
    with pytest.raises(UsageError):
        download_version(Untrusted(), name, "latest", tmp_path / "sets")

    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("content", [b"read m", b"read me and much more", b"READ ME", b""])
def test_other_bytes_than_named_leave_nothing_behind(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Conflict, match="other bytes"):
        download_version(Untrusted(served={"README.md": content}), "slang", "latest", tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_files_that_are_not_those_of_the_digest_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="checksums"):
        download_version(Untrusted(changes={"digest": "0" * 64}), "slang", "latest", tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"state": "withdrawn", "successor": "1.0.1"}, Gone), ({"state": "refused", "files": []}, NotFound)],
)
def test_a_version_without_files_is_told_so(tmp_path: Path, changes: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        download_version(Untrusted(changes=changes), "slang", "latest", tmp_path)
