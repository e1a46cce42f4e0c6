"""The repository's documents as pages: Markdown to HTML, with the anchors and links that the files themselves have."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
AT_THE_TOP = ("CHANGELOG", "CONTRIBUTING", "README", "SECURITY")
"""Documents that lie beside docs/, not in it."""
PICTURES = {".svg": "image/svg+xml", ".png": "image/png"}
PREFIX = "/docs/"


@lru_cache(maxsize=1)
def document_names() -> frozenset[str]:
    """What can be read, as it stands in a path: `clients`, `decisions/0005-subjects-in-headers`, `flow.svg`.

    Empty where the installation came without its documents.
    """
    below = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*") if path.is_file()]
    texts = {str(path.with_suffix("")) for path in below if path.suffix == ".md"}
    pictures = {str(path) for path in below if path.suffix in PICTURES}
    return frozenset(texts | pictures | {name for name in AT_THE_TOP if (ROOT / f"{name}.md").exists()})


def file_of(name: str) -> Path:
    """Where a document or picture lies; `name` is one of `document_names`."""
    folder = ROOT if name in AT_THE_TOP else ROOT / "docs"
    return folder / (name if Path(name).suffix in PICTURES else f"{name}.md")


def title_of(text: str) -> str:
    """A document's first heading.

    >>> title_of("# How a phone should send\\n\\nText")
    'How a phone should send'
    """
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1] if found else "a document"


def page_of(name: str, text: str) -> str:
    """A document's HTML. Links between documents lead to their pages; one that leads nowhere here stays as plain text.

    The text is the repository's own, and HTML in it is shown, not obeyed.
    """
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(text)
    _give_anchors(tokens)
    for token in tokens:
        token.children = _with_links(token.children or [], lambda target: _target_of(name, target))
    return str(reader.renderer.render(tokens, reader.options, {}))


def anchor_of(heading: str) -> str:
    """A heading's anchor, as code hosts make it: small letters, blanks to dashes, other marks dropped.

    >>> anchor_of("Of files and settings")
    'of-files-and-settings'
    """
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def _give_anchors(tokens: Sequence[Token]) -> None:
    for opening, inside in pairwise(tokens):
        if opening.type == "heading_open":
            opening.attrSet("id", anchor_of(inside.content))


def _with_links(tokens: Sequence[Token], target_of: Callable[[str], str | None]) -> list[Token]:
    kept: list[Token] = []
    leads_nowhere = False
    for token in tokens:
        if token.type == "link_open":
            target = target_of(str(token.attrGet("href")))
            leads_nowhere = target is None
            token.attrSet("href", target or "")
        if token.type == "image":
            token.attrSet("src", target_of(str(token.attrGet("src"))) or "")
        if token.type in {"link_open", "link_close"} and leads_nowhere:
            continue
        kept.append(token)
    return kept


def _target_of(name: str, target: str) -> str | None:
    """Where a link of a document leads on this server; None where the server has nothing there."""
    if target.startswith(("http://", "https://", "mailto:", "#")):
        return target
    place, _, anchor = target.partition("#")
    folder = PurePosixPath("/" if name in AT_THE_TOP else "/docs") / PurePosixPath(name).parent
    parts: list[str] = []
    for part in (folder / place).parts[1:]:
        parts = parts[:-1] if part == ".." else [*parts, part]
    wanted = "/".join(parts).removeprefix("docs/").removesuffix(".md")
    if wanted not in document_names():
        return None
    return f"{PREFIX}{wanted}" + (f"#{anchor}" if anchor else "")
