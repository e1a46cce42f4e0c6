"""The newest revision that accepts a signal, and what it costs to find out that none does."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from collector.intake.payload import reader_of
from collector.intake.revisions import LOOK_BACK, MOST_RULES, history_of
from collector.models import Project, Revision, Signal
from collector.project import load_file
from collector.project_file import ProjectFile
from foundation.database import Database, unit_of_work, utc_now
from foundation.http.web import services_of
from tests.collector.intake.test_context import JSON
from tests.signals import Held, Phone, make_signal, project_body, revise

NAMES = ("text", "store", "n")
RULES = st.one_of(
    st.builds(lambda most, needed: {"kind": "text", "max_chars": most, "required": needed}, st.integers(1, 4), st.booleans()),
    st.builds(lambda values: {"kind": "category", "values": sorted(values)}, st.sets(st.sampled_from("abcd"), min_size=1)),
    st.builds(lambda low, pii: {"kind": "number", "minimum": low, "pii": pii}, st.integers(0, 3), st.sampled_from(["keep", "drop"])),
)  # fmt: skip
FILES = st.builds(
    lambda fields, unknown: load_file({"project": "p1", "fields": fields, "fields_unknown": unknown}),
    st.dictionaries(st.sampled_from(NAMES), RULES, min_size=1),
    st.sampled_from(["reject", "drop"]),
)
PAYLOADS = st.dictionaries(
    st.sampled_from([*NAMES, "other"]), st.none() | st.sampled_from(["a", "abc", "x", 2, True, 9.5]) | JSON
)


def by_trying(files: list[ProjectFile], payload: dict[str, Any]) -> int | None:
    """The rule, in the words of the contract: each revision is tried, the newest first."""
    for number in range(len(files), 0, -1):
        if not reader_of(files[number - 1], files[-1]).read(payload).faults:
            return number
    return None


class TestHistory:
    @given(st.lists(FILES, min_size=1, max_size=12), PAYLOADS)
    def test_it_is_the_newest_revision_that_accepts(self, files: list[ProjectFile], payload: dict[str, Any]) -> None:
        assert history_of(files, newest=len(files)).newest_accepting(payload) == by_trying(files, payload)

    def test_of_one_field_so_many_rules_are_tried(self) -> None:
        files = [file_with(max_chars=100 - n) for n in range(MOST_RULES + 1)]
        history = history_of(files, newest=300)

        assert history.newest_accepting({"text": "x" * 99}) == 300 - MOST_RULES + 1
        assert history.newest_accepting({"text": "x" * 100}) is None


def file_with(**rule: Any) -> ProjectFile:
    return load_file({"project": "p1", "fields": {"text": {"kind": "text", **rule}}})


def add_revisions(database: Database, project: Held, n: int) -> None:
    """Many revisions that take different signals, as if the project had been revised again and again."""
    with unit_of_work(database) as session:
        row = session.get_one(Project, project.id)
        fields = project_body()["fields"]
        for number in range(row.revision + 1, row.revision + n + 1):
            changed = {
                **fields,
                f"once_{number}": {"kind": "text"},
                "text": {**fields["text"], "max_chars": 2000 - number},
            }
            session.add(
                Revision(
                    project_id=project.id,
                    number=number,
                    body=project_body(project.name, fields=changed),
                    scrub_hash="",
                    created_at=utc_now(),
                )
            )
        row.revision += n
        session.add(row)


class TestAtTheDoor:
    def test_an_app_built_for_an_old_revision_is_taken_by_the_newest_that_does(
        self, phone: Phone, database: Database, project: Held
    ) -> None:
        fields = project_body()["fields"]
        revise(database, project, fields={**fields, "old": {"kind": "text"}})
        revise(database, project, fields={**fields, "old": {"kind": "text"}, "older": {"kind": "text"}})
        revise(database, project)

        sent = [
            {"text": "a", "old": "x"},
            {"text": "a", "old": "x", "older": "y"},
            {"text": "a"},
            {"text": "a", "never": 1},
        ]
        results = phone.send(*[make_signal(payload=payload) for payload in sent])["results"]

        assert [result["status"] for result in results] == ["accepted", "duplicate", "duplicate", "rejected"]
        with unit_of_work(database, read_only=True) as session:
            assert sorted(signal.revision for signal in session.exec(select(Signal))) == [3, 3, 4]

    def test_a_payload_that_an_older_one_takes_does_not_help_a_signal_that_is_wrong_elsewhere(
        self, phone: Phone, database: Database, project: Held
    ) -> None:
        revise(database, project, fields={**project_body()["fields"], "new": {"kind": "text", "required": True}})

        result = phone.send_one(make_signal(context=5))

        assert [fault["pointer"] for fault in result["errors"]] == ["/payload/new", "/context"]

    def test_the_faults_told_are_those_of_the_newest(self, phone: Phone, database: Database, project: Held) -> None:
        revise(database, project, fields={**project_body()["fields"], "new": {"kind": "text"}})

        result = phone.send_one(make_signal(payload={"text": 5, "new": 5}))

        assert {fault["pointer"] for fault in result["errors"]} == {"/payload/text", "/payload/new"}

    def test_one_older_than_are_asked_has_to_be_named(self, phone: Phone, database: Database, project: Held) -> None:
        add_revisions(database, project, 1)
        add_revisions(database, project, LOOK_BACK)
        payload = {"text": "a", "once_2": "x"}

        assert phone.send_one(make_signal(payload=payload))["status"] == "rejected"
        assert phone.send_one(make_signal(payload=payload, revision=2))["status"] == "accepted"


class TestCost:
    @pytest.mark.slow
    def test_of_a_bad_batch_it_does_not_grow_with_the_revisions(
        self, phone: Phone, database: Database, project: Held
    ) -> None:
        add_revisions(database, project, 3)
        few = cpu_of_a_bad_batch(phone)
        add_revisions(database, project, 297)
        many = cpu_of_a_bad_batch(phone)

        assert many < 8 * few  # each revision tried by itself, it is 25 times as much

    @pytest.mark.slow
    def test_of_good_batches_older_revisions_are_not_even_read(
        self, phone: Phone, database: Database, project: Held
    ) -> None:
        from collector import queries

        add_revisions(database, project, 50)
        phone.send(make_signal())

        assert len(queries._FILES[services_of(phone.client.application).database.engine]) == 1


def cpu_of_a_bad_batch(phone: Phone) -> float:
    """Seconds of the processor for a hundred signals that no revision takes, the least of some."""
    spent = []
    for _ in range(6):
        batch = [make_signal(payload={"text": 5, "store": "no such", "unknown": 1}) for _ in range(100)]
        start = time.thread_time()
        phone.send(*batch)
        spent.append(time.thread_time() - start)
    return min(spent)
