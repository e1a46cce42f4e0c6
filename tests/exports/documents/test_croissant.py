"""croissant.json is valid whatever questions are called, and `exports verify` sees where it is not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from exports.cli import commands
from exports.column_names import column_faults
from exports.documents.croissant import identifier
from exports.documents.manifest import json_bytes
from exports.inputs.plan import TargetSpec
from exports.keeping.croissant_check import LIBRARY, check_croissant
from exports.keeping.folder import write_version
from tests.exports.making import make_candidates, make_plan, make_rows, seal, split_of, write

pytestmark = pytest.mark.slow
NAMES = [
    "Is this good?",
    "a/b",
    "item/x",
    "ä ö",
    'x"y',
    "a#b",
    "a{b}",
    "..",
    "%20",
    "~",
    "a:b",
    "@id",
    " lead ",
    "a\\b",
    "你好",
    "mood 😀",
    "<b>",
    "non\u00a0breaking",
]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("versions") / "slang-1.0.0"
    write(folder, n=60)
    return folder


@pytest.fixture
def folder(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / published.name))


def rewrite(folder: Path, change: Any) -> None:
    """Changes croissant.json, with a manifest and checksums that fit."""
    document = json.loads((folder / "croissant.json").read_bytes())
    change(document)
    (folder / "croissant.json").write_bytes(json_bytes(document))
    seal(folder)


def verify(folder: Path) -> Any:
    return CliRunner().invoke(commands, ["verify", str(folder), "--json"])


class TestIdentifier:
    @given(st.lists(st.text(min_size=1), min_size=2, max_size=8, unique=True))
    def test_ids_are_plain_and_no_two_names_share_one(self, names: list[str]) -> None:
        names = [name for name in names if name.isprintable()]
        ids = [identifier(name) for name in names]

        assert len(set(ids)) == len(names)
        assert all(one.isascii() and not set(one) & set(" /%#?.") for one in ids)


class TestNames:
    @pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the library's own use of rdflib
    @pytest.mark.parametrize("name", NAMES)
    def test_the_library_finds_no_error_and_reads_the_rows(self, tmp_path: Path, name: str) -> None:
        mlcroissant = pytest.importorskip(LIBRARY)
        candidates = make_candidates(40)
        rows = make_rows(candidates)
        renamed = [column.replace("sentiment", name) for column in rows.schema.names]
        plan = make_plan(targets=(TargetSpec(name, "choice", "nominal", ("negative",)), *make_plan().targets[1:]))

        write_version(plan, split_of(candidates), [pa.record_batch(rows.columns, names=renamed)], tmp_path / "v-1.0.0")

        assert check_croissant(tmp_path / "v-1.0.0").faults == ()
        dataset = mlcroissant.Dataset(str(tmp_path / "v-1.0.0/croissant.json"))
        assert dataset.metadata.ctx.issues.errors == set()
        row = next(iter(dataset.records("train")))
        assert row[f"train/{identifier(name)}"].decode() in ("negative", "neutral", "positive")

    @pytest.mark.parametrize("name", ["line\nbreak", "tab\there", "next\u2028line"])
    def test_a_name_that_breaks_a_line_is_pointed_at(self, name: str) -> None:
        assert [fault.pointer for fault in column_faults([], [name], [])] == ["/labeling/config"]

    @pytest.mark.parametrize("name", NAMES)
    def test_any_other_name_is_taken(self, name: str) -> None:
        assert column_faults([], [name], []) == []


class TestVerify:
    def test_a_version_as_written_holds(self, folder: Path) -> None:
        assert verify(folder).exit_code == 0

    @pytest.mark.parametrize(
        "change",
        [
            lambda document: document["recordSet"][0]["field"][3].update({"@id": "train/Is this good?"}),
            lambda document: document["recordSet"][0]["field"][3].update({"@id": "train/item"}),
            lambda document: document["recordSet"][0]["field"].pop(),
            lambda document: document["distribution"][0].update({"sha256": "0" * 64}),
            lambda document: document.pop("conformsTo"),
            lambda document: document.update({"conformsTo": "http://mlcommons.org/croissant/1.0"}),
            lambda document: document.pop("recordSet"),
        ],
    )
    def test_one_that_is_invalid_does_not_hold(self, folder: Path, change: Any) -> None:
        rewrite(folder, change)

        outcome = verify(folder)

        assert outcome.exit_code == 1
        assert {problem["path"] for problem in json.loads(outcome.stdout)["problems"]} == {"croissant.json"}

    def test_without_the_library_it_says_so_in_one_line_and_checks_what_it_can(self, folder: Path) -> None:
        rewrite(folder, lambda document: document["distribution"][0].update({"sha256": "0" * 64}))

        whole, broken = (run_without_library(path) for path in (folder.parent / "w", folder))

        assert (whole.returncode, broken.returncode) == (0, 1)
        assert [LIBRARY in line for line in whole.stderr.splitlines()] == [True]
        assert "checksums of the manifest" in broken.stdout


def run_without_library(folder: Path) -> subprocess.CompletedProcess[str]:
    """The command in a process that finds no mlcroissant."""
    if not folder.exists():
        write(folder, n=60)
    program = (
        "import sys, importlib.util as util; find = util.find_spec;"
        f"util.find_spec = lambda name, *rest: None if name == {LIBRARY!r} else find(name, *rest);"
        "from exports.cli import commands; commands(['verify', sys.argv[1], '--json'])"
    )
    return subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=False, cwd=ROOT
    )


ROOT = Path(__file__).resolve().parents[3]
