"""Quality's part of the project file: the expectations."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlmodel import Session

from collector.project import load_file
from foundation.document.containers import ListOf, MappingOf, Object
from foundation.document.definitions import Anything, Definition, Reader, Text
from foundation.errors import Fault, listed
from quality.expectation_types import EXPECTATION_TYPES, columns_named_in
from quality.expectations import check_suite, parse_suite
from quality.queries import SIGNAL_COLUMNS

EXPECTATIONS: Final = ListOf(
    "Rules on the signals' table, as Great Expectations writes them; the quality report names what fails.",
    of=Object(
        keys={
            "type": Text(
                "The type of the expectation, such as `expect_column_values_to_not_be_null`.",
                pattern_says="a type that Great Expectations has",
            ),
            "kwargs": MappingOf("The arguments of the expectation.", called="argument", of=Anything()),
        },
        others=Anything(),
        called="more",
    ),
)


class QualitySection:
    """How the project file's `expectations` are read."""

    definitions: Mapping[str, Definition] = {"expectations": EXPECTATIONS}

    def check(self, body: Mapping[str, Any], fields: Mapping[str, str]) -> tuple[Sequence[Fault], Mapping[str, str]]:
        suite = body.get("expectations")
        reader = Reader()
        reader.take_over([] if suite is None else check_suite(suite))
        if suite and not reader.faults:
            _check_names(reader, suite, (*SIGNAL_COLUMNS, *fields, *load_file(body).context_names))
        return reader.faults, {}

    def breaks(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Sequence[str]:  # noqa: ARG002
        return ()

    def judge(self, session: Session, project_id: int, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Expectations may change at any time: reports and versions keep the ones they were made with."""

    def lowers(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002
        return ()


SECTION = QualitySection()


def _check_names(reader: Reader, suite: object, columns: Collection[str]) -> None:
    """Refuses types that Great Expectations does not have, and columns that the signals' table does not have."""
    for place, expectation in enumerate(parse_suite(suite)):
        at = f"/expectations/{place}"
        if expectation.type not in EXPECTATION_TYPES:
            near = reader.near(expectation.type, EXPECTATION_TYPES)
            reader.fault(f"{at}/type", "not_in_list", f"{near}Great Expectations has no expectation of this type")
        for pointer, column in columns_named_in(expectation.kwargs):
            if column not in columns:
                told = f"{reader.near(column, columns)}the signals' table has the columns {listed(columns)}"
                reader.fault(f"{at}/kwargs{pointer}", "not_in_list", told)
