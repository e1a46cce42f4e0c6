"""Keys, the guard, and the activity log, on both databases."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select

from foundation.activity import Activity, broken_chains, chain_holds, record_activity
from foundation.database import Database, unit_of_work, utc_now
from foundation.errors import Forbidden, KeyRetired, NotFound, Unauthorized
from foundation.http.guards import MANAGERS, READERS, WRITERS, Admitted, admit
from foundation.http.keys import Key, Role, caller_of, create_key, list_keys, retire_key
from tests.signals import Held, make_project
from wsgi import projects


def let_in(database: Database, key: str | None, project: str | None, **wishes: Any) -> Admitted:
    with unit_of_work(database, read_only=True) as session:
        authorization = None if key is None else f"Bearer {key}"
        return admit(session, authorization, project=project, projects=projects(), **wishes)


class TestKeys:
    def test_a_key_is_kept_as_a_hash_alone(self, database: Database) -> None:
        with unit_of_work(database) as session:
            _, token = create_key(session, Role.ADMIN, None, now=utc_now())

        with database.engine.connect() as connection:
            dump = str([tuple(row) for row in connection.execute(text("SELECT * FROM keys"))])
            dump += str([tuple(row) for row in connection.execute(text("SELECT * FROM activity"))])
        assert token not in dump
        assert token.startswith("winnow_admin_")

    def test_a_retired_key_says_so_and_stays(self, database: Database) -> None:
        with unit_of_work(database) as session:
            key, token = create_key(session, Role.ADMIN, None, now=utc_now())
            retire_key(session, key.id, now=utc_now())
            retire_key(session, key.id, now=utc_now())

            with pytest.raises(KeyRetired):
                caller_of(session, token)
            assert [one.id for one in list_keys(session)] == [key.id]
            assert len(session.exec(select(Activity).where(Activity.action == "key_retired")).all()) == 1

    def test_an_unknown_key_is_told_apart_from_nothing_else(self, database: Database) -> None:
        with unit_of_work(database) as session:
            for token in ("", "winnow_admin_x", "\0", "é" * 300):
                with pytest.raises(Unauthorized):
                    caller_of(session, token)
            with pytest.raises(NotFound):
                retire_key(session, uuid.uuid4(), now=utc_now())


class TestGuard:
    @pytest.mark.parametrize("key", [None, "", "nobody"])
    def test_who_are_you_comes_first(self, database: Database, project: Held, key: str | None) -> None:
        for name in (project.name, "missing"):
            with pytest.raises(Unauthorized):
                let_in(database, key, name, allowed=READERS)

    def test_does_it_exist_for_you_comes_second(self, database: Database, project: Held) -> None:
        other = make_project(database, "other")

        for name in ("missing", other.name):
            with pytest.raises(NotFound):
                let_in(database, project.keys["ingest"], name, allowed=MANAGERS)

    def test_may_you_comes_last(self, database: Database, project: Held) -> None:
        for role, allowed in (("ingest", READERS), ("read", WRITERS), ("backend", MANAGERS)):
            with pytest.raises(Forbidden):
                let_in(database, project.keys[role], project.name, allowed=allowed)

    def test_only_an_admin_stands_before_what_is_missing(self, database: Database, project: Held) -> None:
        admitted = let_in(database, project.keys["admin"], "new", allowed=MANAGERS, may_be_missing=True)

        assert admitted.project_id is None
        with pytest.raises(NotFound):
            let_in(database, project.keys["manage"], "new", allowed=MANAGERS, may_be_missing=True)

    def test_an_admin_is_let_in_everywhere(self, database: Database, project: Held) -> None:
        assert let_in(database, project.keys["admin"], project.name, allowed=WRITERS).project_id == project.id


class TestActivity:
    def add(self, database: Database, project_id: int | None, count: int = 1) -> None:
        for number in range(count):
            with unit_of_work(database) as session:
                record_activity(session, "tested", actor="test", project_id=project_id, now=utc_now(), n=number)

    def holds(self, database: Database, project_id: int | None) -> bool:
        with unit_of_work(database, read_only=True) as session:
            return chain_holds(session, project_id)

    def test_each_row_carries_the_hash_of_the_one_before(self, database: Database, project: Held) -> None:
        self.add(database, project.id, 3)
        self.add(database, None, 3)

        assert self.holds(database, project.id)
        assert self.holds(database, None)

    @pytest.mark.parametrize(
        "tampering",
        [
            "UPDATE activity SET facts = '{\"n\":9}' WHERE seq = (SELECT max(seq) - 1 FROM activity)",
            "UPDATE activity SET actor = 'somebody' WHERE seq = (SELECT max(seq) FROM activity)",
            "UPDATE activity SET action = 'else' WHERE seq = (SELECT max(seq) - 2 FROM activity)",
            "DELETE FROM activity WHERE seq = (SELECT max(seq) FROM activity)",
            "DELETE FROM activity WHERE seq = (SELECT max(seq) - 1 FROM activity)",
        ],
    )
    def test_whoever_changes_a_row_is_found_out(self, database: Database, project: Held, tampering: str) -> None:
        self.add(database, project.id, 3)

        with database.engine.begin() as connection:
            connection.exec_driver_sql(tampering)

        assert not self.holds(database, project.id)
        with unit_of_work(database, read_only=True) as session:
            assert broken_chains(session) == [project.id]

    def test_a_log_whose_rows_all_hold_has_no_broken_chain(self, database: Database, project: Held) -> None:
        self.add(database, project.id, 2)
        self.add(database, None, 2)

        with unit_of_work(database, read_only=True) as session:
            assert broken_chains(session) == []

    def test_many_at_once_make_one_chain(self, database: Database, project: Held) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: self.add(database, project.id), range(24)))

        assert self.holds(database, project.id)

    def test_the_first_two_at_once_make_one_chain(self, database: Database) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: self.add(database, None), range(8)))

        assert self.holds(database, None)
        with unit_of_work(database, read_only=True) as session:
            assert len(session.exec(select(Activity)).all()) == 8


def test_a_key_belongs_to_a_project_or_is_an_admins(project: Held, database: Database) -> None:
    with unit_of_work(database, read_only=True) as session:
        keys = session.exec(select(Key)).all()

    assert {key.role for key in keys if key.project_id is None} == {"admin"}
