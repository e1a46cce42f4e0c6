"""The roof: composes the application, the commands and the worker; the only module that knows every domain."""

from __future__ import annotations

import gc
import os
import sys
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from foundation.cli import PROJECTS as READ_PROJECTS
from foundation.cli import RECORDS as READ_RECORDS
from foundation.cli import SECTIONS as READ_SECTIONS
from foundation.cli import Command, CommandLine, LazyGroup

if TYPE_CHECKING:
    from flask import Flask

    from foundation.http.front import Front
    from foundation.http.web import Services
    from foundation.projects import Projects
    from foundation.settings import Settings

TASK_MODULES = (
    "foundation.tasks",
    "foundation.http.tasks",
    "collector.tasks",
    "labeling.tasks",
    "quality.tasks",
    "exports.tasks",
)
MODELS = (
    "foundation.http.keys",
    "foundation.http.sessions",
    "foundation.activity",
    "foundation.jobs",
    "foundation.step_rows",
    "foundation.heartbeats",
    "collector.models",
    "labeling.models",
    "quality.models",
    "exports.models",
)
SECTIONS = ("labeling.section", "quality.section", "exports.section")
RECORDS = ("labeling.record", "quality.record", "exports.record")
ROUTES = (
    "collector.api",
    "collector.items.api",
    "collector.subjects.api",
    "labeling.api",
    "quality.api",
    "exports.api",
    "foundation.http.jobs_api",
)
BLUEPRINTS = ("foundation.http.health", "foundation.http.docs_pages", "foundation.http.login")
PAGES = ("quality.pages",)
"""In the order of the navigation."""
GROUPS = (
    ("collector", "Signals: scrub, apply a project, ingest, erase."),
    ("labeling", "Label Studio both ways, annotations, consensus."),
    ("quality", "Agreement, expectations, the quality report."),
    ("exports", "Versions: build, list, download, verify."),
)
ABOUT = """Winnow collects what mobile apps see, has people label it, measures how good the labels are, and hands out
versioned training sets whose every byte can be checked.

Everything is kept in ./var, or in the folder that WINNOW_HOME names. A first look: `make demo`; a project of your own:
`winnow up` here, and in another terminal `winnow keys create --role admin` and `winnow collector apply project.yaml`."""
NEEDS_ROUTES = {"routes", "run", "shell"}


def create_app(settings: Settings | None = None) -> Flask:
    """The whole web application.

    Raises:
        BadSettings: a setting is missing or weak.
        StepsMisdeclared: what the domains say is owed does not fit together.
    """
    from flask_openapi3 import Info, OpenAPI
    from werkzeug.middleware.proxy_fix import ProxyFix

    from collector.project_reference import project_schema
    from foundation.http.each_request import observe_requests
    from foundation.http.login import PageCookies
    from foundation.http.openapi import MADE_SCHEMAS, describe_api, register_routes
    from foundation.http.problems import register_problems
    from foundation.http.web import EXTENSION
    from foundation.observability import configure_logging
    from foundation.settings import load_settings
    from foundation.steps import all_steps

    settings = settings or load_settings()
    configure_logging(settings.log_level)
    info = Info(
        title="Winnow", version="1", description="Data collection and labeling quality for mobile machine learning"
    )
    app = OpenAPI("winnow", info=info, doc_ui=False, security_schemes={"key": {"type": "http", "scheme": "bearer"}})
    # Two slashes are another path: 404, not a redirect to what the client called the host.
    app.url_map.merge_slashes = False
    app.secret_key = settings.secret_key.get_secret_value() or os.urandom(32)
    app.config.update(
        SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Strict", SESSION_COOKIE_SECURE=settings.is_production
    )
    app.session_interface = PageCookies()
    app.extensions[EXTENSION] = _services(settings)
    if settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies, x_proto=settings.trusted_proxies)  # type: ignore[method-assign]
    observe_requests(app)
    register_problems(app)
    for name in ROUTES:
        register_routes(app, import_module(name).routes.blueprint)
    for name in BLUEPRINTS:
        app.register_blueprint(import_module(name).blueprint)
    for name in PAGES:
        app.register_blueprint(import_module(name).pages.blueprint)
    app.extensions["openapi"] = lambda: describe_api(app)
    app.extensions[MADE_SCHEMAS] = {"ProjectFileSent": lambda: project_schema(sections())}
    app.extensions["project_schema"] = lambda: project_schema(sections())
    worker()
    all_steps()
    return app


def _services(settings: Settings) -> Services:
    from foundation.database import open_database
    from foundation.http.limits import open_limiter
    from foundation.http.web import Services
    from labeling.queries import count_labeling

    return Services(
        settings=settings,
        database=open_database(settings.database),
        limiter=open_limiter(settings),
        projects=projects(),
        sections=sections(),
        counters=(count_labeling,),
        records=records(),
    )


def create_front(application: Flask) -> Front:
    """What the web server serves: the application behind the part that reads bodies."""
    from foundation.http.each_request import refuse
    from foundation.http.front import Bounds, Front, allow_many_connections
    from foundation.http.guards import knows_key
    from foundation.http.web import services_of
    from foundation.memory_budget import Budget

    allow_many_connections()
    services = services_of(application)
    settings = services.settings
    return Front(
        application.wsgi_app,
        refuse=refuse,
        bounds=Bounds(settings.max_unpacked_bytes, settings.body_deadline_s),
        budget=Budget(settings.max_bodies_bytes // max(1, settings.api_processes)),
        knows=partial(knows_key, services.database),
    )


def worker() -> Any:
    """The Celery application with every domain's tasks; `celery -A wsgi:celery_app` starts a worker with it."""
    from foundation import steps
    from foundation.queue import compose

    steps.compose(TASK_MODULES)
    return compose(TASK_MODULES, check=steps.all_steps, sections=sections)


def sections() -> tuple[Any, ...]:
    """How the domains above the collector read their parts of a project file."""
    return tuple(import_module(name).SECTION for name in SECTIONS)


def records() -> tuple[Any, ...]:
    """What the domains above the collector add to a person's record."""
    return tuple(import_module(name).contribute for name in RECORDS)


def projects() -> Projects:
    """How the floors below the collector find a project by its name, and name it by its id."""
    from collector.project_names import KNOWN, find_project, name_projects, near_project
    from foundation.projects import Projects

    return Projects(find_project, near_project, name_projects, KNOWN)


def commands() -> tuple[Command, ...]:
    """Every command, in the order in which somebody needs them; a domain's are imported when they are asked for."""
    from foundation.running.up_cli import doctor, up

    return (
        up,
        doctor,
        LazyGroup(
            "keys", "foundation.http.keys_cli:commands", "Keys: create, list, retire.", {READ_PROJECTS: projects}
        ),
        *(
            LazyGroup(name, f"{name}.cli:commands", told, {READ_SECTIONS: sections, READ_RECORDS: records})
            for name, told in GROUPS
        ),
    )


def main() -> None:
    """The `winnow` command: what `flask …` is in the repository's root, from anywhere and without the web's libraries."""
    from foundation.opening import before_opening

    before_opening(worker)
    CommandLine("winnow", ABOUT, commands(), begin=_log_quietly)(prog_name="winnow")


def _command_line() -> Flask:
    """The same commands for `flask …`, and nothing of the web unless a command is about it."""
    from flask import Flask

    from foundation.opening import before_opening

    before_opening(worker)
    _log_quietly()
    app = Flask("winnow")
    for command in commands():
        app.cli.add_command(command)
    return app


def _log_quietly() -> None:
    from foundation.observability import configure_logging

    configure_logging(os.environ.get("WINNOW_LOG_LEVEL", "WARNING"))


def __getattr__(name: str) -> Any:
    """`wsgi:front` for the web server, `wsgi:app` for `flask`, `wsgi:celery_app` for workers; made when asked for."""
    if name == "celery_app":
        return worker()
    if name == "front":
        globals()[name] = create_front(create_app())
        _let_batches_pass()
        return globals()[name]
    if name in {"app", "application"}:
        is_command = os.environ.get("FLASK_RUN_FROM_CLI") == "true" and not NEEDS_ROUTES & set(sys.argv[1:2])
        made = _command_line() if is_command else create_app()
        if not is_command:
            _let_batches_pass()
        globals()[name] = made
        return made
    raise AttributeError(name)


def _let_batches_pass() -> None:
    """The thousands of objects of a batch go with its answer; looking for circles among them took a tenth of its time.

    Threads that work on batches make way for the event loop after a millisecond instead of five.
    """
    sys.setswitchinterval(0.001)
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
