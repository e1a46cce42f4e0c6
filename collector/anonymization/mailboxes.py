"""E-mail addresses in any script: where the name of the mailbox begins, and where its domain ends."""

from __future__ import annotations

import re

from collector.anonymization.patterns import EMAIL
from collector.anonymization.surroundings import Find, Surroundings
from collector.anonymization.tops import NOT_TOPS, RISKY_TOPS, SAFE_TOPS

_IDEOGRAPHS_OR_SYMBOLS = b"\x9f\xa4"
_NOT_FIRST_IN_LOCAL = b"!#$%&'*+^_~.-/=\xa4"
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" + bytes(range(0xC0, 0x100))
_LOCAL_BYTES = _LETTERS + _IDEOGRAPHS_OR_SYMBOLS + b"0123456789!#$%&'*+^_~.-/="
_QUOTED_LOCAL = re.compile(rb'"[^\x00-\x1f\x7f"@<>]{1,62}"\Z')
_LONGEST_LOCAL = 64
# A return path carries the address it came from: SRS (shevek, "The Sender Rewriting Scheme", 2004), BATV, and VERP
# (D. J. Bernstein, 1997), in which `=` stands for the sign.
_RETURN_PATH = re.compile(rb"(?i)(?:srs[01]|prvs|btv1|msprvs1)[=+-][^\x00-\x20]*\Z")
_VERP = re.compile(rb"(?i)[^\x00-\x20=/]*[a-z0-9\xc0-\xff]=(?:[a-z0-9\xc0-\xff-]+\.)+([a-z]{2,18})\Z")
# RFC 3696, section 3: customer/department=shipping@example.com.
_DEPARTMENT = re.compile(rb"(?i)[a-z0-9._+-]*[a-z0-9]/[a-z0-9._+-]+(?:=[a-z0-9._+-]+)?\Z")
_KEYS = frozenset(
    b"email mail e-mail mailto to from cc bcc user username login account recipient sender address contact addr uid usr"
    b" name u e m id rcpt rcptto reply-to replyto return-path or and und oder ou et y o phone tel web".split()
)
_ELLIPSIS = re.compile(rb"\.{3,}")
_GLUED_SCRIPT = re.compile(rb"[\x9f\xa4]+(?=[A-Za-z\xc0-\xff])")
_ASCII_THEN_IDEOGRAPHS = re.compile(rb"([A-Za-z][A-Za-z0-9-]*)[\x9f\xa4]")


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
    return around.part(around.start - len(local), around.start + sign_width + len(domain)).found(EMAIL, 1.0)


def _local_part(around: Surroundings) -> bytes:
    """What stands before the sign and may be the name of a mailbox.

    Two dots in a row and a dot before the sign are against RFC 5322, but carriers gave such names out; three dots are
    an ellipsis.
    """
    before = around.shadow[max(around.floor, around.start - _LONGEST_LOCAL) : around.start]
    quoted = _QUOTED_LOCAL.search(before) if before.endswith(b'"') else None
    if quoted:
        return quoted[0]
    local = before[len(before.rstrip(_LOCAL_BYTES)) :]
    if b"=" in local or b"/" in local:
        local = _without_key(local)
    if b"..." in local:
        name = local.rstrip(b".")
        local = _ELLIPSIS.split(name)[-1] + local[len(name) :]
    local = local.lstrip(_NOT_FIRST_IN_LOCAL)
    if local.isascii():
        return local
    # Text of a script without blanks touches what follows it; a name in that script goes on in it, or with digits.
    glued = _GLUED_SCRIPT.match(local)
    return local[glued.end() :] if glued else local


def _without_key(local: bytes) -> bytes:
    """Without `email=`, `user:` or a path in front; with them where they belong to the name."""
    path = _RETURN_PATH.search(local)
    if path:
        return path[0]
    returned = _VERP.search(local)
    if returned and _is_top(returned[1].lower()) and not _is_key(local[: local.rfind(b"=")]):
        return returned[0]
    department = _DEPARTMENT.search(local)
    if department and department.start() == 0 and not _is_key(local.partition(b"/")[0]):
        return local
    return re.split(rb"[=/]", local)[-1]


def _is_key(word: bytes) -> bool:
    return re.split(rb"[&?;/=]", word)[-1].lower() in _KEYS


def _is_top(label: bytes) -> bool:
    return label in SAFE_TOPS or label in RISKY_TOPS


def _with_true_top(domain: bytes) -> bytes:
    """The domain up to its last label that is a top-level domain: `example.com.Then` ends at `com`."""
    labels = domain.split(b".")
    for count in range(len(labels), 1, -1):
        label = labels[count - 1].lower()
        if _is_top(label) or label.startswith(b"xn--"):
            return b".".join(labels[:count])
        glued = _ASCII_THEN_IDEOGRAPHS.match(label)
        if glued and _is_top(glued[1]):
            return b".".join(labels[:count])[: len(glued[1]) - len(label)]
    return b"" if labels[-1].lower() in NOT_TOPS or not all(labels) else domain
