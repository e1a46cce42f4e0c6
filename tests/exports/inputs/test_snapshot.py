"""What a build rests on is read from what the roof composes."""

from __future__ import annotations

from typing import Any

from collector.project_file import ProjectFile
from exports.inputs.snapshot import freeze
from foundation.database import Database, unit_of_work
from foundation.document.definitions import Reader
from tests.signals import Held
from wsgi import sections


class OneMore:
    """A section of a domain that is not there yet, of which nothing is acted upon."""

    def read(self, reader: Reader, file: ProjectFile) -> dict[str, Any]:
        reader.instead["/one_more"] = f"{file.name} does without"
        return {}


class TestInstead:
    def test_every_section_that_the_roof_composes_is_asked(self, database: Database, project: Held) -> None:
        with unit_of_work(database, read_only=True) as session:
            frozen = freeze(session, project.id, {}, draft=True, sections=(*sections(), OneMore()))

        assert frozen.instead["/one_more"] == f"{project.name} does without"

    def test_an_override_is_told_as_the_project_file_would_be(self, database: Database, project: Held) -> None:
        with unit_of_work(database, read_only=True) as session:
            frozen = freeze(session, project.id, {"weights": "population"}, draft=True, sections=sections())

        assert frozen.instead["/export/weights"] == "every row has the weight 1"
