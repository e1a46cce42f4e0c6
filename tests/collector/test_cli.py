"""`winnow collector …` on an installation: what the calls do, from a shell."""

from __future__ import annotations

import gzip
import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from collector.models import Erasure
from foundation.cli import RECORDS, SECTIONS, LazyGroup
from foundation.database import Database, unit_of_work
from tests.signals import CONSENT, SUBJECT, Held, make_project, make_signal, ndjson, project_body
from wsgi import records, sections

Run = Callable[..., Result]


@pytest.fixture
def run(database: Database, tmp_path: Path) -> Run:
    group = LazyGroup("collector", "collector.cli:commands", "Signals.", {SECTIONS: sections, RECORDS: records})
    url = database.engine.url.render_as_string(hide_password=False)
    environment = {"WINNOW_HOME": str(tmp_path), "WINNOW_DATABASE_URL": url}
    return lambda *arguments: CliRunner().invoke(group, [str(one) for one in arguments], env=environment)


@pytest.fixture
def held(database: Database) -> Held:
    return make_project(database)


@pytest.fixture
def backlog(tmp_path: Path) -> Path:
    """Two signals: one as the project wants it, one with a field it does not declare."""
    file = tmp_path / "backlog.ndjson"
    wrong = make_signal(consent=CONSENT, payload={"text": "gr8", "colour": "red"})
    file.write_bytes(ndjson(make_signal(consent=CONSENT), wrong))
    return file


REFUSE = {
    "sqlite": "CREATE TRIGGER refuses BEFORE INSERT ON items BEGIN SELECT RAISE(ABORT, 'refused'); END",
    "postgresql": "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;"
    "CREATE TRIGGER refuses BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION refuse()",
}
ACCEPT = {"sqlite": "DROP TRIGGER refuses", "postgresql": "DROP FUNCTION refuse CASCADE"}


@contextmanager
def _items_refused(database: Database) -> Iterator[None]:
    """A database that takes no item: what a bug of ours, or somebody's rule in the database, would look like."""
    name = database.engine.dialect.name
    with database.engine.begin() as connection:
        connection.exec_driver_sql(REFUSE[name])
    try:
        yield
    finally:
        with database.engine.begin() as connection:
            connection.exec_driver_sql(ACCEPT[name])


class TestApply:
    def test_a_file_makes_a_project_and_again_changes_nothing(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "project.json"
        file.write_text(json.dumps(project_body()))

        answers = [json.loads(run("apply", file, "--json").stdout) for _ in range(2)]

        assert [answer["revision"] for answer in answers] == [1, 1]

    def test_what_is_not_in_effect_is_told_with_what_is_done_instead(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "project.json"
        file.write_text(json.dumps(project_body(retention={"signals_days": 90})))

        plain, as_json = run("apply", file), json.loads(run("apply", file, "--json").stdout)

        assert "/retention/signals_days is not in effect yet: signals stay until their person is erased" in plain.stderr
        assert as_json["instead"]["/retention/signals_days"] == "signals stay until their person is erased"


class TestIngest:
    def test_it_takes_signals_as_the_call_does_and_again_is_safe(self, run: Run, held: Held, backlog: Path) -> None:
        first, again = (run("ingest", held.name, backlog, "--json") for _ in range(2))

        assert json.loads(first.stdout) == {"accepted": 1, "duplicate": 0, "replayed": 0, "rejected": 1}
        assert json.loads(again.stdout) == {"accepted": 0, "duplicate": 0, "replayed": 1, "rejected": 1}
        assert "/payload/colour" in first.stderr

    def test_what_came_before_a_cut_is_taken_and_the_cut_is_told(self, run: Run, held: Held, tmp_path: Path) -> None:
        file = tmp_path / "cut.ndjson.gz"
        lines = b"".join(json.dumps(make_signal()).encode() + b"\n" for _ in range(2000))
        file.write_bytes(gzip.compress(lines)[:-50])

        done = run("ingest", held.name, file, "--json")

        assert (done.exit_code, done.stdout) == (2, "")
        assert "ends too early" in done.stderr


class TestWhatFails:
    def test_what_was_sent_does_not_stand_in_the_failure(
        self, run: Run, held: Held, database: Database, tmp_path: Path
    ) -> None:
        file = tmp_path / "one.ndjson"
        file.write_bytes(ndjson(make_signal(consent=CONSENT, payload={"text": "words that nobody else may read"})))

        with _items_refused(database):
            done = run("ingest", held.name, file)

        told = done.output + "".join(traceback.format_exception(done.exception))
        assert isinstance(done.exception, DBAPIError)
        assert "items (project_id" in told
        assert "nobody else may read" not in told


class TestDeadLetters:
    def test_they_are_listed_and_tried_again(self, run: Run, held: Held, backlog: Path) -> None:
        run("ingest", held.name, backlog)

        (letter,) = map(json.loads, run("dead-letters", held.name, "--json").stdout.splitlines())
        replayed = run("replay", held.name, "--dry-run", "--json")

        assert (letter["reason"], letter["pointer"]) == ("unknown_field", "/payload/colour")
        assert json.loads(replayed.stdout) == {"replayed": 0, "still_rejected": 1}


class TestSubject:
    def test_it_shows_what_is_held_on_a_person(self, run: Run, held: Held, backlog: Path) -> None:
        run("ingest", held.name, backlog)

        shown = run("subject", held.name, SUBJECT)
        record = json.loads(run("subject", held.name, SUBJECT, "--json").stdout)
        nobody = json.loads(run("subject", held.name, "misspelled", "--json").stdout)

        assert record["subject"] in shown.stdout
        assert (len(record["signals"]), len(record["dead_letters"]), record["held"]) == (1, 1, True)
        assert (nobody["signals"], nobody["held"]) == ([], False)


class TestErase:
    def test_it_asks_for_an_erasure_and_prints_its_id_alone(self, run: Run, held: Held, database: Database) -> None:
        done = run("erase", held.name, "install-7f3c")

        with unit_of_work(database, read_only=True) as session:
            (erasure,) = session.exec(select(Erasure).where(Erasure.project_id == held.id)).all()
            assert done.stdout == f"{erasure.id}\n"

    @pytest.mark.parametrize("name", ["Jürgen €", "张伟", "utf-8''x"])
    def test_a_name_in_any_script_is_the_one_that_a_body_gave(
        self, run: Run, held: Held, tmp_path: Path, name: str
    ) -> None:
        file = tmp_path / "one.ndjson"
        file.write_bytes(ndjson(make_signal(subject=name, consent=CONSENT)))
        assert json.loads(run("ingest", held.name, file, "--json").stdout)["accepted"] == 1

        done = run("erase", held.name, name)

        assert done.exit_code == 0
        assert "spelled" not in done.stderr

    def test_a_name_that_is_no_text_is_told_in_one_line(self, run: Run, held: Held) -> None:
        done = run("erase", held.name, "J\udcfcrgen")

        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == "error: the name is not UTF-8: no signal can have named it\n"


@pytest.mark.parametrize(
    "arguments",
    [("ingest", "nobodys", __file__), ("erase", "nobodys", "x"), ("dead-letters", "nobodys"), ("replay", "nobodys")],
)
def test_a_project_that_is_not_there_is_told_in_one_line(run: Run, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "error: there is no such project: `winnow collector apply FILE.yaml` makes it\n"
