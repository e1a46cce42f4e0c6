"""Just this side of a limit and just beyond it: what a change of one character or one step in a rule would turn around."""

from __future__ import annotations

import pytest

from collector.anonymization.scrub import scrub_text

CASES = {
    # a name of one letter is a host only below the oldest top-level domains
    "see a.de today": "see a.de today",
    "see ab.de today": "see <URL> today",
    "see x.com today": "see <URL> today",
    # what begins like a package is one, unless it has two labels and may as well be a host
    "see net.de now": "see <URL> now",
    "see android.de now": "see android.de now",
    "app com.example.app crashed": "app com.example.app crashed",
    # an account number within a longer code holds by chance
    "xDE89370400440532013000": "xDE89370400440532013000",
    "9DE89370400440532013000": "9DE89370400440532013000",
    # the tail of a figure is no number of somebody
    "12,415-555-2671": "12,415-555-2671",
    "5:415-555-2671": "5:415-555-2671",
    "call 4155552671,5": "call <PHONE_NUMBER>,5",
    "call 415555267,5": "call 415555267,5",
    # nor is the tail of a name in capitals, nor a price in any currency
    "call a B-4155552671": "call a B-4155552671",
    "pay ₹4155552671 now": "pay ₹4155552671 now",
    # a short address is one within three words of its name
    "ip of it ab::1": "ip of it <IP_ADDRESS>",
    "ip is of it ab::1": "ip is of it ab::1",
    # behind a product's name stands its version, unless that is an address that only machines within a house have
    "App/8.8.8.8": "App/8.8.8.8",
    "server/10.0.0.1": "server/<IP_ADDRESS>",
    # an identifier is a device's where a word says so
    "mac deadbeefcafe": "mac <MAC_ADDRESS>",
    "001A2B3C4D5E here": "001A2B3C4D5E here",
    # the colon and the stop of the sentence are not the address's
    "ping 2001:db8::1: lost": "ping <IP_ADDRESS>: lost",
    "at 2001:db8::ab. Then": "at <IP_ADDRESS>. Then",
    # a network's width
    "net 2001:db8::/128": "net <IP_ADDRESS>",
    "net 2001:db8::/129": "net <IP_ADDRESS>/129",
    # a chinese mobile number among ideographs, and what counts things
    "电话13800138000号": "电话<PHONE_NUMBER>号",
    "我13800138000我": "我<PHONE_NUMBER>我",
    "13800138000个": "13800138000个",
    "他的13800138000。": "他的<PHONE_NUMBER>。",
    # a number without trunk zero is somebody's where a word says whose, in any language
    "mijn nummer 612345678": "mijn nummer <PHONE_NUMBER>",
    "mitt nummer 701234567": "mitt nummer <PHONE_NUMBER>",
    "ons nummer 612345678": "ons nummer 612345678",
    # an address of devices ends after six pairs, whatever stands behind it
    "mac aa bb cc dd ee ff 12": "mac <MAC_ADDRESS> 12",
    "mac AA BB CC DD EE FF 1a": "mac <MAC_ADDRESS> 1a",
    # the longest name of a product that is looked at
    "A1" + "b" * 45 + "/8.8.8.8": "A1" + "b" * 45 + "/8.8.8.8",
    "see A1" + "b" * 45 + "/8.8.8.8": "see A1" + "b" * 45 + "/8.8.8.8",
}


@pytest.mark.parametrize("text", CASES)
def test_each_side_of_a_limit(text: str) -> None:
    assert scrub_text(text).text == CASES[text]


def test_what_a_text_holds_does_not_depend_on_how_long_it_is() -> None:
    """Long texts are read window by window: finds before a border are known behind it."""
    line = "mail bob@example.com or +44 20 7123 4567 now. "

    assert scrub_text(line * 1000).text == scrub_text(line).text * 1000


def test_what_stands_behind_a_long_word_is_found_once() -> None:
    text = "x" * 20_000 + " bob@example.com " + "y" * 20_000 + " bob@example.com"

    assert scrub_text(text).text == text.replace("bob@example.com", "<EMAIL_ADDRESS>")


def test_a_list_goes_on_over_the_border_of_a_window() -> None:
    text = "call 4155552671" + ", 4155552672" * 3000

    assert scrub_text(text).text == "call <PHONE_NUMBER>" + ", <PHONE_NUMBER>" * 3000


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("tel ٤١٥-٥٥٥-٢٦٧١", "tel 415-555-2671"),
        ("tel 415\u2010555\u22122671", "tel 415-555-2671"),
        ("tel 415\u2003555\u30002671", "tel 415 555 2671"),
        ("call\u20284155552671", "call\n4155552671"),
        ("ｔｅｌ ４１５-555-2671", "tel 415-555-2671"),
        ("bob@example\u3002com", "bob@example.com"),
        ("b\u200bob@example.com", "bob@example.com"),
        ("bob@exam\u00adple.com", "bob@example.com"),
    ],
)
def test_other_characters_are_read_as_the_plain_ones(written: str, plain: str) -> None:
    found, meant = scrub_text(written), scrub_text(plain)

    assert [str(entity.type) for entity in found.entities] == [str(entity.type) for entity in meant.entities] != []
