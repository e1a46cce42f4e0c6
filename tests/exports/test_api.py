"""Versions over HTTP: who may ask, what is answered, how files are served, what a withdrawn version says."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from examples.slang.archive import unpack
from exports.keeping.verify import verify_folder
from exports.models import Download
from foundation.database import unit_of_work
from foundation.http.keys import Role
from tests.exports.rigs import WORDS, Rig

pytestmark = pytest.mark.slow


@pytest.fixture
def built(small_rig: Rig) -> Rig:
    small_rig.fill()
    small_rig.build()
    return small_rig


def _downloads(rig: Rig) -> list[str]:
    with unit_of_work(rig.database, read_only=True) as session:
        return list(session.exec(select(Download.path).order_by(col(Download.at))))


class TestPostVersions:
    @pytest.mark.parametrize(
        ("body", "pointer", "reason"),
        [
            ({"draft": "yes"}, "/draft", "wrong_type"),
            ({"export": []}, "/export", "wrong_type"),
            ({"name": "1.0.0"}, "/name", "unknown_field"),
            ({"export": {"targets": ["colour"]}}, "/export/targets/0", "not_in_list"),
            ({"export": {"labels": {"min_annotations": -1}}}, "/export/labels/min_annotations", "out_of_range"),
            ({"export": {"split": {"train": 0.5}}}, "/export/split", "out_of_range"),
            ({"export": {"gates": {"mood": {"alpha": 2}}}}, "/export/gates/mood/alpha", "out_of_range"),
        ],
    )
    def test_a_mistake_is_pointed_at_and_nothing_is_built(
        self, small_rig: Rig, body: dict[str, Any], pointer: str, reason: str
    ) -> None:
        answer = small_rig.call("POST", f"{small_rig.at}/versions", json=body)

        assert answer.status_code == 422
        assert [(fault["pointer"], fault["reason"]) for fault in answer.json["errors"]] == [(pointer, reason)]
        assert small_rig.call("GET", f"{small_rig.at}/versions").json["versions"] == []

    def test_an_empty_body_wishes_nothing_special(self, small_rig: Rig) -> None:
        answer = small_rig.call("POST", f"{small_rig.at}/versions")

        assert answer.status_code == 202
        assert answer.json.keys() == {"build", "job"}

    def test_a_build_under_way_is_listed_and_found_by_its_id(self, small_rig: Rig) -> None:
        asked = small_rig.ask()

        found = small_rig.read(asked["build"])

        assert (found["state"], found["version"], found["files"]) == ("building", None, [])


class TestRoles:
    def test_a_read_key_reads_and_does_not_build(self, built: Rig) -> None:
        key = built.new_key(Role.READ)

        assert built.call("POST", f"{built.at}/versions", key=key, json={}).status_code == 403
        for path in ("", "/latest", "/1.0.0/files/README.md", "/1.0.0/archive.tar"):
            assert built.call("GET", f"{built.at}/versions{path}", key=key).status_code == 200

    def test_an_ingest_key_sees_nothing(self, built: Rig) -> None:
        key = built.new_key(Role.INGEST)

        for path in ("", "/latest", "/1.0.0/files/README.md", "/1.0.0/archive.tar"):
            assert built.call("GET", f"{built.at}/versions{path}", key=key).status_code == 403

    def test_a_key_of_another_project_gets_the_answer_of_a_missing_one(self, built: Rig) -> None:
        from tests.exports.rigs import project_file

        built.call("PUT", "/v1/projects/other", json=project_file(project="other"))
        with unit_of_work(built.database) as session:
            from collector.queries import find_project
            from foundation.database import utc_now
            from foundation.http.keys import create_key

            key = create_key(session, Role.MANAGE, find_project(session, "other"), now=utc_now())[1]

        answer = built.call(
            "GET", f"{built.at}/versions/1.0.0/files/README.md", key=key, headers={"Range": "bytes=0-1"}
        )

        assert answer.status_code == 404
        assert answer.json == built.call("GET", "/v1/projects/missing/versions/1.0.0/files/README.md", key=key).json


class TestGetVersions:
    def test_pages_follow_one_another_newest_first(self, small_rig: Rig) -> None:
        small_rig.fill()
        builds = [small_rig.ask(export={"labels": {"min_annotations": n}})["build"] for n in range(60)]

        first = small_rig.call("GET", f"{small_rig.at}/versions").json
        second = small_rig.call("GET", f"{small_rig.at}/versions?cursor={first['cursor']}").json

        assert [row["build"] for row in (*first["versions"], *second["versions"])] == builds[::-1]
        assert second["cursor"] is None

    @pytest.mark.parametrize("cursor", ["x", "WyJhIl0", "WyIxIiwiMiJd", "MQ"])
    def test_a_cursor_that_is_not_ours_is_refused(self, small_rig: Rig, cursor: str) -> None:
        assert small_rig.call("GET", f"{small_rig.at}/versions?cursor={cursor}").status_code == 422

    @pytest.mark.parametrize("name", ["2.0.0", "latest", "..", "%2e%2e", "1.0.0%00", "'"])
    def test_a_version_that_is_not_there_is_not_found(self, rig: Rig, name: str) -> None:
        assert rig.call("GET", f"{rig.at}/versions/{name}").status_code == 404


class TestGetFile:
    def test_every_file_of_the_list_comes_with_the_bytes_it_names(self, built: Rig) -> None:
        files = built.read("latest")["files"]

        assert {"README.md", "manifest.json", "manifest.sha256", "schema.json"} <= {file["path"] for file in files}
        for file in files:
            content = built.fetch("latest", file["path"])
            assert (len(content), hashlib.sha256(content).hexdigest()) == (file["bytes"], file["sha256"])

    def test_a_part_of_a_file_is_served(self, built: Rig) -> None:
        whole = built.fetch("1.0.0", "README.md")
        at = f"{built.at}/versions/1.0.0/files/README.md"

        for wanted, expected in (("bytes=2-5", whole[2:6]), ("bytes=-4", whole[-4:]), ("bytes=7-", whole[7:])):
            part = built.call("GET", at, headers={"Range": wanted})
            assert (part.status_code, part.data) == (206, expected)
            assert part.headers["Content-Length"] == str(len(expected))

    def test_a_part_that_is_not_there_is_416(self, built: Rig) -> None:
        answer = built.call("GET", f"{built.at}/versions/1.0.0/files/README.md", headers={"Range": "bytes=99999999-"})

        size = len(built.fetch("1.0.0", "README.md"))
        assert answer.status_code == 416
        assert answer.content_type == "application/problem+json"
        assert answer.headers["Content-Range"] == f"bytes */{size}"

    @pytest.mark.parametrize("wanted", ["items=0-3", "bytes=0-1,4-5", "bytes=abc", "bytes=9-3", ""])
    def test_a_range_that_is_not_one_part_in_bytes_is_answered_whole(self, built: Rig, wanted: str) -> None:
        answer = built.call("GET", f"{built.at}/versions/1.0.0/files/README.md", headers={"Range": wanted})

        assert (answer.status_code, answer.headers["Accept-Ranges"]) == (200, "bytes")
        assert answer.data == built.fetch("1.0.0", "README.md")

    @pytest.mark.parametrize(
        ("condition", "status"),
        [('"{}"', 206), ('W/"{}"', 200), ('"other"', 200), ("Wed, 21 Oct 2015 07:28:00 GMT", 200)],
    )
    def test_a_part_comes_only_of_the_very_bytes_that_if_range_names(
        self, built: Rig, condition: str, status: int
    ) -> None:
        sha256 = hashlib.sha256(built.fetch("1.0.0", "README.md")).hexdigest()
        headers = {"Range": "bytes=0-9", "If-Range": condition.format(sha256)}

        answer = built.call("GET", f"{built.at}/versions/1.0.0/files/README.md", headers=headers)

        assert answer.status_code == status

    @pytest.mark.parametrize("path", ["files/README.md", "archive.tar"])
    def test_if_match_of_other_bytes_is_412_and_no_download(self, built: Rig, path: str) -> None:
        answer = built.call("GET", f"{built.at}/versions/1.0.0/{path}", headers={"If-Match": '"other"'})

        assert (answer.status_code, answer.content_type) == (412, "application/problem+json")
        assert _downloads(built) == []

    def test_who_has_it_already_and_asks_for_a_part_is_told_so(self, built: Rig) -> None:
        at = f"{built.at}/versions/1.0.0/files/schema.json"
        etag = built.call("GET", at).headers["ETag"]

        again = built.call("GET", at, headers={"If-None-Match": etag, "Range": "bytes=0-9"})

        assert again.status_code == 304

    def test_who_has_it_already_is_told_so(self, built: Rig) -> None:
        at = f"{built.at}/versions/1.0.0/files/schema.json"
        etag = built.call("GET", at).headers["ETag"]

        again = built.call("GET", at, headers={"If-None-Match": etag})

        assert (again.status_code, again.data) == (304, b"")
        assert etag == f'"{hashlib.sha256(built.fetch("1.0.0", "schema.json")).hexdigest()}"'

    @pytest.mark.parametrize(
        "path", ["../1.0.0/README.md", "..%2f..%2fwinnow.sqlite3", "/etc/passwd", "data", "data/../README.md", "x", ""]
    )
    def test_nothing_but_the_files_of_the_list_is_served(self, built: Rig, path: str) -> None:
        answer = built.call("GET", f"{built.at}/versions/1.0.0/files/{path}")

        assert answer.status_code in (308, 404)
        assert b"SQLite" not in answer.data

    def test_a_head_request_answers_the_size_and_logs_no_download(self, built: Rig) -> None:
        size = next(file["bytes"] for file in built.read("1.0.0")["files"] if file["path"] == "README.md")

        answer = built.call("HEAD", f"{built.at}/versions/1.0.0/files/README.md", headers={"Range": "bytes=0-3"})

        assert (answer.status_code, answer.data) == (200, b"")
        assert int(answer.headers["Content-Length"]) == size
        assert _downloads(built) == []

    def test_every_download_is_logged_with_its_key(self, built: Rig) -> None:
        built.fetch("1.0.0", "README.md")
        built.call("GET", f"{built.at}/versions/latest/archive.tar")

        assert _downloads(built) == ["README.md", "archive.tar"]
        with unit_of_work(built.database, read_only=True) as session:
            assert all(key is not None for key in session.exec(select(Download.key_id)))


class TestGetArchive:
    def test_it_unpacks_to_a_folder_that_verifies(self, built: Rig, tmp_path: Path) -> None:
        answer = built.call("GET", f"{built.at}/versions/latest/archive.tar")

        archive = tmp_path / "archive.tar"
        archive.write_bytes(answer.data)
        folder = unpack(archive, tmp_path, folder="slang-1.0.0")
        assert int(answer.headers["Content-Length"]) == len(answer.data)
        assert verify_folder(folder, expected_digest=built.read("1.0.0")["digest"]).ok

    def test_it_is_the_same_bytes_each_time(self, built: Rig) -> None:
        first, second = (built.call("GET", f"{built.at}/versions/1.0.0/archive.tar") for _ in range(2))

        assert first.data == second.data
        assert first.headers["ETag"] == second.headers["ETag"]


class TestWithdrawn:
    def test_files_are_gone_and_the_version_says_so(self, rig: Rig) -> None:
        rig.fill()
        rig.build()
        rig.fetch("1.0.0", "README.md")

        rig.erase("person-1")
        rig.run_floors()

        for path in ("files/README.md", "files/nothing", "archive.tar"):
            answer = rig.call("GET", f"{rig.at}/versions/1.0.0/{path}")
            assert (answer.status_code, answer.json["state"], answer.json["successor"]) == (410, "withdrawn", None)
        version = rig.read("1.0.0")
        assert (version["state"], version["successor"], version["withdrawn_why"]) == ("withdrawn", None, "erasure")
        assert version["files"] == []
        assert rig.call("GET", f"{rig.at}/versions/latest").status_code == 404
        assert list((rig.home / "versions" / "slang").iterdir()) == []

    def test_the_receipt_counts_versions_and_downloads(self, rig: Rig) -> None:
        rig.fill()
        rig.build()
        rig.build(draft=True)
        rig.fetch("1.0.0", "README.md")
        rig.fetch("1.0.0", "manifest.json")

        rig.erase("person-1")
        rig.run_floors()
        rig.run_floors()

        done = rig.erasure()
        assert (done["status"], done["versions"], done["downloads"]) == ("completed", 2, 2)
        assert done["receipt"]["floors"]["exports"]["versions"] == 2

    def test_a_version_without_the_person_stays(self, small_rig: Rig) -> None:
        small_rig.fill()
        small_rig.build()
        small_rig.send(["of a stranger"], subject="stranger")

        small_rig.erase("stranger")
        small_rig.run_floors()

        assert small_rig.read("1.0.0")["state"] == "published"
        assert small_rig.erasure()["versions"] == 0

    def test_a_version_is_withdrawn_even_where_others_sent_the_same_content(self, rig: Rig) -> None:
        rig.send(["lol"], subject="anna")
        rig.send(["lol"], subject="bert")
        rig.label({"lol": ["good"]})
        rig.build()

        rig.erase("anna")
        rig.run_floors()

        assert rig.read("1.0.0")["state"] == "withdrawn"
        assert rig.build() == {"version": "1.0.1", "state": "published"}
        assert [row["n_signals"] for row in rig.rows("1.0.1").values()] == [1]

    def test_a_later_erasure_counts_the_withdrawn_version_too(self, small_rig: Rig) -> None:
        small_rig.fill()
        small_rig.build()
        small_rig.erase("person-1")
        small_rig.run_floors()

        small_rig.erase("person-2")
        small_rig.run_floors()

        assert small_rig.erasure()["versions"] == 1

    def test_content_sent_anew_after_an_erasure_gets_a_fresh_side(self, small_rig: Rig) -> None:
        small_rig.fill(people=12)
        small_rig.build(export={"split": {"train": 0, "validation": 0, "test": 1}})
        small_rig.erase("person-0")
        small_rig.run_floors()

        small_rig.send([WORDS[0]], subject="somebody else")
        small_rig.label({WORDS[0]: ["good", "good"]})
        result = small_rig.build(export={"split": {"train": 1, "validation": 0, "test": 0}})

        sides = {row["text"]: row["side"] for row in small_rig.rows(result["version"]).values()}
        assert sides.pop(WORDS[0]) == "train"
        assert set(sides.values()) == {"test"}


class TestProgress:
    def test_a_job_that_is_done_says_how_much_it_was(self, rig: Rig) -> None:
        rig.fill()
        build, report = rig.ask(), rig.call("POST", f"{rig.at}/quality").json

        before = rig.call("GET", f"/v1/jobs/{build['job']}").json["progress"]
        rig.work_on(build["job"])
        rig.work_on(report["job"])

        progress = {job: rig.call("GET", f"/v1/jobs/{job}").json["progress"] for job in (build["job"], report["job"])}
        assert before == {"done": 0, "total": None}
        assert progress[build["job"]] == {"done": len(rig.rows("1.0.0")), "total": len(rig.rows("1.0.0"))}
        assert progress[report["job"]] == {"done": 2, "total": 2}  # a question, and the expectations
