"""The pages' door: a key typed once opens a session that can be ended; forms carry a token that only our own pages know."""

from __future__ import annotations

import secrets
from contextlib import suppress
from hmac import compare_digest

from flask import Blueprint, Flask, Request, current_app, redirect, render_template, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from sqlmodel import Session

from foundation.database import unit_of_work, utc_now
from foundation.errors import Forbidden, KeyRetired, Unauthorized, Unavailable, UnsupportedMedia
from foundation.http.guards import READERS
from foundation.http.keys import Caller, caller_of
from foundation.http.sessions import end_session, find_session, lifetime_of, note_seen, open_session
from foundation.http.web import services_of

LARGEST_FORM_BYTES = 8192
HELD = "session"
"""Where the cookie holds the session's token."""
blueprint = Blueprint("login", __name__, template_folder="templates")


class PageCookies(SecureCookieSessionInterface):
    """The signed cookie: over https it is never sent in clear, whatever the settings say."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return super().get_cookie_secure(app) or request.is_secure

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """None, so an empty one that takes nothing, for calls of the API: they have a key, and no cookie."""
        return None if request.path.startswith("/v1/") else super().open_session(app, request)


@blueprint.get("/")
def door() -> ResponseReturnValue:
    """The log-in, or, once inside, the projects."""
    caller = logged_in()
    if caller is None:
        return render_template("login.html", csrf=csrf_token(), wrong=False)
    return render_template("projects.html", csrf=csrf_token(), projects=_projects_of(caller))


@blueprint.post("/")
def enter() -> ResponseReturnValue:
    """Takes a read, manage or admin key."""
    check_csrf()
    services = services_of(current_app)
    services.limiter.count_request("log-in", request.remote_addr or "", "")
    try:
        with unit_of_work(services.database, read_only=True) as database_session:
            caller = caller_of(database_session, request.form.get("key", "").strip())
    except (Unauthorized, KeyRetired):
        return render_template("login.html", csrf=csrf_token(), wrong=True), 401
    if caller.role not in READERS:
        return render_template("login.html", csrf=csrf_token(), wrong=True), 403
    with unit_of_work(services.database) as database_session:
        _end_held(database_session)
        token = open_session(database_session, caller.key_id, now=utc_now())
    session.clear()
    session[HELD] = token
    return redirect("/", 303)


@blueprint.post("/leave")
def leave() -> ResponseReturnValue:
    """Ends the session here, not only in this browser."""
    check_csrf()
    with unit_of_work(services_of(current_app).database) as database_session:
        _end_held(database_session)
    session.clear()
    return redirect("/", 303)


def logged_in() -> Caller | None:
    """Who is logged in, while the session lasts and the key is still good."""
    held = session.get(HELD)
    if not isinstance(held, str):
        return None
    services, now = services_of(current_app), utc_now()
    with unit_of_work(services.database, read_only=True) as database_session:
        found = find_session(database_session, held, lifetime_of(services.settings), now=now)
    if found is None:
        return None
    if found.is_to_be_noted:
        # A database that cannot be written to for a while must not keep anybody from reading.
        with suppress(Unavailable), unit_of_work(services.database) as database_session:
            note_seen(database_session, held, now=now)
    return found.caller


def csrf_token() -> str:
    """This session's token for forms."""
    return str(session.setdefault("csrf", secrets.token_urlsafe(16)))


def check_csrf() -> None:
    """Raises Forbidden unless the form came from a page of ours; what is larger than any of them is answered 413."""
    # Before the form is read: an upload nobody asked for would be spooled to a file.
    if request.mimetype != "application/x-www-form-urlencoded":
        raise UnsupportedMedia("a form is sent as application/x-www-form-urlencoded")
    request.max_content_length = LARGEST_FORM_BYTES
    sent = request.form.get("csrf", "")
    if not compare_digest(sent.encode(), str(session.get("csrf", "")).encode()) or not sent:
        raise Forbidden("the form is too old or came from elsewhere: load the page again")


def _end_held(database_session: Session) -> None:
    held = session.get(HELD)
    if isinstance(held, str):
        end_session(database_session, held)


def _projects_of(caller: Caller) -> list[str]:
    services = services_of(current_app)
    with unit_of_work(services.database, read_only=True) as database_session:
        visible = None if caller.project_id is None else {caller.project_id}
        return list(services.projects.names(database_session, visible).values())
