"""A version is whole or not there, the same everywhere, and what other tools expect."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from pyarrow import parquet

from exports.errors import BuildRunning, NothingToWrite, RowsChanged, VersionExists
from exports.formats.parquet import ParquetLimits
from exports.keeping.folder import WRITERS, unfinished_folder, write_version
from exports.keeping.verify import verify_folder
from exports.project import FORMATS
from exports.shares import SIDES, Shares
from tests.exports.making import make_candidates, make_plan, make_rows, pieces, split_of, write

ROOT = Path(__file__).resolve().parents[3]


def read(folder, side):
    return pa.concat_tables(parquet.read_table(shard) for shard in sorted((folder / "data").glob(f"{side}-*.parquet")))


class TestSameInputs:
    @pytest.mark.parametrize("batch_rows", [1, 33, 400])
    def test_other_batches_give_the_same_digest(self, tmp_path, batch_rows):
        assert write(tmp_path / "a").digest == write(tmp_path / "b", batch_rows=batch_rows).digest

    @pytest.mark.slow
    def test_another_process_with_other_hashes_and_time_zone_gives_the_same_digest(self, tmp_path):
        digests = set()
        for number, (seed, zone) in enumerate([("1", "UTC"), ("2", "Asia/Kathmandu")]):
            environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C"}
            command = [sys.executable, "-m", "tests.exports.making", str(tmp_path / str(number)), str(40 + number)]
            ended = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
            digests.add(ended.stdout)

        assert digests == {write(tmp_path / "here").digest + "\n"}

    def test_the_bytes_do_not_depend_on_the_database_that_gave_the_rows(self, tmp_path):
        """SQLite gives whole numbers for booleans and text for times; PostgreSQL gives the types themselves."""
        plan, candidates = make_plan(), make_candidates(50)
        rows = make_rows(candidates)
        typed = pa.record_batch(
            [
                rows.column(name).cast(
                    {"new": pa.bool_(), "when": pa.timestamp("us", "UTC")}.get(name, rows.schema.field(name).type)
                )
                for name in rows.schema.names
            ],
            names=rows.schema.names,
        )

        first = write_version(plan, split_of(candidates), [rows], tmp_path / "sqlite")
        second = write_version(plan, split_of(candidates), [typed], tmp_path / "postgresql")

        assert first.digest == second.digest

    def test_row_groups_and_shards_do_not_depend_on_the_batches(self, tmp_path):
        plan, candidates = make_plan(), make_candidates(600)
        limits = ParquetLimits(row_group_rows=50, row_group_bytes=9_000, shard_bytes=40_000)

        written = [
            write_version(
                plan, split_of(candidates), pieces(make_rows(candidates), size), tmp_path / str(size), limits=limits
            )
            for size in (7, 64, 600)
        ]

        assert len({version.digest for version in written}) == 1
        assert len([file for file in written[0].files if file.path.startswith("data/train")]) > 2

    @pytest.mark.parametrize(
        "change", [{"version": "1.0.1"}, {"purpose": "Other."}, {"draft": True}, {"quality": {"x": 1}}]
    )
    def test_another_input_gives_another_digest(self, tmp_path, change):
        assert write(tmp_path / "a").digest != write(tmp_path / "b", **change).digest


class TestFormats:
    def test_whatever_a_project_file_may_ask_for_has_a_writer(self):
        assert set(WRITERS) == set(FORMATS)

    def test_rows_are_written_as_the_plan_says(self, tmp_path):
        written = write(tmp_path / "v", formats=("parquet",))

        endings = {Path(file.path).suffix for file in written.files if file.path.startswith("data/")}
        assert endings == {".parquet"}

    def test_what_the_plan_does_not_name_is_not_written(self, tmp_path):
        with pytest.raises(NothingToWrite):
            write(tmp_path / "v", formats=())

        assert not (tmp_path / "v").exists()


class TestRows:
    def test_columns_stand_in_their_order(self, tmp_path):
        write(tmp_path / "v")

        assert read(tmp_path / "v", "train").column_names == [
            *("item", "split_group", "near_duplicate_set", "weight", "n_signals", "selected_by"),
            *("text", "price", "pieces", "store", "when", "new"),
            *("sentiment", "sentiment_confidence", "sentiment_n", "sentiment_votes", "sentiment_source"),
            *("valence", "valence_confidence", "valence_n", "valence_votes", "valence_source"),
            *("os_name", "battery"),
        ]

    def test_every_row_is_on_the_side_of_the_split_in_order_of_items(self, tmp_path):
        candidates = make_candidates(400)
        split = split_of(candidates)
        write(tmp_path / "v")

        for code, side in enumerate(SIDES):
            expected = [one.item for one, found in zip(candidates, split.codes.tolist(), strict=True) if found == code]
            assert read(tmp_path / "v", side)["item"].to_pylist() == expected
        found = {item for side in SIDES for item in read(tmp_path / "v", side)["item"].to_pylist()}
        assert len(found) == sum(int((split.codes == code).sum()) for code in range(3))

    def test_no_group_is_on_two_sides_and_its_name_tells_no_subject(self, tmp_path):
        write(tmp_path / "v")

        groups = [set(read(tmp_path / "v", side)["split_group"].to_pylist()) for side in SIDES]
        assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]

    def test_figures_have_four_decimals_and_values_all_of_theirs(self, tmp_path):
        write(tmp_path / "v")

        train = read(tmp_path / "v", "train")
        assert set(train["sentiment_confidence"].to_pylist()) == {0.6667}
        assert any(price is not None and price != round(price, 4) for price in train["price"].to_pylist())

    def test_what_was_left_out_is_listed_with_its_reason(self, tmp_path):
        candidates = make_candidates(400)
        split = split_of(candidates)
        write(tmp_path / "v")

        manifest = orjson.loads((tmp_path / "v/manifest.json").read_bytes())
        expected = [one.item for one, code in zip(candidates, split.codes.tolist(), strict=True) if code >= 3]
        assert [left["item"] for left in manifest["left_out"]] == expected
        assert {left["reason"] for left in manifest["left_out"]} == {"not_chosen_at_random"}
        assert manifest["counts"]["left_out"] == {"not_chosen_at_random": len(expected)}
        assert manifest["counts"]["rows"] + len(expected) == 400

    def test_the_manifest_names_the_frozen_inputs(self, tmp_path):
        write(tmp_path / "v")

        manifest = orjson.loads((tmp_path / "v/manifest.json").read_bytes())
        assert manifest["inputs"] == {
            "revision": 3,
            "annotations_upto_seq": 1234,
            "consent_cut": "2026-11-01T00:00:00Z",
            "seed": "seed",
            "lock_sha256": "ab" * 32,
            "export": {"targets": ["sentiment"]},
        }
        assert manifest["leakage"] == {"items": 0, "near_duplicate_sets": None, "split_groups": 0}
        assert manifest["gates"][0]["name"] == "sentiment.alpha"


class TestShards:
    def test_no_shard_is_larger_than_the_limit_and_all_are_numbered(self, tmp_path):
        plan, candidates = make_plan(shares=Shares(1, 0, 0)), make_candidates(2000)
        limits = ParquetLimits(row_group_rows=100, row_group_bytes=20_000, shard_bytes=60_000)

        split = split_of(candidates, shares=plan.shares)
        version = write_version(plan, split, [make_rows(candidates)], tmp_path / "v", limits=limits)

        shards = [file for file in version.files if file.path.startswith("data/")]
        assert all(shard.bytes <= 60_000 for shard in shards)
        assert [shard.path for shard in shards] == [
            f"data/train-{number:05d}-of-{len(shards):05d}.parquet" for number in range(len(shards))
        ]
        assert len(read(tmp_path / "v", "train")) == 2000

    def test_one_row_that_is_larger_than_a_row_group_is_written(self, tmp_path):
        plan, candidates = make_plan(), make_candidates(20)
        limits = ParquetLimits(row_group_rows=100, row_group_bytes=10, shard_bytes=10)

        version = write_version(plan, split_of(candidates), [make_rows(candidates)], tmp_path / "v", limits=limits)

        assert version.contents.total == len([file for file in version.files if file.path.startswith("data/")])


@pytest.mark.slow
class TestLoading:
    @pytest.mark.parametrize("shares", [Shares(), Shares(0.5, 0, 0.5), Shares(0, 0, 1)])
    def test_datasets_loads_it_offline(self, tmp_path, shares):
        version = write(tmp_path / "slang-1.0.0", shares=shares)
        script = (
            "import json, sys; from datasets import load_dataset; "
            "found = load_dataset(sys.argv[1], cache_dir=sys.argv[2]); "
            "print(json.dumps({split: rows.num_rows for split, rows in found.items()}))"
        )
        environment = {
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            "HF_HOME": str(tmp_path / "home"),
            "HF_DATASETS_OFFLINE": "1",
        }
        command = [sys.executable, "-c", script, str(version.folder), str(tmp_path / "cache")]

        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)

        assert orjson.loads(ended.stdout.splitlines()[-1]) == {
            side: rows for side, rows in version.contents.rows.items() if rows
        }
        assert verify_folder(version.folder).ok

    def test_croissant_names_every_shard_with_its_checksum(self, tmp_path):
        version = write(tmp_path / "v", shares=Shares(0.5, 0, 0.5))

        croissant = orjson.loads((tmp_path / "v/croissant.json").read_bytes())
        listed = {
            (file["contentUrl"], file["sha256"])
            for file in croissant["distribution"]
            if file["@type"] == "cr:FileObject"
        }
        assert listed == {(file.path, file.sha256) for file in version.files if file.path.startswith("data/")}
        assert [records["@id"] for records in croissant["recordSet"]] == ["train", "test"]
        columns = [field["name"] for field in croissant["recordSet"][0]["field"]]
        assert columns == read(tmp_path / "v", "train").column_names


class TestRefusals:
    def test_a_version_that_exists_is_never_touched(self, tmp_path):
        write(tmp_path / "v")

        with pytest.raises(VersionExists):
            write(tmp_path / "v", title="Other")
        assert verify_folder(tmp_path / "v").ok

    @pytest.mark.parametrize("change", ["fewer", "more", "others"])
    def test_rows_that_are_not_the_candidates_leave_nothing_behind(self, tmp_path, change):
        candidates = make_candidates(50)
        rows = {"fewer": candidates[:-1], "more": make_candidates(51), "others": make_candidates(50, seed=6)}[change]

        with pytest.raises(RowsChanged):
            write_version(make_plan(), split_of(candidates), [make_rows(rows)], tmp_path / "v")
        assert list(tmp_path.iterdir()) == []

    def test_no_rows_make_no_version(self, tmp_path):
        with pytest.raises(NothingToWrite):
            write_version(make_plan(), split_of([]), [], tmp_path / "v")
        assert list(tmp_path.iterdir()) == []

    def test_an_error_of_the_database_leaves_nothing_behind(self, tmp_path):
        candidates = make_candidates(50)

        def breaking():
            yield make_rows(candidates[:20])
            raise OSError("gone")

        with pytest.raises(OSError, match="gone"):
            write_version(make_plan(), split_of(candidates), breaking(), tmp_path / "v")
        assert list(tmp_path.iterdir()) == []

    def test_two_builds_of_one_version_do_not_meet(self, tmp_path):
        with unfinished_folder(tmp_path / "v"), pytest.raises(BuildRunning):
            write(tmp_path / "v")

        assert sorted(path.name for path in tmp_path.iterdir()) == ["v"]

    def test_what_a_killed_build_left_is_swept_away(self, tmp_path):
        left = tmp_path / ".v.unfinished"
        (left / "data").mkdir(parents=True)
        (left / "data/train-00000.part").write_bytes(b"half")
        (tmp_path / ".v.lock").touch()

        version = write(tmp_path / "v")

        assert verify_folder(version.folder).ok
        assert sorted(path.name for path in tmp_path.iterdir()) == ["v"]


@pytest.mark.slow
class TestKilled:
    def test_a_build_killed_in_the_middle_leaves_no_version(self, tmp_path):
        """The child stops itself in front of each step of the end, as often as there are steps."""
        script = (
            "import os, signal, sys; from pathlib import Path; from tests.exports.making import write\n"
            "left, folder = int(sys.argv[2]), str(Path(sys.argv[1]).parent)\n"
            "def count(event, arguments):\n"
            "    global left\n"
            "    if event in ('open', 'os.rename') and folder in str(arguments[0]):\n"
            "        left -= 1\n"
            "        if left < 0: os.kill(os.getpid(), signal.SIGKILL)\n"
            "sys.addaudithook(count)\n"
            "write(Path(sys.argv[1]), n=60)\n"
        )
        destination, steps = tmp_path / "v", 0
        while True:
            ended = subprocess.run([sys.executable, "-c", script, str(destination), str(steps)], cwd=ROOT, check=False)
            if ended.returncode == 0:
                break
            assert ended.returncode == -signal.SIGKILL
            assert not destination.exists()
            steps += 3
        assert verify_folder(destination).ok
        assert steps > 15
        assert not [path.name for path in tmp_path.iterdir() if path != destination]


class TestLock:
    def test_a_lock_of_a_living_process_holds(self, tmp_path):
        with (tmp_path / ".v.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)

            with pytest.raises(BuildRunning):
                write(tmp_path / "v")
