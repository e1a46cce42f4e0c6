"""The pages of a project: a domain adds its own, each behind the log-in and in the navigation of all of them.

Templates of a domain lie below its name (`quality/templates/quality/report.html`), so that no two domains can mean the same
file. They extend `project.html`, and import `macros.html`, which are here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, current_app, redirect, render_template
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue

from foundation.database import unit_of_work, utc_now
from foundation.errors import NotFound
from foundation.http.login import csrf_token, logged_in
from foundation.http.web import Call, services_of

NAVIGATION = "winnow.navigation"
"""Under this name the application keeps the entries of all domains, in the order in which the roof adds them."""
View = Callable[[Call], str]


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the navigation; `path` is what follows the project's own, `/p/<project>`."""

    path: str
    called: str


class Pages:
    """A domain's pages. The roof registers `blueprint`; a page cannot be added without the log-in before it.

    Args:
        domain: its name, under which its templates lie.
        file: the domain's `pages.py`, beside which they lie.
    """

    def __init__(self, domain: str, file: str) -> None:
        self.blueprint = Blueprint(f"{domain}_pages", domain, template_folder=str(Path(file).parent / "templates"))
        self.blueprint.record_once(self._enter_navigation)
        self._domain = domain
        self._entries: list[Entry] = []

    def page(self, path: str = "", *, called: str | None = None) -> Callable[[View], View]:
        """Adds a page of a project.

        Args:
            path: what follows `/p/<project>`.
            called: its name in the navigation; without one, other pages lead to it.
        """

        def add(view: View) -> View:
            self.blueprint.get(f"/p/<project>{path}", endpoint=view.__name__)(_guarded(view))
            if called is not None:
                self._entries.append(Entry(path, called))
            return view

        return add

    def render(self, call: Call, name: str, **shown: object) -> str:
        """The template `<domain>/<name>.html`, which knows the project, the navigation and the token for forms."""
        navigation = current_app.extensions[NAVIGATION]
        return render_template(
            f"{self._domain}/{name}.html", project=call.project, navigation=navigation, csrf=csrf_token(), **shown
        )

    def _enter_navigation(self, state: BlueprintSetupState) -> None:
        state.app.extensions.setdefault(NAVIGATION, []).extend(self._entries)


def _guarded(view: View) -> Callable[..., ResponseReturnValue]:
    """Who is not logged in is led to the door; who is sees the projects of their key."""

    def guarded(project: str) -> ResponseReturnValue:
        caller = logged_in()
        if caller is None:
            return redirect("/")
        services = services_of(current_app)
        with unit_of_work(services.database, read_only=True) as session:
            project_id = services.projects.find(session, project)
        if project_id is None or caller.project_id not in {None, project_id}:
            raise NotFound("there is no such project here")
        return view(Call(services, caller, project, project_id, None, utc_now()))

    guarded.__name__, guarded.__doc__ = view.__name__, view.__doc__
    return guarded
