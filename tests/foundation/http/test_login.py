"""Logging in and out of the pages: what a cookie opens, and when it opens nothing any more."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, update
from sqlmodel import col, select

from foundation.database import Database, unit_of_work, utc_now
from foundation.http.keys import Key, retire_key
from foundation.http.sessions import PageSession
from foundation.http.tasks import forget_sessions
from foundation.queue import Runtime
from foundation.settings import Settings
from tests.signals import Held

Clients = Callable[[], FlaskClient]


@pytest.fixture
def browser(app: Flask, database: Database) -> FlaskClient:
    return app.test_client()


def log_in(client: FlaskClient, key: str, **parts: Any) -> int:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/").text)
    assert found
    return client.post("/", data={"csrf": found.group(1), "key": key}, **parts).status_code


def leave(client: FlaskClient) -> int:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/").text)
    assert found
    return client.post("/leave", data={"csrf": found.group(1)}).status_code


def is_inside(client: FlaskClient, project: Held) -> bool:
    return client.get(f"/p/{project.name}").status_code == 200


def copied(app: Flask, client: FlaskClient) -> FlaskClient:
    """Another browser with the same cookie."""
    cookie = client.get_cookie("session")
    assert cookie
    thief = app.test_client()
    thief.set_cookie("session", cookie.value)
    return thief


def count_sessions(database: Database) -> int:
    with unit_of_work(database, read_only=True) as session:
        return session.exec(select(func.count()).select_from(PageSession)).one()


def move_back(database: Database, column: str, by: timedelta) -> None:
    """As if that much time had passed since."""
    with unit_of_work(database) as session:
        session.connection().execute(update(PageSession).values({column: utc_now() - by}))


class TestLeave:
    def test_a_copied_cookie_opens_nothing_after_the_log_out(
        self, app: Flask, browser: FlaskClient, project: Held, database: Database
    ) -> None:
        log_in(browser, project.keys["read"])
        thief = copied(app, browser)
        assert is_inside(thief, project)

        assert leave(browser) == 303

        assert not is_inside(thief, project)
        assert not is_inside(browser, project)
        assert count_sessions(database) == 0

    def test_other_browsers_with_the_same_key_stay_inside(
        self, app: Flask, browser: FlaskClient, project: Held
    ) -> None:
        other = app.test_client()
        log_in(browser, project.keys["read"])
        log_in(other, project.keys["read"])

        leave(browser)

        assert is_inside(other, project)

    def test_logging_in_anew_ends_the_session_before(
        self, app: Flask, browser: FlaskClient, project: Held, database: Database
    ) -> None:
        log_in(browser, project.keys["read"])
        thief = copied(app, browser)

        log_in(browser, project.keys["manage"])

        assert not is_inside(thief, project)
        assert count_sessions(database) == 1


class TestEnds:
    def test_a_retired_key_ends_its_sessions_at_once(
        self, browser: FlaskClient, project: Held, database: Database
    ) -> None:
        log_in(browser, project.keys["read"])
        with unit_of_work(database) as session:
            mine = session.exec(select(PageSession)).one()
            retire_key(session, mine.key_id, now=utc_now())

        assert not is_inside(browser, project)

    @pytest.mark.parametrize("column", ["seen_at", "created_at"])
    def test_it_ends_by_itself(
        self, browser: FlaskClient, project: Held, database: Database, settings: Settings, column: str
    ) -> None:
        log_in(browser, project.keys["read"])
        limit = settings.session_idle_s if column == "seen_at" else settings.session_longest_s
        move_back(database, column, timedelta(seconds=limit - 60))
        assert is_inside(browser, project)

        move_back(database, column, timedelta(seconds=limit + 1))

        assert not is_inside(browser, project)

    def test_whoever_looks_at_a_page_is_seen(self, browser: FlaskClient, project: Held, database: Database) -> None:
        log_in(browser, project.keys["read"])
        move_back(database, "seen_at", timedelta(minutes=30))

        is_inside(browser, project)

        with unit_of_work(database, read_only=True) as session:
            assert utc_now() - session.exec(select(PageSession)).one().seen_at < timedelta(minutes=5)

    def test_what_opens_nothing_any_more_is_swept(
        self, app: Flask, project: Held, database: Database, settings: Settings
    ) -> None:
        roles = ("read", "manage", "admin")
        for role in roles:
            log_in(app.test_client(), project.keys[role])
        with unit_of_work(database) as session:
            by_role = {
                key.role: row
                for row, key in session.exec(select(PageSession, Key).join(Key, col(Key.id) == col(PageSession.key_id)))
            }
            by_role["read"].seen_at = utc_now() - timedelta(seconds=settings.session_idle_s + 1)
            retire_key(session, by_role["manage"].key_id, now=utc_now())

        forget_sessions(cast("Runtime", SimpleNamespace(database=database, settings=settings)))

        with unit_of_work(database, read_only=True) as session:
            (left,) = session.exec(select(PageSession)).all()
            assert session.get_one(Key, left.key_id).role == "admin"


class TestCookie:
    def test_it_is_kept_from_scripts_and_other_sites_and_over_https_never_sent_in_clear(
        self, app: Flask, project: Held, database: Database
    ) -> None:
        told = {}
        for scheme in ("http", "https"):
            client = app.test_client()
            found = re.search(r'name="csrf" value="([^"]+)"', client.get("/", base_url=f"{scheme}://localhost").text)
            assert found
            answer = client.post(
                "/", base_url=f"{scheme}://localhost", data={"csrf": found.group(1), "key": project.keys["read"]}
            )
            told[scheme] = {part.strip() for part in answer.headers["Set-Cookie"].split(";")[1:]}

        assert told["http"] == {"HttpOnly", "Path=/", "SameSite=Strict"}
        assert told["https"] == told["http"] | {"Secure"}

    def test_the_database_holds_nothing_that_opens(
        self, browser: FlaskClient, project: Held, database: Database
    ) -> None:
        log_in(browser, project.keys["read"])
        with browser.session_transaction() as cookie:
            token = cookie["session"]
        with unit_of_work(database, read_only=True) as session:
            row = session.exec(select(PageSession)).one()

        assert token.encode() not in row.token_hash
        with browser.session_transaction() as cookie:
            cookie["session"] = row.token_hash.hex()
        assert not is_inside(browser, project)

    @pytest.mark.parametrize("held", [7, None, [], {"a": 1}, "", "winnow_page_x", "\0"])
    def test_junk_in_a_cookie_of_ours_opens_nothing(self, browser: FlaskClient, project: Held, held: object) -> None:
        with browser.session_transaction() as cookie:
            cookie["session"] = held

        assert not is_inside(browser, project)
        assert browser.get("/").status_code == 200
