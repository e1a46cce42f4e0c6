"""Text inside text is read as what it says, and offsets stay those of the input."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.anonymization.scrub import scrub_text
from collector.anonymization.views import view_of

WRITTEN_OTHERWISE = [
    (r"Name:\u00a0joe\u0040example.com", r"Name:\u00a0<EMAIL_ADDRESS>"),
    (r'"phone":"\u002b4915112345678"', '"phone":"<PHONE_NUMBER>"'),
    (r"\"mail\":\"joe@example.com\"", r"\"mail\":\"<EMAIL_ADDRESS>\""),
    (r"log: user\\njoe@example.com\\n", r"log: user\\n<EMAIL_ADDRESS>\\n"),
    (r"call\t+49 30 1234567\r\n", r"call\t<PHONE_NUMBER>\r\n"),
    (r"Name:\nDE89370400440532013000\nBIC", r"Name:\n<IBAN_CODE>\nBIC"),
    (r"if0\n00:1a:2b:3c:4d:5e\n", r"if0\n<MAC_ADDRESS>\n"),
    (r"ssn\t536-90-4399\t", r"ssn\t<US_SSN>\t"),
    (r"ip\n192.168.0.1\n", r"ip\n<IP_ADDRESS>\n"),
    (r"https:\/\/www.example.org\/a\/b?x=1 now", "<URL> now"),
    (r"see https:\u002f\u002fexample.com\u002fjoe now", "see <URL> now"),
    (r"\x6aoe\x40example.com", "<EMAIL_ADDRESS>"),
    (r"\ud83d\udcde 4155552671", r"\ud83d\udcde <PHONE_NUMBER>"),
    (r"\u{1F4DE} 4155552671", r"\u{1F4DE} <PHONE_NUMBER>"),
    ("&lt;joe@example.com&gt;", "&lt;<EMAIL_ADDRESS>&gt;"),
    ("joe&#64;example&#46;com", "<EMAIL_ADDRESS>"),
    ("joe&commat;example&period;com", "<EMAIL_ADDRESS>"),
    ("joe&amp;#x40;example.com", "<EMAIL_ADDRESS>"),
    ("+49&nbsp;30&nbsp;123456", "<PHONE_NUMBER>"),
    ("4111&#160;1111&#160;1111&#160;1111", "<CREDIT_CARD>"),
    ("192&#46;168&#46;0&#46;1", "<IP_ADDRESS>"),
    ("http://example.com/?a=1&amp;b=2 text", "<URL> text"),
    ("phone 415%2D555%2D2671", "phone <PHONE_NUMBER>"),
    ("tel:%2B49%2030%20123456", "tel:<PHONE_NUMBER>"),
    ("GET /signup?phone=415%2D555%2D2671&x=1", "GET /signup?phone=<PHONE_NUMBER>&x=1"),
    ("card=4111%201111%201111%201111", "card=<CREDIT_CARD>"),
    ("%E6%9D%8E@example.cn", "<EMAIL_ADDRESS>"),
    ("twice: joe%2540example.com", "twice: <EMAIL_ADDRESS>"),
    ("https%3A%2F%2Fexample.com%2Fjoe%20doe rest", "<URL> rest"),
    (r"both: joe\u0026commat;example.com", "both: <EMAIL_ADDRESS>"),
]


@pytest.mark.parametrize(("text", "scrubbed"), WRITTEN_OTHERWISE)
def test_what_is_written_otherwise_is_found_and_cut_out_as_it_was_written(text, scrubbed):
    assert scrub_text(text).text == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        r"C:\new\temp\file.txt",
        r"DOMAIN\user \d{3} \w+",
        "100% sure & fine; AT&T 50%off",
        r"\u12 \x4 &# &; &unknown; %zz",
        r"\ud83d",
    ],
)
def test_what_says_nothing_personal_stays(text):
    assert scrub_text(text).text == text


@pytest.mark.parametrize(
    "link", ["https://example.com/a%20b/c?d=%40x", "example.com/a%20b", "www.example.com/?q=%22joe%22"]
)
def test_a_link_keeps_its_encoding_and_goes_whole(link):
    assert scrub_text(f"see {link} now").text == "see <URL> now"


def test_a_text_that_reads_as_it_stands_has_no_view():
    assert view_of("plain, 日本 and ❤️") is None


@given(
    st.lists(
        st.sampled_from(["a", "\\n", "\\u0041", "&amp;", "&#65;", "%41", "%E6%9D%8E", "\u200b", "\\", "&", "%", "é"])
    ).map("".join)
)
def test_a_view_covers_its_text_in_order(text):
    view = view_of(text)

    if view:
        assert len(view.text) == len(view.starts) == len(view.ends)
        assert all(0 <= start < end <= len(text) for start, end in zip(view.starts, view.ends, strict=True))
        assert view.starts == sorted(view.starts)
        assert view.ends == sorted(view.ends)
