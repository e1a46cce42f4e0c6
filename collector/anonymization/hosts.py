"""Links, hosts and e-mail addresses: where they end, and whether their top-level domain is one."""

from __future__ import annotations

import re

from collector.anonymization.patterns import NOT_TOPS, RISKY_TOPS, SAFE_TOPS, SECOND_LEVELS, Personal
from collector.anonymization.surroundings import Find, Surroundings

_END_OF_SENTENCE = b".,;:!?'*_~\xa4\xa1\xbf\xab\xbb\xb7&([{"
_NOT_FIRST_IN_LOCAL = b"!#$%&'*+^_~.-\xa4"
_END_OF_HOST = re.compile(rb"[:/?#]")
_LOCAL_BYTES = bytes([*range(0xC0, 0x100), 0xA4]) + (
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+^_~.-"
)
_QUOTED_LOCAL = re.compile(rb'"[^\x00-\x1f\x7f"@<>]{1,62}"\Z')
_MAILBOX_GOES_ON = re.compile(rb"[A-Za-z0-9\xc0-\xff!#$%&'*+^_~.-]{0,64}@")
_LONGEST_LOCAL = 64


def link_find(around: Surroundings) -> Find | None:
    """A link with its scheme, or a host that begins with `www`."""
    link = _trimmed(around.candidate)
    scheme, mark, rest = link.partition(b"://")
    if mark and scheme.isalpha():
        return (
            around.part(around.start, around.start + len(link)).found(Personal.URL, 0.95) if rest.strip(b"/") else None
        )
    labels = _END_OF_HOST.split(link, 1)[0].lower().split(b".")
    if around.before.isalnum() or len(labels) < 3 or not all(labels) or not _may_be_top(labels[-1], len(labels)):
        return None
    return around.part(around.start, around.start + len(link)).found(Personal.URL, 0.9)


def _may_be_top(label: bytes, count: int) -> bool:
    return label in SAFE_TOPS or label in RISKY_TOPS or count > 3 or (len(label) > 2 and label.isalnum())


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


def email_find(around: Surroundings) -> Find | None:
    """An e-mail address, given its sign and domain: with the name before the sign, up to its top-level domain."""
    candidate = around.candidate
    sign_width = 1 if candidate[:1] == b"@" else len(b"%40")
    local = _local_part(around)
    domain = candidate[sign_width:]
    if not domain.startswith(b"["):
        domain = _with_true_top(domain)
    if not domain or not local:
        return None
    return around.part(around.start - len(local), around.start + sign_width + len(domain)).found(Personal.EMAIL, 1.0)


def _local_part(around: Surroundings) -> bytes:
    """What stands before the sign and may be the name of a mailbox."""
    before = around.shadow[max(around.floor, around.start - _LONGEST_LOCAL) : around.start]
    quoted = _QUOTED_LOCAL.search(before) if before.endswith(b'"') else None
    if quoted:
        return quoted[0]
    local = before[len(before.rstrip(_LOCAL_BYTES)) :]
    return b"" if local.endswith(b".") else local.rpartition(b"..")[2].lstrip(_NOT_FIRST_IN_LOCAL)


def _with_true_top(domain: bytes) -> bytes:
    """The domain up to its last label that is a top-level domain: `example.com.Then` ends at `com`."""
    labels = domain.split(b".")
    for count in range(len(labels), 1, -1):
        label = labels[count - 1].lower()
        if label in SAFE_TOPS or label in RISKY_TOPS or label.startswith(b"xn--"):
            return b".".join(labels[:count])
    return b"" if labels[-1].lower() in NOT_TOPS or not all(labels) else domain


def host_find(around: Surroundings) -> Find | None:
    """A host without a scheme, with its port and path, where its top-level domain says that it is one."""
    if around.before.isalnum() or around.before in b"@/._-\\$#~" or _MAILBOX_GOES_ON.match(around.shadow, around.end):
        return None
    candidate = around.candidate
    mark = _END_OF_HOST.search(candidate)
    host = candidate[: mark.start()] if mark else candidate
    labels = host.lower().split(b".")
    if mark and _is_host(labels, has_path=candidate[mark.start() : mark.start() + 1] == b"/"):
        return around.part(around.start, around.start + len(_trimmed(candidate))).found(Personal.URL, 0.6)
    for count in range(len(labels), 1, -1):
        if _is_host(labels[:count], has_path=False):
            end = around.start + len(b".".join(labels[:count]))
            return _unless_code(around.part(around.start, end))
    return None


def _unless_code(around: Surroundings) -> Find | None:
    """Nothing where the dots are those of a program: `foo.io(1)`, `a.co_b`, `x.de@home`."""
    return None if around.after.isalnum() or around.after in b"(_@=[+" else around.found(Personal.URL, 0.5)


def _is_host(labels: list[bytes], *, has_path: bool) -> bool:
    if len(labels) < 2:  # what is left of a link that ends at its scheme: `http://...`
        return False
    top, name = labels[-1], labels[-2]
    if any(label.startswith(b"-") or label.endswith(b"-") for label in labels) or (name.isdigit() and not has_path):
        return False
    if top in SAFE_TOPS or top.startswith(b"xn--"):
        return len(name) > 1 or top in (b"com", b"co", b"net", b"org")
    return top in RISKY_TOPS and (has_path or (len(labels) > 2 and name in SECOND_LEVELS))
