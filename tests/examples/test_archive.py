"""Unpacking what a server sent: a version's files, and nothing that leaves their folder."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from examples.slang.archive import UnsafeArchive, unpack

FOLDER = "slang-1.0.0"
HONEST = (f"{FOLDER}/data/one.parquet", f"{FOLDER}/README.md")


def entry(name: str, kind: bytes = tarfile.REGTYPE, *, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


def archive_of(path: Path, members: Iterable[tarfile.TarInfo]) -> Path:
    """A tar file with these members; each plain file holds its own name."""
    with tarfile.open(path, "w") as tar:
        for member in members:
            content = member.name.encode() if member.isreg() else b""
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_the_files_of_a_version_lie_in_its_folder(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a.tar", [entry(FOLDER, tarfile.DIRTYPE), *map(entry, HONEST)])

    folder = unpack(archive, tmp_path, folder=FOLDER)

    assert folder == tmp_path / FOLDER
    assert {path.relative_to(folder.parent).as_posix(): path.read_text() for path in folder.rglob("*.*")} == {
        name: name for name in HONEST
    }


def test_the_second_time_takes_the_place_of_the_first(tmp_path: Path) -> None:
    folder = unpack(archive_of(tmp_path / "a.tar", map(entry, HONEST)), tmp_path, folder=FOLDER)
    (folder / "added").touch()

    again = unpack(archive_of(tmp_path / "a.tar", map(entry, HONEST)), tmp_path, folder=FOLDER)

    assert sorted(path.name for path in again.iterdir()) == ["README.md", "data"]


@pytest.mark.parametrize(
    "evil",
    [
        [entry("../outside")],
        [entry(f"{FOLDER}/../../outside")],
        [entry("/tmp/outside")],
        [entry(f"{FOLDER}/data/../../../outside")],
        [entry("another/file")],
        [entry(FOLDER)],
        [entry(f"{FOLDER}//file")],
        [entry(f"{FOLDER}/link", tarfile.SYMTYPE, link="../..")],
        [entry(f"{FOLDER}/link", tarfile.SYMTYPE, link=".."), entry(f"{FOLDER}/link/outside")],
        [entry(f"{FOLDER}/link", tarfile.LNKTYPE, link="../outside")],
        [entry(f"{FOLDER}/link", tarfile.LNKTYPE, link=HONEST[0])],
        [entry(f"{FOLDER}/pipe", tarfile.FIFOTYPE)],
        [entry(f"{FOLDER}/device", tarfile.CHRTYPE)],
        [entry(HONEST[0])],
        [entry(f"{HONEST[0]}/below")],
    ],
    ids=lambda members: ">".join(member.name for member in members),
)
def test_whatever_else_stands_in_it_is_refused_and_nothing_is_kept(tmp_path: Path, evil: list[tarfile.TarInfo]) -> None:
    into = tmp_path / "within" / "sets"
    into.mkdir(parents=True)
    archive = archive_of(tmp_path / "a.tar", [*map(entry, HONEST), *evil])

    with pytest.raises(UnsafeArchive):
        unpack(archive, into, folder=FOLDER)

    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == [
        "a.tar",
        "within",
        "within/sets",
    ]


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"\0" * 1024])
def test_what_is_no_archive_is_told_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(content)

    with pytest.raises(UnsafeArchive):
        unpack(tmp_path / "a.tar", tmp_path, folder=FOLDER)

    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


def test_a_link_in_the_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    elsewhere, into = tmp_path / "elsewhere", tmp_path / "sets"
    elsewhere.mkdir()
    into.mkdir()
    (into / FOLDER).symlink_to(elsewhere)

    with pytest.raises(UnsafeArchive):
        unpack(archive_of(tmp_path / "a.tar", map(entry, HONEST)), into, folder=FOLDER)

    assert list(elsewhere.iterdir()) == []
