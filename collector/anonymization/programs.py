"""Names with dots that are no hosts: packages and app ids, attributes of objects, files."""

from __future__ import annotations

import re

from collector.anonymization.sentences import is_word
from collector.anonymization.surroundings import Surroundings

# A package or an app id is a host turned round: `com.example.app`, `br.com.example`, `io.github.joe`.
_FIRST_OF_A_PACKAGE = frozenset(
    b"com org net edu gov mil java javax android androidx kotlin scala dalvik system".split()
)
_SECOND_OF_A_PACKAGE = frozenset(b"com co org net gov edu github gitlab".split())
_COUNTRY_WIDTH = 2
# What programs call their objects: `self.name`, `response.info`, `event.app`.
_OBJECTS = frozenset(
    b"self this obj object user item node window document request req response res resp event evt err error ex exc e"
    b" console log logger logging math os sys re module config cfg settings data row rows record entry element elem el"
    b" props state ctx context app client server session model view args kwargs options opts params param result results"
    b" file path field key value val cls klass instance parent child root target source src input output process super"
    b" player account customer order product task job project package pkg person people employee student company"
    b" date datetime torch tf np pd plt df cv2 json time random string str list dict array map set bool int".split()
)
# Of these, the ones that no host begins with, so that longer chains count: `response.data.name`.
_OBJECTS_ALONE = frozenset(
    b"self this obj object request req response res resp event evt err exc logger args kwargs opts params props".split()
)
_LABELS_OF_AN_ATTRIBUTE = 2
_WORDS_FOR_A_PACKAGE = frozenset(
    b"bundle package pkg applicationid appid bundleid packagename namespace classname".split()
)
# Products that are called like a host.
_PRODUCTS = frozenset((b"asp.net", b"vb.net", b"ado.net", b"ml.net", b"socket.io"))
_CODE_AFTER = re.compile(rb" ?(?:[=\[{]|[!<>+*-]=|\+\+|\)\.)| (?:<|>|&&|\|\|) ")
_CODE_WORDS_REACH = 16
_HUMP = re.compile(rb"[a-z][A-Z]")
_KEYWORDS_BEFORE = re.compile(
    rb"\b(?:import|package|class|extends|implements|throws?|namespace|require|include|applicationId|appId|bundle|module) \Z"
)


def is_package(labels: list[bytes]) -> bool:
    """True for `com.example.app`: no host begins so, but packages, classes and app ids do.

    Args:
        labels: at least two, in lower case.
    """
    first, second = labels[0], labels[1]
    if first in _FIRST_OF_A_PACKAGE:
        return len(labels) > 2 or first not in (b"com", b"org", b"net")
    return len(labels) > 2 and len(first) == _COUNTRY_WIDTH and second in _SECOND_OF_A_PACKAGE and len(labels) > 3


def is_attribute(around: Surroundings, labels: list[bytes]) -> bool:
    """True for `self.name` and `myItem.info`, and for a name that a program's keyword introduces.

    Args:
        around: the candidate; it has neither port nor path.
        labels: its labels, in lower case.
    """
    before = around.shadow[max(around.floor, around.start - _CODE_WORDS_REACH) : around.start]
    if _KEYWORDS_BEFORE.search(before):
        return True
    if b".".join(labels) in _PRODUCTS:
        return True
    if len(labels) > _LABELS_OF_AN_ATTRIBUTE:
        is_chain = labels[0] in _OBJECTS_ALONE and is_word(labels[-1])
        return is_chain or not _WORDS_FOR_A_PACKAGE.isdisjoint(around.words_before()[-3:])
    if not is_word(labels[1]):
        return False
    if labels[0] in _OBJECTS or _HUMP.search(around.candidate):
        return True
    return labels[0].isalpha() and _CODE_AFTER.match(around.shadow, around.end, around.end + 4) is not None
