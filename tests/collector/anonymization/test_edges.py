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
    # the colon and the stop of the sentence are not the address's
    "ping 2001:db8::1: lost": "ping <IP_ADDRESS>: lost",
    "at 2001:db8::ab. Then": "at <IP_ADDRESS>. Then",
    # a network's width
    "net 2001:db8::/128": "net <IP_ADDRESS>",
    "net 2001:db8::/129": "net <IP_ADDRESS>/129",
    # a chinese mobile number among ideographs, and what counts things
    "电话13800138000号": "电话<PHONE_NUMBER>号",
}


@pytest.mark.parametrize("text", CASES)
def test_each_side_of_a_limit(text: str) -> None:
    assert scrub_text(text).text == CASES[text]


def test_what_a_text_holds_does_not_depend_on_how_long_it_is() -> None:
    """Long texts are read window by window: finds before a border are known behind it."""
    line = "mail bob@example.com or +44 20 7123 4567 now. "

    assert scrub_text(line * 1000).text == scrub_text(line).text * 1000


def test_an_account_in_a_word_of_more_than_one_window_is_found_once() -> None:
    text = "x" * 5000 + " bob@example.com " + "y" * 5000 + " bob@example.com"

    assert scrub_text(text).text == text.replace("bob@example.com", "<EMAIL_ADDRESS>")
