"""Versions, with the inputs that broke others' exports."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from exports.keeping.croissant_check import LIBRARY, check_croissant
from exports.keeping.verify import verify_folder
from tests.exports.conftest import small_rig
from tests.exports.rigs import Rig, project_file
from tests.field_reports.cases import cases_of

__all__ = ["small_rig"]


@pytest.mark.parametrize("case", cases_of("exports"))
def test_a_question_of_that_name_makes_a_version_that_others_can_read(
    small_rig: Rig,
    tmp_path: Path,
    case: dict[str, Any],
) -> None:
    given = case["input"]
    body = project_file(labeling={"config": given["labeling.config"]})
    body["export"] |= {"targets": given["export.targets"]}
    small_rig.put(body)
    small_rig.send(["lol", "meh"])
    answers = [
        {"item": small_rig.sent[text], "question": given["export.targets"][0], "annotator": "one", "value": value}
        for text, value in (("lol", "a"), ("meh", "b"))
    ]
    assert small_rig.call("POST", f"{small_rig.at}/annotations", json=answers).json["rejected"] == 0

    version = small_rig.build(draft=True)["version"]

    archive = small_rig.call("GET", f"{small_rig.at}/versions/{version}/archive.tar").data
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        for member in packed.getmembers():
            path = tmp_path / "out" / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            content = packed.extractfile(member)
            if content is not None:
                path.write_bytes(content.read())
    folder = tmp_path / "out" / f"slang-{version}"
    assert verify_folder(folder).ok
    assert check_croissant(folder).faults == ()


def test_the_library_that_judges_is_there() -> None:
    """Without it the case above is judged by our own rules alone."""
    pytest.importorskip(LIBRARY)
