"""Quality's part of the project file: the expectations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from foundation.document import Anything, Definition
from foundation.errors import Fault
from quality.expectations import check_suite


class QualitySection:
    """How the project file's `expectations` are read."""

    definitions: Mapping[str, Definition] = {"expectations": Anything()}

    def check(self, body: Mapping[str, Any], fields: Mapping[str, str]) -> tuple[Sequence[Fault], Mapping[str, str]]:  # noqa: ARG002
        return check_suite(body.get("expectations", [])), {}

    def breaks(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Sequence[str]:  # noqa: ARG002
        return ()

    def judge(self, session: Session, project_id: int, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Expectations may change at any time: reports and versions keep the ones they were made with."""


SECTION = QualitySection()
