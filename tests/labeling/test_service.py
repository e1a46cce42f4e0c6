"""Labels made elsewhere: each line has its fate, the last word counts, and nothing is doubled."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from foundation.database import unit_of_work
from labeling.queries import count_values, newest_seq
from labeling.service import LineResult, count_statuses, import_annotations
from tests.labeling.workshop import NOW, Workshop, mood

KEY = b"k" * 32


def hand_in(workshop: Workshop, *lines: object) -> list[LineResult]:
    with unit_of_work(workshop.database) as session:
        return import_annotations(session, workshop.project_id, lines, key=KEY, now=NOW)


def label(
    workshop: Workshop, item: int = 0, annotator: str = "ann", value: Any = "good", **more: Any
) -> dict[str, Any]:
    return {"item": str(workshop.items[item]), "question": "mood", "annotator": annotator, "value": value, **more}


def statuses(results: Sequence[LineResult]) -> list[str]:
    return [result.status.value for result in results]


class TestImport:
    def test_labels_are_stored_and_count(self, workshop: Workshop) -> None:
        results = hand_in(workshop, label(workshop), label(workshop, 1, "bob", "bad"))

        assert count_statuses(results) == {"accepted": 2, "replayed": 0, "rejected": 0}
        assert workshop.values() == ["bad", "good"]

    def test_handed_in_again_nothing_changes(self, workshop: Workshop) -> None:
        lines = [label(workshop), label(workshop, 1), label(workshop, 0, "ann", "bad")]
        hand_in(workshop, *lines)
        before = _newest(workshop)

        assert statuses(hand_in(workshop, *lines)) == ["replayed"] * 3
        assert _newest(workshop) == before

    def test_the_last_value_counts_within_a_request_and_between_requests(self, workshop: Workshop) -> None:
        hand_in(workshop, label(workshop, value="good"), label(workshop, value="bad"))
        assert workshop.values() == ["bad"]
        frozen = _newest(workshop)

        assert statuses(hand_in(workshop, label(workshop, value="good"))) == ["accepted"]
        assert workshop.values() == ["good"]
        assert [one.value for one in workshop.counted(upto_seq=frozen)] == ["bad"]
        assert [one.value for one in workshop.counted(upto_seq=1)] == ["good"]

    def test_a_signal_stands_for_its_item(self, workshop: Workshop) -> None:
        from sqlmodel import col, select

        from collector.models import Signal

        with unit_of_work(workshop.database, read_only=True) as session:
            signal = session.exec(select(Signal).where(col(Signal.item_id) == workshop.items[2])).one()
        line = {"signal": str(signal.id), "question": "stars", "annotator": "ann", "value": 4}

        assert statuses(hand_in(workshop, line)) == ["accepted"]
        assert [one.item for one in workshop.counted("stars")] == [workshop.items[2]]

    @pytest.mark.parametrize(
        ("change", "pointer", "reason"),
        [
            ({"item": None}, "/item", "missing_field"),
            ({"item": "x"}, "/item", "wrong_type"),
            ({"item": 5}, "/item", "wrong_type"),
            ({"item": str(uuid.uuid4())}, "/item", "not_found"),
            ({"signal": str(uuid.uuid4())}, "/item", "wrong_value"),
            ({"item": None, "signal": str(uuid.uuid4())}, "/signal", "not_found"),
            ({"question": None}, "/question", "missing_field"),
            ({"question": "meh"}, "/question", "not_in_list"),
            ({"question": ["mood"]}, "/question", "not_in_list"),
            ({"value": "meh"}, "/value", "not_in_list"),
            ({"value": None}, "/value", "missing_field"),
            ({"value": ["good"]}, "/value", "wrong_type"),
            ({"value": {"a": 1}}, "/value", "wrong_type"),
            ({"value": True}, "/value", "wrong_type"),
            ({"question": "stars", "value": 6}, "/value", "out_of_range"),
            ({"question": "stars", "value": 2.5}, "/value", "wrong_type"),
            ({"question": "stars", "value": True}, "/value", "wrong_type"),
            ({"question": "stars", "value": "3"}, "/value", "wrong_type"),
            ({"annotator": None}, "/annotator", "missing_field"),
            ({"annotator": "  "}, "/annotator", "wrong_type"),
            ({"annotator": 5}, "/annotator", "wrong_type"),
            ({"annotator": "a" * 400}, "/annotator", "wrong_type"),
            ({"annotator": "a\0"}, "/annotator", "nul_character"),
            ({"created_at": "yesterday"}, "/created_at", "wrong_type"),
            ({"created_at": "2026-11-22T08:00:00"}, "/created_at", "wrong_type"),
            ({"created_at": 5}, "/created_at", "wrong_type"),
            ({"created_at": "2099-01-01T00:00:00Z"}, "/created_at", "out_of_range"),
            ({"created_at": "0001-01-01T00:00:00+23:59"}, "/created_at", "out_of_range"),
            ({"lead_time_s": -1}, "/lead_time_s", "out_of_range"),
            ({"lead_time_s": "3"}, "/lead_time_s", "wrong_type"),
            ({"lead_time_s": True}, "/lead_time_s", "wrong_type"),
            ({"selected_by": "me"}, "/selected_by", "not_in_list"),
            ({"selected_by": 3}, "/selected_by", "not_in_list"),
            ({"colour": "blue"}, "", "unknown_field"),
        ],
    )
    def test_a_line_that_breaks_a_rule_is_refused_alone_and_points_at_the_place(
        self, workshop: Workshop, change: dict[str, Any], pointer: str, reason: str
    ) -> None:
        results = hand_in(workshop, label(workshop, 1), {**label(workshop), **change}, label(workshop, 2))

        assert statuses(results) == ["accepted", "rejected", "accepted"]
        assert (results[1].faults[0].pointer, results[1].faults[0].reason) == (pointer, reason)
        assert len(workshop.counted()) == 2

    @pytest.mark.parametrize("line", [None, 5, "x", [], True])
    def test_what_is_no_object_is_refused(self, workshop: Workshop, line: object) -> None:
        assert statuses(hand_in(workshop, line, label(workshop))) == ["rejected", "accepted"]

    def test_an_answer_equal_in_value_but_not_in_type_is_no_answer(self, workshop: Workshop) -> None:
        lines = [{**label(workshop), "question": "stars", "value": value} for value in (1, 1.0, True)]

        assert statuses(hand_in(workshop, *lines)) == ["accepted", "accepted", "rejected"]
        assert workshop.values("stars") == [1]

    def test_one_e_mail_is_one_person_however_it_is_written(self, workshop: Workshop) -> None:
        hand_in(workshop, label(workshop, 0, "Ann@Example.org"), label(workshop, 0, " ann@example.org", "bad"))

        assert workshop.values() == ["bad"]
        assert len(workshop.annotators()) == 1

    def test_an_account_of_label_studio_and_the_same_e_mail_elsewhere_are_one_person(self, workshop: Workshop) -> None:
        from labeling.annotators import annotator_key

        workshop.sync()
        ann = workshop.person("ann")
        ann.answer(workshop.task_numbers()[0], mood("good"))
        workshop.sync()
        item = next(task.item_id for task in workshop.tasks() if task.ls_task == workshop.task_numbers()[0])
        line = {"item": str(item), "question": "mood", "annotator": ann.email, "value": "bad"}
        with unit_of_work(workshop.database) as session:
            import_annotations(session, workshop.project_id, [line], key=annotator_key(workshop.settings), now=NOW)

        assert workshop.values() == ["bad"]
        assert len(workshop.annotators()) == 1

    def test_no_name_is_stored(self, workshop: Workshop) -> None:
        hand_in(workshop, label(workshop, 0, "anna.lovelace@example.org"))

        stored = repr([row.model_dump() for row in (*workshop.rows(), *workshop.annotators())])
        assert "lovelace" not in stored

    def test_enough_answers_from_elsewhere_close_an_open_task(self, workshop: Workshop) -> None:
        workshop.sync()
        hand_in(workshop, label(workshop, 0, "a"), label(workshop, 0, "b"))

        states = {task.item_id: task.state for task in workshop.tasks()}
        assert states[workshop.items[0]] == "closed"
        assert states[workshop.items[1]] == "live"

    def test_another_projects_item_is_not_there(self, workshop: Workshop, open_workshop: Any) -> None:
        other = open_workshop()

        results = hand_in(workshop, {**label(workshop), "item": str(other.items[0])})

        assert results[0].faults[0].reason == "not_found"
        assert other.counted() == workshop.counted() == []


class TestCounting:
    def test_what_counted_at_a_number_never_changes(self, workshop: Workshop) -> None:
        hand_in(workshop, label(workshop, value="good"))
        frozen = _newest(workshop)
        hand_in(workshop, label(workshop, value="bad"))

        assert [one.value for one in workshop.counted(upto_seq=frozen)] == ["good"]
        with unit_of_work(workshop.database, read_only=True) as session:
            assert count_values(session, workshop.project_id, "mood") == {"bad": 1}


def _newest(workshop: Workshop) -> int:
    with unit_of_work(workshop.database, read_only=True) as session:
        return newest_seq(session, workshop.project_id)
