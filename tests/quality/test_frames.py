"""Tables from files: values stay as they are; what cannot be read is said in one line."""

from __future__ import annotations

import pandas as pd
import pytest

from foundation.errors import UsageError
from quality.frames import read_frame


class TestReadFrame:
    def test_a_country_na_stays_a_text_and_an_empty_cell_is_missing(self, tmp_path):
        (tmp_path / "t.csv").write_text("country,city\nNA,\n,Rome\n")

        frame = read_frame(tmp_path / "t.csv")

        assert frame["country"].tolist()[0] == "NA"
        assert frame["country"].isna().tolist() == [False, True]

    def test_json_lines_keep_their_types(self, tmp_path):
        (tmp_path / "t.jsonl").write_text('{"date": "2024-01-01", "n": 1}\n\n{"date": null, "n": 2}\n')

        frame = read_frame(tmp_path / "t.jsonl")

        assert frame["date"].tolist()[0] == "2024-01-01"
        assert frame["n"].tolist() == [1, 2]

    def test_a_byte_order_mark_is_passed_over(self, tmp_path):
        for name, content in (("t.jsonl", b'{"a": 1}\n'), ("t.csv", b"a\n1\n")):
            (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + content)

            assert read_frame(tmp_path / name)["a"].tolist() == [1]

    def test_parquet_comes_back_as_written(self, tmp_path):
        frame = pd.DataFrame({"text": ["a", None], "n": [1, 2]})
        frame.to_parquet(tmp_path / "t.parquet")

        pd.testing.assert_frame_equal(read_frame(tmp_path / "t.parquet"), frame)

    @pytest.mark.parametrize(
        ("name", "content", "said"),
        [
            ("t.txt", b"a", "must end in .parquet, .csv or .jsonl"),
            ("t.csv", b"", "empty"),
            ("t.csv", b"a,b\n1,2\n1,2,3\n", "not CSV with the same columns"),
            ("t.csv", b"a\n\xff\n", "not UTF-8"),
            ("t.jsonl", b'{"a": 1}\nnope\n', "line 2: the line is not JSON"),
            ("t.jsonl", b"[1]\n", "line 1: the line is not an object"),
            ("t.parquet", b"PAR2", "not Parquet"),
        ],
    )
    def test_what_cannot_be_read_is_told_in_one_line(self, tmp_path, name, content, said):
        (tmp_path / name).write_bytes(content)

        with pytest.raises(UsageError, match=said):
            read_frame(tmp_path / name)

    def test_a_file_that_is_not_there_is_said_to_be_unreadable(self, tmp_path):
        for name in ("t.csv", "t.jsonl", "t.parquet"):
            with pytest.raises(UsageError, match="cannot be read"):
                read_frame(tmp_path / name)


class TestTypes:
    @pytest.mark.parametrize(
        ("cells", "dtype", "kept"),
        [
            (["1", "-2", "0"], "int64", [1, -2, 0]),
            (["9007199254740993", "", "-1"], "Int64", [9007199254740993, None, -1]),
            (["12.50", "-0.5", "3"], "float64", [12.5, -0.5, 3.0]),
            (["1.5", ""], "float64", [1.5, None]),
            (["0.30000000000000004"], "float64", [0.1 + 0.2]),
            (["18446744073709551617", "1"], "object", [2**64 + 1, 1]),
            (["01010", "22"], "str", None),
            (["+4930123456", "5"], "str", None),
            (["1e5", "2E7"], "str", None),
            (["TRUE", "false"], "str", None),
            (["1.5", "9007199254740993"], "str", None),
            (["0.1234567890123456789"], "str", None),
            (["1_000", "5"], "str", None),
            (["-0", "5"], "str", None),
            ([" 5", "5"], "str", None),
            (["٣", "5"], "str", None),
            (["nan", "inf"], "str", None),
            (["2026-01-01"], "str", None),
            (["1.2.3"], "str", None),
        ],
    )
    def test_a_csv_column_is_numeric_where_every_cell_is_a_plain_number(self, tmp_path, cells, dtype, kept):
        (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{cell},x\n" for cell in cells))

        column = read_frame(tmp_path / "t.csv")["a"]

        assert str(column.dtype) == dtype
        assert [None if pd.isna(value) else value for value in column] == (kept or cells)

    def test_json_integers_stay_integers_beside_a_null_and_beside_a_row_without_them(self, tmp_path):
        big = 2**53 + 1
        (tmp_path / "t.jsonl").write_text(
            f'{{"a": {big}, "b": true, "c": "01", "d": 1, "e": {2**70}}}\n{{"a": null, "b": null, "d": 1.5}}\n'
        )

        frame = read_frame(tmp_path / "t.jsonl")

        assert (str(frame["a"].dtype), frame["a"][0]) == ("Int64", big)
        assert frame["b"][0] is True
        assert frame["c"][0] == "01"
        assert str(frame["d"].dtype) == "float64"
        assert frame["e"][0] == 2**70

    def test_parquet_integers_stay_integers_beside_a_null(self, tmp_path):
        values = pd.DataFrame({"a": pd.array([2**53 + 1, None], "Int64"), "b": pd.array([1, None], "Int8")})
        values.to_parquet(tmp_path / "t.parquet")

        frame = read_frame(tmp_path / "t.parquet")

        assert frame["a"].tolist()[0] == 2**53 + 1
        assert frame["a"].isna().tolist() == frame["b"].isna().tolist() == [False, True]
        assert "int" in str(frame["b"].dtype).lower()

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("item,score\nx,5,\ny,9,\n", "line 2: 3 columns, not 2"),
            ('a,b\n"x\ny",1\n2\n', "line 4: 1 columns, not 2"),
            ("a,a\n1,2\n", "line 1: the column 'a' stands twice"),
            ('a,b\n"x,1\n', "not valid CSV"),
        ],
    )
    def test_a_ragged_file_is_an_error_with_its_line(self, tmp_path, content, said):
        (tmp_path / "t.csv").write_text(content)

        with pytest.raises(UsageError, match=said):
            read_frame(tmp_path / "t.csv")
