"""How the API describes itself: what every route answers, and the one document behind /openapi.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from foundation.problems import MEDIA_TYPE

PARAMETERS = "x-winnow-parameters"
"""Where a route leaves its parameters until the document is made: the library knows only those of the path."""


class ProblemDocument(BaseModel):
    """RFC 9457; `errors` has one entry for each place that is wrong."""

    class Place(BaseModel):
        pointer: str
        reason: str
        detail: str

    type: str
    title: str
    status: int
    detail: str
    errors: list[Place] | None = None


def responses_of(answers: dict[int, type[BaseModel] | None], problems: Sequence[int]) -> dict[str, Any]:
    """What a route answers, as the OpenAPI library takes it; a problem is always the same document."""
    responses: dict[str, Any] = {
        str(status): model or {"description": "OK", "content": {}} for status, model in answers.items()
    }
    for status in problems:
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
        responses.setdefault(str(status), {"description": "problem", "content": content})
    return responses


def parameters_of(query: Sequence[str], headers: Mapping[str, str]) -> list[dict[str, Any]]:
    """Parameters of the query and the header, as OpenAPI writes them."""
    text = {"type": "string"}
    asked = [{"name": name, "in": "query", "schema": text} for name in query]
    return asked + [
        {"name": name, "in": "header", "description": what, "schema": text} for name, what in headers.items()
    ]


def describe_api(app: Any) -> dict[str, Any]:
    """The OpenAPI document of an application, without what its library adds for validation we do not use."""
    document: dict[str, Any] = app.api_doc
    unused = str(app.validation_error_status)
    schemas = document["components"].setdefault("schemas", {})
    schemas.pop(app.validation_error_model.__name__, None)
    problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    schemas["ProblemDocument"] = problem
    for methods in document["paths"].values():
        for operation in methods.values():
            if more := operation.pop(PARAMETERS, None):
                operation["parameters"] = [*operation.get("parameters", []), *more]
            described = operation.get("responses", {}).get(unused, {}).get("content", {})
            if "application/json" in described:
                del operation["responses"][unused]
    return document
