"""A domain's pages: behind the log-in, in the navigation of all, with templates below the domain's own name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from foundation.database import Database
from foundation.http.pages import Pages
from foundation.http.web import Call, services_of
from foundation.settings import Settings
from tests.foundation.http.test_login import log_in
from tests.signals import Held
from wsgi import create_app


@pytest.fixture
def gardened(settings: Settings, tmp_path: Path) -> Iterator[Flask]:
    """The application with the pages of one more domain."""
    pages = Pages("garden", str(tmp_path / "pages.py"))
    (tmp_path / "templates" / "garden").mkdir(parents=True)
    (tmp_path / "templates" / "garden" / "beds.html").write_text(
        '{% extends "project.html" %}{% block main %}<p>{{ n }} beds</p>{% endblock %}'
    )

    @pages.page("/beds", called="Beds")
    def beds(call: Call) -> str:
        return pages.render(call, "beds", n=3)

    @pages.page("/beds/first")
    def first_bed(call: Call) -> str:
        return pages.render(call, "beds", n=1)

    app = create_app(settings)
    app.register_blueprint(pages.blueprint)
    yield app
    services_of(app).database.engine.dispose()


@pytest.fixture
def browser(gardened: Flask, database: Database) -> FlaskClient:
    return gardened.test_client()


class TestPages:
    def test_one_with_a_name_stands_in_the_navigation_of_all_behind_those_before(
        self, browser: FlaskClient, project: Held
    ) -> None:
        log_in(browser, project.keys["read"])

        for path in ("", "/quality", "/beds", "/beds/first"):
            page = browser.get(f"/p/{project.name}{path}").text

            names = [part.partition("<")[0] for part in page.partition("<nav>")[2].partition("</nav>")[0].split('">')]
            assert names[1:] == ["Projects", project.name, "Quality", "Beds"]

    def test_a_template_is_found_below_the_name_of_its_domain(self, browser: FlaskClient, project: Held) -> None:
        log_in(browser, project.keys["read"])

        assert "<p>3 beds</p>" in browser.get(f"/p/{project.name}/beds").text

    def test_nobody_sees_one_without_logging_in(self, browser: FlaskClient, project: Held) -> None:
        assert browser.get(f"/p/{project.name}/beds").headers["Location"] == "/"

    def test_a_project_that_the_key_does_not_open_is_not_there(self, browser: FlaskClient, project: Held) -> None:
        log_in(browser, project.keys["read"])

        assert browser.get("/p/another/beds").status_code == 404
