"""Verification fails on any change, of any byte, in any file, and of any name."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from exports.cli import commands
from exports.documents.manifest import CHECKSUMS, MANIFEST, checksum_lines, digest_of, json_bytes
from exports.files import FileEntry
from exports.keeping.verify import ProblemReason, verify_folder
from foundation.errors import UsageError
from tests.exports.making import write

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("versions") / "slang-1.0.0"
    write(folder, n=120)
    return folder


@pytest.fixture
def folder(published, tmp_path):
    return Path(shutil.copytree(published, tmp_path / published.name))


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


class TestWhole:
    def test_a_version_as_written_holds(self, folder):
        outcome = verify_folder(folder)

        assert (outcome.ok, outcome.version, outcome.files) == (True, "1.0.0", 9)

    def test_sha256sum_agrees(self, folder):
        command = ["sha256sum", "--strict", "-c", CHECKSUMS]
        checked = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

        assert checked.returncode == 0
        assert {line.split(":")[0] for line in checked.stdout.splitlines()} == {
            str(path.relative_to(folder)) for path in files_of(folder)
        } - {CHECKSUMS}

    def test_a_link_to_the_folder_may_be_given(self, folder, tmp_path):
        (tmp_path / "latest").symlink_to(folder)

        assert verify_folder(tmp_path / "latest").ok

    def test_the_digest_is_over_all_that_the_manifest_states(self, folder):
        manifest = orjson.loads((folder / MANIFEST).read_bytes())
        stated = {name: value for name, value in manifest.items() if name != "digest"}

        assert manifest["digest"] == hashlib.sha256(json_bytes(stated)).hexdigest()
        assert json_bytes({"b": 1, "a": [2]}) == b'{\n  "a": [\n    2\n  ],\n  "b": 1\n}\n'
        assert manifest["format"] == 3
        assert {file["path"] for file in manifest["files"]} == {
            str(path.relative_to(folder)) for path in files_of(folder)
        } - {MANIFEST, CHECKSUMS}


class TestChanges:
    def test_any_flipped_byte_of_any_file_is_found(self, folder):
        draw = random.Random(3)
        for path in files_of(folder):
            size = path.stat().st_size
            for place in {0, 3, size // 2, size - 1, *(draw.randrange(size) for _ in range(6))}:
                flip(path, place)
                assert not verify_folder(folder).ok, (path.name, place)
                flip(path, place)
        assert verify_folder(folder).ok

    def test_a_changed_data_file_is_told_of_once(self, folder):
        (changed,) = (folder / "data").glob("train-*.parquet")
        flip(changed, 0)

        assert [problem.path for problem in verify_folder(folder).problems] == [f"data/{changed.name}"]

    def test_each_file_cut_or_grown_is_found(self, folder):
        for path in files_of(folder):
            content = path.read_bytes()
            for other in (content[:-1], content + b"\n", b""):
                path.write_bytes(other)
                assert not verify_folder(folder).ok, path.name
            path.write_bytes(content)

    def test_each_removed_file_is_found(self, folder):
        for path in files_of(folder):
            content = path.read_bytes()
            path.unlink()
            assert not verify_folder(folder).ok, path.name
            path.write_bytes(content)

    @pytest.mark.parametrize("name", ["extra.txt", "data/more.parquet", ".hidden", "new/deep.txt", "manifest.json.bak"])
    def test_an_added_file_is_named(self, folder, name):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"")

        problems = verify_folder(folder).problems

        assert (name, ProblemReason.ADDED) in [(problem.path, problem.reason) for problem in problems]

    def test_a_renamed_file_is_missing_and_added(self, folder):
        (folder / "quality.json").rename(folder / "Quality.json")

        found = {(problem.path, problem.reason) for problem in verify_folder(folder).problems}

        assert {("quality.json", ProblemReason.MISSING), ("Quality.json", ProblemReason.ADDED)} <= found

    def test_two_files_that_changed_places_are_found(self, folder):
        first, second = folder / "quality.json", folder / "schema.json"
        first.rename(folder / "between")
        second.rename(first)
        (folder / "between").rename(second)

        found = {(problem.path, problem.reason) for problem in verify_folder(folder).problems}

        assert {(path, ProblemReason.CHANGED) for path in ("quality.json", "schema.json")} <= found

    def test_a_link_in_the_place_of_a_file_is_found_even_with_equal_bytes(self, folder, tmp_path):
        (folder / "quality.json").rename(tmp_path / "elsewhere.json")
        (folder / "quality.json").symlink_to(tmp_path / "elsewhere.json")

        found = {(problem.path, problem.reason) for problem in verify_folder(folder).problems}

        assert ("quality.json", ProblemReason.NOT_A_FILE) in found

    def test_a_linked_folder_is_not_followed(self, folder, tmp_path):
        (folder / "data").rename(tmp_path / "data")
        (folder / "data").symlink_to(tmp_path / "data", target_is_directory=True)

        assert not verify_folder(folder).ok

    def test_an_empty_folder_is_found(self, folder):
        (folder / "empty").mkdir()

        assert not verify_folder(folder).ok

    def test_a_pipe_is_found_and_not_read(self, folder):
        os.mkfifo(folder / "pipe")

        assert not verify_folder(folder).ok

    def test_a_name_that_is_no_text_is_found_and_can_be_printed(self, folder):
        with open(os.fsencode(folder) + b"/\xff\x1b[31m", "wb"):  # noqa: PTH123 - a path takes no bytes
            pass

        runner = CliRunner()
        for arguments in (["verify", str(folder), "--json"], ["verify", str(folder)]):
            outcome = runner.invoke(commands, arguments)
            assert outcome.exit_code == 1
            assert "\x1b[31m" not in outcome.stdout


class TestForgedManifest:
    def forge(self, folder, change):
        manifest = orjson.loads((folder / MANIFEST).read_bytes())
        change(manifest)
        (folder / MANIFEST).write_bytes(json_bytes(manifest))

    @pytest.mark.parametrize("path", ["../outside.txt", "/etc/hostname", "data/../quality.json", "./README.md", "", 7])
    def test_a_path_that_leaves_the_folder_is_refused(self, folder, path):
        def change(manifest):
            manifest["files"].append({"path": path, "bytes": 0, "sha256": "0" * 64})

        self.forge(folder, change)

        assert ProblemReason.UNSAFE_PATH in {problem.reason for problem in verify_folder(folder).problems}

    @pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"files": 3}', b'{"files": [{"path": "x"}]}', b"\xff"])
    def test_what_is_no_manifest_is_said_so(self, folder, content):
        (folder / MANIFEST).write_bytes(content)

        assert ProblemReason.MANIFEST in {problem.reason for problem in verify_folder(folder).problems}

    def test_another_digest_is_found(self, folder):
        self.forge(folder, lambda manifest: manifest.update(digest="0" * 64))

        assert ProblemReason.DIGEST in {problem.reason for problem in verify_folder(folder).problems}

    def test_a_file_that_is_no_longer_listed_is_found(self, folder):
        self.forge(folder, lambda manifest: manifest["files"].pop(0))

        assert ProblemReason.ADDED in {problem.reason for problem in verify_folder(folder).problems}

    @pytest.mark.parametrize("path", ["quality.json", MANIFEST])
    def test_a_forgery_that_fits_in_itself_fails_against_the_digest_of_the_server(self, folder, path):
        true_digest = verify_folder(folder).digest
        if path != MANIFEST:
            flip(folder / path, 3)
        entries = []
        for file in files_of(folder):
            if file.name not in (MANIFEST, CHECKSUMS):
                content = file.read_bytes()
                name = str(file.relative_to(folder))
                entries.append(FileEntry(name, len(content), hashlib.sha256(content).hexdigest()))

        def change(manifest):
            manifest["files"] = [{"path": e.path, "bytes": e.bytes, "sha256": e.sha256} for e in entries]
            manifest["gates"] = []
            manifest["digest"] = digest_of(manifest)

        self.forge(folder, change)
        content = (folder / MANIFEST).read_bytes()
        forged = FileEntry(MANIFEST, len(content), hashlib.sha256(content).hexdigest())
        (folder / CHECKSUMS).write_bytes(checksum_lines([*entries, forged]))

        assert verify_folder(folder).ok
        assert not verify_folder(folder, expected_digest=true_digest).ok


class TestCommand:
    def run(self, *arguments):
        return CliRunner().invoke(commands, ["verify", *map(str, arguments)])

    def test_a_whole_version_ends_with_0(self, folder):
        outcome = self.run(folder, "--json")

        assert outcome.exit_code == 0
        assert orjson.loads(outcome.stdout) | {"digest": None} == {
            "ok": True,
            "version": "1.0.0",
            "digest": None,
            "files": 9,
            "problems": [],
        }

    def test_one_flipped_byte_ends_with_1_and_names_the_file(self, folder):
        flip(folder / "data/train-00000-of-00001.parquet", 1000)

        assert self.run(folder).exit_code == 1
        assert "train-00000-of-00001.parquet" in self.run(folder).stdout
        assert "data/train-00000-of-00001.parquet" in [
            problem["path"] for problem in orjson.loads(self.run(folder, "--json").stdout)["problems"]
        ]

    def test_for_a_person_it_says_that_the_checksums_hold(self, folder):
        assert "checksums hold" in self.run(folder).stdout

    def test_the_digest_of_the_server_is_compared(self, folder):
        assert self.run(folder, "--digest", "0" * 64).exit_code == 1
        assert self.run(folder, "--digest", verify_folder(folder).digest).exit_code == 0

    def test_a_folder_that_is_not_there_ends_with_2(self, folder):
        assert self.run(folder / "nothing").exit_code == 2
        assert self.run(folder / "README.md").exit_code == 2
        assert self.run().exit_code == 2

    def test_a_folder_without_a_manifest_ends_with_1(self, tmp_path):
        assert self.run(tmp_path).exit_code == 1

    def test_a_folder_that_is_no_version_is_told_in_one_line_and_not_read(self, tmp_path):
        for number in range(200):
            (tmp_path / f"file-{number}").write_bytes(b"x")

        outcome = self.run(tmp_path)

        assert outcome.exit_code == 1
        assert outcome.stdout.splitlines() == [
            "manifest.json: is missing: this is not the folder of a version (manifest)"
        ]
        assert len(orjson.loads(self.run(tmp_path, "--json").stdout)["problems"]) == 1

    @pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b'{"files": 3}', b'{"files": [{"path": "a"}]}'])
    def test_a_manifest_that_is_none_is_told_in_one_line_too(self, tmp_path, content):
        for number in range(200):
            (tmp_path / f"file-{number}").write_bytes(b"x")
        (tmp_path / MANIFEST).write_bytes(content)

        assert len(self.run(tmp_path).stdout.splitlines()) == 1
        assert self.run(tmp_path).exit_code == 1

    def test_many_problems_are_cut_for_a_person_and_whole_in_json(self, folder):
        for number in range(200):
            (folder / f"file-{number}").write_bytes(b"x")

        assert len(self.run(folder).stdout.splitlines()) < 50
        assert "more: --json lists all" in self.run(folder).stdout
        assert len(orjson.loads(self.run(folder, "--json").stdout)["problems"]) == 200

    def test_help_has_an_example(self):
        assert "Example: winnow exports verify" in self.run("--help").stdout

    def test_listing_what_is_no_folder_is_a_mistake_of_usage(self, tmp_path):
        with pytest.raises(UsageError):
            verify_folder(tmp_path / "nothing")
