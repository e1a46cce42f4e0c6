"""A batch's way in, over HTTP, on both databases."""

from __future__ import annotations

from foundation.database import Database
from tests.signals import Phone, make_signal, rows_of


class TestPostSignals:
    def test_sending_twice_stores_once(self, phone: Phone, database: Database) -> None:
        signal = make_signal()
        phone.send(signal)

        again = phone.send(signal)

        assert again["results"][0]["status"] == "replayed"
        assert rows_of(database)["signals"] == 1
