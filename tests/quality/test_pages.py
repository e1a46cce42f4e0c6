"""The pages, seen by a real browser where one is installed, and by a plain client everywhere."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import pytest
from flask import Flask, render_template
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from foundation.database import Database, utc_now
from quality.pages import WIDTH
from tests.quality.conftest import Rated

if TYPE_CHECKING:
    from playwright.sync_api import Page

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


class TestQuality:
    def test_the_bar_has_the_figures_of_the_interval_at_its_ends(
        self, app_client: FlaskClient, rated: Rated, database: Database
    ) -> None:
        rated.measure(database)
        log_in(app_client, rated.held.keys["read"])

        page = app_client.get(f"/p/{rated.held.name}/quality").text

        told = re.search(r"95 % interval (\S+) to (\S+)</td>", page)
        assert told
        assert re.findall(r"<text[^>]*>([^<]{2,})</text>", page) == list(told.groups())

    @pytest.mark.parametrize(("people", "said"), [(2, "of 1 pair of annotators"), (3, "of 3 pairs of annotators")])
    def test_one_pair_is_not_called_pairs(self, app: Flask, people: int, said: str) -> None:
        pairs = [{"a": "one", "b": "another", "n": 4, "kappa": 0.5}] * (people * (people - 1) // 2)

        assert f"kappa {said}<" in quality_page(app, cohen_kappa=pairs, n_annotators=people)

    def test_one_of_each_is_said_in_the_singular(self, app: Flask) -> None:
        assert "of 1 item by 1 annotator<" in quality_page(app, n_items=1, n_annotators=1)


def quality_page(app: Flask, **figures: object) -> str:
    """The page of one question with these figures, and no value where none is given."""
    unknown = dict.fromkeys(("alpha", "alpha_ci", "percent_agreement", "fleiss_kappa", "gwet_ac1"))
    agreement = {**unknown, "n_annotations": 1, "n_items": 1, "n_annotators": 1, "cohen_kappa": [], **figures}
    asked = {"kind": "rating", "level": "ordinal", "consensus": "majority", "agreement": agreement}
    report = {
        "no": 1,
        "created_at": utc_now(),
        "revision": 1,
        "annotations_upto_seq": 1,
        "body": {"questions": {"mood": asked}},
    }
    with app.test_request_context():
        return render_template(
            "quality/report.html", project="slang", navigation=(), report=report, bars={}, width=WIDTH, csrf=""
        )


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

    @pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
    def test_a_phone_shows_every_page_whole_in_the_colours_that_it_prefers(
        self, served: str, database: Database, rated: Rated, scheme: Literal["light", "dark"], is_dark: bool
    ) -> None:
        from playwright.sync_api import sync_playwright

        rated.measure(database)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_context(viewport={"width": 380, "height": 700}, color_scheme=scheme).new_page()
            page.goto(served)
            page.fill("#key", rated.held.keys["read"])
            page.click("text=Log in >> nth=-1")
            widths = {path: _width_of(page, served + path) for path in ("/", "/docs", "/p/slang", "/p/slang/quality")}
            red = page.evaluate("parseInt(getComputedStyle(document.body).backgroundColor.slice(4))")
            browser.close()

        assert widths == dict.fromkeys(widths, 380)
        assert (red < 128) is is_dark


def _width_of(page: Page, url: str) -> int:
    page.goto(url)
    return int(page.evaluate("document.documentElement.scrollWidth"))


class TestAliases:
    def test_who_manages_sees_the_alias_a_lead_gave_and_who_reads_a_number(
        self, app_client: FlaskClient, rated: Rated, database: Database
    ) -> None:
        rated.measure(database)
        held = rated.held
        url = f"/v1/projects/{held.name}"
        manage = {"Authorization": f"Bearer {held.keys['manage']}"}
        put = app_client.put(f"{url}/annotators/person1@example.com", json={"alias": "Kim"}, headers=manage)
        assert put.status_code == 200

        shown, told = {}, {}
        for role in ("manage", "read"):
            log_in(app_client, held.keys[role])
            shown[role] = app_client.get(f"/p/{held.name}/quality").text
            headers = {"Authorization": f"Bearer {held.keys[role]}"}
            told[role] = app_client.get(f"{url}/quality", headers=headers).text

        for seen in (shown, told):
            assert "Kim" in seen["manage"]
            assert "Kim" not in seen["read"]
            assert put.json["annotator"] == 2  # type: ignore[index]
            assert ("annotator-2" in seen["manage"], "annotator-2" in seen["read"]) == (False, True)
