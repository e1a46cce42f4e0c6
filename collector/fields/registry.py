"""All kinds of fields, and what a project file may say of a field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from collector.fields.boolean import BooleanField
from collector.fields.category import CategoryField
from collector.fields.datetime import DatetimeField
from collector.fields.integer import IntegerField
from collector.fields.kind import Field
from collector.fields.number import NumberField
from collector.fields.text import TextField
from foundation.document.containers import Kinds
from foundation.document.definitions import Definition

KINDS: Final[dict[str, type[Field]]] = {
    kind.kind: kind for kind in (TextField, NumberField, IntegerField, BooleanField, CategoryField, DatetimeField)
}
"""By their words in project files. What `exports` does with a kind stands in its own table, `exports/inputs/column_types.py`."""


class _KeysByKind(Mapping[str, Mapping[str, Definition]]):
    """The keys of each kind, of whatever kinds there are when it is asked."""

    def __getitem__(self, kind: str) -> Mapping[str, Definition]:
        return KINDS[kind].keys

    def __iter__(self) -> Iterator[str]:
        return iter(KINDS)

    def __len__(self) -> int:
        return len(KINDS)


FIELD: Final = Kinds(
    required=True,
    tag="kind",
    tag_says="What the field holds.",
    to_come=("image", "audio", "series"),
    cases=_KeysByKind(),
)
