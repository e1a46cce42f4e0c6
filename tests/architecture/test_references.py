"""What may name a row without a foreign key: only a table whose rows never go."""

from __future__ import annotations

import ast

from sqlmodel import SQLModel

from tests.architecture.sources import calls, sources

UNREFERENCED = {"items", "signals"}
"""Tables of which a batch adds hundreds of rows: they name their project without a check for each."""


def test_only_they_name_a_project_without_a_reference() -> None:
    without = {
        name
        for name, table in SQLModel.metadata.tables.items()
        if "project_id" in table.primary_key.columns and not table.c.project_id.foreign_keys
    }

    assert without == UNREFERENCED


def test_projects_never_go() -> None:
    for path, module in sources().items():
        deleted = [call.args[0] for call in calls(module, "delete") if call.args]
        assert not any(isinstance(one, ast.Name) and one.id == "Project" for one in deleted), path
        texts = (
            node.value for node in ast.walk(module) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )
        assert not any("DELETE FROM projects" in text for text in texts), path
