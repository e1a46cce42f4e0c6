"""The OpenAPI document as people read it: a call at a time, with an example of everything and a line to try it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

REF = "#/components/schemas/"
EXAMPLES_OF_FORMAT: Mapping[str, object] = {
    "date-time": "2026-11-22T08:26:18+01:00",
    "uuid": "0199f0aa-7b3c-4c1e-9d43-6a5f0c9b2e11",
}
EXAMPLES_OF_TYPE: Mapping[str, object] = {"string": "…", "integer": 1, "number": 0.5, "boolean": True, "null": None}
NAMES_OF_TYPE: Mapping[str, str] = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "null": "null",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter, or one member of an object. `schema` names the model to look up, where there is one."""

    name: str
    type: str
    schema: str | None
    is_required: bool
    says: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A body in one media type, or an answer of one status."""

    name: str
    type: str
    schema: str | None
    example: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One call."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    roles: tuple[str, ...]
    parameters: tuple[Row, ...]
    bodies: tuple[Sent, ...]
    answers: tuple[Sent, ...]
    problems: tuple[str, ...]
    curl: str


def operations_of(document: Mapping[str, Any]) -> dict[str, list[Operation]]:
    """The calls of an OpenAPI document, by the part of the system they belong to."""
    schemas = document["components"]["schemas"]
    found: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            found.setdefault(described["tags"][0], []).append(_operation(method.upper(), path, described, schemas))
    return found


def models_of(document: Mapping[str, Any]) -> dict[str, tuple[str, tuple[Row, ...]]]:
    """Each model's sentence and its members; a closed list of words has no members."""
    return {
        name: (_says_of(schema), tuple(_members(schema)))
        for name, schema in sorted(document["components"]["schemas"].items())
    }


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """A value that fits a schema: its own example where it gives one, else the smallest that shows every member.

    >>> example_of({"type": "object", "properties": {"n": {"type": "integer"}, "of": {"enum": ["a", "b"]}}}, {})
    {'n': 1, 'of': 'a'}
    """
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].removeprefix(REF)], schemas)
    for key in ("examples", "enum", "anyOf"):
        if key in schema:
            first = schema[key][0]
            return example_of(first, schemas) if key == "anyOf" else first
    if isinstance(schema.get("type"), list):
        return example_of({**schema, "type": schema["type"][0]}, schemas)
    if "properties" in schema:
        return {name: example_of(member, schemas) for name, member in schema["properties"].items()}
    if schema.get("type") == "array":
        return [example_of(schema["items"], schemas)]
    if schema.get("format") in EXAMPLES_OF_FORMAT:
        return EXAMPLES_OF_FORMAT[schema["format"]]
    return EXAMPLES_OF_TYPE.get(schema.get("type", ""), {})


def type_of(schema: Mapping[str, Any]) -> str:
    """A schema's type in plain words.

    >>> type_of({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]})
    'list of text, or null'
    >>> type_of({"type": ["string", "null"]})
    'text, or null'
    """
    if "$ref" in schema:
        return str(schema["$ref"].removeprefix(REF))
    if "anyOf" in schema:
        return ", or ".join(type_of(one) for one in schema["anyOf"])
    if isinstance(schema.get("type"), list) and "enum" not in schema:
        return ", or ".join(type_of({**schema, "type": one}) for one in schema["type"])
    if "enum" in schema:
        return f"one of {', '.join(str(word) for word in schema['enum'])}"
    if schema.get("type") == "array":
        return f"list of {type_of(schema['items'])}"
    kind = NAMES_OF_TYPE.get(schema.get("type", ""), "any value")
    return {"date-time": "time with zone", "uuid": "UUID"}.get(schema.get("format", ""), kind)


def _operation(method: str, path: str, described: Mapping[str, Any], schemas: Mapping[str, Any]) -> Operation:
    answers = described["responses"]
    bodies = described.get("requestBody", {}).get("content", {})
    summary, description = described["summary"], described.get("description", "")
    return Operation(
        id=described["operationId"],
        method=method,
        path=path,
        summary=summary,
        description="" if description == summary else description,
        roles=tuple(described["x-winnow-roles"]),
        parameters=tuple(_parameters(described)),
        bodies=tuple(_sent(name, media["schema"], schemas) for name, media in bodies.items()),
        answers=tuple(_answers(answers, schemas)),
        problems=tuple(status for status in sorted(answers) if status >= "400"),
        curl=_curl(method, path, described, schemas),
    )


def _parameters(described: Mapping[str, Any]) -> Iterator[Row]:
    for one in described.get("parameters", []):
        yield Row(one["name"], one["in"], None, one.get("required", False), one["description"])


def _answers(answers: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[Sent]:
    for status, answer in answers.items():
        schema = answer.get("content", {}).get("application/json", {}).get("schema")
        if status < "400":
            yield _sent(status, schema, schemas) if schema else Sent(status, "no JSON", None, "")


def _sent(name: str, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Sent:
    if schema.get("type") == "string" and "description" in schema:
        return Sent(name, schema["description"], None, "")
    example = json.dumps(example_of(schema, schemas), ensure_ascii=False, indent=1)
    return Sent(name, type_of(schema), _model_of(schema), example)


def _members(schema: Mapping[str, Any]) -> Iterator[Row]:
    for name, member in schema.get("properties", {}).items():
        is_required = name in schema.get("required", [])
        yield Row(name, type_of(member), _model_of(member), is_required, member.get("description", ""))


def _model_of(schema: Mapping[str, Any]) -> str | None:
    """The first model a schema refers to."""
    if "$ref" in schema:
        return str(schema["$ref"].removeprefix(REF))
    below = [*schema.get("anyOf", []), *([schema["items"]] if "items" in schema else [])]
    return next((model for one in below if (model := _model_of(one))), None)


def _says_of(schema: Mapping[str, Any]) -> str:
    words = f"one of {', '.join(map(str, schema['enum']))}" if "enum" in schema else ""
    return "; ".join(part for part in (schema.get("description", "").strip().replace("\n", " "), words) if part)


def _curl(method: str, path: str, described: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """A line for a shell in which URL and KEY are set, and TOKEN where a person's own token is asked for."""
    is_file = not any(answer.get("content") for status, answer in described["responses"].items() if status < "400")
    parts = ["curl -sS", *([f"-X {method}"] if method != "GET" else ["-O"] if is_file else [])]
    headers = ['"Authorization: Bearer $KEY"'] if described.get("security") else []
    for one in described.get("parameters", []):
        if one["in"] == "query" and "example" in one:
            path += f"?{one['name']}={one['example']}"
        if one["in"] == "path":
            path = path.replace("{" + one["name"] + "}", str(one["example"]))
        if one["in"] == "header" and "example" in one:
            headers.append(f'"{one["name"]}: {one["example"]}"')
    content = described.get("requestBody", {}).get("content", {})
    if content:
        headers.append('"Content-Type: application/json"')
    parts += [f'"$URL{path}"', *(f"-H {header}" for header in headers)]
    if content:
        body = json.dumps(example_of(content["application/json"]["schema"], schemas), ensure_ascii=False)
        parts.append(f"-d {shlex.quote(body)}")
    return " ".join(parts)
