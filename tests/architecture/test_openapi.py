"""docs/openapi.yaml is what the server says of itself; `WINNOW_WRITE_OPENAPI=1 pytest tests/architecture/test_openapi.py` writes it."""

from __future__ import annotations

import os
from typing import Any

import pytest
import yaml
from flask import Flask
from openapi_spec_validator import validate

from foundation.http.openapi import describe_api
from foundation.settings import Settings
from tests.architecture.sources import ROOT
from wsgi import create_app

WRITTEN = ROOT / "docs" / "openapi.yaml"
SWITCH = "WINNOW_WRITE_OPENAPI"
ASKED_TO_WRITE = os.environ.get(SWITCH) == "1"  # read at import: no setting of the shell reaches a test


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    app: Flask = create_app(Settings.model_validate({"home": tmp_path_factory.mktemp("home"), "log_level": "WARNING"}))
    answer = app.test_client().get("/openapi.json")
    assert answer.status_code == 200
    document: dict[str, Any] = answer.get_json()
    assert document == describe_api(app)
    return document


class TestDocument:
    def test_it_is_valid(self, served: dict[str, Any]) -> None:
        assert served["openapi"].startswith("3.1")
        validate(served)

    def test_a_client_made_from_it_can_name_a_person_and_turn_a_page(self, served: dict[str, Any]) -> None:
        project = served["paths"]["/v1/projects/{project}/subject/consent"]["put"]["parameters"]
        letters = served["paths"]["/v1/projects/{project}/dead-letters"]["get"]["parameters"]

        assert {(one["in"], one["name"]) for one in project} == {
            ("path", "project"),
            ("header", "Winnow-Subject"),
            ("header", "Winnow-Subject-Token"),
        }
        assert ("query", "cursor") in {(one["in"], one["name"]) for one in letters}

    def test_it_is_the_one_in_the_documentation(self, served: dict[str, Any]) -> None:
        text = yaml.safe_dump(served, sort_keys=True, allow_unicode=True, width=120)
        if ASKED_TO_WRITE:
            WRITTEN.write_text(text, "utf-8")

        assert WRITTEN.exists(), f"write it: {SWITCH}=1 python -m pytest {__file__}"
        assert WRITTEN.read_text("utf-8") == text, f"it has changed; write it again: {SWITCH}=1"
