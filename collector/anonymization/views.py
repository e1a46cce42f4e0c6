"""A text as it reads once what is written inside it is decoded, with the way back to where it stood in the input.

Personal data hides in text inside text: JSON in a log line (`\\n` and `\\u0040` as characters), HTML entities,
percent-encoding, invisible characters. A view is the text without them. Links keep their percent-encoding, which
belongs to them and would fall apart at each `%20`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.entities import html5
from typing import NamedTuple

from collector.anonymization.shadow import hidden_places
from collector.anonymization.tops import RISKY_TOPS, SAFE_TOPS

# A character of the view, and its half-open span in the input.
_Read = tuple[str, int, int]

_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v"}
# However often it was escaped: `\\\\n` says what `\n` says. Whoever escaped a text doubled its backslashes.
_ESCAPE = re.compile(
    r"(?<!\\)\\++(?:"
    r"u(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\++u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|u\{(?P<braced>[0-9a-fA-F]{1,6})\}|u(?P<four>[0-9a-fA-F]{4})|U(?P<eight>[0-9a-fA-F]{8})|x(?P<two>[0-9a-fA-F]{2})"
    r"|(?P<control>[nrtbfv])|(?P<itself>[\"'/@.:+_()-]))"
)
_ENTITY = re.compile(
    r"&(?:amp;)*(?:#(?P<decimal>[0-9]{1,7})(?:;|(?![0-9]))|#[xX](?P<hex>[0-9a-fA-F]{1,6})(?:;|(?![0-9a-fA-F]))"
    r"|(?P<name>[A-Za-z][A-Za-z0-9]{1,31});)"
)
_PERCENT = re.compile(r"%(?:25)*([0-9A-Fa-f]{2})")
_WORD = re.compile(r"[^\s<>\"]+")
_PERCENT_RUN = re.compile(r"(?:%(?:25)*[0-9A-Fa-f]{2})+")
_LINK = re.compile(r"[A-Za-z]{2,5}://|[Ww][Ww][Ww]\.|[A-Za-z0-9]\.(?P<top>[A-Za-z]{2,18})(?::[0-9]{1,5})?[/?#]")
_LINK_ENCODED = re.compile(r"%(?:25)*3[Aa]%(?:25)*2[Ff]%(?:25)*2[Ff]")
_MOST_CODE_POINT = 0x10FFFF
_MARKS = re.compile(r"[\\&%]")
# One encoding within another, as in `\u0026nbsp;`; more would be a text made to be slow.
_MOST_ROUNDS = 3
_TOPS = SAFE_TOPS | RISKY_TOPS


class View(NamedTuple):
    """What a text says: its characters, and for each the half-open span of the input that says it."""

    text: str
    starts: list[int]
    ends: list[int]


def view_of(text: str) -> View | None:
    """The text as it reads; None where it reads as it stands.

    >>> view_of("joe&#64;example.com").text
    'joe@example.com'
    """
    view = None
    for _ in range(_MOST_ROUNDS):
        seen = view
        if _MARKS.search(view.text if view else text):
            for layer in (_escapes, _entities, _percents):
                view = _through(layer, text, view)
        if view is seen:
            break
    return _without_hidden(text, view)


def _without_hidden(text: str, view: View | None) -> View | None:
    source = view.text if view else text
    hidden = hidden_places(source)
    if not hidden:
        return view
    whole = view or _as_it_stands(text)
    kept = [place for place in range(len(source)) if place not in hidden]
    return View(
        "".join([source[place] for place in kept]),
        [whole.starts[place] for place in kept],
        [whole.ends[place] for place in kept],
    )


def _as_it_stands(text: str) -> View:
    return View(text, list(range(len(text))), list(range(1, len(text) + 1)))


def _through(layer: Callable[[str], Iterator[_Read]], text: str, below: View | None) -> View | None:
    """The view after one more layer of decoding; the one below where this layer finds nothing to decode."""
    source = below.text if below else text
    read = list(layer(source))
    if not read:
        return below
    whole = below or _as_it_stands(text)
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for character, start, end in read:
        pieces += (source[done:start], character)
        starts += [*whole.starts[done:start], whole.starts[start]]
        ends += [*whole.ends[done:start], whole.ends[end - 1]]
        done = end
    return View("".join([*pieces, source[done:]]), starts + whole.starts[done:], ends + whole.ends[done:])


def _escapes(text: str) -> Iterator[_Read]:
    for found in _ESCAPE.finditer(text) if "\\" in text else ():
        kind, said = found.lastgroup, found[found.lastgroup or 0]
        if kind == "control":
            character = _CONTROLS[said]
        elif kind == "itself":
            character = said
        elif kind == "low":
            character = chr(0x10000 + (int(found["high"], 16) - 0xD800 << 10) + int(said, 16) - 0xDC00)
        else:
            character = _character(int(said, 16))
        if character:
            yield character, found.start(), found.end()


def _entities(text: str) -> Iterator[_Read]:
    for found in _ENTITY.finditer(text) if "&" in text else ():
        if found["name"]:
            character = html5.get(found["name"] + ";", "")
        else:
            character = _character(int(found["hex"], 16) if found["hex"] else int(found["decimal"]))
        if len(character) == 1:
            yield character, found.start(), found.end()


def _character(code_point: int) -> str:
    """The character of a code point; empty where there is none, or where it would end the text."""
    return chr(code_point) if 0 < code_point <= _MOST_CODE_POINT and not 0xD800 <= code_point < 0xE000 else ""


def _percents(text: str) -> Iterator[_Read]:
    for word in _WORD.finditer(text) if "%" in text else ():
        if "%" not in word[0]:
            continue
        until = _begin_of_link(text, word.start(), word.end())
        # A blank would end a link that is encoded itself, and what follows would stay.
        left_out = " " if _LINK_ENCODED.search(text, word.start(), word.end()) else ""
        for run in _PERCENT_RUN.finditer(text, word.start(), until):
            yield from (read for read in _of_run(text, run.start(), run.end()) if read[0] != left_out)


def _begin_of_link(text: str, start: int, end: int) -> int:
    for found in _LINK.finditer(text, start, end):
        top = found["top"]
        if top is None or top.lower().encode() in _TOPS:
            return found.start()
    return end


def _of_run(text: str, start: int, end: int) -> Iterator[_Read]:
    """The characters of a run of percent-encoded bytes (RFC 3986, section 2.1), read as UTF-8."""
    octets = list(_PERCENT.finditer(text, start, end))
    content = bytes(int(octet[1], 16) for octet in octets)
    place = 0
    for character in content.decode("utf-8", "replace"):
        width = len(character.encode()) if character != "\ufffd" else 1
        if character not in "\0\ufffd":
            yield character, octets[place].start(), octets[place + width - 1].end()
        place += width
