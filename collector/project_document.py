"""A project file's bytes, YAML or JSON, as the mapping they stand for."""

from __future__ import annotations

import re
from math import isfinite
from pathlib import Path
from typing import Any, Final

import orjson
import yaml

from foundation.document.definitions import pointer_to
from foundation.errors import Fault, InvalidBody, TooLarge, Unparseable
from foundation.json_places import is_deeper_than

ALIAS: Final = "aliases are not read: write it out"
TWICE: Final = "a key stands twice"
NO_VALUE: Final = "a value that stands for nothing: put it in quotes"
OWN_PROBLEMS: Final = frozenset({ALIAS, TWICE, NO_VALUE})
MOST_BYTES: Final = 256_000
"""YAML is read at some 100 kB a second."""
MOST_LEVELS: Final = 32
"""Mappings and lists within one another: what a project file says has no more than ten."""
TOO_DEEP: Final = f"the project file is nested too deeply: {MOST_LEVELS} levels are read"
JSON_BEGINS: Final = re.compile(r'\s*[{\[]\s*["{\[]')
"""YAML's mappings may begin so, too, but what is wrong with such a text is rather told as of JSON."""


def load_file(file: Path) -> dict[str, Any]:
    """A project file on this machine, of which no more is read than may be. Raises as `load_document`."""
    with file.open("rb") as opened:
        return load_document(opened.read(MOST_BYTES + 1))


def load_document(raw: bytes) -> dict[str, Any]:
    """A project file as a mapping of what JSON can say.

    Raises:
        TooLarge: it has more than 256 kB; nothing of it is looked at then.
        Unparseable: it is neither; `line` and `column`, both from 1, say where.
        InvalidBody: it is not a mapping, or says something JSON has no word for.
    """
    if len(raw) > MOST_BYTES:
        detail = f"a project file has at most {MOST_BYTES} bytes: keep texts and lists of words out of it"
        raise TooLarge(detail, limit_bytes=MOST_BYTES)
    body = _read_document(_decoded(raw))
    if not isinstance(body, dict):
        raise InvalidBody("the project file must be a mapping with `project` and `fields`", reason="not_an_object")
    if is_deeper_than(body, MOST_LEVELS):
        raise Unparseable(TOO_DEEP, reason="too_deep")
    odd = _odd_place(body, "")
    if odd is not None:
        detail = "must be a text, a number, true, false, a list, or a mapping with texts as keys: put it in quotes"
        raise InvalidBody("the project file has mistakes", faults=[Fault(odd, "wrong_type", detail)])
    return dict(orjson.loads(orjson.dumps(body)))


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases, of which a few lines can stand for gigabytes, and without a second value for a key."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.constructor.ConstructorError(problem=ALIAS, problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(problem=TWICE, problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:  # the 31st of February, a number of thousands of digits
            raise yaml.constructor.ConstructorError(problem=NO_VALUE, problem_mark=node.start_mark) from error


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _unreadable("not UTF-8", "not_utf8", raw[: error.start].decode("utf-8")) from None


def _read_document(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        not_json = error
    try:
        return _PlainLoader(text).get_single_data()
    except RecursionError:
        raise Unparseable(TOO_DEEP, reason="too_deep") from None
    except yaml.reader.ReaderError as error:
        raise _unreadable("a character that YAML does not take", "not_yaml", text[: error.position]) from None
    except yaml.YAMLError as error:
        if JSON_BEGINS.match(text):
            raise _unreadable(f"not JSON ({not_json.msg})", "not_yaml", text[: not_json.pos]) from None
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None)
        told = problem if problem in OWN_PROBLEMS else "not YAML"
        raise _unreadable(told, "not_yaml", text[: mark.index] if mark else "") from None


def _unreadable(told: str, reason: str, before: str) -> Unparseable:
    """The failure, with the place that comes after `before`. The parsers' own words would repeat the text."""
    lines = before.split("\n")
    line, column = len(lines), len(lines[-1]) + 1
    detail = f"the project file cannot be read at line {line}, column {column}: {told}"
    return Unparseable(detail, reason=reason, line=line, column=column)


def _odd_place(value: Any, at: str) -> str | None:
    """A pointer to the first thing that JSON has no word for; None where there is none."""
    if isinstance(value, dict):
        for key, part in value.items():
            place = pointer_to(at, key)
            odd = place if not isinstance(key, str) or _is_odd(key) else _odd_place(part, place)
            if odd is not None:
                return odd
        return None
    if isinstance(value, list):
        return next((odd for n, part in enumerate(value) if (odd := _odd_place(part, f"{at}/{n}")) is not None), None)
    return at if _is_odd(value) else None


def _is_odd(value: Any) -> bool:
    if isinstance(value, float):
        return not isfinite(value)
    try:
        orjson.dumps(value)
    except TypeError:
        return True
    return False
