"""Texts of a JSON Lines file: plain and packed, whole and broken."""

from __future__ import annotations

import gzip

import pytest
import zstandard

from collector.text_lines import read_lines, texts_of
from foundation.errors import UsageError


class TestTextsOf:
    def test_lines_count_from_0_and_blank_ones_count(self):
        lines = [b'\xef\xbb\xbf{"t": "a"}', b" ", b'{"t": "b"}\r']

        assert list(texts_of(lines, field="t")) == [(0, "a"), (2, "b")]

    def test_a_mistake_is_told_with_its_line_counted_from_1(self):
        with pytest.raises(UsageError, match="line 2 lacks the field 't'"):
            list(texts_of([b'{"t": "a"}', b'{"u": "a"}'], field="t"))


class TestReadLines:
    @pytest.mark.parametrize(
        ("name", "pack"),
        [
            ("a.jsonl", lambda content: content),
            ("a.jsonl.gz", gzip.compress),
            ("a.jsonl.gz", lambda content: gzip.compress(content[:9]) + gzip.compress(content[9:])),
            ("a.jsonl.zst", zstandard.ZstdCompressor().compress),
        ],
    )
    def test_gives_the_same_lines_whatever_packs_them(self, tmp_path, name, pack):
        content = b"one\n\ntwo" + b"x" * 200_000 + b"\nthree\n"
        path = tmp_path / name
        path.write_bytes(pack(content))
        seen = []

        lines = list(read_lines(path, seen.append))

        assert lines == content.split(b"\n")[:-1]
        assert sum(seen) == path.stat().st_size

    @pytest.mark.parametrize("name", ["a.gz", "a.zst"])
    @pytest.mark.parametrize("spoil", [lambda packed: packed[:-3], lambda packed: b"", lambda packed: b"no" + packed])
    def test_refuses_what_is_cut_or_not_packed(self, tmp_path, name, spoil):
        pack = gzip.compress if name == "a.gz" else zstandard.ZstdCompressor().compress
        path = tmp_path / name
        path.write_bytes(spoil(pack(b"content " * 100)))

        with pytest.raises(UsageError):
            list(read_lines(path))

    def test_a_file_that_is_not_there_is_said_to_be_unreadable(self, tmp_path):
        with pytest.raises(UsageError, match="cannot be read"):
            list(read_lines(tmp_path / "none.jsonl"))
