"""docs/project-file.md and docs/project-schema.json are what the definitions say; `WINNOW_WRITE_REFERENCE=1 pytest` on this file writes them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator

import wsgi
from collector.project import definition_of, parse_project
from collector.project_document import load_document
from collector.project_reference import project_page, project_schema
from foundation.document.definitions import Definition
from foundation.document.pages import entries
from tests.architecture.sources import ROOT

PAGE, SCHEMA = ROOT / "docs" / "project-file.md", ROOT / "docs" / "project-schema.json"
SWITCH = "WINNOW_WRITE_REFERENCE"
ASKED_TO_WRITE = os.environ.get(SWITCH) == "1"  # read at import: no setting of the shell reaches a test
SECTIONS = wsgi.sections()


def properties(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Every key that a schema names, by its path; `<>` for what a document names itself."""
    for key, part in schema.get("properties", {}).items():
        yield f"{path}.{key}".lstrip(".")
        yield from properties(part, f"{path}.{key}".lstrip("."))
    for part in [case["then"] for case in schema.get("allOf", ())] + list(schema.get("anyOf", ())):
        yield from properties(part, path)
    for part in schema.get("patternProperties", {}).values():
        yield from properties(part, f"{path}.<>")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from properties(schema["additionalProperties"], f"{path}.<>")
    if "items" in schema:
        yield from properties(schema["items"], f"{path}[]")


def written(path: str) -> str:
    """A path of the page as `properties` writes it."""
    return re.sub(r"<[^>]*>", "<>", path)


def keys_without_words(definition: Definition, path: str) -> Iterator[str]:
    """Keys that no sentence explains."""
    for step, part in definition.parts():
        below = f"{path}.{step}"
        is_named = not step.startswith(("<", "["))
        if is_named and not part.says:
            yield below
        yield from keys_without_words(part, below)


class TestPage:
    def test_it_is_what_the_definitions_say(self) -> None:
        text = project_page(SECTIONS)
        if ASKED_TO_WRITE:
            PAGE.write_text(text, "utf-8")

        assert PAGE.read_text("utf-8") == text, f"it has changed; write it again: {SWITCH}=1"

    def test_it_has_a_row_for_every_key_of_the_schema(self) -> None:
        document = definition_of(SECTIONS)
        rows = {written(entry.path) for key, one in document.keys.items() for entry in entries(key, one)}

        assert set(properties(project_schema(SECTIONS))) - rows == set()

    def test_every_key_is_explained_in_a_sentence(self) -> None:
        assert list(keys_without_words(definition_of(SECTIONS), "")) == []

    @pytest.mark.parametrize(
        "key",
        ["project", "fields.<field>.values", "privacy.permissions", "population.<column>.<value>", "labeling.choose.backlog",
         "questions.<question>.consensus", "expectations[].kwargs", "export.gates.<question>.alpha", "export.gates.min_rows"],
    )  # fmt: skip
    def test_it_names_keys_by_their_path(self, key: str) -> None:
        assert f"| `{key}`" in PAGE.read_text("utf-8")

    def test_it_lists_what_is_not_in_effect_with_what_is_done_instead(self) -> None:
        text = PAGE.read_text("utf-8").split("## Not in effect yet")[1]

        assert "| `questions.<question>.consensus: dawid-skene` | the majority of an item's answers is taken |" in text
        assert "| `export.weights: population` | every row has the weight 1 |" in text


class TestSchema:
    def test_the_one_in_the_documents_is_what_the_definitions_say(self) -> None:
        text = json.dumps(project_schema(SECTIONS), indent=1, ensure_ascii=False) + "\n"
        if ASKED_TO_WRITE:
            SCHEMA.write_text(text, "utf-8")

        assert SCHEMA.read_text("utf-8") == text, f"it has changed; write it again: {SWITCH}=1"

    def test_it_is_served_without_a_key(self, app: Flask) -> None:
        answer = app.test_client().get("/project-schema.json")

        assert (answer.status_code, answer.content_type) == (200, "application/schema+json")
        assert json.loads(answer.data) == json.loads(SCHEMA.read_text("utf-8"))

    @pytest.mark.parametrize("file", ["README.md", "examples/slang/project.yaml"])
    def test_the_files_that_we_show_are_valid(self, file: str) -> None:
        text = (ROOT / file).read_text("utf-8")
        if file.endswith(".md"):
            text = text.split("<<'YAML'\n")[1].split("\nYAML\n")[0]
        body = load_document(text.encode())

        Draft202012Validator(project_schema(SECTIONS)).validate(body)
        parse_project(body, SECTIONS)

    def test_it_is_json_schema_2020_12(self) -> None:
        Draft202012Validator.check_schema(project_schema(SECTIONS))
