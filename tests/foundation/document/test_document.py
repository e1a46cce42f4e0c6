"""A document read by its definition: checked values, defaults, and a fault at the place of each mistake."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest

from foundation.document.containers import Either, Kinds, ListOf, MappingOf, Object
from foundation.document.definitions import (
    Choice,
    Definition,
    Flag,
    Number,
    Reader,
    Text,
    Whole,
    did_you_mean,
    pointer_to,
)


class Tone(StrEnum):
    MILD = "mild"
    LOUD = "loud"


@dataclass(frozen=True)
class Box:
    width: int
    label: str


DOCUMENT = Object(
    keys={
        "name": Text(
            required=True, needs_words=True, max_chars=5, pattern=re.compile("[a-z ]+"), pattern_says="a to z"
        ),
        "count": Whole(lowest=1, highest=9, default=3),
        "share": Number(above=0, highest=1, default=0.5, instead="nothing is shared"),
        "open": Flag(),
        "tone": Choice(values=tuple(Tone), default=Tone.MILD, to_come=("shrill",), instead_of={"loud": "it is mild"}),
        "words": ListOf(of=Text(), unique=True),
        "flags": ListOf(of=Flag(), as_one=True, at_least=1, reason="not_in_list"),
        "boxes": MappingOf(
            called="box",
            pattern=re.compile("[a-z]"),
            pattern_says="one letter",
            at_most=2,
            of=Object(may_be_absent=True, into=Box, keys={"width": Whole(required=True), "label": Text(default="")}),
        ),
        "shape": Kinds(tag="kind", tag_says="", cases={"dot": {}, "line": {"length": Number(required=True)}}),
        "note": Either(of=(Text(), MappingOf(called="language", of=Text()))),
    }
)


def read(**given: Any) -> tuple[dict[str, Any], list[tuple[str, str]], dict[str, str]]:
    reader = Reader()
    value = reader.read(DOCUMENT, {"name": "a", **given}, "")
    return value, [(fault.pointer, fault.reason) for fault in reader.faults], reader.instead


class TestReading:
    def test_what_is_absent_or_null_has_its_default(self) -> None:
        value, faults, instead = read(count=None)

        assert (faults, instead) == ([], {})
        assert value == {
            "name": "a", "count": 3, "share": 0.5, "open": False, "tone": Tone.MILD, "words": (), "flags": (), "boxes": {},
            "shape": None, "note": None,
        }  # fmt: skip

    def test_what_stands_there_is_given_back_as_what_it_becomes(self) -> None:
        value, faults, _ = read(
            count=4.0, tone="loud", words=["b", "a"], boxes={"a": {"width": 2}}, shape={"kind": "line", "length": 1.5}
        )

        assert faults == []
        assert (value["count"], type(value["count"])) == (4, int)
        assert value["tone"] is Tone.LOUD
        assert value["words"] == ("b", "a")
        assert value["boxes"] == {"a": Box(2, "")}
        assert value["shape"] == {"kind": "line", "length": 1.5}

    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            ({"name": None}, ("/name", "missing_field")),
            ({"name": 5}, ("/name", "wrong_type")),
            ({"name": "  "}, ("/name", "missing_field")),
            ({"name": "abcdef"}, ("/name", "too_long")),
            ({"name": "a\0"}, ("/name", "nul_character")),
            ({"name": "A"}, ("/name", "wrong_value")),
            ({"count": 0}, ("/count", "out_of_range")),
            ({"count": 1.5}, ("/count", "wrong_type")),
            ({"count": True}, ("/count", "wrong_type")),
            ({"count": 10**400}, ("/count", "out_of_range")),
            ({"share": 0}, ("/share", "out_of_range")),
            ({"share": float("nan")}, ("/share", "out_of_range")),
            ({"share": "1"}, ("/share", "wrong_type")),
            ({"open": 1}, ("/open", "wrong_type")),
            ({"tone": "shrill"}, ("/tone", "not_in_list")),
            ({"tone": ["loud"]}, ("/tone", "not_in_list")),
            ({"words": "a"}, ("/words", "wrong_type")),
            ({"words": ["a", None]}, ("/words/1", "wrong_type")),
            ({"words": ["a", "a"]}, ("/words", "wrong_value")),
            ({"flags": []}, ("/flags", "not_in_list")),
            ({"flags": [1, 2]}, ("/flags", "not_in_list")),
            ({"boxes": {"ab": {"width": 1}}}, ("/boxes/ab", "wrong_value")),
            ({"boxes": {"a": {}}}, ("/boxes/a/width", "missing_field")),
            ({"boxes": {key: {"width": 1} for key in "abc"}}, ("/boxes", "wrong_type")),
            ({"boxes": {"a": {"width": 1, "lable": "x"}}}, ("/boxes/a/lable", "unknown_field")),
            ({"shape": {}}, ("/shape/kind", "missing_field")),
            ({"shape": {"kind": "cube"}}, ("/shape/kind", "not_in_list")),
            ({"shape": {"kind": "dot", "length": 1}}, ("/shape/length", "unknown_field")),
            ({"shape": {"kind": "line"}}, ("/shape/length", "missing_field")),
            ({"note": {"en": 5}}, ("/note", "wrong_type")),
            ({"a/b~": 1}, ("/a~1b~0", "unknown_field")),
        ],
    )  # fmt: skip
    def test_a_mistake_is_pointed_at_once(self, change: dict[str, Any], fault: tuple[str, str]) -> None:
        _, faults, instead = read(**change)

        assert faults == [fault]
        assert instead == {}

    @pytest.mark.parametrize("raw", [None, [], "x", {1: 2}])
    def test_what_is_no_object_is_read_as_an_empty_one_and_refused(self, raw: Any) -> None:
        reader = Reader()

        value = reader.read(Object(required=True, keys={"count": Whole(default=3)}), raw, "/at")

        assert value in ({"count": 3}, None)
        assert [fault.pointer for fault in reader.faults] == ["/at"]

    def test_what_is_not_acted_upon_is_named_where_it_is_not_the_default(self) -> None:
        assert read(share=0.5, tone="mild")[2] == {}
        assert read(share=0.6, tone="loud")[2] == {"/share": "nothing is shared", "/tone": "it is mild"}


class TestWords:
    @pytest.mark.parametrize(
        ("definition", "raw", "detail"),
        [
            (Whole(lowest=1, highest=9), "x", "must be a whole number from 1 to 9"),
            (Number(above=0, highest=1), 0, "must be a number above 0 and at most 1"),
            (Number(lowest=-1), -2, "must be a number at least -1"),
            (Text(max_chars=5), 1.10, "must be a text of 0 to 5 characters, in quotes"),
            (Choice(values=tuple(Tone)), "silent", "allowed: mild, loud"),
            (Choice(values=tuple(Tone)), "Lout", "did you mean loud? allowed: mild, loud"),
            (Choice(values=(), called="a measured question"), "x", "must be a measured question: there is none"),
            (Choice(values=("a",), to_come=("b",)), "b", "comes with a later release: for now only a"),
            (Object(keys={"count": Whole()}), {"cuont": 1}, "did you mean count? allowed here: count"),
            (Object(keys={"count": Whole()}), {"zzz": 1}, "allowed here: count"),
        ],
    )  # fmt: skip
    def test_a_fault_says_what_is_allowed(self, definition: Definition, raw: Any, detail: str) -> None:
        reader = Reader()

        reader.read(definition, raw, "/at")

        assert [fault.detail for fault in reader.faults] == [detail]

    @pytest.mark.parametrize("value", ["secret", "s" * 500, "milld"])
    def test_no_value_is_repeated(self, value: str) -> None:
        reader = Reader()

        for definition in (Choice(values=tuple(Tone)), Whole(), Text(pattern=re.compile("x"), pattern_says="x")):
            reader.read(definition, value, "/at")

        assert all(value not in fault.detail for fault in reader.faults)


class TestManyMistakes:
    def test_a_document_that_is_all_mistakes_is_not_searched_for_near_names_without_end(self) -> None:
        reader = Reader()

        reader.read(Object(keys={"count": Whole()}), {f"cuont{n}": 1 for n in range(30)}, "")

        assert len(reader.faults) == 30
        assert sum("did you mean" in fault.detail for fault in reader.faults) == 20

    def test_the_first_are_told_and_the_rest_is_counted(self) -> None:
        reader = Reader()

        kept = reader.read(ListOf(of=Whole()), ["x"] * 500 + [7], "/at")

        assert (len(reader.faults), reader.faults.total) == (200, 500)
        assert kept == (7,)
        assert not reader.is_clean("/at/499")


class TestPointers:
    def test_what_somebody_else_named_is_cut_and_fit_for_json(self) -> None:
        assert pointer_to("", "k" * 100) == "/" + "k" * 64
        assert pointer_to("/a", "\ud800", 3) == "/a/?/3"

    def test_a_near_name_is_suggested_whatever_its_case(self) -> None:
        assert did_you_mean("Sentimnet", ["sentiment", "topic"]) == "did you mean sentiment? "
        assert did_you_mean("q", ["sentiment"]) == ""
