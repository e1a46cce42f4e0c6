"""A project with words, ratings by three people, and expectations of which one fails."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient

from foundation.database import Database, unit_of_work, utc_now
from quality.expectations import run_suite
from quality.service import measure_project, store_report
from tests.signals import Held, Phone, make_project, make_signal

CONFIG = '<View><Text name="t" value="$text"/><Rating name="stars_of" toName="t" maxRating="5"/></View>'
RATINGS = {"good": (5, 5, 4), "bad": (1, 1, 2), "fine": (3, 4, 3), "odd": (2, 5, 1)}
EXPECTATIONS = [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "text"}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "price", "max_value": 10}},
]


@dataclass(frozen=True)
class Rated:
    """What the tests of this folder measure."""

    held: Held
    phone: Phone
    signals: dict[str, str]

    def measure(self, database: Database) -> None:
        with unit_of_work(database, read_only=True) as session:
            report = measure_project(session, self.held.id, run=run_suite)
        with unit_of_work(database) as session:
            store_report(session, self.held.id, report, now=utc_now())


@pytest.fixture
def rated(database: Database, app_client: FlaskClient) -> Rated:
    held = make_project(
        database,
        labeling={"config": CONFIG, "overlap": 3},
        expectations=EXPECTATIONS,
        questions={"stars_of": {"level": "ordinal"}},
    )
    phone = Phone(app_client, held)
    signals = {}
    for place, word in enumerate(RATINGS):
        signal = make_signal(payload={"text": word, "price": 5 + 5 * place})
        assert phone.send_one(signal)["status"] == "accepted"
        signals[word] = signal["id"]
    lines = [
        {"signal": signals[word], "question": "stars_of", "annotator": f"person{number}@example.com", "value": value}
        for word, values in RATINGS.items()
        for number, value in enumerate(values)
    ]
    answer = phone.as_role("manage").call("POST", "/annotations", json=lines)
    assert answer.json["accepted"] == len(lines), answer.text
    return Rated(held, phone, signals)
