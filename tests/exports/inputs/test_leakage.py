"""The leakage of a version is what stands in its files, not what the split meant to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
from click.testing import CliRunner

import exports.inputs.splits
from exports.cli import commands
from exports.documents.manifest import CHECKSUMS, MANIFEST, checksum_lines, digest_of, json_bytes
from exports.files import FileEntry, hash_file
from exports.inputs.leakage import Leakage, count_leakage, shards_in
from exports.keeping.folder import write_version
from exports.keeping.verify import ProblemReason, verify_folder
from exports.shares import SIDES, Side
from tests.exports.making import make_candidates, make_plan, make_rows, split_of, write

TEST = SIDES.index(Side.TEST)


def leaking(folder: Path, *, groups: int, near_duplicates: bool = False) -> Leakage:
    """Writes a version in which some groups, or some sets of two, have one member too many on the test side."""
    candidates = make_candidates(400, subjects=40)
    if near_duplicates:
        candidates = [replace(one, near_set=candidates[place - place % 2].item) for place, one in enumerate(candidates)]
    split = split_of(candidates)
    codes = split.codes.copy()
    for leader in _groups_on_train(split, codes)[:groups]:
        codes[np.flatnonzero((split.leaders == leader) & (codes == 0))[-1]] = TEST
    plan = make_plan(near_duplicates=near_duplicates)
    return write_version(plan, replace(split, codes=codes), [make_rows(candidates)], folder).contents.leakage


def _groups_on_train(split, codes):
    names, sizes = np.unique(split.leaders[codes == 0], return_counts=True)
    return names[sizes > 1].tolist()


class TestPlanted:
    def test_a_sound_version_has_none(self, tmp_path):
        write(tmp_path / "v")

        assert count_leakage(shards_in(tmp_path / "v"), near_duplicates=True) == Leakage(0, 0, 0)

    def test_groups_on_two_sides_stand_in_manifest_and_card(self, tmp_path):
        assert leaking(tmp_path / "v", groups=3) == Leakage(0, 3, None)

        manifest = orjson.loads((tmp_path / "v/manifest.json").read_bytes())
        assert manifest["leakage"] == {"items": 0, "split_groups": 3, "near_duplicate_sets": None}
        assert "on two sides: 0 items, 3 split groups." in (tmp_path / "v/README.md").read_text()

    def test_near_duplicate_sets_on_two_sides_are_counted_where_they_were_looked_for(self, tmp_path):
        found = leaking(tmp_path / "v", groups=2, near_duplicates=True)

        assert found.near_duplicate_sets == 2
        assert "2 near-duplicate sets" in (tmp_path / "v/README.md").read_text()

    def test_an_item_on_two_sides_is_counted(self, tmp_path):
        write(tmp_path / "v")
        train, test = (shards_in(tmp_path / "v")[side] for side in ("train", "test"))

        assert count_leakage({"train": [*train, *test], "test": test}, near_duplicates=False).items > 0

    def test_looking_at_parts_of_the_keys_counts_the_same(self, tmp_path, monkeypatch):
        leaking(tmp_path / "v", groups=5, near_duplicates=True)
        whole = count_leakage(shards_in(tmp_path / "v"), near_duplicates=True)
        monkeypatch.setattr(exports.inputs.splits, "ITEMS_LOOKED_AT_TOGETHER", 16)

        assert count_leakage(shards_in(tmp_path / "v"), near_duplicates=True) == whole
        assert whole.split_groups == 5

    @pytest.mark.parametrize("sides", [{}, {"train": []}])
    def test_no_files_leak_nothing(self, sides):
        assert count_leakage(sides, near_duplicates=True) == Leakage(0, 0, 0)


class TestVerify:
    def test_a_leak_is_found_whoever_wrote_the_version(self, tmp_path):
        leaking(tmp_path / "v", groups=3)

        (problem,) = verify_folder(tmp_path / "v").problems

        assert problem.reason is ProblemReason.LEAKAGE
        assert "3 split groups" in problem.detail
        assert CliRunner().invoke(commands, ["verify", str(tmp_path / "v")]).exit_code == 1

    def test_a_figure_that_is_not_that_of_the_files_is_found(self, tmp_path):
        leaking(tmp_path / "v", groups=3)
        state(tmp_path / "v", {"items": 0, "split_groups": 0, "near_duplicate_sets": None})

        (problem,) = verify_folder(tmp_path / "v").problems

        assert (problem.path, problem.reason) == (MANIFEST, ProblemReason.LEAKAGE)

    def test_a_sound_version_holds(self, tmp_path):
        write(tmp_path / "v")

        assert verify_folder(tmp_path / "v").ok


def state(folder: Path, leakage: dict[str, int | None]) -> None:
    """Writes another figure into a manifest, with a digest and checksums that fit."""
    manifest = orjson.loads((folder / MANIFEST).read_bytes()) | {"leakage": leakage}
    manifest["digest"] = digest_of(manifest)
    (folder / MANIFEST).write_bytes(json_bytes(manifest))
    files = [FileEntry(**file) for file in manifest["files"]]
    (folder / CHECKSUMS).write_bytes(checksum_lines([*files, FileEntry(MANIFEST, *hash_file(folder / MANIFEST))]))
