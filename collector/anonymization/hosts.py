"""Links and hosts in any script: where they end, and whether their top-level domain is one."""

from __future__ import annotations

import re

from collector.anonymization.patterns import URL
from collector.anonymization.programs import is_attribute, is_package
from collector.anonymization.sentences import is_missing_blank
from collector.anonymization.surroundings import Find, Surroundings
from collector.anonymization.tops import NATIVE_TOPS, RISKY_TOPS, SAFE_TOPS, SECOND_LEVELS

_END_OF_SENTENCE = b".,;:!?'*_~\xa1\xbf\xab\xbb\xb7&([{"
_END_OF_HOST = re.compile(rb"[:/?#]")
_MAILBOX_GOES_ON = re.compile(rb"[A-Za-z0-9\xc0-\xff!#$%&'*+^_~.-]{0,64}@")
_FOREIGN = re.compile(rb"[\x9f\xa4]+")
_BREAKS = re.compile("[，。、！？；：（）「」『』【】《》〈〉“”‘’…|]")
_BREAKS_NOTHING_IN = len("https://")
_MARKS_WITHIN = frozenset(b"./-_=?#&%+~:@")


def link_find(around: Surroundings) -> Find | None:
    """A link with its scheme, or a host that begins with `www`."""
    link = _ended(around)
    scheme, mark, rest = link.partition(b"://")
    if mark and scheme.isalpha():
        return around.part(around.start, around.start + len(link)).found(URL, 0.95) if rest.strip(b"/") else None
    labels = _END_OF_HOST.split(link, 1)[0].lower().split(b".")
    if around.before.isalnum() or len(labels) < 3 or not all(labels) or not _may_be_top(labels[-1], len(labels)):
        return None
    return around.part(around.start, around.start + len(link)).found(URL, 0.9)


def _may_be_top(label: bytes, count: int) -> bool:
    if label in SAFE_TOPS or label in RISKY_TOPS or count > 3 or not label.isascii():
        return True
    return len(label) > 2 and label.isalnum()


def _ended(around: Surroundings) -> bytes:
    """The link up to where the text around goes on."""
    link = around.candidate
    written = around.text[around.start : around.end]
    if not written.isascii():
        mark = _BREAKS.search(written, _BREAKS_NOTHING_IN)
        link = link[: mark.start()] if mark else link
        link = _without_glued_text(_trimmed(link))
    return _trimmed(link)


def _trimmed(link: bytes) -> bytes:
    """Without the punctuation of the sentence around; a closing bracket stays where the link opened it."""
    while True:
        shorter = link.rstrip(_END_OF_SENTENCE)
        for opening, closing in ((b"(", b")"), (b"[", b"]")):
            if shorter.endswith(closing) and shorter.count(opening) < shorter.count(closing):
                shorter = shorter[:-1]
        if shorter == link:
            return link
        link = shorter


def _without_glued_text(link: bytes) -> bytes:
    """Without ideographs or emoji that only touch the link: they belong to it behind a mark, or before one."""
    for run in _FOREIGN.finditer(link):
        is_within = link[run.start() - 1] in _MARKS_WITHIN or run.end() < len(link)
        if not is_within or _is_behind_a_whole_host(link, run.start()):
            return link[: run.start()]
    return link


def _is_behind_a_whole_host(link: bytes, place: int) -> bool:
    """True where what is before is a host up to its top-level domain, as in `https://example.com谢谢，再见`."""
    host = link[:place].rpartition(b"://")[2]
    if _END_OF_HOST.search(host) or b"." not in host:
        return False
    return host.rpartition(b".")[2].lower() in SAFE_TOPS and link[place - 1] not in _MARKS_WITHIN


def host_find(around: Surroundings) -> Find | None:
    """A host without a scheme, with its port and path, where its top-level domain says that it is one."""
    if around.before.isalnum() or around.before in b"@/._-\\$#~" or _MAILBOX_GOES_ON.match(around.shadow, around.end):
        return None
    candidate = around.candidate
    mark = _END_OF_HOST.search(candidate)
    host = candidate[: mark.start()] if mark else candidate
    labels = host.lower().split(b".")
    if len(labels) > 1 and is_package(labels):
        return None
    if mark and _is_host(labels, has_path=candidate[mark.start() : mark.start() + 1] == b"/"):
        return around.part(around.start, around.start + len(_ended(around))).found(URL, 0.6)
    for count in range(len(labels), 1, -1):
        if _is_host(labels[:count], has_path=False) or _is_native(around, labels[:count]):
            end = around.start + len(b".".join(labels[:count]))
            return _unless_words_or_code(around.part(around.start, end), labels[:count])
    return None


def _unless_words_or_code(around: Surroundings, labels: list[bytes]) -> Find | None:
    """Nothing where the dots are those of a program, `foo.io(1)`, or of a sentence, `gut.es geht`."""
    if around.after.isalnum() or around.after in b"(_@=[+" or is_attribute(around, labels):
        return None
    if len(labels) == 2 and is_missing_blank(around, *labels):
        return None
    return around.found(URL, 0.5)


def _is_host(labels: list[bytes], *, has_path: bool) -> bool:
    if len(labels) < 2:  # what is left of a link that ends at its scheme: `http://...`
        return False
    top, name = labels[-1], labels[-2]
    if any(label.startswith(b"-") or label.endswith(b"-") for label in labels) or (name.isdigit() and not has_path):
        return False
    if top in SAFE_TOPS or top.startswith(b"xn--"):
        return len(name) > 1 or top in (b"com", b"co", b"net", b"org")
    return top in RISKY_TOPS and (has_path or (len(labels) > 2 and name in SECOND_LEVELS))


def _is_native(around: Surroundings, labels: list[bytes]) -> bool:
    """True for a top-level domain in another script, as in `пример.рф`."""
    if labels[-1].isascii():
        return False
    end = around.start + len(b".".join(labels))
    return around.text[end - len(labels[-1]) : end].casefold() in NATIVE_TOPS and len(labels[-2]) > 1
