"""What can be read without a key: the API, every problem, and the repository's documents."""

from __future__ import annotations

import orjson
from flask import Blueprint, Response, current_app, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from foundation.errors import NotFound
from foundation.http.api_reference import models_of, operations_of
from foundation.http.documents import PICTURES, document_names, file_of, page_of, title_of
from foundation.http.web import plain_answer

blueprint = Blueprint("docs", __name__, template_folder="templates")


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The whole API as OpenAPI 3.1."""
    return plain_answer(current_app.extensions["openapi"]())


@blueprint.get("/project-schema.json")
def project_schema() -> Response:
    """What a project file may say, as JSON Schema: editors ask for it, and have no key."""
    return Response(orjson.dumps(current_app.extensions["project_schema"]()), content_type="application/schema+json")


@blueprint.get("/docs")
def reference() -> str:
    """The same, to read, with an example of everything and a line to try each call."""
    document = current_app.extensions["openapi"]()
    return render_template(
        "docs.html", calls=operations_of(document), models=models_of(document), url=request.host_url.rstrip("/")
    )


@blueprint.get("/docs/")
def index() -> ResponseReturnValue:
    return document("index")


@blueprint.get("/docs/<path:name>")
def document(name: str) -> ResponseReturnValue:
    """A document of the repository, by its name without `.md` (with it, too), or a picture in one."""
    name = name.removesuffix(".md")
    if name not in document_names():
        raise NotFound("there is no such document: /docs/ lists them")
    file = file_of(name)
    if file.suffix in PICTURES:
        return Response(file.read_bytes(), content_type=PICTURES[file.suffix])
    text = file.read_text("utf-8")
    # Our own documents, rendered with HTML switched off.
    return render_template("document.html", title=title_of(text), body=Markup(page_of(name, text)))  # noqa: S704
