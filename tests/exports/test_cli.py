"""`winnow exports build | list | download`, on this installation and against a server."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlmodel import col, select
from werkzeug.serving import WSGIRequestHandler, make_server

from collector.queries import find_project
from exports.cli import commands
from exports.keeping.verify import verify_folder
from exports.service import BUILD
from foundation import queue
from foundation.database import unit_of_work, utc_now
from foundation.http.keys import Role, create_key
from foundation.jobs import Job
from tests.exports.rigs import WORDS, Rig, project_file

pytestmark = pytest.mark.slow
PLACES = ("here", "server")
WITHIN_S = 30
POLLING_S = 0.02
"""How often a server of these tests looks whether it shall end; its own half second is waited for by every test."""


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        return


@pytest.fixture
def filled(small_rig: Rig) -> Rig:
    small_rig.fill()
    return small_rig


@pytest.fixture
def server_url(filled: Rig) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, filled.client.application, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(POLLING_S,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands, [str(argument) for argument in arguments])


def _work_on_next_build(rig: Rig) -> None:
    """What a worker does: takes the first build that waits."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        with unit_of_work(rig.database, read_only=True) as session:
            waiting = session.exec(select(Job).where(col(Job.kind) == BUILD)).first()
        if waiting is not None:
            queue.run_job(str(waiting.id))
            return


def _at(place: str, request: pytest.FixtureRequest, rig: Rig, role: Role = Role.READ) -> list[str]:
    """The options that name the place to work on."""
    return [] if place == "here" else ["--url", request.getfixturevalue("server_url"), "--key", rig.new_key(role)]


class TestBuild:
    def test_it_builds_and_the_same_again_is_the_same(self, filled: Rig) -> None:
        first, again = (run("build", "slang", "--json") for _ in range(2))

        assert (first.exit_code, again.exit_code) == (0, 0), first.output
        assert json.loads(first.stdout)["version"] == "1.0.0"
        assert json.loads(first.stdout) == json.loads(again.stdout)

    def test_a_refused_build_ends_with_1_and_says_what_to_do(self, filled: Rig) -> None:
        outcome = run("build", "slang", "--set", "gates.expectations=pass", "--json")

        assert outcome.exit_code == 1
        assert json.loads(outcome.stdout)["state"] == "refused"
        assert "expectations: not enough data" in outcome.stderr

    @pytest.mark.parametrize("place", PLACES)
    def test_a_gate_is_not_passed_by_a_setting(self, filled: Rig, request: pytest.FixtureRequest, place: str) -> None:
        body = project_file()
        filled.put(body | {"export": body["export"] | {"gates": {"mood": {"alpha": 0.9}}}})
        options = _at(place, request, filled, Role.MANAGE)

        outcome = run("build", "slang", "--set", "gates.mood=null", *options)

        assert outcome.exit_code == 2
        assert "/export/gates/mood" in outcome.stderr
        assert outcome.stdout == ""

    def test_the_split_is_printed_with_its_groups(self, filled: Rig) -> None:
        outcome = run("build", "slang")

        assert "groups" in outcome.stdout
        assert all(side in outcome.stdout for side in ("train", "validation", "test"))

    def test_an_empty_side_is_warned_of(self, filled: Rig) -> None:
        settings = ["--set", "split={train: 0.000001, validation: 0.000001, test: 0.999998}"]

        outcome = run("build", "slang", *settings)

        assert outcome.exit_code == 0
        assert "warning: train is empty" in outcome.stderr
        assert json.loads(run("build", "slang", *settings, "--json").stdout)["counts"]["groups"]["test"] == 4

    def test_a_draft_is_named_so(self, filled: Rig) -> None:
        outcome = run("build", "slang", "--draft", "--set", "gates.expectations=pass")

        assert outcome.exit_code == 0
        assert "1.0.0-draft.1" in outcome.stdout

    @pytest.mark.parametrize("place", PLACES)
    @pytest.mark.parametrize(
        ("setting", "told"),
        [("labels.min_annotations=many", "/export/labels/min_annotations"), ("nonsense", "--set takes key=value")],
    )
    def test_a_wrong_setting_ends_with_2(
        self, filled: Rig, request: pytest.FixtureRequest, place: str, setting: str, told: str
    ) -> None:
        outcome = run("build", "slang", "--set", setting, *_at(place, request, filled, Role.MANAGE))

        assert outcome.exit_code == 2
        assert told in outcome.stderr
        assert outcome.stdout == ""

    def test_against_a_server_it_waits_until_a_worker_has_built_it(self, filled: Rig, server_url: str) -> None:
        worker = threading.Thread(target=_work_on_next_build, args=(filled,))
        worker.start()

        outcome = run("build", "slang", "--url", server_url, "--key", filled.key, "--json")

        worker.join()
        assert outcome.exit_code == 0, outcome.output
        assert json.loads(outcome.stdout)["version"] == "1.0.0"


class TestList:
    @pytest.mark.parametrize("place", PLACES)
    def test_the_newest_build_comes_first(self, filled: Rig, request: pytest.FixtureRequest, place: str) -> None:
        filled.build()
        filled.build(draft=True)

        outcome = run("list", "slang", "--json", *_at(place, request, filled))

        lines = [json.loads(line) for line in outcome.stdout.splitlines()]
        assert [line["version"] for line in lines] == ["1.0.1-draft.1", "1.0.0"]

    def test_a_table_for_people(self, filled: Rig) -> None:
        filled.build()

        assert "published" in run("list", "slang").stdout

    def test_a_project_that_is_not_there_ends_with_1(self, filled: Rig) -> None:
        assert run("list", "nothing").exit_code == 1


class TestDownload:
    @pytest.mark.parametrize("place", PLACES)
    def test_it_makes_a_folder_that_verifies(
        self, filled: Rig, request: pytest.FixtureRequest, place: str, tmp_path: Path
    ) -> None:
        filled.build()
        into = tmp_path / "sets"

        outcome = run("download", "slang", "latest", into, "--json", *_at(place, request, filled))

        assert outcome.exit_code == 0, outcome.output
        made = json.loads(outcome.stdout)
        assert Path(made["folder"]) == into / "slang-1.0.0"
        assert verify_folder(into / "slang-1.0.0", expected_digest=made["digest"]).ok
        assert [path.name for path in into.iterdir()] == ["slang-1.0.0"]

    def test_again_is_no_error_and_another_folder_of_that_name_is(self, filled: Rig, tmp_path: Path) -> None:
        filled.build()
        assert run("download", "slang", "1.0.0", tmp_path).exit_code == 0
        assert run("download", "slang", "1.0.0", tmp_path).exit_code == 0

        (tmp_path / "slang-1.0.0" / "README.md").write_text("changed")

        assert run("download", "slang", "1.0.0", tmp_path).exit_code == 1

    @pytest.mark.parametrize("place", PLACES)
    def test_a_withdrawn_version_is_refused(
        self, filled: Rig, request: pytest.FixtureRequest, place: str, tmp_path: Path
    ) -> None:
        filled.build()
        filled.erase("person-1")
        filled.run_floors()

        outcome = run("download", "slang", "1.0.0", tmp_path / "sets", *_at(place, request, filled))

        assert outcome.exit_code == 1
        assert "withdrawn" in outcome.stderr
        assert not (tmp_path / "sets").exists()

    def test_a_file_that_was_changed_in_the_store_is_not_taken(self, filled: Rig, tmp_path: Path) -> None:
        filled.build()
        (path,) = (filled.home / "versions" / "slang").glob("*/README.md")
        path.write_bytes(path.read_bytes()[:-1] + b"?")

        outcome = run("download", "slang", "1.0.0", tmp_path / "sets")

        assert outcome.exit_code == 1
        assert "other bytes" in outcome.stderr
        assert list((tmp_path / "sets").iterdir()) == []

    @pytest.mark.slow
    def test_it_loads_with_datasets(self, filled: Rig, tmp_path: Path) -> None:
        from datasets import load_dataset  # type: ignore[import-untyped]

        filled.build()
        run("download", "slang", "latest", tmp_path)

        loaded = load_dataset(str(tmp_path / "slang-1.0.0"), cache_dir=str(tmp_path / "cache"))

        assert sum(len(side) for side in loaded.values()) == len(WORDS)


class TestVerify:
    @pytest.fixture
    def copy(self, filled: Rig, tmp_path: Path) -> Path:
        filled.build()
        run("download", "slang", "latest", tmp_path)
        return tmp_path / "slang-1.0.0"

    def test_a_copy_that_stands_holds(self, filled: Rig, server_url: str, copy: Path) -> None:
        outcome = run("verify", copy, "--url", server_url, "--key", filled.new_key(Role.READ))

        assert outcome.exit_code == 0, outcome.output

    def test_a_withdrawn_copy_is_told_with_what_follows_it(self, filled: Rig, server_url: str, copy: Path) -> None:
        filled.erase("person-1")
        filled.run_floors()
        filled.build()

        outcome = run("verify", copy, "--url", server_url, "--key", filled.new_key(Role.READ), "--json")

        (problem,) = json.loads(outcome.stdout)["problems"]
        assert outcome.exit_code == 1
        assert problem["reason"] == "withdrawn"
        assert "take 1.0.1, and delete this copy" in problem["detail"]
        assert run("verify", copy).exit_code == 0

    def test_a_version_that_the_server_does_not_know_is_told(self, filled: Rig, server_url: str, copy: Path) -> None:
        filled.call("PUT", "/v1/projects/other", json=project_file(project="other"))
        with unit_of_work(filled.database) as session:
            key = create_key(session, Role.READ, find_project(session, "other"), now=utc_now())[1]

        outcome = run("verify", copy, "--url", server_url, "--key", key)

        assert outcome.exit_code == 1
        assert "knows no such version" in outcome.stdout

    def test_a_server_that_does_not_answer_or_no_key_is_told(self, copy: Path) -> None:
        assert run("verify", copy, "--url", "http://127.0.0.1:9", "--key", "k").exit_code == 1
        assert run("verify", copy, "--url", "http://127.0.0.1:9").exit_code == 2


class TestServer:
    def test_without_a_key_it_is_a_wrong_use(self, server_url: str) -> None:
        assert run("list", "slang", "--url", server_url).exit_code == 2

    def test_a_server_that_does_not_answer_is_told_in_a_line(self) -> None:
        outcome = run("list", "slang", "--url", "http://127.0.0.1:9", "--key", "k")

        assert outcome.exit_code == 1
        assert "does not answer" in outcome.stderr


class TestHelp:
    def test_it_loads_nothing_heavy(self) -> None:
        program = (
            "import sys; from click.testing import CliRunner; from exports.cli import commands;"
            "said = CliRunner().invoke(commands, ['build', '--help']).stdout;"
            "print(sorted({'pyarrow', 'numpy', 'pandas', 'httpx', 'sqlmodel'} & set(sys.modules)), 'Example' in said)"
        )

        told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

        assert told.stdout == "[] True\n"
