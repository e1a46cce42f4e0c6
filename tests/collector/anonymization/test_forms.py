"""Cards, accounts and hardware addresses as people and programs write them."""

from __future__ import annotations

import pytest

from collector.anonymization.scrub import scrub_text

FORMS = {
    "CREDIT_CARD": [
        "4111/1111/1111/1111",
        "4111.1111.1111.1111",
        "4111  1111  1111  1111",
        "4111\t1111\t1111\t1111",
        "4111-1111 1111-1111",
        "4111–1111–1111–1111",
        "4111 11111 111 1111",
        "3782 822463 10005",
        "3782/822463/10005",
        "3782-8224-6310-005",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
    ],
    "IBAN_CODE": [
        "gb82 west 1234 5698 7654 32",
        "Gb82 West 1234 5698 7654 32",
        "DE 89370400440532013000",
        "de 89 3704 0044 0532 0130 00",
        "DE89.3704.0044.0532.0130.00",
        "DE89/3704/0044/0532/0130/00",
        "DE89  3704  0044  0532  0130  00",
        "DE89\t3704\t0044\t0532\t0130\t00",
        "DE89 370400440532013000",
        "NL91 ABNA0417164300",
        "nl91-abna-0417-1643-00",
        "FR14 2004 1010 0505 0001 3M02 606",
        "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
        "kz86 125k zt50 0410 0100",
        "CH93 0076 2011 6238 5295 7",
    ],
    "MAC_ADDRESS": [
        "2c:7b:0:d1:4e:9",
        "2c-7b-0-d1-4e-9",
        "001a.2b3c.4d5e",
        "001a-2b3c-4d5e",
        "001A2B-3C4D5E",
        "001a2b:3c4d5e",
        "00.1a.2b.3c.4d.5e",
        "00:1A:2B:3C:4D:5E:6F:70",
    ],
}


@pytest.mark.parametrize(("kind", "written"), [(kind, form) for kind, forms in FORMS.items() for form in forms])
def test_every_form_is_found_whole(kind, written):
    assert scrub_text(f"so {written}, please").text == f"so <{kind}>, please"


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("IBANDE89370400440532013000", "IBAN<IBAN_CODE>"),
        ("konto:DE89370400440532013000bitte", "konto:<IBAN_CODE>bitte"),
        ("card4111111111111111", "card<CREDIT_CARD>"),
        ("4111111111111111cvv 123", "<CREDIT_CARD>cvv 123"),
        ("card 411111 1111111111", "card <CREDIT_CARD>"),
        ("карта 41111111 11111111", "карта <CREDIT_CARD>"),
        ("hwaddr 0:1:2:3:4:5", "hwaddr <MAC_ADDRESS>"),
        ("a\t4111111111111111\tb", "a\t<CREDIT_CARD>\tb"),
        ("415-555-0132\t415-555-0133", "<PHONE_NUMBER>\t<PHONE_NUMBER>"),
        ("no 415-555-0132", "no <PHONE_NUMBER>"),
        ("at 10.0.0.1", "at <IP_ADDRESS>"),
        # By its length and its check digits it is an account of Niger.
        ("NE 09111030116. PoBox12n146tf15", "NE <PHONE_NUMBER>. PoBox12n146tf15"),
    ],
)
def test_what_touches_it_stays(text, scrubbed):
    assert scrub_text(text).text == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "a4111111111111111f",
        "411111 1111111111",
        "order 4111 11111 111 1111",
        "4111  1111  1111  1112",
        "gb82 west 1234 5698 7654 33",
        "IE95TE8270900834048660",
        "at 10 2000 people came, is 25 1234 ok",
        "ratio 1:2:3:4:5:6",
        "a:b:c:d:e:f",
        "2024-11-30-10-20-30",
        "dead-beef-cafe",
    ],
)
def test_what_only_looks_like_it_stays(text):
    assert scrub_text(text).text == text
