"""The JSON Schema of the project file and its reader say the same: made from one definition, compared as two programs."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator, ValidationError, ValidationErrorKind

from collector.project import definition_of, parse_project
from collector.project_reference import project_schema
from foundation.document.definitions import Reader, pointer_to
from foundation.errors import InvalidBody
from tests.collector.test_project import FULL, SECTIONS, places

WHOLE = {
    **FULL,
    "title": "Slang",
    "purpose": "training",
    "fields_unknown": "drop",
    "privacy": {
        "consent": "required",
        "purposes": ["training"],
        "notices": {"1": {"en": "We use it"}, "2": "We use it"},
        "accept_notices": ["1"],
        "permissions": {"camera": {"en": "For photos"}},
        "location_km": 10,
    },
    "population": {"os_name": {"android": 0.7, "ios": 0.3}},
    "statistics": {"columns": ["os_name"]},
    "alerts": {"cooldown_h": 24},
    "events": {"webhook": "https://example.org"},
}
DOCUMENT = definition_of(SECTIONS)
VALIDATOR = Draft202012Validator(project_schema(SECTIONS))
TOLD_OF_THE_LIST = re.compile(r"(/privacy/(?:purposes|accept_notices)|/identity|/fields/[^/]+/values)/\d+")
"""Lists whose entries are told of the list itself."""
WORDS = st.text(st.sampled_from("ab1_-.~/"), min_size=1, max_size=3)
"""Without blanks and NUL: that a text says nothing, or cannot be stored, the reader alone knows."""
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5000) | st.floats(-2, 2) | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)
PLACES = list(places(WHOLE))


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """The whole file with some places changed, taken away, or joined by a neighbour."""
    body = copy.deepcopy(WHOLE)
    for place in draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=3, unique=True)):
        target = body
        for key in place[:-1]:
            is_there = key in target if isinstance(target, dict) else isinstance(key, int) and len(target) > key
            target = target[key] if is_there else {}
            target = target if isinstance(target, dict | list) else {}
        if isinstance(target, dict):
            change = draw(st.sampled_from(["replace", "remove", "add"]))
            if change == "remove":
                target.pop(str(place[-1]), None)
            else:
                target[draw(WORDS) if change == "add" else str(place[-1])] = draw(VALUES)
        elif isinstance(target, list):
            target.append(draw(VALUES))
    return body


def refused_by_schema(body: Any) -> set[str]:
    return {pointer for error in VALIDATOR.iter_errors(body) for pointer in pointers_of(error)}


def pointers_of(error: ValidationError) -> list[str]:
    """Where our reader would point: at a key that is missing or unknown, not at what it is missing from."""
    at = pointer_to("", *error.instance_path)
    if isinstance(error.kind, ValidationErrorKind.Required):
        return [pointer_to(at, error.kind.property)]
    if isinstance(error.kind, ValidationErrorKind.AdditionalProperties):
        return [pointer_to(at, name) for name in error.kind.unexpected]
    if isinstance(error.kind, ValidationErrorKind.UniqueItems) and not all(
        isinstance(one, str) for one in error.instance
    ):
        return []  # two wrong entries are each pointed at, whether they are equal or not
    at_list = TOLD_OF_THE_LIST.fullmatch(at)
    return [at_list[1] if at_list else at]


def refused_by_reader(body: Any) -> set[str]:
    reader = Reader()
    reader.read(DOCUMENT, body, "")
    return {fault.pointer for fault in reader.faults}


def refused_by_all(body: dict[str, Any]) -> set[str]:
    try:
        parse_project(body, SECTIONS)
    except InvalidBody as error:
        return {fault.pointer for fault in error.faults}
    return set()


class TestSchema:
    def test_a_whole_file_is_taken_by_both(self) -> None:
        assert refused_by_schema(WHOLE) == refused_by_all(WHOLE) == set()

    @pytest.mark.slow
    @given(documents())
    @settings(max_examples=300)
    def test_the_schema_and_the_definitions_refuse_the_same_places(self, body: dict[str, Any]) -> None:
        assert refused_by_schema(body) == refused_by_reader(body)

    @given(documents())
    @settings(max_examples=100)
    def test_what_the_schema_refuses_a_put_refuses_there_or_above(self, body: dict[str, Any]) -> None:
        pointed_at = refused_by_all(body)

        missed = {one for one in refused_by_schema(body) if not any(one == at or one.startswith(f"{at}/") for at in pointed_at)}  # fmt: skip
        assert missed == set()

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"project": None}, "/project"),
            ({"fields": {}}, "/fields"),
            ({"fields": {"a": {"kind": "txt"}}}, "/fields/a/kind"),
            ({"fields": {"a": {}}}, "/fields/a/kind"),
            ({"fields": {"a": {"kind": "number", "max_chars": 5}}}, "/fields/a/max_chars"),
            ({"fields": {"a": {"kind": "category"}}}, "/fields/a/values"),
            ({"privacy": {"notices": {"1": 5}}}, "/privacy/notices/1"),
            ({"labeling": {"honeypots": {}}}, "/labeling/honeypots/share"),
            ({"export": {"gates": {"s": 5}}}, "/export/gates/s"),
            ({"export": {"formats": ["csv"]}}, "/export/formats/0"),
            ({"expectations": [{"kwargs": []}]}, "/expectations/0/kwargs"),
            ({"fileds": {}}, "/fileds"),
        ],
    )
    def test_a_mistake_is_refused_by_both_at_its_key(self, change: dict[str, Any], pointer: str) -> None:
        body = {**WHOLE, **change}

        assert refused_by_schema(body) == refused_by_reader(body) == {pointer}
        assert pointer in refused_by_all(body)
