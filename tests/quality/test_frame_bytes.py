from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from quality.frame_bytes import packed, unpacked
from quality.frames import series_of

COLUMNS = {
    "whole": pd.Series([1, 2, 3]),
    "whole beside a missing one": series_of([1, None, 3]),
    "larger than 64 bits": series_of([2**70, None, 1]),
    "floats": pd.Series([0.1, None, float("inf")]),
    "texts": pd.Series(["é\0", None, ""]),
    "truths": pd.Series([True, None, False], dtype="object"),
    "mixed": pd.Series([1, "1", None], dtype="object"),
    "nested": pd.Series([[1, {"a": None}], {}, None], dtype="object"),
    "times": pd.to_datetime(pd.Series(["2024-02-29T01:02:03.123456Z", None, "1970-01-01T00:00:00.000001Z"])),
    "dates": pd.Series([date(2024, 2, 29), None, date(1, 1, 1)], dtype="object"),
    "decimals": pd.Series([Decimal("1.10"), None, Decimal(0)], dtype="object"),
    "kinds": pd.Series(["a", "b", "a"], dtype="category"),
    "nothing": pd.Series([None, None, None], dtype="object"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_comes_back_as_it_was(name: str) -> None:
    frame = pd.DataFrame({name: COLUMNS[name]})

    back, said = unpacked(packed(frame, {"n": [1]}))

    assert_frame_equal(back, frame)
    assert [type(cell) for cell in back[name]] == [type(cell) for cell in frame[name]]
    assert said == {"n": [1]}


def test_columns_keep_their_order() -> None:
    frame = pd.DataFrame(dict(reversed(COLUMNS.items())))

    assert list(unpacked(packed(frame, {}))[0].columns) == list(frame.columns)


@pytest.mark.parametrize("rows", [0, 3])
def test_a_table_without_columns_or_rows(rows: int) -> None:
    frame = pd.DataFrame(index=range(rows))

    assert len(unpacked(packed(frame, {}))[0]) == rows


def test_what_goes_along_is_json() -> None:
    said = {"suite": [["expect_x", {"value": 2**70}]], "texts": []}

    assert unpacked(packed(pd.DataFrame({"a": []}), said))[1] == json.loads(json.dumps(said))
