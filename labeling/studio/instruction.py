"""The guidelines as Label Studio shows them: its instruction is HTML, and the project file's text is shown as it is."""

from __future__ import annotations

import re
import unicodedata
from html import escape

from labeling.project import Guidelines

_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")


def instruction_of(guidelines: Guidelines | None) -> str:
    """The instruction of a project in Label Studio; empty where there are no guidelines.

    Only what Label Studio gives back unchanged: it cleans HTML, and a difference would look like a change by hand.

    >>> instruction_of(Guidelines("2", "Read twice.\\n\\nIs it < 3 words?\\nSkip it."))
    '<p><b>Guidelines, version 2</b></p><p>Read twice.</p><p>Is it &lt; 3 words?<br>Skip it.</p>'
    """
    if guidelines is None:
        return ""
    paragraphs = _BLANK_LINES.split("\n".join(guidelines.text.splitlines()).strip())
    shown = "".join(f"<p>{_shown(paragraph)}</p>" for paragraph in paragraphs)
    return f"<p><b>Guidelines, version {_shown(guidelines.version)}</b></p>{shown}"


def _shown(paragraph: str) -> str:
    return "<br>".join(escape(_readable(line), quote=False) for line in paragraph.split("\n"))


def _readable(line: str) -> str:
    """Without control characters, which HTML has none of."""
    return "".join(" " if unicodedata.category(character) in {"Cc", "Cs"} else character for character in line)
