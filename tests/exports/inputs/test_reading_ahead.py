"""Reading ahead changes nothing but the time."""

from __future__ import annotations

import threading

import pytest

from exports.inputs.reading_ahead import read_ahead


class TestReadAhead:
    def test_everything_comes_in_its_order(self):
        assert list(read_ahead(iter(range(100)))) == list(range(100))

    def test_an_error_of_the_source_is_raised_where_it_is_read(self):
        def broken():
            yield 1
            raise OSError("the database went away")

        seen = []
        with pytest.raises(OSError, match="went away"):
            seen.extend(read_ahead(broken()))

    def test_closing_early_ends_the_thread(self):
        batches = read_ahead(iter(range(10**6)))
        assert next(batches) == 0

        batches.close()

        assert not [thread for thread in threading.enumerate() if thread.name == "read-ahead"]
