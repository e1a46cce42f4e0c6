"""Hosts, links and mailboxes in any script; and dots that are those of a sentence or of a program."""

from __future__ import annotations

import pytest

from collector.anonymization.scrub import scrub_text


class TestScripts:
    @pytest.mark.parametrize(
        "link",
        [
            "www.пример.рф",
            "http://пример.рф/путь",
            "https://例え.jp/パス",
            "http://中国.cn/joe",
            "http://مثال.com/صفحة",
            "https://example.com/用户/李雷",
            "https://zh.wikipedia.org/wiki/中国",
            "https://example.com/😀/joe.doe",
            "https://example.com/a?name=李雷",
            "https://i❤.ws/joe",
            "http://münchen.de/straße",
            "пример.рф",
            "παράδειγμα.ελ",
        ],
    )
    def test_a_link_goes_whole(self, link):
        assert scrub_text(f"see {link} now").text == "see <URL> now"

    @pytest.mark.parametrize(
        ("text", "scrubbed"),
        [
            ("https://t.cn/abc快来看", "<URL>快来看"),
            ("https://example.com谢谢", "<URL>谢谢"),
            ("https://example.com谢谢，https://example.org再见", "<URL>谢谢，<URL>再见"),
            ("看https://example.com/a，好的", "看<URL>，好的"),
            ("https://example.com😀", "<URL>😀"),
            ("（https://example.com/a）", "（<URL>）"),
            ("我的网站是example.com。", "我的网站是<URL>。"),
        ],
    )
    def test_the_sentence_around_it_stays(self, text, scrubbed):
        assert scrub_text(text).text == scrubbed

    @pytest.mark.parametrize(
        "mailbox",
        [
            "伊昭傑@郵件.商務",
            "用户@例子.广告",
            "二ノ宮@黒川.日本",
            "пётр@почта.рф",
            "محمد@مثال.com",
            "राम@डाटामेल.भारत",
            "δοκιμή@παράδειγμα.ελ",
            "müller@bücher.de",
            "李雷88@example.cn",
            "joe@example。com",
            "taro..yama@docomo.example.jp",
            "taro.@docomo.example.jp",
            "bounce+joe=example.com@lists.example.org",
            "SRS0=abcd=xy=example.com=joe@fwd.example.org",
            "prvs=0123abcdef=joe@example.com",
            "customer/department=shipping@example.com",
            "joe/sales@example.com",
        ],
    )
    def test_a_mailbox_goes_whole(self, mailbox):
        assert scrub_text(f"to {mailbox} now").text == "to <EMAIL_ADDRESS> now"

    @pytest.mark.parametrize(
        ("text", "scrubbed"),
        [
            ("email=joe@example.com&x=1", "email=<EMAIL_ADDRESS>&x=1"),
            ("from=joe@example.com,to=jim@example.com", "from=<EMAIL_ADDRESS>,to=<EMAIL_ADDRESS>"),
            ("user=joe.doe@example.com", "user=<EMAIL_ADDRESS>"),
            ("E-Mail/joe@example.com", "E-Mail/<EMAIL_ADDRESS>"),
            ("path/to/joe@example.com", "path/to/<EMAIL_ADDRESS>"),
            ("joe@example.com/jim@example.com", "<EMAIL_ADDRESS>/<EMAIL_ADDRESS>"),
            ("wait...joe@example.com", "wait...<EMAIL_ADDRESS>"),
            ("联系我joe@example.cn谢谢", "联系我<EMAIL_ADDRESS>谢谢"),
            ("发到joe@example.com。谢谢", "发到<EMAIL_ADDRESS>。谢谢"),
            ("😀joe@example.com", "😀<EMAIL_ADDRESS>"),
        ],
    )
    def test_what_is_before_and_behind_a_mailbox_stays(self, text, scrubbed):
        assert scrub_text(text).text == scrubbed


class TestSentences:
    @pytest.mark.parametrize(
        "text",
        [
            "das ist gut.es geht weiter",
            "ich mag das.es ist schön",
            "kommst du.er wartet",
            "C'est bien.il faut partir",
            "je suis là.je reviens",
            "salut.ca va",
            "voilà.va voir",
            "muito bom.eu gosto",
            "não sei.eu acho que sim",
            "muito legal.Com certeza",
            "está bien.no pasa nada",
            "no sé.se fue",
            "va bene.io ci sono",
            "leuk.je bent lief",
            "tack.du är bäst",
            "Top.Name it yourself",
            "I am fine.no worries",
            "Done.Store it there",
            "thanks.info follows",
        ],
    )
    def test_a_missing_blank_makes_no_host(self, text):
        assert scrub_text(text).text == text

    @pytest.mark.parametrize(
        ("text", "scrubbed"),
        [
            ("example.es", "<URL>"),
            ("auf spiegel.de steht es", "auf <URL> steht es"),
            ("ich liebe amazon.de und ebay.de", "ich liebe <URL> und <URL>"),
            ("compra en mercado.es y paga", "compra en <URL> y paga"),
            ("best-shop.es geht nicht", "<URL> geht nicht"),
            ("Check example.de, please", "Check <URL>, please"),
            ("see it at joe.name", "see it at <URL>"),
            ("foo.io is down", "<URL> is down"),
            ("thanks.com is up", "<URL> is up"),
            ("visit EXAMPLE.COM now", "visit <URL> now"),
        ],
    )
    def test_a_host_is_one(self, text, scrubbed):
        assert scrub_text(text).text == scrubbed


class TestPrograms:
    @pytest.mark.parametrize(
        "text",
        [
            "at com.example.app.Main.run(Main.java:12)",
            "org.apache.commons.io failed",
            "com.example.app/.MainActivity",
            "package com.example.app;",
            "io.github.joe.app",
            "br.com.example.app",
            "bundle id de.example.app",
            "import foo.io",
            "self.name = joe",
            "if user.name == 'x'",
            "obj.id and e.info",
            "response.data.name",
            "print(myItem.info)",
            "node.js, asp.net and socket.io",
            "Main.java:12 utils.py config.yml index.html",
        ],
    )
    def test_dots_of_a_program_make_no_host(self, text):
        assert scrub_text(text).text == text
