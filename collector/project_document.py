"""A project file's bytes, YAML or JSON, as the mapping they stand for."""

from __future__ import annotations

from math import isfinite
from typing import Any

import orjson
import yaml

from foundation.errors import Fault, InvalidBody, Unparseable


def load_document(raw: bytes) -> dict[str, Any]:
    """A project file as a mapping of what JSON can say.

    Raises:
        Unparseable: it is neither. InvalidBody: it is not a mapping, or says something JSON has no word for.
    """
    try:
        body = _read_document(raw.decode("utf-8"))
        odd = _odd_place(body, "")
    except UnicodeDecodeError:
        raise Unparseable("the project file is not UTF-8", reason="not_utf8") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise Unparseable(
            f"the project file is neither JSON nor YAML without aliases and with each key once{place}",
            reason="not_yaml",
        ) from None
    if not isinstance(body, dict):
        raise InvalidBody("the project file must be a mapping with `project` and `fields`", reason="not_an_object")
    if odd is not None:
        detail = "must be a text, a number, true, false, a list, or a mapping with texts as keys: put it in quotes"
        raise InvalidBody("the project file has mistakes", faults=[Fault(odd, "wrong_type", detail)])
    return dict(orjson.loads(orjson.dumps(body)))


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases, of which a few lines can stand for gigabytes, and without a second value for a key."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.constructor.ConstructorError(problem_mark=self.get_mark())
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _read_document(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return _PlainLoader(text).get_single_data()


def _odd_place(value: Any, at: str) -> str | None:
    """A pointer to the first thing that JSON has no word for; None where there is none."""
    if isinstance(value, dict):
        for key, part in value.items():
            place = f"{at}/{str(key)[:64].encode(errors='replace').decode().replace('~', '~0').replace('/', '~1')}"
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
