"""The short form of `make chaos`: every fault once, on one database or the other, and a judge that sees what it has to see."""

from __future__ import annotations

import json
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import pysqlite3.dbapi2 as fixed_sqlite
import pytest

from foundation.running.parts import wait_until
from tests.chaos.campaign import run_campaign
from tests.chaos.faults import FAULTS, NUMBERS
from tests.chaos.judge import gone_astray, judge
from tests.chaos.oracle import CANARY_EVERY, Oracle, mood_of
from tests.chaos.phones import Fleet
from tests.chaos.world import World, running_world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]
SEED = 1
SOME_SIGNALS = 100
ONLY = {"sqlite": {"sqlite"}, "postgresql": {"postgresql", "label_studio"}}
"""What a fault may need that only one of the two forms has."""


def faults_of(database: str) -> list[str]:
    """Those that only this form can do, and every second of the others: between them the two forms do each once."""
    only = [name for name, one in FAULTS.items() if one.needs & ONLY[database]]
    anywhere = [name for name, one in FAULTS.items() if not one.needs & (ONLY["sqlite"] | ONLY["postgresql"])]
    return [*only, *anywhere[list(ONLY).index(database) :: len(ONLY)]]


class TestEveryFaultOnce:
    @pytest.mark.parametrize(("database", "with_studio"), [("sqlite", False), ("postgresql", True)])
    def test_nothing_is_lost_and_all_goes_on(self, tmp_path: Path, database: str, with_studio: bool) -> None:
        outcome = run_campaign(
            tmp_path, seed=SEED, database=database, faults=faults_of(database), with_studio=with_studio, say=print
        )
        print(json.dumps(outcome))

        assert outcome["wrong"] == []
        assert outcome["lost"] == 0
        assert outcome["acknowledged"] > SOME_SIGNALS

    def test_between_them_the_two_forms_do_every_fault_once(self) -> None:
        assert sorted([*faults_of("sqlite"), *faults_of("postgresql")]) == sorted(NUMBERS)


class TestTheJudge:
    def test_it_sees_an_answer_that_went_to_another_item(self) -> None:
        right, wrong = mood_of("a text"), {"good": "bad", "bad": "good"}[mood_of("a text")]

        def given(value: str, source: str = "label_studio", text: str = "a text") -> dict[str, Any]:
            return {"annotation": 1, "source": source, "text": text, "answers": [{"question": "mood", "value": value}]}

        assert list(gone_astray([given(right), given(wrong, source="import")], edited=())) == []
        assert list(gone_astray([given(wrong)], edited={"a text"})) == []
        assert list(gone_astray([given(right), given(wrong)], edited={"another"})) == ["1 at a text"]

    def test_it_sees_a_lost_signal_one_too_many_and_a_canary(self, tmp_path: Path) -> None:
        oracle = Oracle.starting_now(7)
        with running_world(tmp_path / "world", oracle, database="sqlite", with_studio=False) as world:
            fleet = Fleet(oracle, world.phones_url, world.keys["ingest"])
            fleet.start()
            assert wait_until(lambda: len(fleet.acknowledged) > SOME_SIGNALS, timeout_s=60)
            fleet.stop()
            lost = 3
            _delete(world, oracle.id_of(lost))
            canary = world.home / "logs" / "api.log"
            canary.write_bytes(canary.read_bytes() + oracle.canary_of(CANARY_EVERY).encode())

            verdict = judge(world, fleet)

        assert verdict.lost == [lost]
        told = "\n".join(verdict.wrong)
        assert "1 acknowledged signals are lost" in told
        assert "a canary lies readable in api.log" in told
        assert len(verdict.wrong) == 2


def _delete(world: World, signal: str) -> None:
    """What no fault may do, behind the system's back."""
    with closing(fixed_sqlite.connect(world.home / "winnow.sqlite3", timeout=10)) as connection:
        named = [uuid.UUID(signal).hex, str(uuid.UUID(signal)), uuid.UUID(signal).bytes]
        gone = sum(connection.execute("DELETE FROM signals WHERE id = ?", (one,)).rowcount for one in named)
        connection.commit()
    assert gone == 1
