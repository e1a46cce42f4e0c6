"""Consent is one rule: door, push, consensus counts and export give every row of the table the same answer."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlmodel import col, select

from collector.models import Item
from collector.queries import current_file
from foundation import queue
from foundation.database import Database, unit_of_work, utc_now
from foundation.http.keys import Role
from foundation.settings import Settings
from labeling.studio.desk import sit_down
from labeling.studio.gateway import LabelStudio
from labeling.studio.sync import Way, sync_project
from quality.queries import signals_frame
from quality.service import measure_project
from tests.contract.consent_cases import CASES, Agrees, Case, Leaves, Sends, Step, Withdraws
from tests.exports.rigs import Rig, project_file, rig_of
from tests.fakes import FakeLabelStudio

NOTICES = {number: {"en": f"We use it ({number})."} for number in ("1", "2", "3")}
PRIVACY = {"consent": "required", "purposes": ["training"], "notices": NOTICES, "accept_notices": ["1", "2"]}


@dataclass(frozen=True)
class Played:
    """The whole table, played in one project: each case is a person of its own."""

    rig: Rig
    keys: Mapping[str, str]
    began: datetime

    def text(self, case: Case, name: str) -> str:
        return f"{case.what}: {name}"

    @property
    def usable(self) -> set[str]:
        return {self.text(case, name) for case in CASES for name in case.usable}

    def person(self, case: Case) -> dict[str, str]:
        return {"Winnow-Subject": case.what}

    def take(self, case: Case, step: Step) -> None:
        if isinstance(step, Leaves):
            answer = self.rig.call("DELETE", f"{self.rig.at}/subject", headers=self.person(case))
            assert answer.status_code == 202
        elif isinstance(step, Sends):
            self._send(case, step)
        elif step.by == "call":
            path = f"{self.rig.at}/subject/consent"
            answer = self.rig.call("PUT", path, json=_consent(step, self.began), headers=self.person(case))
            assert answer.status_code == 200, answer.text
        else:
            signal = {**_signal(case.what, self.text(case, "too old"), -60), "consent": _consent(step, self.began)}
            answer = self.rig.call("POST", f"{self.rig.at}/signals", json=signal, key=self.keys[step.by])
            assert answer.json["rejected"] == 1, answer.text

    def _send(self, case: Case, step: Sends) -> None:
        signal = _signal(case.what, self.text(case, step.name), step.at)
        answer = self.rig.call("POST", f"{self.rig.at}/signals", json=signal).json
        assert answer["accepted"] == int(step.taken), f"{case.what}, signal {step.name}: {answer}"

    def label_everything(self) -> None:
        """Two answers that agree for whatever is stored, so that only consent decides what counts."""
        with unit_of_work(self.rig.database, read_only=True) as session:
            items = session.exec(select(Item).where(col(Item.project_id) == self.rig.project_id)).all()
        self.rig.sent.update({item.content["text"]: str(item.id) for item in items})
        self.rig.label({item.content["text"]: ["good", "good"] for item in items})


def _at(days: float) -> str:
    return (utc_now() + timedelta(days=days)).isoformat()


def _consent(step: Agrees | Withdraws, began: datetime) -> dict[str, Any]:
    """The same text for the same step, as an app writes it that sends a consent again."""
    given_at = utc_now() if step.at == 0 else began + timedelta(days=step.at)
    given = {"granted": isinstance(step, Agrees), "given_at": given_at.isoformat()}
    return given | ({"purposes": list(step.purposes), "notice": step.notice} if isinstance(step, Agrees) else {})


def _signal(subject: str, text: str, days: float) -> dict[str, Any]:
    return {"id": str(uuid.uuid4()), "subject": subject, "captured_at": _at(days), "payload": {"text": text}}


@pytest.fixture
def played(
    settings: Settings, app_client: FlaskClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Played]:
    rig = rig_of(settings, app_client, database, monkeypatch)
    rig.put(project_file(privacy=PRIVACY))
    table = Played(rig, {"app": rig.new_key(Role.INGEST), "backend": rig.new_key(Role.BACKEND)}, utc_now())
    for case in CASES:
        for step in case.steps:
            table.take(case, step)
    yield table
    queue.runtime().database.engine.dispose()
    queue.runtime.cache_clear()


class TestTheTable:
    def test_each_case_has_a_name_and_each_text_is_one_signal(self) -> None:
        assert len({case.what for case in CASES}) == len(CASES)
        for case in CASES:
            sent = [step.name for step in case.steps if isinstance(step, Sends)]
            assert len(set(sent)) == len(sent)
            assert case.usable <= {step.name for step in case.steps if isinstance(step, Sends) and step.taken}

    def test_the_door_and_the_counts(self, played: Played) -> None:
        """The fixture has asked the door at each step."""
        counts = played.rig.call("GET", played.rig.at).json["counts"]

        assert counts["ready"] == len(played.usable)
        assert counts["items"] > counts["ready"]

    def test_what_annotators_are_shown(self, played: Played, settings: Settings) -> None:
        fake = FakeLabelStudio()
        transport = fake.transport
        with (
            LabelStudio("http://studio.test", fake.admin_token, transport=transport, sleep=lambda _: None) as gateway,
            sit_down(played.rig.database, gateway, settings, played.rig.project_id, wait_s=1) as desk,
        ):
            sync_project(desk, only=Way.PUSH)

        assert {task.data["text"] for task in fake.tasks.values()} == played.usable

    def test_whose_answers_count(self, played: Played) -> None:
        played.label_everything()

        with unit_of_work(played.rig.database, read_only=True) as session:
            report = measure_project(session, played.rig.project_id)
            _, file = current_file(session, played.rig.project_id)
            signals = signals_frame(session, played.rig.project_id, file)

        assert report.questions["mood"].agreement.n_items == len(played.usable)
        assert set(signals["text"]) == played.usable

    def test_what_a_version_holds(self, played: Played) -> None:
        played.label_everything()

        made = played.rig.build(draft=True)

        assert {row["text"] for row in played.rig.rows(made["version"]).values()} == played.usable
