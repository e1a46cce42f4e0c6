"""How the API describes itself: what every route takes and answers, and the one document behind /openapi.json."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter

from foundation.http.problems import MEDIA_TYPE
from foundation.reasons import Reason

PARAMETERS, SCHEMAS = "x-winnow-parameters", "x-winnow-schemas"
"""Where a route leaves its parameters and the models of its body until the document is made: the library knows only paths."""
MADE_SCHEMAS = "winnow_schemas"
"""Where the application leaves schemas that are made when it is composed: of a project file, to which every floor adds."""
REFERENCE = "#/components/schemas/{model}"
JSON, NDJSON = "application/json", "application/x-ndjson"


@dataclass(frozen=True)
class Parameter:
    """What a parameter of the query or the header is for, and what may stand in it, as a JSON schema says it."""

    said: str
    schema: Mapping[str, Any] = field(default_factory=dict)
    required: bool = False


UUID_TEXT: Mapping[str, Any] = {"type": "string", "format": "uuid"}
CURSOR: Mapping[str, Parameter] = {
    "cursor": Parameter(
        "the `cursor` of the page before, unchanged; without it the first page", {"type": "string", "format": "cursor"}
    )
}
IN_PATHS: Mapping[str, tuple[str, str]] = {
    "project": ("the project's name", "shop-reviews"),
    "job": ("the id that the call which started the work answered", "0199f0aa-7b3c-4c1e-9d43-6a5f0c9b2e11"),
    "erasure": ("the id that `DELETE /subject` answered", "0199f0aa-7b3c-4c1e-9d43-6a5f0c9b2e12"),
    "item": ("an item's id", "0199f0aa-7b3c-8c1e-9d43-6a5f0c9b2e13"),
    "annotator": ("the annotator's number, or its alias", "1"),
    "expectation": ("its place in the project file, from 0", "0"),
    "version": ("a version such as 1.4.0, `latest`, or the id of a build", "latest"),
    "path": ("a file's path, as the manifest lists it", "manifest.json"),
}
"""What stands in paths: what it is, and an example."""
IN_EVERY_TRY: Mapping[str, str] = {
    "Winnow-Subject": "install-1",
    "Winnow-Subject-Token": "$TOKEN",
    "item": IN_PATHS["item"][1],
}
"""Headers and parameters without which a call cannot be tried, or says little."""


class Place(BaseModel):
    """One thing wrong: where (a JSON pointer, RFC 6901), which rule, and what is allowed."""

    pointer: str
    reason: Reason
    detail: str


class ProblemDocument(BaseModel):
    """RFC 9457; `errors` has one entry for each place that is wrong, at most 200."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Place] | None = None
    errors_more: int | None = Field(default=None, description="how many more places are wrong than `errors` names")


def responses_of(answers: dict[int, type[BaseModel] | None], problems: Sequence[int]) -> dict[str, Any]:
    """What a route answers, as the OpenAPI library takes it; a problem is always the same document."""
    responses: dict[str, Any] = {
        str(status): model or {"description": "OK", "content": {}} for status, model in answers.items()
    }
    for status in problems:
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
        responses.setdefault(str(status), {"description": "problem", "content": content})
    return responses


def body_of(takes: Any, also: Sequence[str], *, required: bool) -> dict[str, Any]:
    """A request's body: a model, or a type made of models such as a list of them, and other ways to write the same.

    Args:
        required: whether there has to be a body at all.
        also: further media types; a JSON schema says nothing of their text, so they are described as text.
    """
    schema, models = schema_of(takes)
    said = {NDJSON: "one JSON object a line"}
    content = {JSON: {"schema": schema}}
    for media_type in also:
        described = {"type": "string", "description": said.get(media_type, "the same as YAML")}
        content[media_type] = {"schema": described}
    return {"requestBody": {"content": content, "required": required}, SCHEMAS: models}


def schema_of(takes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON schema of a type, and the schemas of the models it refers to."""
    schema = TypeAdapter(takes).json_schema(ref_template=REFERENCE)
    models = schema.pop("$defs", {})
    if isinstance(takes, type) and issubclass(takes, BaseModel):
        return {"$ref": REFERENCE.format(model=takes.__name__)}, {**models, takes.__name__: schema}
    return schema, models


def one_of(said: str, values: Iterable[str], *, may_be_empty: bool = False) -> Parameter:
    """A parameter that takes one of a few words; `may_be_empty`: an empty one asks for nothing."""
    words = [str(value) for value in values]
    return Parameter(
        f"{said}: {', '.join(words)}", {"type": "string", "enum": [*words, *([""] if may_be_empty else [])]}
    )


def parameters_of(query: Mapping[str, str | Parameter], headers: Mapping[str, str | Parameter]) -> list[dict[str, Any]]:
    """Parameters of the query and the header, as OpenAPI writes them: each with what it is for."""
    parameters: list[dict[str, Any]] = []
    for place, named in (("query", query), ("header", headers)):
        for name, given in named.items():
            one = given if isinstance(given, Parameter) else Parameter(given)
            example = {"example": IN_EVERY_TRY[name]} if name in IN_EVERY_TRY else {}
            required = {"required": True} if one.required else {}
            schema = {"type": "string", **one.schema}
            parameters.append(
                {"name": name, "in": place, "description": one.said, "schema": schema, **required, **example}
            )
    return parameters


def operation_id(view_name: str) -> str:
    """The name that generated clients give a call.

    >>> operation_id("post_dead_letters_replay")
    'postDeadLettersReplay'
    """
    return re.sub(r"_(.)", lambda found: found[1].upper(), view_name)


def register_routes(app: Any, blueprint: Any) -> None:
    """Adds a part's routes. Where two parts serve one path, each with its own methods, the document has both."""
    for path in blueprint.paths.keys() & app.paths.keys():
        known = app.paths[path].model_dump(exclude_none=True, by_alias=True)
        given = blueprint.paths[path].model_dump(exclude_none=True, by_alias=True)
        blueprint.paths[path] = type(blueprint.paths[path]).model_validate({**known, **given})
    app.register_api(blueprint)


def describe_api(app: Any) -> dict[str, Any]:
    """The OpenAPI document of an application, without what its library adds for validation we do not use."""
    document: dict[str, Any] = app.api_doc
    unused = str(app.validation_error_status)
    schemas = document["components"].setdefault("schemas", {})
    schemas.pop(app.validation_error_model.__name__, None)
    schemas.update(schema_of(ProblemDocument)[1])
    for methods in document["paths"].values():
        for operation in methods.values():
            schemas.update(operation.pop(SCHEMAS, {}))
            _describe_parameters(operation)
            described = operation.get("responses", {}).get(unused, {}).get("content", {})
            if JSON in described:
                del operation["responses"][unused]
    for name, make in app.extensions.get(MADE_SCHEMAS, {}).items():
        made = {member: value for member, value in make().items() if member != "$schema"}
        schemas[name] = {**schemas[name], **made, "title": name}
    return document


def _describe_parameters(operation: dict[str, Any]) -> None:
    """Said once: the library makes one document and gives it out again and again."""
    parameters = [*operation.get("parameters", []), *operation.pop(PARAMETERS, [])]
    for parameter in parameters:
        if parameter["in"] == "path":
            parameter["description"], parameter["example"] = IN_PATHS[parameter["name"]]
    if parameters:
        operation["parameters"] = parameters
