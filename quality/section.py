"""Quality's part of the project file: the expectations."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlmodel import Session

from collector.project_file import ProjectFile
from foundation.document.containers import ListOf, MappingOf, Object
from foundation.document.definitions import Anything, Definition, Reader, Text
from foundation.errors import listed
from quality.expectation import Expectation
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


class QualityPart:
    """How the project file's `expectations` are read."""

    definitions: Mapping[str, Definition] = {"expectations": EXPECTATIONS}

    def read(self, reader: Reader, file: ProjectFile) -> tuple[Expectation, ...]:
        suite = file.body.get("expectations")
        faults = [] if suite is None else check_suite(suite)
        reader.take_over(faults)
        if faults or not suite:
            return ()
        expectations = parse_suite(suite)
        _check_names(reader, expectations, (*SIGNAL_COLUMNS, *(one.name for one in file.fields), *file.context_names))
        return expectations

    def breaks(self, old: ProjectFile, new: ProjectFile) -> Sequence[str]:  # noqa: ARG002
        return ()

    def judge(self, session: Session, project_id: int, old: ProjectFile, new: ProjectFile) -> None:
        """Expectations may change at any time: reports and versions keep the ones they were made with."""

    def lowers(self, old: ProjectFile, new: ProjectFile) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002
        return ()


SECTION = QualityPart()


def _check_names(reader: Reader, expectations: Sequence[Expectation], columns: Collection[str]) -> None:
    """Refuses types that Great Expectations does not have, and columns that the signals' table does not have."""
    for place, expectation in enumerate(expectations):
        at = f"/expectations/{place}"
        if expectation.type not in EXPECTATION_TYPES:
            near = reader.near(expectation.type, EXPECTATION_TYPES)
            reader.fault(f"{at}/type", "not_in_list", f"{near}Great Expectations has no expectation of this type")
        for pointer, column in columns_named_in(expectation.kwargs):
            if column not in columns:
                told = f"{reader.near(column, columns)}the signals' table has the columns {listed(columns)}"
                reader.fault(f"{at}/kwargs{pointer}", "not_in_list", told)
