"""What a version tells of the answers themselves: how its items were chosen, under which guidelines, and the raw ones."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from foundation.database import unit_of_work, utc_now
from labeling.ledger import Ledger, NewAnnotation
from labeling.models import Purpose, Source, Task, TaskState
from tests.exports.rigs import CONFIG, Rig, project_file

pytestmark = pytest.mark.slow
WITH_REASONS = CONFIG.replace("</View>", '<TextArea name="why" toName="t"/></View>')
ONE_SIDE = {"split": {"train": 1, "validation": 0, "test": 0}}


def why(text: str) -> dict[str, Any]:
    return {"id": "r1", "from_name": "why", "to_name": "t", "type": "textarea", "value": {"text": [text]}}


def answer_there(
    rig: Rig, text: str, person: int, *said: tuple[str, Any], guidelines: str | None = None, selected_by: str = "random"
) -> None:
    """What the pull writes of an annotation in Label Studio, with its task where there is none yet."""
    item = uuid.UUID(rig.sent[text])
    ext_id = uuid.uuid5(item, "task")
    with unit_of_work(rig.database) as session:
        if session.get(Task, (rig.project_id, ext_id)) is None:
            session.add(_task(rig, item, ext_id, selected_by))
        row = NewAnnotation(
            item=item,
            annotator=person,
            source=Source.LABEL_STUDIO,
            created_at=utc_now(),
            answers=said,
            ext_id=ext_id,
            guidelines=guidelines,
        )
        ledger = Ledger(session, rig.project_id, utc_now())
        ledger.load([item])
        ledger.write([row])


def add_task(rig: Rig, text: str, *, selected_by: str) -> None:
    with unit_of_work(rig.database) as session:
        item = uuid.UUID(rig.sent[text])
        session.add(_task(rig, item, uuid.uuid5(item, "task"), selected_by))


def _task(rig: Rig, item: uuid.UUID, ext_id: uuid.UUID, selected_by: str) -> Task:
    return Task(
        project_id=rig.project_id,
        ext_id=ext_id,
        item_id=item,
        purpose=Purpose.LABEL,
        round=1,
        batch=uuid.uuid4(),
        state=TaskState.LIVE,
        overlap=1,
        asked=1,
        wanted=1,
        revision=1,
        selected_by=selected_by,
        propensity=0.5,
        created_at=utc_now(),
    )


class TestSelectedBy:
    def test_a_task_that_nobody_answered_makes_no_random_item_of_one_that_was_chosen_elsewhere(self, rig: Rig) -> None:
        rig.send(["lol", "meh", "gr8", "ugh"])
        for text in ("lol", "meh", "gr8"):
            add_task(rig, text, selected_by="random")
        rig.label({"lol": ["good"], "ugh": ["good"]}, selected_by="uncertain")
        rig.label({"meh": ["good"]})
        answer_there(rig, "gr8", 9, ("mood", "good"))
        rig.label({"gr8": ["good"]}, selected_by="uncertain")

        rig.build(export=ONE_SIDE)

        found = {row["text"]: row["selected_by"] for row in rig.rows("1.0.0").values()}
        assert found == {"lol": "uncertain", "meh": "random", "gr8": "random", "ugh": "uncertain"}

    def test_what_is_said_later_is_heard_even_where_the_label_stays(self, rig: Rig) -> None:
        rig.send(["lol", "meh"])
        rig.label({"lol": ["good"], "meh": ["good"]})
        rig.label({"lol": ["good"]}, selected_by="feedback")

        rig.build(export=ONE_SIDE)

        found = {row["text"]: row["selected_by"] for row in rig.rows("1.0.0").values()}
        assert found == {"lol": "feedback", "meh": "random"}


class TestRawAnswers:
    def test_answers_to_a_control_that_is_not_measured_stand_in_a_column_without_the_person(self, rig: Rig) -> None:
        rig.put(project_file(labeling={"config": WITH_REASONS}))
        rig.send(["lol", "meh"])
        answer_there(rig, "lol", 1, ("mood", "good"), ("why", [why("so kind")]))
        answer_there(rig, "lol", 2, ("mood", "good"), ("why", [why("as ever")]))
        answer_there(rig, "meh", 1, ("mood", "bad"))

        rig.build(export=ONE_SIDE)

        rows = {row["text"]: row for row in rig.rows("1.0.0").values()}
        assert json.loads(rows["lol"]["why_raw"]) == [[why("as ever")], [why("so kind")]]
        assert rows["meh"]["why_raw"] is None
        assert rows["lol"]["mood_n"] == 2
        schema = json.loads(rig.fetch("1.0.0", "schema.json"))
        assert schema["unmeasured"] == {"why_raw": {"kind": "raw", "dtype": "string"}}
        assert "`why_raw`" in rig.fetch("1.0.0", "README.md").decode()
        columns = json.loads(rig.fetch("1.0.0", "croissant.json"))["recordSet"][0]["field"]
        assert "why_raw" in [column["name"] for column in columns]

    def test_a_change_of_a_raw_answer_alone_is_a_revision_of_labels(self, small_rig: Rig) -> None:
        small_rig.put(project_file(labeling={"config": WITH_REASONS}))
        small_rig.send(["lol"])
        answer_there(small_rig, "lol", 1, ("mood", "good"), ("why", [why("one")]))
        small_rig.build(export=ONE_SIDE)
        answer_there(small_rig, "lol", 1, ("why", [why("two")]))

        assert small_rig.build(export=ONE_SIDE)["version"] == "1.1.0"

    def test_its_column_may_have_no_other_ones_name(self, small_rig: Rig) -> None:
        body = project_file(labeling={"config": WITH_REASONS})
        body["fields"]["why_raw"] = {"kind": "text"}

        answer = small_rig.call("PUT", small_rig.at, json=body)

        assert answer.status_code == 422
        assert answer.json["errors"][0]["pointer"] == "/fields/why_raw"


class TestGuidelines:
    @pytest.mark.parametrize("has_guidelines", [True, False])
    def test_the_card_tells_them_and_how_many_answers_were_given_under_which_version(
        self, rig: Rig, has_guidelines: bool
    ) -> None:
        told = {"version": "2", "text": "Read <twice>.\nThen answer."}
        rig.put(project_file(labeling={"config": CONFIG, **({"guidelines": told} if has_guidelines else {})}))
        rig.send(["lol", "meh"])
        if has_guidelines:
            answer_there(rig, "lol", 11, ("mood", "good"), guidelines="1")
            answer_there(rig, "lol", 12, ("mood", "good"), guidelines="2")
            answer_there(rig, "meh", 11, ("mood", "good"), guidelines="2")
        rig.label({"meh": ["bad", "bad"]})

        rig.build(export=ONE_SIDE)

        card = rig.fetch("1.0.0", "README.md").decode()
        counts = "1 under version 1; 2 under version 2; " if has_guidelines else ""
        assert f"by the version they were given under: {counts}2 under none that is known" in card
        text = "The guidelines, version 2:\n\n> Read \\<twice\\>.\n> Then answer.\n"
        assert (text in card, "The project has no guidelines." in card) == (has_guidelines, not has_guidelines)
