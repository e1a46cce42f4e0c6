"""A kind that is added goes the whole way, from the phone to a version; one without its row stops everything at its start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from collector.fields.registry import KINDS as FIELD_KINDS
from exports.inputs.column_types import OF_FIELDS, OF_QUESTIONS, STRING, ColumnType, as_text, kinds_without_a_row
from exports.inputs.measures import ValueMeasure
from foundation.database import utc_now
from foundation.settings import Settings
from labeling.questions.registry import KINDS as QUESTION_KINDS
from labeling.studio.desk import sit_down
from labeling.studio.gateway import LabelStudio
from labeling.studio.sync import sync_project
from tests.exports.rigs import ROOT, Rig, project_file
from tests.fakes import FakeLabelStudio
from tests.kinds.colour import ColourField
from tests.kinds.verdict import VerdictQuestion
from tests.labeling.workshop import Person

CONFIG = (
    '<View><Text name="t" value="$text"/><Choices name="fits" toName="t">'
    '<Choice value="yes"/><Choice value="no"/><Choice value="unsure"/></Choices></View>'
)
PAINTED = {
    "fields": {"text": {"kind": "text", "required": True}, "paint": {"kind": "colour", "required": True}},
    "labeling": {"config": CONFIG, "overlap": 2},
    "export": {"targets": ["fits"], "split": {"train": 1.0}, "gates": {"min_rows": 0}},
}


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two rows that somebody who adds the kinds writes, and those of the table of versions."""
    monkeypatch.setitem(FIELD_KINDS, ColourField.kind, ColourField)
    monkeypatch.setitem(OF_FIELDS, ColourField.kind, ColumnType(STRING, as_text, ValueMeasure, has_few=True))
    others = dict(QUESTION_KINDS)
    for kind in others:
        monkeypatch.delitem(QUESTION_KINDS, kind)
    # Before the choice, which reads the same tag.
    for kind, question in {VerdictQuestion.kind: VerdictQuestion, **others}.items():
        monkeypatch.setitem(QUESTION_KINDS, kind, question)
    monkeypatch.setitem(OF_QUESTIONS, VerdictQuestion.kind, ColumnType(STRING, as_text, ValueMeasure))


@pytest.mark.usefixtures("known")
class TestTheWholeWay:
    def test_from_the_phone_to_a_version(self, rig: Rig, settings: Settings) -> None:
        rig.put(project_file(**PAINTED))
        results = [send(rig, text, paint) for text, paint in (("sky", "#0088FF"), ("sun", "#ffcc00"), ("sea", "blue"))]

        assert [result["status"] for result in results] == ["accepted", "accepted", "rejected"]
        assert [(error["pointer"], error["reason"]) for error in results[2]["errors"]] == [
            ("/payload/paint", "wrong_value")
        ]
        answer_all(rig, settings, {"sky": ("yes", "yes"), "sun": ("unsure", "no")})
        told = rig.call("POST", f"{rig.at}/annotations", json=handed_in(results[1]["item"], "unsure", "maybe"))
        assert [result["status"] for result in told.json["results"]] == ["accepted", "rejected"]

        version = rig.build()["version"]

        assert {row["text"]: (row["paint"], row["fits"]) for row in rig.rows(version).values()} == {
            "sky": ("#0088ff", "yes"),
            "sun": ("#ffcc00", "unsure"),
        }
        shown = json.loads(rig.fetch(version, "schema.json"))
        assert (shown["fields"]["paint"]["kind"], shown["targets"]["fits"]["kind"]) == ("colour", "verdict")
        assert shown["targets"]["fits"]["label_map"] == {"yes": 0, "no": 1, "unsure": 2}

    def test_the_project_file_knows_its_keys(self, rig: Rig) -> None:
        body = deepcopy(project_file(**PAINTED))
        body["fields"]["paint"]["unit"] = "nm"

        answer = rig.call("PUT", rig.at, json=body)

        assert answer.status_code == 422
        assert answer.json["errors"][0]["pointer"] == "/fields/paint/unit"


class TestTheRow:
    @pytest.mark.usefixtures("known")
    @pytest.mark.parametrize(
        ("table", "kind", "told"),
        [(OF_FIELDS, "colour", "field colour"), (OF_QUESTIONS, "verdict", "question verdict")],
    )
    def test_without_it_the_kind_is_told(
        self, monkeypatch: pytest.MonkeyPatch, table: dict[str, ColumnType], kind: str, told: str
    ) -> None:
        monkeypatch.delitem(table, kind)

        assert kinds_without_a_row() == [told]

    def test_every_kind_has_one(self) -> None:
        assert kinds_without_a_row() == []

    @pytest.mark.slow
    def test_without_it_nothing_starts(self, tmp_path: Path) -> None:
        words = (
            "from collector.fields.registry import KINDS; from tests.kinds.colour import ColourField; "
            "KINDS['colour'] = ColourField; import wsgi; wsgi.create_app()"
        )

        ended = subprocess.run(
            [sys.executable, "-c", words],
            cwd=ROOT,
            env={**os.environ, "WINNOW_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

        assert ended.returncode != 0
        assert "no row for the kind of field colour" in ended.stderr


def send(rig: Rig, text: str, paint: str) -> dict[str, Any]:
    now = utc_now().isoformat()
    consent = {"granted": True, "purposes": ["training"], "notice": "1", "given_at": now}
    signal = {"id": str(uuid.uuid4()), "subject": "anna", "captured_at": now, "payload": {"text": text, "paint": paint}}
    answer = rig.call("POST", f"{rig.at}/signals", json={"consent": consent, "signals": [signal]})
    result: dict[str, Any] = answer.json["results"][0]
    return result


def handed_in(item: str, *values: str) -> list[dict[str, str]]:
    return [
        {"item": item, "question": "fits", "annotator": f"elsewhere-{place}", "value": value}
        for place, value in enumerate(values)
    ]


def answer_all(rig: Rig, settings: Settings, answers: dict[str, tuple[str, ...]]) -> None:
    """Each person's answer to each text, given in Label Studio."""
    studio = FakeLabelStudio()
    with LabelStudio(
        "http://studio.test", studio.admin_token, transport=studio.transport, sleep=lambda _: None
    ) as door:
        sync(rig, settings, door)
        tasks = {task.data["text"]: task.id for task in studio.tasks.values()}
        for place in range(2):
            with studio.client(studio.invite(f"rater-{place}@example.org")) as client:
                rater = Person(client, client.get("/api/current-user/whoami").json()["id"], "")
                for text, given in answers.items():
                    rater.answer(tasks[text], region(given[place]))
        sync(rig, settings, door)


def sync(rig: Rig, settings: Settings, door: LabelStudio) -> None:
    with sit_down(rig.database, door, settings, rig.project_id, wait_s=1) as desk:
        sync_project(desk)


def region(value: str) -> dict[str, Any]:
    return {"from_name": "fits", "to_name": "t", "type": "choices", "value": {"choices": [value]}}
