"""A body arrives whole or is refused: RELIABILITY's rows on encodings, sizes and cuts."""

from __future__ import annotations

import gzip
import os
import resource
import zlib
from contextlib import suppress
from io import BytesIO
from itertools import pairwise
from time import process_time

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import TimedOut, TooLarge, Unparseable, UnsupportedMedia
from foundation.http.bodies import declared_length, read_body

LIMIT = 20 << 20
TEXT = b'{"id": 1, "payload": {"text": "lol gr8"}}\n' * 50


def pack(encoding: str, content: bytes) -> bytes:
    return gzip.compress(content) if encoding == "gzip" else zstandard.ZstdCompressor().compress(content)


def read(
    packed: bytes | BytesIO,
    encoding: str | None = None,
    *,
    length: int | None = None,
    limit: int = LIMIT,
    deadline_s: float = 30,
) -> bytes:
    stream = packed if isinstance(packed, BytesIO) else BytesIO(packed)
    return read_body(
        stream, content_length=length, encoding=encoding, max_packed=limit, max_unpacked=limit, deadline_s=deadline_s
    )


class Dribble(BytesIO):
    """A stream that gives one byte at a time, as a network may."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 1, 1))


class CutOff(BytesIO):
    """A stream that ends in an error, as gunicorn's does when the client goes away."""

    def read(self, size: int | None = -1, /) -> bytes:
        if piece := super().read(size):
            return piece
        raise ConnectionResetError


class TestReadBody:
    def test_a_plain_body_comes_as_it_was_sent(self):
        assert read(TEXT, length=len(TEXT)) == TEXT

    def test_a_body_in_chunks_needs_no_length(self):
        assert read(TEXT) == TEXT

    def test_an_empty_body_is_empty(self):
        assert read(b"", length=0) == b""

    def test_a_body_that_comes_byte_by_byte_is_read_whole(self):
        assert read(Dribble(TEXT), length=len(TEXT)) == TEXT

    def test_no_more_is_read_than_was_promised(self):
        stream = BytesIO(b"abcnext request")

        assert read(stream, length=3) == b"abc"
        assert stream.read() == b"next request"

    def test_a_body_shorter_than_its_length_is_incomplete(self):
        with pytest.raises(Unparseable) as refused:
            read(TEXT[:-1], length=len(TEXT))
        assert refused.value.facts == {"reason": "body_incomplete"}

    def test_a_connection_that_breaks_is_incomplete(self):
        with pytest.raises(Unparseable) as refused:
            read(CutOff(TEXT), length=len(TEXT) + 5)
        assert refused.value.facts == {"reason": "body_incomplete"}

    def test_a_length_over_the_limit_is_refused_before_reading(self):
        stream = BytesIO(TEXT)

        with pytest.raises(TooLarge, match="at most 100 bytes"):
            read(stream, length=len(TEXT), limit=100)
        assert stream.tell() == 0

    def test_a_body_in_chunks_stops_at_the_limit(self):
        stream = BytesIO(bytes(10_000))

        with pytest.raises(TooLarge):
            read(stream, limit=100)
        assert stream.tell() == 101

    @pytest.mark.parametrize("size", [99, 100])
    def test_a_body_up_to_the_limit_is_read(self, size):
        assert len(read(bytes(size), limit=100)) == size

    def test_a_body_that_is_too_slow_is_refused(self):
        with pytest.raises(TimedOut, match="within 0 seconds"):
            read(Dribble(TEXT), length=len(TEXT), deadline_s=0)


class TestUnpacking:
    @pytest.mark.parametrize("name", ["gzip", "x-gzip", " GZip ", "zstd"])
    def test_the_names_of_encodings_are_read_in_any_case(self, name):
        assert read(pack("zstd" if name == "zstd" else "gzip", TEXT), name) == TEXT

    @pytest.mark.parametrize("name", [None, "", "identity", "Identity"])
    def test_identity_is_no_encoding(self, name):
        assert read(TEXT, name) == TEXT

    @pytest.mark.parametrize("name", ["br", "gzip, gzip", "identity;q=0", "deflate", "zstd,identity", "x" * 5000])
    def test_another_encoding_is_refused_and_told_what_is_read(self, name):
        with pytest.raises(UnsupportedMedia, match="send gzip, zstd, or none") as refused:
            read(TEXT, name)
        assert name not in refused.value.detail

    @pytest.mark.parametrize("encoding", ["gzip", "zstd"])
    @given(content=st.binary(max_size=5000), cuts=st.lists(st.integers(0, 5000), max_size=4))
    def test_several_members_are_read_as_one_body(self, encoding, content, cuts):
        ends = sorted({min(cut, len(content)) for cut in cuts} | {0, len(content)})
        parts = [content[start:end] for start, end in pairwise(ends)] or [b""]

        assert read(b"".join(pack(encoding, part) for part in parts), encoding) == content

    @pytest.mark.parametrize("encoding", ["gzip", "zstd"])
    def test_a_cut_at_any_byte_is_found(self, encoding):
        first, second = pack(encoding, TEXT + os.urandom(300)), pack(encoding, b"second member")
        between = len(first)  # nothing shows there that a second member should follow

        for end in {*range(len(first + second))} - {between}:
            with pytest.raises(Unparseable):
                read((first + second)[:end], encoding)

    @pytest.mark.parametrize("encoding", ["gzip", "zstd"])
    @pytest.mark.parametrize("junk", [b"\0", b"junk", b"\x1f\x8bjunk", b"PK\x03\x04" * 20])
    def test_bytes_after_the_end_are_refused(self, encoding, junk):
        with pytest.raises(Unparseable):
            read(pack(encoding, TEXT) + junk, encoding)

    @pytest.mark.parametrize("encoding", ["gzip", "zstd"])
    def test_a_plain_body_called_compressed_is_refused(self, encoding):
        with pytest.raises(Unparseable) as refused:
            read(TEXT, encoding)
        assert refused.value.facts == {"reason": "encoding_damaged"}

    @given(packed=st.binary(max_size=300))
    @pytest.mark.parametrize("encoding", ["gzip", "zstd"])
    def test_any_bytes_are_unpacked_or_refused(self, encoding, packed):
        with suppress(Unparseable, TooLarge):
            assert len(read(packed, encoding, limit=10_000)) <= 10_000

    def test_a_zstd_frame_that_wants_a_large_window_is_refused(self):
        parameters = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
        packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        packed = packer.compress(os.urandom(9 << 20)) + packer.flush()

        with pytest.raises(Unparseable, match="window of at most 8 MiB"):
            read(packed, "zstd")

    @pytest.mark.parametrize("encoding", ["gzip", "zstd"])
    def test_more_members_than_sense_are_refused_fast(self, encoding):
        started = process_time()

        with pytest.raises(Unparseable, match="more than 1024"):
            read(pack(encoding, b"") * 500_000, encoding)
        assert process_time() - started < 1

    @pytest.mark.slow
    @pytest.mark.parametrize("encoding", ["gzip", "zstd"])
    def test_a_bomb_is_refused_fast_and_with_little_memory(self, encoding):
        bomb = gzip_bomb() if encoding == "gzip" else zstd_bomb()
        before, started = peak_bytes(), process_time()

        with pytest.raises(TooLarge, match=f"at most {LIMIT} bytes"):
            read(bomb, encoding)
        assert process_time() - started < 1
        assert peak_bytes() - before < 30 << 20


class TestDeclaredLength:
    @pytest.mark.parametrize(
        ("environ", "length"),
        [
            ({"CONTENT_LENGTH": "12"}, 12),
            ({"CONTENT_LENGTH": "0"}, 0),
            ({"CONTENT_LENGTH": "12", "HTTP_TRANSFER_ENCODING": "chunked"}, None),
            ({"wsgi.input_terminated": True}, None),
            ({"CONTENT_LENGTH": "", "wsgi.input_terminated": True}, None),
            ({}, 0),
        ],
    )
    def test_it_is_what_the_client_promised(self, environ, length):
        assert declared_length(environ) == length

    @pytest.mark.parametrize("written", ["-1", "+5", "1e3", "twelve", "12, 12", "٣", "9" * 40])
    def test_anything_else_is_refused(self, written):
        with pytest.raises(Unparseable):
            declared_length({"CONTENT_LENGTH": written})


def gzip_bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.flush()


def zstd_bomb() -> bytes:
    packer = zstandard.ZstdCompressor().compressobj()
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024)) + packer.flush()


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
