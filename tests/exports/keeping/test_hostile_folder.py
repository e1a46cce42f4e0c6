"""Verification of a folder that somebody made to harm whoever verifies it: one clear problem, soon, and no traceback."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pyarrow import parquet

from exports.cli import commands
from exports.documents.manifest import CHECKSUMS, MANIFEST
from exports.files import hash_file
from exports.keeping import leakage_apart, verify
from exports.keeping.croissant_check import CROISSANT
from exports.keeping.verify import ProblemReason, verify_folder
from tests.exports.making import seal, write

pytestmark = pytest.mark.slow

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)
NAMES = ("files", "digest", "version", "project", "leakage", "format", "path", "bytes", "sha256", "near_duplicate_sets")
MANIFESTS = st.dictionaries(st.sampled_from(NAMES), JSON)
FILES = st.lists(st.dictionaries(st.sampled_from(["path", "bytes", "sha256"]), JSON | st.just("README.md")))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("versions") / "slang-1.0.0"
    write(folder, n=120)
    return folder


@pytest.fixture
def folder(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / published.name))


def run(folder: Path) -> str:
    """What the command says; it ends with 1 and by no error of its own."""
    done = CliRunner().invoke(commands, ["verify", str(folder)])
    assert (done.exit_code, type(done.exception)) == (1, SystemExit), done.output[-300:]
    return done.output


def reasons(folder: Path) -> set[ProblemReason]:
    return {problem.reason for problem in verify_folder(folder).problems}


WRITTEN: dict[str, bytes] = {
    "nested 10,000 deep": b'{"files": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "nested 900 deep": b'{"files": [], "a": ' + b"[" * 900 + b"]" * 900 + b"}",
    "nested 300 deep": b'{"files": [], "a": ' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"}",
    "never ended": b'{"files": [' * 1000,
    "a list": b"[]",
    "a text": b'"files"',
    "null": b"null",
    "empty": b"",
    "not UTF-8": b'{"files": ["\xff"]}',
    "files as a number": b'{"files": 7}',
    "files as a text": b'{"files": "README.md"}',
    "files as an object": b'{"files": {"path": 1}}',
    "a file as a number": b'{"files": [7]}',
    "a file's bytes as text": b'{"files": [{"path": "README.md", "bytes": "7", "sha256": ""}]}',
    "a file's bytes beyond 64 bits": b'{"files": [{"path": "README.md", "bytes": 99999999999999999999999, "sha256": ""}]}',
    "a file's digest as a list": b'{"files": [{"path": "README.md", "bytes": 7, "sha256": []}]}',
    "a number of 10,000 digits": b'{"files": [], "a": ' + b"9" * 10_000 + b"}",
    "five million parts": b'{"files": [' + b"[]," * 5_000_000 + b"[]]}",
}


class TestManifest:
    @pytest.mark.parametrize("name", WRITTEN)
    def test_one_that_is_none_is_one_problem(self, folder: Path, name: str) -> None:
        (folder / MANIFEST).write_bytes(WRITTEN[name])

        (problem,) = verify_folder(folder).problems

        assert problem.reason is ProblemReason.MANIFEST
        assert problem.detail in run(folder)

    def test_one_of_100_mb_is_not_read(self, folder: Path) -> None:
        os.truncate(folder / MANIFEST, 100 << 20)

        (problem,) = verify_folder(folder).problems

        assert "no manifest has" in problem.detail

    def test_one_that_lists_more_files_than_a_version_has_is_one_problem(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(verify, "MOST_FILES", 50)
        files = [{"path": f"f{n}", "bytes": 1, "sha256": "0"} for n in range(51)]
        (folder / MANIFEST).write_bytes(orjson.dumps({"files": files}))

        (problem,) = verify_folder(folder).problems

        assert "lists more than 50 files" in problem.detail

    def test_a_thousand_paths_that_lead_elsewhere_are_one_problem(self, folder: Path) -> None:
        files = [{"path": f"../{n}", "bytes": 1, "sha256": "0"} for n in range(1_000)]
        manifest = orjson.loads((folder / MANIFEST).read_bytes())
        (folder / MANIFEST).write_bytes(orjson.dumps(manifest | {"files": manifest["files"] + files}))

        assert [one.reason for one in verify_folder(folder).problems].count(ProblemReason.UNSAFE_PATH) == 1

    def test_what_it_says_of_itself_reaches_no_terminal_as_it_is(self, folder: Path) -> None:
        manifest = orjson.loads((folder / MANIFEST).read_bytes())
        manifest["files"].append({"path": "\x1b]0;owned\x07", "bytes": 1, "sha256": "0"})
        (folder / MANIFEST).write_bytes(orjson.dumps(manifest))

        assert "\x1b" not in run(folder)

    @hypothesis_settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(JSON | MANIFESTS | FILES.map(lambda files: {"files": files}))
    def test_any_json_is_judged(self, tmp_path: Path, manifest: Any) -> None:
        (tmp_path / MANIFEST).write_bytes(orjson.dumps(manifest, default=str) if _fits(manifest) else b"0")

        assert not verify_folder(tmp_path).ok


class TestFolder:
    def test_one_with_more_files_than_a_version_has_is_looked_at_no_further(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(verify, "MOST_FILES", 20)
        for n in range(25):
            (folder / f"more-{n}").touch()

        assert any("more than 20 files" in problem.detail for problem in verify_folder(folder).problems)

    def test_links_pipes_and_sockets_are_no_files(self, folder: Path) -> None:
        (folder / "link").symlink_to("/etc/hostname")
        (folder / "loop").symlink_to(folder)
        os.mkfifo(folder / "pipe")

        problems = {problem.path: problem.reason for problem in verify_folder(folder).problems}

        assert problems == dict.fromkeys(("link", "loop", "pipe"), ProblemReason.NOT_A_FILE)
        assert "pipe" in run(folder)

    @pytest.mark.parametrize("name", [MANIFEST, CHECKSUMS, "README.md"])
    def test_a_pipe_in_the_place_of_a_file_keeps_nobody_waiting(self, folder: Path, name: str) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

        run(folder)

    @pytest.mark.parametrize("name", [CHECKSUMS, "README.md", "added.bin"])
    def test_of_a_file_that_has_another_size_nothing_is_read(
        self, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (folder / name).touch()
        os.truncate(folder / name, 1 << 40)
        read: list[str] = []
        monkeypatch.setattr(verify, "hash_file", lambda path: read.append(path.name) or hash_file(path))

        run(folder)

        assert name not in read

    def test_folders_within_folders_for_ever_are_a_problem(self, folder: Path) -> None:
        at = os.open(folder, os.O_RDONLY)
        for _ in range(3_000):
            os.mkdir("deeper", dir_fd=at)
            below = os.open("deeper", os.O_RDONLY, dir_fd=at)
            os.close(at)
            at = below
        os.close(at)

        found = reasons(folder)
        subprocess.run(["rm", "-rf", str(folder)], check=True)

        assert ProblemReason.UNREADABLE in found


class TestDataFiles:
    def test_bytes_that_are_no_parquet_are_one_problem(self, folder: Path) -> None:
        shard = next((folder / "data").glob("*.parquet"))
        shard.write_bytes(b"PAR1" + b"\xff" * 5_000 + b"PAR1")
        seal(folder)

        assert reasons(folder) == {ProblemReason.UNREADABLE}
        run(folder)

    @pytest.mark.parametrize("place", [0.2, 0.5, 0.8, 0.95, 0.99])
    def test_a_footer_or_page_that_lies_is_found_or_harmless(self, folder: Path, place: float) -> None:
        shard = next((folder / "data").glob("train-*.parquet"))
        content = bytearray(shard.read_bytes())
        at = int(len(content) * place)
        content[at : at + 40] = hashlib.sha512(bytes([int(place * 100)])).digest()[:40]
        shard.write_bytes(content)
        seal(folder)

        assert reasons(folder) <= {ProblemReason.UNREADABLE, ProblemReason.LEAKAGE}

    def test_more_rows_than_bytes_are_not_counted(self, folder: Path) -> None:
        shard = next((folder / "data").glob("train-*.parquet"))
        names = ("item", "split_group", "near_duplicate_set")
        parquet.write_table(pa.table({name: pa.array(["x"] * 1_000_000) for name in names}), shard)
        seal(folder)

        assert reasons(folder) == {ProblemReason.UNREADABLE}

    def test_a_column_that_unpacks_to_gigabytes_is_one_problem(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(leakage_apart, "MOST_MEMORY_BYTES", 600 << 20)
        shard = next((folder / "data").glob("train-*.parquet"))
        rows = 1_500
        long = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * 1_000_000]))
        columns = dict.fromkeys(("item", "split_group", "near_duplicate_set"), long)
        noise = pa.array([os.urandom(8) for _ in range(rows)])
        # Without Arrow's own schema it is read as plain text: a gigabyte and a half from some kilobytes.
        parquet.write_table(pa.table({**columns, "noise": noise}), shard, compression="zstd", store_schema=False)
        seal(folder)

        assert reasons(folder) == {ProblemReason.UNREADABLE}


class TestCroissant:
    @pytest.mark.parametrize(
        "written",
        [
            b"[]",
            b"{}",
            b"7",
            b"[" * 900 + b"]" * 900,
            b'{"conformsTo": "x", "@context": {}, "distribution": [], "recordSet": []}',
            b'{"conformsTo": "x", "@context": "http://evil.test", "distribution": {"@type": 1}, "recordSet": [[]]}',
            b'{"conformsTo": 1, "@context": {}, "distribution": [{"@type": "cr:FileObject", "@id": '
            + b"[" * 900
            + b"]" * 900
            + b"}], "
            + b'"recordSet": []}',
        ],
    )
    def test_one_that_is_none_is_told(self, folder: Path, written: bytes) -> None:
        (folder / CROISSANT).write_bytes(written)
        seal(folder)

        assert CROISSANT in run(folder)

    def test_one_of_100_mb_is_not_read(self, folder: Path) -> None:
        os.truncate(folder / CROISSANT, 100 << 20)
        seal(folder)

        assert "bytes" in run(folder)


def _fits(value: Any) -> bool:
    """Whether JSON's writer takes it: numbers beyond 64 bits it does not."""
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True
