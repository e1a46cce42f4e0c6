"""CSV files of annotations: what is read, and what is said about files that cannot be."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import UsageError
from quality.agreement.votes_file import read_votes


@pytest.fixture
def csv_file(tmp_path):
    def write(content):
        path = tmp_path / "votes.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def triples(votes):
    return [
        (item, votes.annotator_names[annotator], votes.labels[value])
        for item, annotator, value in zip(votes.items, votes.annotators, votes.values, strict=True)
    ]


class TestReadVotes:
    def test_columns_stand_in_any_order_among_others(self, csv_file):
        votes, _ = read_votes(csv_file("value,note,annotator,item\nx,,a,i\ny,,b,i\n"))

        assert triples(votes) == [(0, "a", "x"), (0, "b", "y")]

    def test_a_byte_order_mark_windows_line_ends_and_quotes_are_read(self, csv_file):
        votes, _ = read_votes(csv_file('\ufeffitem,annotator,value\r\ni,a,"x, y"\r\n\r\n'))

        assert triples(votes) == [(0, "a", "x, y")]

    def test_an_empty_value_is_a_missing_annotation(self, csv_file):
        votes, _ = read_votes(csv_file("item,annotator,value\ni,a,\nj,b,x\nj,c,\n"))

        assert triples(votes) == [(0, "b", "x")]
        assert votes.n_items == 1

    def test_the_first_line_of_each_value_is_known(self, csv_file):
        _, lines = read_votes(csv_file("item,annotator,value\ni,a,x\ni,b,\ni,c,x\ni,d,y\n"))

        assert lines.first == {"x": 2, "y": 5}

    def test_a_header_alone_is_a_file_without_annotations(self, csv_file):
        assert read_votes(csv_file("item,annotator,value\n"))[0].n_items == 0

    def test_blank_lines_may_stand_before_the_header(self, csv_file):
        votes, lines = read_votes(csv_file("\n\nitem,annotator,value\ni,a,x\n"))

        assert triples(votes) == [(0, "a", "x")]
        assert lines.first == {"x": 4}

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("", "empty"),
            ("item,annotator\ni,a\n", "line 1: the column 'value' is missing; needed, separated by commas"),
            ("item;annotator;value\n", "line 1: the column 'item' is missing"),
            ("item,item,annotator,value\n", "line 1: the column 'item' stands twice"),
            ("item,annotator,value\ni,a\n", "line 2: 2 columns, not 3"),
            ("item,annotator,value\ni,a,x,y\n", "line 2: 4 columns, not 3 as in the first line; put quotes"),
            ("item,annotator,value\ni,a,x\n,b,x\n", "line 3: 'item' is empty"),
            ("item,annotator,value\ni,,x\n", "line 2: 'annotator' is empty"),
            ('item,annotator,value\ni,a,"x\nj,a,y\n', "line 3: the row is not valid CSV"),
            ('item,annotator,value\ni,a,"x"y\n', "line 2: the row is not valid CSV"),
            (b"item,annotator,value\ni,a,\xff\n", "not UTF-8"),
        ],
    )
    def test_a_file_with_a_mistake_is_refused_with_its_place(self, csv_file, content, said):
        with pytest.raises(UsageError, match=said) as refused:
            read_votes(csv_file(content))

        assert "\n" not in refused.value.detail

    def test_a_file_that_is_not_there_is_said_to_be_unreadable(self, tmp_path):
        with pytest.raises(UsageError, match="cannot be read"):
            read_votes(tmp_path / "none.csv")

    @given(content=st.binary(max_size=200))
    def test_any_bytes_are_read_or_refused(self, content, tmp_path_factory):
        path = tmp_path_factory.mktemp("any") / "votes.csv"
        path.write_bytes(b"item,annotator,value\n" + content)

        with contextlib.suppress(UsageError):
            read_votes(path)
