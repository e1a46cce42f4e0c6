"""What is read without a key: the API's page with its lines to try, the documents, the problems; and a browser's 404."""

from __future__ import annotations

import html
import re
import shlex

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from exports.promises import LOWERED
from foundation.database import Database, unit_of_work, utc_now
from foundation.http.api_reference import example_of, operations_of
from foundation.http.documents import document_names
from foundation.http.keys import Role, create_key
from foundation.http.openapi import describe_api
from foundation.reasons import Reason
from labeling.questions.configuration import BreakReason
from tests.architecture.test_docs import _errors, _reasons
from tests.signals import empty

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}
LINK = re.compile(r'(?:href|src)="([^"]*)"')
ANCHOR = re.compile(r'id="([^"]*)"')
UNREADABLE = {400, 405, 411, 413, 415, 422}


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


class TestReference:
    def test_every_call_has_a_line_that_the_server_understands(
        self, client: FlaskClient, opened_database: Database
    ) -> None:
        empty(opened_database)
        with unit_of_work(opened_database) as session:
            _, key = create_key(session, Role.ADMIN, None, now=utc_now())
        lines = [html.unescape(line) for line in re.findall(r"<code>(curl .*?)</code>", client.get("/docs").text)]
        first = [line for line in lines if "-X PUT" in line and line.split('"')[1].endswith("shop-reviews")]

        answers = {line: _try(client, line, key) for line in [*first, *lines]}

        assert first
        assert len(lines) == sum(len(calls) for calls in operations_of(describe_api(client.application)).values())
        assert not {line: answer.text for line, answer in answers.items() if answer.status_code in UNREADABLE}
        with_body = {line: answer for line, answer in answers.items() if " -d " in line and "/annotators/" not in line}
        assert not {line: answer.text for line, answer in with_body.items() if answer.status_code >= 300}

    def test_every_model_a_call_names_is_there(self, client: FlaskClient) -> None:
        page = client.get("/docs").text
        wanted = {target[1:] for target in LINK.findall(page) if target.startswith("#")}

        assert wanted
        assert wanted <= set(ANCHOR.findall(page))

    def test_an_example_shows_every_member(self) -> None:
        models = {"Sent": {"properties": {"id": {"type": "string", "format": "uuid"}, "n": {"type": "integer"}}}}
        listed = {"type": "array", "items": {"$ref": "#/components/schemas/Sent"}}

        assert [set(one) for one in example_of(listed, models)] == [{"id", "n"}]


class TestOpenApi:
    def test_words_of_a_closed_list_are_enums(self, client: FlaskClient) -> None:
        models = client.get("/openapi.json").json["components"]["schemas"]

        assert set(models["Status"]["enum"]) == {"accepted", "duplicate", "replayed", "rejected"}
        assert {"no", "later", "after_consent"} <= set(models["Retry"]["enum"])
        assert set(models["Reason"]["enum"]) == set(Reason)
        assert models["SignalResult"]["properties"]["status"] == {"$ref": "#/components/schemas/Status"}
        assert models["Place"]["properties"]["reason"] == {"$ref": "#/components/schemas/Reason"}

    @pytest.mark.slow
    def test_the_list_of_reasons_is_the_one_the_code_gives(self) -> None:
        assert (_reasons() | set(BreakReason) | {LOWERED}) - set(Reason) == set()

    def test_a_call_has_a_short_name_of_its_own(self, client: FlaskClient) -> None:
        paths = client.get("/openapi.json").json["paths"]
        names = [operation["operationId"] for methods in paths.values() for operation in methods.values()]

        assert len(set(names)) == len(names)
        assert not [name for name in names if not re.fullmatch(r"[a-z][A-Za-z]{3,30}", name)]

    def test_where_a_list_is_taken_a_list_is_described(self, client: FlaskClient) -> None:
        paths = client.get("/openapi.json").json["paths"]
        body = paths["/v1/projects/{project}/annotations"]["post"]["requestBody"]["content"]

        assert body["application/json"]["schema"]["type"] == "array"
        assert body["application/x-ndjson"]["schema"]["type"] == "string"

    def test_every_parameter_says_what_it_is_for(self, client: FlaskClient) -> None:
        paths = client.get("/openapi.json").json["paths"]
        silent = {
            (path, parameter["name"])
            for path, methods in paths.items()
            for operation in methods.values()
            for parameter in operation.get("parameters", [])
            if not parameter.get("description")
        }

        assert silent == set()


class TestDocuments:
    @pytest.mark.parametrize("name", sorted(name for name in document_names() if "." not in name))
    def test_each_is_a_page_whose_links_lead_somewhere(self, client: FlaskClient, name: str) -> None:
        page = client.get(f"/docs/{name}")

        assert page.status_code == 200
        broken = [target for target in LINK.findall(page.text) if not _leads_somewhere(client, page.text, target)]
        assert broken == []

    def test_every_problem_has_its_place(self, client: FlaskClient) -> None:
        problem = client.get("/v1/projects/x").json

        page, anchor = problem["type"].split("#")

        assert f'id="{anchor}"' in client.get(page).text
        assert len(set(ANCHOR.findall(client.get("/docs/problems").text))) > len(set(_errors())) / 2

    @pytest.mark.parametrize("name", ["../pyproject.toml", "..%2Fwsgi.py", "nope", "decisions", "/etc/passwd"])
    def test_nothing_else_is_read(self, client: FlaskClient, name: str) -> None:
        assert client.get(f"/docs/{name}").status_code in {308, 404}

    def test_html_in_a_document_is_shown_and_not_obeyed(self) -> None:
        from foundation.http.documents import page_of

        assert "<script>" not in page_of("index", "# A\n\n<script>alert(1)</script> `<b>`")


class TestBrowser:
    def test_what_is_not_served_is_a_page_for_a_person(self, client: FlaskClient) -> None:
        answer = client.get("/nothing", headers=BROWSER)

        assert (answer.status_code, answer.mimetype) == (404, "text/html")
        assert "<h1>Not Found</h1>" in answer.text

    @pytest.mark.parametrize("accept", ["*/*", "application/json", "application/problem+json", ""])
    def test_and_a_document_for_a_program(self, client: FlaskClient, accept: str) -> None:
        answer = client.get("/nothing", headers={"Accept": accept})

        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")

    def test_the_api_always_answers_programs(self, client: FlaskClient) -> None:
        assert client.get("/v1/projects/x", headers=BROWSER).mimetype == "application/problem+json"

    def test_a_page_repeats_nothing_of_what_was_asked(self, client: FlaskClient) -> None:
        assert "<script" not in client.get("/<script>alert(1)</script>", headers=BROWSER).text


def _try(client: FlaskClient, line: str, key: str) -> TestResponse:
    """What the server answers to a line of curl."""
    line = line.replace("$URL", "").replace("$KEY", key).replace("$TOKEN", "t" * 43)
    words = shlex.split(line)[1:]
    method, headers, body, path = "GET", {}, None, ""
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "-H":
            name, _, value = words.pop(0).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = words.pop(0).encode()
        elif not word.startswith("-"):
            path = word
    return client.open(path, method=method, headers=headers, data=body)


def _leads_somewhere(client: FlaskClient, page: str, target: str) -> bool:
    target = html.unescape(target)
    if target.startswith(("http://", "https://", "mailto:", "data:")):
        return True
    place, _, anchor = target.partition("#")
    reached = client.get(place) if place else None
    if reached is not None and reached.status_code != 200:
        return False
    text = page if reached is None else reached.get_data(as_text=True) if reached.mimetype.startswith("text/") else ""
    return not anchor or anchor in ANCHOR.findall(text)
