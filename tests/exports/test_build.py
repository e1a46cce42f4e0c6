"""Builds: what a version holds, when it is a new one, and what its number says."""

from __future__ import annotations

import json
import re
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from exports.keeping.verify import verify_folder
from exports.queries import find_version
from exports.tasks import prepare_erasures
from foundation import queue
from foundation.database import Database, unit_of_work, utc_now
from foundation.settings import Settings
from labeling.models import Purpose, Task, TaskState
from tests.exports.rigs import WORDS, Rig, close_rig, copy_database, copy_rows, open_rig, project_file, rig_of

pytestmark = pytest.mark.slow


def _folder(rig: Rig, version: str) -> Path:
    """Where a version's files lie."""
    with unit_of_work(rig.database, read_only=True) as session:
        storage = find_version(session, rig.project_id, version).storage
    assert storage
    return rig.home / "versions" / storage


def _with_export(*, gates: dict[str, Any], **changes: Any) -> dict[str, Any]:
    body = project_file()
    return body | {"export": body["export"] | changes | {"gates": {"min_rows": 0} | gates}}


def _as_declared(**gates: Any) -> dict[str, Any]:
    """The project with its own gates and no others."""
    body = project_file()
    return body | {"export": {**body["export"], "gates": gates}}


def _send_backlog(rig: Rig, n: int) -> None:
    """Labelled texts that nobody is known to have sent."""
    texts = [f"backlog {number}" for number in range(n)]
    signals = [
        {
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, text)),
            "captured_at": utc_now().isoformat(),
            "payload": {"text": text},
        }
        for text in texts
    ]
    answer = rig.call("POST", f"{rig.at}/signals", json={"signals": signals})
    assert answer.json["accepted"] == n, answer.json
    rig.sent.update(zip(texts, [result["item"] for result in answer.json["results"]], strict=True))
    rig.label({text: ["good"] for text in texts})


def _add_task(rig: Rig, text: str, *, selected_by: str, state: TaskState = TaskState.LIVE) -> None:
    with unit_of_work(rig.database) as session:
        task = Task(
            project_id=rig.project_id,
            ext_id=uuid.uuid4(),
            item_id=uuid.UUID(rig.sent[text]),
            purpose=Purpose.LABEL,
            round=1,
            batch=uuid.uuid4(),
            state=state,
            overlap=1,
            asked=1,
            wanted=1,
            revision=1,
            selected_by=selected_by,
            propensity=0.5,
            created_at=utc_now(),
        )
        session.add(task)


class TestRows:
    def test_a_first_version_is_published_with_every_labelled_item(self, rig: Rig) -> None:
        rig.fill()
        rig.send(["nobody labelled this"])

        result = rig.build()

        rows = rig.rows("1.0.0")
        assert result == {"version": "1.0.0", "state": "published"}
        assert {row["text"] for row in rows.values()} == set(WORDS)
        assert all(row["mood_n"] == 2 and row["mood_confidence"] == 1.0 for row in rows.values())
        assert rig.read("latest")["counts"]["not_used"] == {"no answer to mood": 1}

    def test_a_row_tells_field_context_votes_and_how_it_was_chosen(self, rig: Rig) -> None:
        rig.send(["lol"], subject="anna", minute=5, battery=0.9, device_model="second")
        rig.send(["lol"], subject="bert", minute=1, battery=0.25, device_model="first")
        rig.label({"lol": ["good", "bad", "good"]})

        rig.build()

        (row,) = rig.rows("1.0.0").values()
        expected = {
            "item": rig.sent["lol"],
            "near_duplicate_set": rig.sent["lol"],
            "weight": 1.0,
            "n_signals": 2,
            "selected_by": "random",
            "text": "lol",
            "price": 3.0,
            "mood": "good",
            "mood_confidence": 0.6667,
            "mood_n": 3,
            "mood_votes": '{"good":2,"bad":1}',
            "mood_source": "majority",
            "os_name": "android",
            "device_model": "first",
            "battery": 0.25,
        }
        assert {name: row[name] for name in expected} == expected
        assert not {"subject", "device", "subject_id", "device_hmac"} & row.keys()

    def test_who_withdraws_consent_is_in_no_later_version(self, rig: Rig) -> None:
        rig.fill(people=2)
        gone = {word for place, word in enumerate(WORDS) if place % 2}
        withdrawal = {"granted": False, "purposes": [], "notice": "1", "given_at": utc_now().isoformat()}
        rig.call("PUT", f"{rig.at}/subject/consent", json=withdrawal, headers={"Winnow-Subject": "person-1"})

        rig.build()

        assert {row["text"] for row in rig.rows("1.0.0").values()} == set(WORDS) - gone

    def test_of_who_withdrew_no_field_stands_beside_a_content_that_others_sent_too(self, rig: Rig) -> None:
        rig.fill()
        rig.send(["ours"], subject="anna", minute=0, device_model="annas", os_name="ios")
        rig.send(["ours"], subject="bert", minute=9, device_model="berts")
        rig.label({"ours": ["good", "good"]})
        withdrawal = {"granted": False, "given_at": utc_now().isoformat()}
        rig.call("PUT", f"{rig.at}/subject/consent", json=withdrawal, headers={"Winnow-Subject": "anna"})

        rig.build()

        row = next(row for row in rig.rows("1.0.0").values() if row["text"] == "ours")
        assert (row["device_model"], row["os_name"], row["n_signals"]) == ("berts", "android", 1)

    def test_who_comes_back_after_an_erasure_brings_nothing_back_that_is_still_to_go(self, rig: Rig) -> None:
        rig.fill(people=2)
        rig.erase("person-1")
        rig.send(["back"], subject="person-1", minute=181, given=181)
        rig.label({"back": ["good", "good"]})

        rig.build()

        assert {row["text"] for row in rig.rows("1.0.0").values()} == {"back", *WORDS[::2]}

    def test_what_one_person_alone_sent_stands_on_one_side(self, rig: Rig) -> None:
        rig.fill(people=3)

        rig.build()

        rows = {row["text"]: row for row in rig.rows("1.0.0").values()}
        for person in range(3):
            mine = [rows[word] for place, word in enumerate(WORDS) if place % 3 == person]
            assert len({row["side"] for row in mine}) == 1
            assert len({row["split_group"] for row in mine}) == 1

    def test_answers_too_few_or_too_unsure_leave_an_item_out(self, small_rig: Rig) -> None:
        small_rig.send(["sure", "unsure", "lonely"])
        small_rig.label({"sure": ["good", "good"], "unsure": ["good", "bad"], "lonely": ["good"]})

        small_rig.build(export={"labels": {"min_annotations": 2, "min_confidence": 0.6}})

        assert [row["text"] for row in small_rig.rows("1.0.0").values()] == ["sure"]
        assert small_rig.read("1.0.0")["counts"]["not_used"] == {
            "confidence below 0.6 for mood": 1,
            "fewer than 2 answers to mood": 1,
        }

    def test_kept_unresolved_items_have_no_value_and_stand_in_train(self, small_rig: Rig) -> None:
        for text in ("sure", "unsure", "unasked"):
            small_rig.send([text], subject=f"who sent {text}")
        small_rig.label({"sure": ["good", "good"], "unsure": ["good", "bad"]})

        small_rig.build(export={"labels": {"min_confidence": 0.6, "unresolved": "keep"}})

        rows = {row["text"]: row for row in small_rig.rows("1.0.0").values()}
        assert {text: (row["mood"], row["mood_n"]) for text, row in rows.items()} == {
            "sure": ("good", 2),
            "unsure": (None, 2),
            "unasked": (None, 0),
        }
        assert rows["unasked"]["side"] == "train"

    def test_a_project_without_questions_makes_versions_too(self, small_rig: Rig) -> None:
        body = project_file()
        del body["labeling"]
        body["export"] = {"gates": {"min_rows": 0}}
        small_rig.put(body)
        small_rig.send([f"text number {n}" for n in range(60)])

        result = small_rig.build()

        assert result["state"] == "published"
        assert len(small_rig.rows("1.0.0")) == 60

    def test_a_tie_is_no_consensus_and_leaves_an_item_out_by_name(self, small_rig: Rig) -> None:
        small_rig.send(["lol", "meh", "gr8"])
        small_rig.label({"lol": ["so-so", "so-so"], "meh": ["good", "bad"], "gr8": ["good"]})

        small_rig.build(export={"split": {"train": 1, "validation": 0, "test": 0}})

        found = {row["text"]: (row["mood"], row["mood_confidence"]) for row in small_rig.rows("1.0.0").values()}
        assert found == {"lol": ("so-so", 1.0), "gr8": ("good", 1.0)}
        assert small_rig.read("1.0.0")["counts"]["not_used"] == {"a tie of the answers to mood": 1}
        card = small_rig.fetch("1.0.0", "README.md").decode()
        assert "- 1 items never reached the split: a tie of the answers to mood." in card
        assert json.loads(small_rig.fetch("1.0.0", "quality.json"))["questions"]["mood"]["ties"] == 1

    def test_a_kept_tie_has_no_label_and_says_why(self, small_rig: Rig) -> None:
        small_rig.send(["lol", "meh"], subject="who sent both")
        small_rig.label({"lol": ["good"], "meh": ["good", "bad"]})

        small_rig.build(export={"labels": {"unresolved": "keep"}, "split": {"train": 1, "validation": 0, "test": 0}})

        rows = {row["text"]: row for row in small_rig.rows("1.0.0").values()}
        assert (rows["meh"]["mood"], rows["meh"]["mood_source"]) == (None, "unresolved: tie")
        assert (rows["lol"]["mood"], rows["lol"]["mood_source"]) == ("good", "majority")
        assert small_rig.read("1.0.0")["counts"]["unresolved"] == {"mood": {"unresolved: tie": 1}}
        assert small_rig.manifest("1.0.0")["counts"]["unresolved"] == {"mood": {"unresolved: tie": 1}}
        card = small_rig.fetch("1.0.0", "README.md").decode()
        assert "- 1 rows are kept without `mood`, unresolved: tie." in card

    def test_what_was_a_tie_is_a_label_once_somebody_else_answered(self, small_rig: Rig) -> None:
        small_rig.send(["lol", "meh"])
        small_rig.label({"lol": ["good"], "meh": ["good", "bad"]})
        everything = {"split": {"train": 1, "validation": 0, "test": 0}}
        small_rig.build(export=everything)

        small_rig.label({"meh": ["good", "bad", "bad"]})
        small_rig.build(export=everything)

        found = {row["text"]: row["mood"] for row in small_rig.rows("latest").values()}
        assert found == {"lol": "good", "meh": "bad"}
        assert small_rig.read("latest")["counts"]["not_used"] == {}

    def test_the_first_task_says_how_an_item_was_chosen_else_the_first_annotation(self, small_rig: Rig) -> None:
        small_rig.send(["lol", "meh", "gr8", "ugh"])
        _add_task(small_rig, "lol", selected_by="quota")
        _add_task(small_rig, "meh", selected_by="quota", state=TaskState.INTENT)
        small_rig.label({"lol": ["good"], "meh": ["good"], "gr8": ["good"]}, selected_by="uncertain")
        small_rig.label({"ugh": ["good"], "gr8": ["bad"]})

        small_rig.build(export={"split": {"train": 1, "validation": 0, "test": 0}})

        found = {row["text"]: row["selected_by"] for row in small_rig.rows("1.0.0").values()}
        assert found == {"lol": "quota", "meh": "uncertain", "gr8": "uncertain", "ugh": "random"}


class TestAgain:
    def test_without_any_change_the_same_version_is_the_answer(self, rig: Rig) -> None:
        rig.fill()

        first, again = rig.build(), rig.build()

        assert first == again
        listed = rig.call("GET", f"{rig.at}/versions").json["versions"]
        assert [version["version"] for version in listed] == ["1.0.0"]

    def test_two_wishes_while_the_first_waits_are_one_build(self, small_rig: Rig) -> None:
        small_rig.fill()

        assert small_rig.ask() == small_rig.ask()
        assert small_rig.ask(draft=True) != small_rig.ask()

    def test_two_builds_of_the_same_inputs_end_with_one_version(self, small_rig: Rig) -> None:
        small_rig.fill()
        first = small_rig.ask()
        second = small_rig.ask(export={"weights": "none"})

        results = [small_rig.work_on(second["job"]), small_rig.work_on(first["job"])]

        assert results == [{"version": "1.0.0", "state": "published"}] * 2

    def test_other_settings_and_back_again_answer_the_first(self, small_rig: Rig) -> None:
        small_rig.fill()
        small_rig.label({"lol": ["good", "good", "good"]})
        first = small_rig.build()

        other = small_rig.build(export={"labels": {"min_annotations": 3}})

        assert other["version"] == "2.0.0"
        assert small_rig.build() == first

    def test_a_job_done_twice_changes_nothing(self, small_rig: Rig) -> None:
        small_rig.fill()
        asked = small_rig.ask()
        first = small_rig.work_on(asked["job"])
        digest = small_rig.read("1.0.0")["digest"]
        from exports.build import build_version

        again = build_version(_work_again(small_rig, asked))

        assert again == first
        assert small_rig.read("1.0.0")["digest"] == digest
        assert verify_folder(_folder(small_rig, "1.0.0")).ok


class TestNumbers:
    def test_more_rows_or_other_answers_are_minor(self, rig: Rig) -> None:
        rig.fill()
        rig.build()

        rig.send(["one more"])
        rig.label({"one more": ["bad"]})
        assert rig.build()["version"] == "1.1.0"

        rig.label({"lol": ["so-so", "so-so"]})
        assert rig.build()["version"] == "1.2.0"
        assert rig.manifest("1.2.0")["parent"] == "1.1.0"

    def test_another_column_or_class_is_major(self, small_rig: Rig) -> None:
        small_rig.fill()
        small_rig.build()

        body = project_file()
        small_rig.put(body | {"fields": body["fields"] | {"store": {"kind": "category", "values": ["food"]}}})

        assert small_rig.build()["version"] == "2.0.0"

    def test_rows_left_out_by_a_rule_are_major(self, small_rig: Rig) -> None:
        small_rig.fill()
        small_rig.label({"lol": ["good"] * 3})
        small_rig.build()

        assert small_rig.build(export={"labels": {"min_annotations": 3}})["version"] == "2.0.0"

    def test_another_text_is_a_patch(self, small_rig: Rig) -> None:
        small_rig.fill()
        small_rig.build()
        small_rig.put(project_file(title="A better title"))

        assert small_rig.build()["version"] == "1.0.1"

    def test_rows_gone_by_erasure_are_a_patch_and_succeed_the_withdrawn(self, rig: Rig) -> None:
        rig.fill()
        rig.build()
        rig.erase("person-1")
        rig.run_floors()

        assert rig.build() == {"version": "1.0.1", "state": "published"}

        withdrawn = rig.read("1.0.0")
        assert (withdrawn["state"], withdrawn["successor"]) == ("withdrawn", "1.0.1")
        assert len(rig.rows("1.0.1")) == len(WORDS) - 3

    def test_rows_that_an_erasure_leaves_on_no_side_are_a_patch_too(self, rig: Rig) -> None:
        """Once one of two senders has left, their common items go with all that the other one sent, on whatever side."""
        common = [f"common {number}" for number in range(40)]
        for person in ("person-1", "person-2"):
            rig.send(common, subject=person)
        rig.label({text: ["good", "good"] for text in common})
        rig.build()
        rig.erase("person-1")
        rig.run_floors()

        assert rig.build()["version"] == "1.0.1"
        assert rig.read("1.0.1")["counts"]["left_out"]["frozen_on_another_side"] > 0

    def test_a_version_cut_while_the_erasure_is_on_its_way_succeeds_those_it_withdraws(self, rig: Rig) -> None:
        rig.fill()
        rig.build()
        rig.erase("person-1")

        assert rig.build()["version"] == "1.0.1"
        rig.run_floors()

        withdrawn = rig.read("1.0.0")
        assert (withdrawn["state"], withdrawn["successor"]) == ("withdrawn", "1.0.1")
        assert rig.read("latest")["version"] == "1.0.1"

    def test_a_clock_that_was_set_back_keeps_the_order_of_versions(self, rig: Rig) -> None:
        rig.fill()
        rig.build()
        with unit_of_work(rig.database) as session:
            find_version(session, rig.project_id, "1.0.0").published_at = utc_now() + timedelta(hours=1)

        for number, word in enumerate(("one more", "and another"), start=1):
            rig.send([word])
            rig.label({word: ["bad"]})
            assert rig.build()["version"] == f"1.{number}.0"

        assert rig.read("latest")["version"] == "1.2.0"


class TestSides:
    def test_an_item_keeps_its_side_whatever_the_shares_are_later(self, rig: Rig) -> None:
        rig.fill(people=12)
        rig.build()
        before = {item: row["side"] for item, row in rig.rows("1.0.0").items()}

        rig.send(["one more"])
        rig.label({"one more": ["bad", "bad"]})
        result = rig.build(export={"split": {"train": 0, "validation": 0, "test": 1}})

        after = {item: row["side"] for item, row in rig.rows(result["version"]).items()}
        assert {item: after[item] for item in before} == before
        assert after[rig.sent["one more"]] == "test"

    def test_a_draft_freezes_no_side(self, small_rig: Rig) -> None:
        small_rig.fill(people=12)
        small_rig.build(draft=True, export={"split": {"train": 0, "validation": 0, "test": 1}})

        small_rig.build(export={"split": {"train": 1, "validation": 0, "test": 0}})

        assert {row["side"] for row in small_rig.rows("1.0.0").values()} == {"train"}


class TestGates:
    def test_a_refused_build_says_what_to_do_and_has_no_files(self, rig: Rig) -> None:
        rig.fill()
        rig.label({word: ["good", "bad", "bad"] for word in WORDS})

        result = rig.build(export={"gates": {"mood": {"alpha": 0.9}}})

        refused = rig.read(result["version"])
        assert result == {"version": "1.0.0-refused.1", "state": "refused"}
        (gate,) = refused["gates"]
        assert (gate["name"], gate["passed"], gate["required"]) == ("mood.alpha", False, 0.9)
        assert "guidelines" in gate["detail"]
        assert refused["files"] == []
        assert rig.call("GET", f"{rig.at}/versions/1.0.0-refused.1/files/README.md").status_code == 404
        assert rig.call("GET", f"{rig.at}/versions/latest").status_code == 404

    def test_a_refused_build_again_without_change_is_the_same(self, small_rig: Rig) -> None:
        small_rig.fill()
        wish = {"export": {"gates": {"expectations": "pass"}}}

        assert small_rig.build(**wish) == small_rig.build(**wish)

    def test_a_draft_is_built_whatever_the_gates_say_and_is_never_latest(self, rig: Rig) -> None:
        rig.fill()
        rig.label({word: ["good", "bad", "bad"] for word in WORDS})

        result = rig.build(draft=True, export={"gates": {"mood": {"alpha": 0.9}}})

        assert result == {"version": "1.0.0-draft.1", "state": "draft"}
        assert rig.manifest("1.0.0-draft.1")["draft"] is True
        assert b"This is a draft" in rig.fetch("1.0.0-draft.1", "README.md")
        assert rig.call("GET", f"{rig.at}/versions/latest").status_code == 404
        assert rig.build() == {"version": "1.0.0", "state": "published"}

    def test_a_met_gate_stands_in_manifest_and_card_with_its_figure(self, small_rig: Rig) -> None:
        small_rig.put(_with_export(gates={"mood": {"alpha": 0.8, "bound": "lower"}}))
        small_rig.fill([f"text number {n}" for n in range(150)])

        small_rig.build()

        (gate,) = small_rig.manifest("1.0.0")["gates"]
        assert (gate["passed"], gate["required"]) == (True, 0.8)
        assert 0.8 <= gate["figure"] < 1
        assert b"mood.alpha" in small_rig.fetch("1.0.0", "README.md")
        assert json.loads(small_rig.fetch("1.0.0", "quality.json"))["questions"]["mood"]["agreement"]["alpha"] == 1.0

    @pytest.mark.parametrize("bound", ["point", "lower"])
    def test_three_items_that_agree_meet_no_gate_and_say_how_many_more_would(self, small_rig: Rig, bound: str) -> None:
        small_rig.put(_with_export(gates={"mood": {"alpha": 0.6, "bound": bound}}))
        small_rig.fill(WORDS[:3])

        result = small_rig.build()

        gate = next(gate for gate in small_rig.read(result["version"])["gates"] if gate["name"] == "mood.alpha")
        assert (result["state"], gate["passed"]) == ("refused", False)
        assert re.search(r"not enough data.*: about [1-9]\d* more items", gate["detail"])

    def test_expectations_that_break_refuse(self, small_rig: Rig) -> None:
        rule = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "price", "max_value": 3}}
        small_rig.put(_with_export(gates={"expectations": "pass"}) | {"expectations": [rule]})
        small_rig.fill()

        result = small_rig.build()

        (gate,) = small_rig.read(result["version"])["gates"]
        assert (result["state"], gate["passed"]) == ("refused", False)

    def test_a_project_without_usable_items_is_refused_with_what_is_needed(self, small_rig: Rig) -> None:
        small_rig.send(["not labelled"])

        result = small_rig.build()

        (gate,) = small_rig.read(result["version"])["gates"]
        assert result["state"] == "refused"
        assert gate["detail"].endswith("at least 1 is needed (1 items: no answer to mood)")


class TestEmptySides:
    def test_rows_of_one_person_alone_make_no_version_and_it_says_what_to_do(self, rig: Rig) -> None:
        rig.put(_as_declared())
        rig.fill(people=1)

        result = rig.build()

        refused = rig.read(result["version"])
        (gate,) = refused["gates"]
        assert result["state"] == "refused"
        assert (gate["name"], gate["passed"], gate["figure"], gate["required"]) == ("min_rows", False, 0, 1)
        assert "from more people" in gate["detail"]
        assert sorted(refused["counts"]["splits"].values()) == [0, 0, len(WORDS)]
        assert sorted(refused["counts"]["groups"].values()) == [0, 0, 1]
        assert len(refused["warnings"]) == 2
        assert rig.call("GET", f"{rig.at}/versions/latest").status_code == 404

    def test_who_asks_for_one_side_gets_one_side(self, small_rig: Rig) -> None:
        small_rig.put(_as_declared())
        small_rig.fill(people=1)

        result = small_rig.build(export={"split": {"train": 1, "validation": 0, "test": 0}})

        assert result == {"version": "1.0.0", "state": "published"}
        assert small_rig.read("1.0.0")["warnings"] == []

    def test_a_version_with_an_empty_side_says_so_in_manifest_card_and_answer(self, small_rig: Rig) -> None:
        small_rig.put(_as_declared(min_rows=0))
        small_rig.fill(people=1)

        result = small_rig.build()

        told = small_rig.read("1.0.0")["warnings"]
        assert result["state"] == "published"
        assert len(told) == 2
        assert all("is empty: the split asks for" in warning for warning in told)
        assert small_rig.manifest("1.0.0")["warnings"] == told
        assert small_rig.fetch("1.0.0", "README.md").count(b"**Warning:**") == 2
        assert sum(small_rig.manifest("1.0.0")["counts"]["groups"].values()) == 1

    def test_a_draft_is_built_and_warned_of(self, small_rig: Rig) -> None:
        small_rig.put(_as_declared())
        small_rig.fill(people=1)

        result = small_rig.build(draft=True)

        assert result["state"] == "draft"
        assert len(small_rig.read(result["version"])["warnings"]) == 2
        assert [gate["passed"] for gate in small_rig.read(result["version"])["gates"]] == [False]

    def test_more_rows_than_a_side_has_are_refused_with_how_many_are_missing(self, small_rig: Rig) -> None:
        small_rig.put(_as_declared(min_rows=30) | {"privacy": {"consent": "none"}})
        _send_backlog(small_rig, 60)

        result = small_rig.build()

        (gate,) = small_rig.read(result["version"])["gates"]
        assert result["state"] == "refused"
        assert gate["figure"] == min(small_rig.read(result["version"])["counts"]["splits"].values())
        assert f"needs {30 - gate['figure']} more" in gate["detail"]


class TestBacklog:
    def test_signals_without_a_subject_are_a_group_each(self, rig: Rig) -> None:
        rig.put(_as_declared() | {"privacy": {"consent": "none"}})
        _send_backlog(rig, 60)

        result = rig.build()

        rows = rig.rows("1.0.0").values()
        assert result == {"version": "1.0.0", "state": "published"}
        assert len({row["split_group"] for row in rows}) == len(rows) == 60
        assert {row["side"] for row in rows} == {"train", "validation", "test"}
        assert sum(rig.read("1.0.0")["counts"]["groups"].values()) == 60


class TestLeakage:
    def test_it_is_counted_in_the_files_and_near_duplicates_were_not_looked_for(self, rig: Rig) -> None:
        rig.fill()

        rig.build()

        assert rig.manifest("1.0.0")["leakage"] == {"items": 0, "split_groups": 0, "near_duplicate_sets": None}
        assert b"Near-duplicates were not looked for" in rig.fetch("1.0.0", "README.md")
        assert b"near-duplicate sets" not in rig.fetch("1.0.0", "README.md")


class TestLabels:
    def test_the_number_of_a_class_leads_back_to_the_label_of_every_row(self, small_rig: Rig, tmp_path: Path) -> None:
        from datasets import ClassLabel, load_dataset  # type: ignore[import-untyped]

        small_rig.fill()
        small_rig.label({"lol": ["so-so", "so-so"]})
        small_rig.build()

        target = json.loads(small_rig.fetch("1.0.0", "schema.json"))["targets"]["mood"]
        loaded = load_dataset(str(_folder(small_rig, "1.0.0")), cache_dir=str(tmp_path))
        assert list(target["label_map"]) == target["vocabulary"] == target["histogram"]["values"]
        assert target["vocabulary"] == ["bad", "so-so", "good"]
        for side in loaded.values():
            numbers = side.cast_column("mood", ClassLabel(names=target["vocabulary"]))["mood"]
            assert list(numbers) == [target["label_map"][label] for label in side["mood"]]


class TestNotInEffect:
    def test_manifest_and_card_say_what_was_done_instead_and_what_people_were_told(self, small_rig: Rig) -> None:
        small_rig.put(project_file(questions={"mood": {"consensus": "dawid-skene"}}, retention={"versions_days": 30}))
        small_rig.fill()

        small_rig.build()

        manifest, card = small_rig.manifest("1.0.0"), small_rig.fetch("1.0.0", "README.md").decode()
        assert sorted(manifest["not_in_effect"]) == sorted(manifest["instead"])
        assert manifest["instead"]["/questions/mood/consensus"] == "the majority of an item's answers is taken"
        assert "/questions/mood/consensus: the majority of an item's answers is taken." in card
        assert "What people were told, notice 1 (en):\n\n> We use it." in card


def holds_secret(rig: Rig) -> list[Path]:
    """The files of an installation in which a text of somebody can be read."""
    return [file for file in rig.home.rglob("*") if file.is_file() and b"a secret of anna" in file.read_bytes()]


class TestErased:
    def test_no_file_of_the_installation_holds_what_was_erased(self, small_rig: Rig) -> None:
        small_rig.send([f"a secret of anna {number}" for number in range(60)], subject="anna")
        small_rig.fill()
        small_rig.erase("anna")

        small_rig.run_floors()

        assert small_rig.erasure_status == "completed"
        assert (small_rig.home / "winnow.sqlite3").is_file()
        assert not holds_secret(small_rig)

    def test_it_is_gone_from_every_file_before_the_receipt_says_so(self, small_rig: Rig) -> None:
        small_rig.send([f"a secret of anna {number}" for number in range(60)], subject="anna")
        small_rig.erase("anna")
        for floor in ("collector", "labeling", "quality"):
            small_rig.run_floor(floor)
        assert holds_secret(small_rig)

        prepare_erasures(queue.runtime())

        assert small_rig.erasure_status == "running"
        assert not holds_secret(small_rig)


class TestDisk:
    def test_a_folder_that_takes_no_files_is_told_and_tried_again(self, small_rig: Rig) -> None:
        small_rig.fill()
        asked = small_rig.ask()
        in_the_way = small_rig.home / "versions" / "slang"
        in_the_way.parent.mkdir(exist_ok=True)
        in_the_way.write_text("no folder")

        queue.run_job(asked["job"])

        job = small_rig.call("GET", f"/v1/jobs/{asked['job']}").json
        assert (job["status"], "cannot be written (File exists)" in job["error"]) == ("queued", True)
        in_the_way.unlink()
        assert small_rig.work_on(asked["job"])["version"] == "1.0.0"


class TestPlans:
    def test_postgresql_knows_the_rows_that_a_build_is_about_to_read(self, rig: Rig) -> None:
        """It expects none of a project that is newer than its statistics, and then looks at each row for each item."""
        if not rig.database.is_postgresql:
            pytest.skip("SQLite plans by its indexes alone")
        rig.fill()

        rig.build()

        with rig.database.engine.connect() as connection:
            known = "SELECT relname, reltuples FROM pg_class WHERE relname IN ('items', 'signals', 'answers', 'version_items')"
            expected = {row[0]: row[1] for row in connection.exec_driver_sql(known)}
        n = len(WORDS)
        assert expected == {"items": n, "signals": n, "answers": 2 * n, "version_items": n}


class TestElsewhere:
    def test_the_same_rows_in_another_home_give_the_same_digest(
        self, small_rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        small_rig.fill()
        copied = copy_database(small_rig, tmp_path / "copied.sqlite3")
        small_rig.build()
        here = small_rig.read("1.0.0")["digest"]
        manifest = small_rig.fetch("1.0.0", "manifest.json")

        elsewhere = open_rig(tmp_path / "elsewhere", copied, monkeypatch)
        elsewhere.build()

        assert elsewhere.read("1.0.0")["digest"] == here
        assert elsewhere.fetch("1.0.0", "manifest.json") == manifest
        close_rig(elsewhere)

    def test_the_same_rows_in_another_database_give_the_same_digest(
        self,
        small_rig: Rig,
        settings: Settings,
        app_client: FlaskClient,
        database: Database,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        small_rig.fill()
        small_rig.label({"lol": ["good", "bad", "so-so", "bad"]})
        copy_rows(small_rig.database, database)
        small_rig.build()
        manifest = small_rig.fetch("1.0.0", "manifest.json")

        elsewhere = rig_of(settings, app_client, database, monkeypatch)
        elsewhere.build()

        assert elsewhere.fetch("1.0.0", "manifest.json") == manifest

    def test_one_flipped_byte_fails_verify(self, small_rig: Rig) -> None:
        small_rig.fill()
        small_rig.build()
        folder = _folder(small_rig, "1.0.0")
        assert verify_folder(folder, expected_digest=small_rig.read("1.0.0")["digest"]).ok

        path = next(folder.glob("data/*.parquet"))
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(bytes(content))

        assert not verify_folder(folder).ok


def _work_again(rig: Rig, asked: dict[str, Any]) -> queue.Work:
    """The job as a second worker would see it that took it over too late."""
    import uuid

    from foundation import jobs

    holder = uuid.uuid4()
    with unit_of_work(rig.database) as session:
        job = jobs.read_job(session, uuid.UUID(asked["job"]))
        job.state, job.lease_until_ms = "running", 0
        session.add(job)
        session.flush()
        claimed = jobs.claim(session, job.id, holder=holder, lease_s=30)
        assert claimed is not None
        return queue.Work(queue.runtime(), claimed.id, holder, claimed.project_id, claimed.args)
