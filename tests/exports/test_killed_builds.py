"""Builds that are killed with -9, stopped, or overtaken: no half version is ever seen, and the next attempt ends the same."""

from __future__ import annotations

import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from sqlalchemy import update
from sqlmodel import col

from exports.keeping.verify import verify_folder
from foundation.database import unit_of_work
from foundation.jobs import Job
from foundation.leases import MAX_DEATHS, MAX_STRIKES
from tests.exports.rigs import WORDS, Rig, close_rig, copy_database, erasing_process, open_rig, worker_process

pytestmark = pytest.mark.slow
PLACES = ("jobs.after_claim", "build.after_files", "build.before_publish", "build.after_settled", "jobs.before_finish")
PUBLISHED = {"build.after_settled", "jobs.before_finish"}
WITHIN_S = 60


def _let_lease_end(rig: Rig, job: str, **values: int) -> None:
    """As if the time of the dead worker's lease had passed."""
    with unit_of_work(rig.database) as session:
        row = update(Job).where(col(Job.id) == uuid.UUID(job))
        session.connection().execute(row.values(lease_until_ms=0, **values))


def _kept_folders(rig: Rig) -> list[Path]:
    return sorted((rig.home / "versions" / "slang").glob("*"))


@contextmanager
def _stopped_worker(job: str, place: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that stands still at a place of its work; it goes on when the block ends."""
    worker = worker_process(job, failpoints=f"{place}=stop")
    try:
        deadline = time.monotonic() + WITHIN_S
        while psutil.Process(worker.pid).status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < deadline
            assert worker.poll() is None
        yield worker
        worker.send_signal(signal.SIGCONT)
        assert worker.wait(WITHIN_S) == 0
    finally:
        worker.kill()
        worker.wait()


class TestKilled:
    @pytest.mark.parametrize("place", PLACES)
    def test_the_next_attempt_ends_with_the_digest_of_an_undisturbed_build(
        self, small_rig: Rig, place: str, tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        small_rig.fill()
        copied = copy_database(small_rig, tmp_path / "copied.sqlite3")
        asked = small_rig.ask()

        assert worker_process(asked["job"], failpoints=f"{place}=kill").wait(WITHIN_S) == -signal.SIGKILL
        seen = small_rig.call("GET", f"{small_rig.at}/versions").json["versions"]
        _let_lease_end(small_rig, asked["job"])
        result = small_rig.work_on(asked["job"])

        states = {version["state"] for version in seen}
        assert states == ({"published"} if place in PUBLISHED else {"building"})
        assert result == {"version": "1.0.0", "state": "published"}
        (kept,) = _kept_folders(small_rig)
        digest = small_rig.read("1.0.0")["digest"]
        assert verify_folder(kept, expected_digest=digest).ok
        undisturbed = open_rig(tmp_path / "undisturbed", copied, monkeypatch)
        undisturbed.build()
        assert undisturbed.read("1.0.0")["digest"] == digest
        close_rig(undisturbed)

    def test_before_it_is_published_nobody_can_read_a_file_of_it(self, rig: Rig) -> None:
        rig.fill()
        asked = rig.ask()

        assert worker_process(asked["job"], failpoints="build.before_publish=kill").wait(WITHIN_S) == -signal.SIGKILL

        for name in ("latest", "1.0.0", asked["build"]):
            for path in ("files/README.md", "files/manifest.json", "archive.tar"):
                assert rig.call("GET", f"{rig.at}/versions/{name}/{path}").status_code == 404

    def test_one_that_was_killed_more_often_than_there_are_strikes_ends_well(self, small_rig: Rig) -> None:
        small_rig.fill()
        asked = small_rig.ask()
        for _ in range(MAX_STRIKES + 1):
            killed = worker_process(asked["job"], failpoints="build.after_files=kill").wait(WITHIN_S)
            assert killed == -signal.SIGKILL
            _let_lease_end(small_rig, asked["job"])

        assert small_rig.work_on(asked["job"]) == {"version": "1.0.0", "state": "published"}
        assert len(_kept_folders(small_rig)) == 1

    def test_a_build_that_fails_for_good_leaves_neither_row_nor_file(self, small_rig: Rig) -> None:
        small_rig.fill()
        asked = small_rig.ask()
        worker_process(asked["job"], failpoints="build.after_files=kill").wait(WITHIN_S)
        _let_lease_end(small_rig, asked["job"], deaths=MAX_DEATHS - 1)
        assert worker_process(asked["job"]).wait(WITHIN_S) == 0

        small_rig.run_floors()

        assert small_rig.call("GET", f"{small_rig.at}/versions").json["versions"] == []
        assert _kept_folders(small_rig) == []


class TestOvertaken:
    def test_a_worker_that_lost_its_job_changes_nothing_and_leaves_nothing(self, rig: Rig) -> None:
        rig.fill()
        asked = rig.ask()

        with _stopped_worker(asked["job"], "build.after_files"):
            _let_lease_end(rig, asked["job"])
            result = rig.work_on(asked["job"])
            digest = rig.read("1.0.0")["digest"]

        assert result == {"version": "1.0.0", "state": "published"}
        assert rig.read("1.0.0")["digest"] == digest
        (kept,) = _kept_folders(rig)
        assert verify_folder(kept, expected_digest=digest).ok

    def test_of_two_builds_at_once_the_second_begins_anew_behind_the_first(self, rig: Rig) -> None:
        rig.fill()
        rig.label({"lol": ["good"] * 3})
        slow, quick = rig.ask(), rig.ask(export={"labels": {"min_annotations": 3}})

        with _stopped_worker(slow["job"], "build.after_files"):
            assert rig.work_on(quick["job"])["version"] == "1.0.0"

        assert rig.manifest("1.1.0")["parent"] == "1.0.0"
        assert len(rig.rows("1.1.0")) == len(WORDS)
        assert len(_kept_folders(rig)) == 2


class TestErasedMeanwhile:
    def test_who_leaves_while_a_version_is_built_is_not_in_it(self, rig: Rig) -> None:
        """At the worst moment: the files are written, the version is about to be published."""
        rig.fill()
        asked = rig.ask()

        with _stopped_worker(asked["job"], "build.after_files"):
            rig.erase("person-1")
            rig.run_floors()
            assert rig.erasure_status == "running"
        rig.run_floors()

        assert rig.erasure_status == "completed"
        assert {row["text"] for row in rig.rows("1.0.0").values()} == set(WORDS) - set(WORDS[1::4])
        assert len(_kept_folders(rig)) == 1

    def test_who_comes_back_and_leaves_again_before_the_first_order_was_carried_out_is_not_in_it(
        self, rig: Rig
    ) -> None:
        rig.fill()
        rig.erase("person-1")
        rig.send(["back"], subject="person-1", minute=181, given=181)
        rig.label({"back": ["good", "good"]})
        asked = rig.ask()

        with _stopped_worker(asked["job"], "build.after_files"):
            rig.erase("person-1")
            rig.run_floors()
        rig.run_floors()

        assert rig.erasure_status == "completed"
        assert {row["text"] for row in rig.rows("1.0.0").values()} == set(WORDS) - set(WORDS[1::4])

    def test_an_order_for_a_name_that_never_sent_anything_voids_no_attempt(self, rig: Rig) -> None:
        rig.fill()
        asked = rig.ask()

        with _stopped_worker(asked["job"], "build.after_files"):
            begun = set(_kept_folders(rig))
            rig.erase("nobody")

        assert len(rig.rows("1.0.0")) == len(WORDS)
        assert set(_kept_folders(rig)) <= begun

    def test_an_erasure_does_not_wait_for_a_build_that_died_for_good(self, small_rig: Rig) -> None:
        small_rig.fill()
        asked = small_rig.ask()
        for _ in range(3):
            worker_process(asked["job"], failpoints="build.after_files=kill").wait(WITHIN_S)
            _let_lease_end(small_rig, asked["job"])
        worker_process(asked["job"]).wait(WITHIN_S)

        small_rig.erase("person-1")
        small_rig.run_floors()

        assert small_rig.erasure_status == "completed"

    def test_killed_between_withdrawal_and_deletion_it_goes_on_where_it_was(self, rig: Rig) -> None:
        rig.fill()
        rig.build()
        rig.erase("person-1")
        for floor in ("collector", "labeling", "quality"):
            rig.run_floor(floor)

        assert erasing_process(failpoints="erase.versions=kill").wait(WITHIN_S) == -signal.SIGKILL
        withdrawn = rig.call("GET", f"{rig.at}/versions/1.0.0/files/README.md").status_code
        left = _kept_folders(rig)
        rig.run_floors()

        assert (withdrawn, len(left)) == (410, 1)
        assert _kept_folders(rig) == []
        assert (rig.erasure_status, rig.erasure()["versions"]) == ("completed", 1)
