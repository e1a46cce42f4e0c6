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
