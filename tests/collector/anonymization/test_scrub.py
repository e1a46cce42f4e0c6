"""What is scrubbed, what is left alone, and that neither depends on the batch or on a second time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collector.anonymization.scrub import Entity, scrub_text, scrub_texts

FINDS = {
    "EMAIL_ADDRESS": [
        "joe@example.com",
        "j.o-e+tag@mail.example.co.uk",
        "müller@bücher.de",
        "a@xn--d1acufc.xn--p1ai",
        "joe%40example.com",
        '"joe smith"@example.com',
        "joe@[192.168.0.1]",
        "some.name.and.locality+extension@GoogleMail.com",
        "123456789@qq.com",
    ],
    "PHONE_NUMBER": [
        "+44 20 7123 4567",
        "+46 (0)8 928 571 38",
        "+1-903-140-4508x769",
        "001-518-640-0854",
        "(415) 555-0132",
        "(415)555-0132",
        "415-555-0132",
        "415.555.0132",
        "1-415-555-0132",
        "01.84.17.61.18",
        "0490 75 40 81",
        "07700 063 966",
        "08452810075",
        "09-7625400",
        "+4915112345678",
    ],
    "CREDIT_CARD": [
        "4111111111111111",
        "4012-8888-8888-1881",
        "4012 8888 8888 1881",
        "371449635398431",
        "3714 496353 98431",
        "30569309025904",
        "6759649826438453",
        "4222222222222",
        "630427373398",
    ],
    "IBAN_CODE": [
        "GB82WEST12345698765432",
        "gb82west12345698765432",
        "DE89 3704 0044 0532 0130 00",
        "FR14 2004 1010 0505 0001 3M02 606",
        "NO93-8601-1117-947",
    ],
    "IP_ADDRESS": [
        "192.168.0.1",
        "10.0.0.0/8",
        "2001:db8::1",
        "684D:1111:222:3333:4444:5555:6:77",
        "::ffff:10.0.0.1",
        "::1",
        "fe80::1",
        "2001:db8::/32",
    ],
    "MAC_ADDRESS": [
        "01:23:45:67:89:ab",
        "01-23-45-67-89-AB",
        "0123.4567.89ab",
        "A9 C5 D4 9F EB D3",
        "ab:ab:ab:ab:ab:ab:ab:ab",
    ],
    "URL": [
        "https://example.com/a?b=c#d",
        "http://10.0.0.1:8080/",
        "www.example.co.uk",
        "example.com",
        "sub.example.de/path",
        "https://en.wikipedia.org/wiki/Python_(language)",
        "HTTP://EXAMPLE.COM",
        "youtu.be/abc",
    ],
    "US_SSN": ["078-05-1121", "536 90 4399", "078.05.1123"],
    "CRYPTO": [
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
        "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
        "0x683E07492fBDfDA84457C16546ac3f433BFaa128",
    ],
}
ALL_FINDS = [(kind, value) for kind, values in FINDS.items() for value in values]

LEFT_ALONE = [
    "",
    " ",
    "\n\n",
    "nothing here",
    "card 4111111111111112 fails its check",
    "my number 4012-8888-8888-1882",
    "it cost $1,234,567.89 or 1.234.567,89 €",
    "1 000 000 people",
    "on 2024-03-15 at 14:30:00",
    "2024-03-15T14:30:00.123456Z",
    "born 12/05/1987 or 12.05.1987",
    "20240315143000",
    "order number 4155550132",
    "order 112-1234567-1234567",
    "invoice no. 0123456789",
    "account number: 0123456789",
    "tracking 9400110200881234567890",
    "ISBN 978-3-16-148410-0",
    "serial SN-20210520123",
    "IMEI 356868000041412",
    "version 1.2.3.4 is out",
    "v10.0.19045.3",
    "Chrome 109.0.5414.119",
    "ratio 1:2:3:4",
    "12:30:45",
    "at 10:30 or 22:15",
    "std::vector<int>",
    "MyClass::toString",
    "0:-3 :-) :3 8-) :: D: <3 ;-)",
    "the ratio was 3.1415926535",
    "52.520008, 13.404954",
    "1999-2003 and 2010/2011",
    "crazy..Available only",
    "see you.Then we go.me too",
    "perl -v foo.sh",
    "so.so it.is ok.thanks",
    "readme.md main.py photo.jpg notes.txt index.html",
    "icon@2x.png",
    "@handle and #tag1234567",
    "e.g. this, i.e. that, etc.",
    "666-00-0000",
    "123-45-6789",
    "078051121",
    "GB82WEST12345698765433",
    "GB00 is a test",
    "8f953371d3e85eddb89b05ed6b9e680791055315c73e1025ab5dba7bb2aee189",
    "a8eedfd6-9d8a-44e0-b0fc-cc7d517db5dc",
    "16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ2",
    "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp",
    "256.256.256.256",
    "300.168.1.1",
    "2001::db8::1",
    "text2001:db8::1",
    "aa:bb:cc",
    "my email is info@presidio.",
    "www.microsoft",
    "rated 10/10, 5 stars, 100%",
    "top 20 songs at #15",
    "the 2010s",
    "Win 5000000 now",
    "from 87121 18 only",
    "AB-12345678",
    "img_20210520_123456",
    "#4155550132",
    "1700000000",
    "1700000000000",
    "<EMAIL_ADDRESS> and <PHONE_NUMBER>",
    "Moss 17151 2450",
    "6750 Koskikatu 25 Apt. 864, Uruguay 64677",
]


def types_of(text: str) -> list[str]:
    return [entity.type for entity in scrub_text(text).entities]


def slices_of(text: str) -> list[tuple[str, str]]:
    return [(entity.type, text[entity.start : entity.end]) for entity in scrub_text(text).entities]


class TestFinds:
    @pytest.mark.parametrize(("kind", "value"), ALL_FINDS)
    def test_the_value_alone_is_found_whole(self, kind, value):
        assert slices_of(value) == [(kind, value)]

    @pytest.mark.parametrize(("kind", "value"), ALL_FINDS)
    def test_the_value_in_a_sentence_is_found_whole_and_replaced(self, kind, value):
        text = f"Well, take {value}, please."

        assert slices_of(text) == [(kind, value)]
        assert scrub_text(text).text == f"Well, take <{kind}>, please."

    @pytest.mark.parametrize(("kind", "value"), ALL_FINDS)
    def test_brackets_and_quotes_stay_outside(self, kind, value):
        assert slices_of(f"(“{value}”)") == [(kind, value)]

    @pytest.mark.parametrize(
        ("text", "kind", "value"),
        [
            ("Phone:\n60-56-85-91\n\nE-mail:", "PHONE_NUMBER", "60-56-85-91"),
            ("They're not answering at 78 651 450", "PHONE_NUMBER", "78 651 450"),
            ("416 60 039 office\n", "PHONE_NUMBER", "416 60 039"),
            ("My CN number is 13812345678", "PHONE_NUMBER", "13812345678"),
            ("call09050000327 now", "PHONE_NUMBER", "09050000327"),
            ("0845 2814032 16 after", "PHONE_NUMBER", "0845 2814032"),
            ("Fax: 9498777106", "PHONE_NUMBER", "9498777106"),
            ("at 10:30 415-555-0132", "PHONE_NUMBER", "415-555-0132"),
            ("SSN 078051121", "US_SSN", "078051121"),
            ("SSH to user@2001:db8::1", "IP_ADDRESS", "2001:db8::1"),
            ("Connect to [2001:db8::1]:8080", "IP_ADDRESS", "2001:db8::1"),
            ("foo2001:db8::10.0.0.1", "IP_ADDRESS", "10.0.0.1"),
            ("5 10.0.0.1", "IP_ADDRESS", "10.0.0.1"),
            ("ipv6 ::", "IP_ADDRESS", "::"),
            ("mac 001a2b3c4d5e", "MAC_ADDRESS", "001a2b3c4d5e"),
            ("<joe@example.com>", "EMAIL_ADDRESS", "joe@example.com"),
            ("mailto:joe@example.com", "EMAIL_ADDRESS", "joe@example.com"),
            ("joe@example.com.Then", "EMAIL_ADDRESS", "joe@example.com"),
            ("电话08452810075电话", "PHONE_NUMBER", "08452810075"),
            ("请看https://example.com，谢谢", "URL", "https://example.com"),
            ("https://example.com😀", "URL", "https://example.com"),
            ("📞 415-555-0132", "PHONE_NUMBER", "415-555-0132"),
            ("UR10 MORE THAN EVER 415 555 0132", "PHONE_NUMBER", "415 555 0132"),
        ],
    )
    def test_surroundings_decide(self, text, kind, value):
        assert slices_of(text) == [(kind, value)]

    def test_several_in_a_row(self):
        text = "4012888888881881 4012-8888-8888-1881 4012 8888 8888 1881"

        assert slices_of(text) == [("CREDIT_CARD", part) for part in (text[:16], text[17:36], text[37:])]

    def test_a_list_goes_on_as_it_began(self):
        text = "078-05-1121, 07805-1121"

        assert types_of(text) == ["US_SSN", "US_SSN"]

    def test_scores_are_shares(self):
        assert all(0 < entity.score <= 1 for _, value in ALL_FINDS for entity in scrub_text(value).entities)


class TestLeavesAlone:
    @pytest.mark.parametrize("text", LEFT_ALONE)
    def test_what_only_looks_like_it(self, text):
        assert slices_of(text) == []
        assert scrub_text(text).text == text

    @pytest.mark.skipif(find_spec("vaderSentiment") is None, reason="vaderSentiment is not installed")
    def test_every_word_and_emoticon_of_the_slang_lexicon(self):
        spec = find_spec("vaderSentiment")
        assert spec is not None
        assert spec.origin is not None
        lexicon = (Path(spec.origin).parent / "vader_lexicon.txt").read_text(encoding="utf-8")
        words = [line.split("\t")[0] for line in lexicon.splitlines() if line.strip()]

        assert len(words) == 7520
        assert [scrubbed.text for scrubbed in scrub_texts(words)] == words

    @pytest.mark.parametrize("text", ["http:///", "http://...", "see HTTPS://?", "ftp://. www. www./ file://"])
    def test_a_link_that_goes_nowhere(self, text):
        assert scrub_text(text).text == text


class TestDisguises:
    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            ("４１１１１１１１１１１１１１１１", "CREDIT_CARD"),
            ("٤١١١١١١١١١١١١١١١", "CREDIT_CARD"),
            ("𝟰𝟭𝟭𝟭𝟭𝟭𝟭𝟭𝟭𝟭𝟭𝟭𝟭𝟭𝟭𝟭", "CREDIT_CARD"),
            ("4111\u200b1111\u200b1111\u200b1111", "CREDIT_CARD"),
            ("4111\u00ad1111\u2060111111\ufeff11", "CREDIT_CARD"),
            ("jo\u200be@exa\u200dmple.com", "EMAIL_ADDRESS"),
            ("ｊｏｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", "EMAIL_ADDRESS"),
            ("+44\u00a020\u00a07123\u00a04567", "PHONE_NUMBER"),
            ("415‑555‑0132", "PHONE_NUMBER"),
            ("１９２．１６８．０．１", "IP_ADDRESS"),
        ],
    )
    def test_are_seen_through(self, text, kind):
        scrubbed = scrub_text(f"a {text} b")

        assert [(entity.type, entity.start, entity.end) for entity in scrubbed.entities] == [(kind, 2, 2 + len(text))]
        assert scrubbed.text == f"a <{kind}> b"

    def test_what_is_invisible_elsewhere_stays(self):
        text = "❤️ family 👨‍👩‍👧 joe@example.com ❤️"

        assert scrub_text(text).text == "❤️ family 👨‍👩‍👧 <EMAIL_ADDRESS> ❤️"


class TestOffsets:
    def test_count_code_points_before_and_after_characters_of_every_width(self):
        text = "Ünïcode 😀 日本 Жук 4111111111111111 😀"

        assert scrub_text(text).entities == (Entity("CREDIT_CARD", 17, 33, 1.0),)

    @pytest.mark.parametrize("line_break", ["\n", "\r", "\r\n", "\u2028", "\0", "\x0b"])
    def test_line_breaks_part_candidates_and_keep_their_place(self, line_break):
        text = f"4111111111{line_break}111111 joe@example.com{line_break}x"

        assert slices_of(text) == [("EMAIL_ADDRESS", "joe@example.com")]
        assert scrub_text(text).text == f"4111111111{line_break}111111 <EMAIL_ADDRESS>{line_break}x"


SNIPPETS = [
    *(value for _, value in ALL_FINDS),
    *LEFT_ALONE,
    *(" ", "\n", ".", ",", "-", "/", ":", "+", "@", "(", ")", "<", ">", "0", "7", "12", "345", "x", "call ", "SSN "),
    *("phone: ", "order ", "number is ", " or ", " office", "\u200b", "４", "é", "Ж", "日", "😀", "\0", "%40", "www."),
    *("http://", "...", "_", "\u202e", "\x7f"),
]
TEXTS = st.lists(st.sampled_from(SNIPPETS) | st.text(max_size=3), max_size=7).map("".join)


class TestLaws:
    @pytest.mark.slow
    @settings(max_examples=600, deadline=None)
    @given(TEXTS)
    @example("+61 77 511(001::8 79 1")
    @example("06 50 12 34.www.foobar.com(01141521981")
    @example("Salinas: www.www.Salinas,0114152198 ip")
    @example("02077448074\x7f_+387809123\u202e456ssn")
    def test_scrubbing_again_finds_nothing(self, text):
        again = scrub_text(scrub_text(text).text)

        assert again.entities == ()

    @pytest.mark.slow
    @settings(max_examples=300, deadline=None)
    @given(st.lists(TEXTS, max_size=5))
    @example(["joe@example.comjoe@example.com::ffff:10.0.0.1", "a@xn--d1acufc.xn--p1ai"])
    def test_a_batch_is_its_texts_one_by_one(self, texts):
        assert scrub_texts(texts) == [scrub_text(text) for text in texts]

    @settings(max_examples=300, deadline=None)
    @given(TEXTS)
    def test_the_entities_explain_the_text(self, text):
        scrubbed = scrub_text(text)

        rebuilt, done = "", 0
        for entity in scrubbed.entities:
            assert done <= entity.start < entity.end <= len(text)
            rebuilt += text[done : entity.start] + f"<{entity.type}>"
            done = entity.end
        assert rebuilt + text[done:] == scrubbed.text

    def test_no_texts_give_no_results(self):
        assert scrub_texts([]) == []

    def test_threads_do_not_disturb_each_other(self):
        texts = [value for _, value in ALL_FINDS] * 3
        expected = scrub_texts(texts)

        with ThreadPoolExecutor(4) as threads:
            assert all(found == expected for found in threads.map(scrub_texts, [texts] * 12))

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "piece", ["555-555-5555x", "1.1.1.1.", "x.com_", "a@", "1 ", "(1", "aa:", "4111 ", "a.b.", "D"]
    )
    def test_a_long_text_takes_no_longer_than_its_length_asks(self, piece):
        text = piece * (60_000 // len(piece))

        assert len(scrub_text(text).text) > 0
