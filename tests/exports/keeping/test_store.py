"""Where files of versions are kept: a folder and a bucket behave alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from exports.documents.manifest import CHECKSUMS, MANIFEST
from exports.keeping.store import VersionStore, open_store
from foundation.errors import Unavailable
from foundation.settings import Settings

PLACE = "slang/0199-1"
CONTENTS = {
    "data/train-00000-of-00001.parquet": b"rows" * 1000,
    "README.md": b"read me",
    MANIFEST: b"{}",
    CHECKSUMS: b"",
}


@pytest.fixture(params=["home", "folder", pytest.param("bucket", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> VersionStore:
    urls = {"home": "", "folder": (tmp_path / "elsewhere").as_uri()}
    url = (
        f"{request.getfixturevalue('bucket_url')}/{tmp_path.name}" if request.param == "bucket" else urls[request.param]
    )
    return open_store(Settings(home=tmp_path / "home", blobs_url=url))


def _write(store: VersionStore, place: str) -> None:
    folder = store.work_folder(place)
    for path, content in CONTENTS.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    store.keep(place, list(CONTENTS))


def test_what_was_kept_is_read_from_anywhere_in_a_file(store: VersionStore) -> None:
    _write(store, PLACE)

    for path, content in CONTENTS.items():
        with store.open(PLACE, path) as file:
            assert file.read() == content
    with store.open(PLACE, "README.md") as file:
        file.seek(5)
        assert file.read(1) == b"m"


def test_what_is_not_there_is_told_as_unavailable(store: VersionStore) -> None:
    with pytest.raises(Unavailable):
        store.open(PLACE, "README.md")


def test_a_removed_version_is_gone_and_its_neighbour_stays(store: VersionStore) -> None:
    _write(store, PLACE)
    _write(store, f"{PLACE}0")

    store.remove(PLACE)
    store.remove(PLACE)

    with pytest.raises(Unavailable):
        store.open(PLACE, "README.md")
    with store.open(f"{PLACE}0", "README.md") as file:
        assert file.read() == CONTENTS["README.md"]


def test_an_unfinished_build_leaves_nothing_once_removed(store: VersionStore, tmp_path: Path) -> None:
    work = store.work_folder(PLACE)
    (store.scratch(PLACE) / "candidates.arrow").write_bytes(b"items")
    work.with_name(f".{work.name}.unfinished").mkdir()
    work.with_name(f".{work.name}.lock").touch()

    store.remove(PLACE)

    assert not [path for path in tmp_path.rglob("*") if path.is_file() or path.name.startswith(".")]
