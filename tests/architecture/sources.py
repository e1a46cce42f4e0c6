"""The source files of the five packages, parsed once, for guards that read code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("foundation", "collector", "labeling", "quality", "exports")
EDGES = ("api.py", "cli.py", "tasks.py", "pages.py")


@cache
def sources() -> dict[str, ast.Module]:
    """Each module by its path from the repository's root."""
    paths = [ROOT / "wsgi.py", *(path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py")))]
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8")) for path in paths}


def imports_of(module: ast.Module) -> Iterator[str]:
    """Full names of what a module imports, at its top or inside a function."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def files_that_import(*libraries: str) -> set[str]:
    return {
        path
        for path, module in sources().items()
        if any(name.split(".")[0] in libraries for name in imports_of(module))
    }


def calls(module: ast.Module, name: str) -> Iterator[ast.Call]:
    """Calls of a function or a method of this name."""
    for node in ast.walk(module):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if (isinstance(called, ast.Name) and called.id == name) or (
            isinstance(called, ast.Attribute) and called.attr == name
        ):
            yield node
