"""No text takes longer than its length asks, up to a megabyte: eight times the text, at most 32 times the work of the processor.

Linear work takes 8 times as much, and more where a long text leaves the caches that others use, too; quadratic work takes 64.
"""

from __future__ import annotations

import time

import pytest

from collector.anonymization.scrub import scrub_text

SHORT = 125_000
TIMES, AT_MOST = 8, 32
TRIES = 4
# Below this the clock of the processor measures itself.
NOTHING_S = 0.02

PIECES = [
    *("1", "1 ", "12 ", "1.", "1.1.1.1.", "1.1.1.1 ", "(1", "1-", "99 ", "12345678 ", "1\u200b", "1\t"),
    *("4111111111111111", "4111111111111111 ", "4111 1111 1111 1111 ", "555-555-5555x", "415-555-0132 "),
    *(
        "4111-1111-1111-1111",
        "5500000000000004",
        "378282246310005 ",
        "４１１１１１１１１１１１１１１１",
        "4.1.1.1-1 1(1)1",
    ),
    *("+49 30 123456 ", "01 22 33 44 55 ", "call 4155552671 ", "电话13800138000", "мой номер 89123456789 "),
    *("D", "DE89 ", "DE89370400440532013000", "DE89370400440532013000 ", "GB82 WEST ", "at 10 ", "e9 12 "),
    *("@", "a@", "a@b.c ", "joe@example.com", "joe@example.com ", "中国@", "a..", "a=", "/a", "=", "..."),
    *(".", "a.b.", "x.com_", "example.com.", "example.com ", "gut.es geht ", "com.example.app.", "中.", "中", "😀"),
    *("https://example.com/", "https://example.com/ ", "http://", "www.", "www.a.com "),
    *("\\", "\\n", "\\u0040", "\\u00", "&", "&amp;", "&#64;", "&#", "&amp;amp", "%", "%41", "%25", "%2541 "),
    *("aa:", "::", "0-1-", "00:1a:2b:3c:4d:5e ", "versions 1.2.3.4, ", "1.2.3.4, ", "aaB ", "078-05-1121, "),
    *(" ", "\t", "\n", "\0", "<", '"', "_", "0x", "0xab", "bc1", "a\u200b"),
]


@pytest.mark.slow
@pytest.mark.parametrize("piece", PIECES)
def test_time_grows_as_the_text_does(piece):
    ratios = []
    for _ in range(TRIES):
        ratios.append(ratio_of(piece))
        if ratios[-1] <= AT_MOST:
            break

    assert min(ratios) <= AT_MOST, ratios


def ratio_of(piece: str) -> float:
    short = piece * (SHORT // len(piece))
    return cpu_seconds(short * TIMES) / max(cpu_seconds(short), NOTHING_S / TIMES)


def cpu_seconds(text: str) -> float:
    start = time.thread_time()
    scrub_text(text)
    return time.thread_time() - start
