"""The pages, seen by a real browser where one is installed, and by a plain client everywhere."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from foundation.database import Database
from tests.quality.conftest import Rated

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def log_in(client: FlaskClient, key: str) -> int:
    token = re.search(r'name="csrf" value="([^"]+)"', client.get("/").text)
    assert token
    return client.post("/", data={"csrf": token.group(1), "key": key}).status_code


@pytest.fixture
def served(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class TestLogIn:
    def test_without_a_key_every_page_leads_to_the_door(self, app_client: FlaskClient, rated: Rated) -> None:
        answer = app_client.get(f"/p/{rated.held.name}/quality")

        assert (answer.status_code, answer.headers["Location"]) == (302, "/")

    def test_a_read_key_opens_its_project(self, app_client: FlaskClient, rated: Rated) -> None:
        assert log_in(app_client, rated.held.keys["read"]) == 303

        assert app_client.get(f"/p/{rated.held.name}/quality").status_code == 200

    @pytest.mark.parametrize("role", ["ingest", "backend"])
    def test_an_app_s_key_opens_nothing(self, app_client: FlaskClient, rated: Rated, role: str) -> None:
        assert log_in(app_client, rated.held.keys[role]) == 403

        assert app_client.get(f"/p/{rated.held.name}").status_code == 302

    def test_a_form_without_our_token_is_refused(self, app_client: FlaskClient, rated: Rated) -> None:
        assert app_client.post("/", data={"key": rated.held.keys["read"]}).status_code == 403

    def test_a_page_loads_nothing_from_elsewhere(
        self, app_client: FlaskClient, rated: Rated, database: Database
    ) -> None:
        rated.measure(database)
        log_in(app_client, rated.held.keys["manage"])

        answer = app_client.get(f"/p/{rated.held.name}/quality")

        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert not re.search(r'(?:src|href)="https?:', answer.text)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed: the pages are not seen by a browser")
class TestInABrowser:
    def test_a_person_logs_in_and_sees_alpha_drawn_beside_its_figure(
        self, served: str, database: Database, rated: Rated
    ) -> None:
        from playwright.sync_api import sync_playwright

        rated.measure(database)
        elsewhere: list[str] = []
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_context(java_script_enabled=False).new_page()
            page.on("request", lambda request: elsewhere.append(request.url))
            page.goto(served)
            page.fill("#key", rated.held.keys["read"])
            page.click("text=Log in >> nth=-1")
            page.click(f"text={rated.held.name}")
            page.click("text=Quality")
            heading = page.inner_text("h1")
            drawn = page.locator("svg circle").count()
            table = page.inner_text("table >> nth=0")
            browser.close()

        assert heading == f"Quality of {rated.held.name}"
        assert drawn == 1
        assert "Krippendorff's alpha" in table
        assert all(url.startswith(served) for url in elsewhere)
